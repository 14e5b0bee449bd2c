"""The credential as an Authorization header; tokens that the auth service issues are renewed before they expire."""

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import httpx

from chamiperf_ci.adapters import actions
from chamiperf_ci.adapters.transport import failure
from chamiperf_ci.errors import ConfigurationError, CredentialRefused, UnexpectedAnswer
from chamiperf_ci.models.dialect import Dialect, fill
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.target import Credential, Service, Target

DEFAULT_LIFE_S: Final = 900.0
"""The shortest lifetime that the contract states, for an answer that names none."""
_LONGEST_MARGIN_S: Final = 60.0
_ISSUED: Final = (CredentialKind.CLIENT_CREDENTIALS, CredentialKind.DEV_MODE)


class Tokens:
    """Gives the header for a request; safe to use from several threads.

    Args:
        target: Whose credential is used, and whose auth service issues tokens.
        dialect: Where tokens are issued, and for which bodies.
        http: Client for the token endpoint.
        clock: Seconds that never go back.
    """

    def __init__(
        self, target: Target, dialect: Dialect, http: httpx.Client, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = target
        self._dialect = dialect
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._token = "" if target.credential.token is None else target.credential.token.get_secret_value()
        self._renew_at = float("-inf") if self.renewable else float("inf")

    @property
    def renewable(self) -> bool:
        """Whether another token can be had when one is refused."""
        return self._target.credential.kind in _ISSUED

    def header(self) -> dict[str, str]:
        """The Authorization header, with a token that lasts; empty without a credential.

        Raises:
            CredentialRefused: The auth service issues no token for the credential.
            UnexpectedAnswer: It is in trouble itself.
            ConfigurationError: A token has to be issued and no auth service is configured.
            StackUnreachable: The auth service does not answer.
        """
        with self._lock:
            if self._clock() >= self._renew_at:
                self._issue()
            return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def refused(self, header: Mapping[str, str]) -> bool:
        """Note that a token was refused; whether it is worth trying again with another."""
        with self._lock:
            if self.renewable and header.get("Authorization") == f"Bearer {self._token}":
                self._renew_at = float("-inf")
            return self.renewable

    def _issue(self) -> None:
        base = self._target.url(Service.AUTH)
        if base is None:
            raise ConfigurationError(
                f"the credential {self._target.credential.kind} needs an auth service",
                where="CHAMICORE_TEST_AUTH_URL is empty",
                remedy="Set it, or use another credential.",
            )
        url = f"{base}{self._dialect.routes['token'].path}"
        try:
            answer = self._http.post(url, json=grant(self._target.credential, self._dialect))
        except httpx.HTTPError as error:
            raise failure(url, error) from error
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS or answer.is_server_error:
            raise UnexpectedAnswer(
                f"the auth service issued no token: status {answer.status_code}",
                where=url,
                remedy="See its log; it has not judged the credential.",
            )
        token, life_s = _read(answer)
        if not token:
            raise CredentialRefused(
                f"the auth service issued no token: {answer.status_code}",
                where=f"{url}, {self._target.credential.kind}",
                remedy="Check the client id and secret, or give another credential.",
            )
        actions.mask(token)
        self._token = token
        self._renew_at = self._clock() + life_s - min(_LONGEST_MARGIN_S, life_s / 4)


def grant(credential: Credential, dialect: Dialect) -> dict[str, str]:
    """The body of a token request for a credential that is exchanged for a token."""
    secret = "" if credential.client_secret is None else credential.client_secret.get_secret_value()
    values = {"client_id": credential.client_id or "", "client_secret": secret}
    body: dict[str, str] = fill(dialect.grants[credential.kind], values)
    return body


def _read(answer: httpx.Response) -> tuple[str, float]:
    """The token, empty if there is none, and the seconds for which it lasts."""
    if not answer.is_success:
        return "", 0.0
    try:
        body = answer.json()
    except ValueError:
        return "", 0.0
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str):
        return "", 0.0
    life_s = body.get("expires_in")
    if isinstance(life_s, int | float) and life_s > 0:
        return token, float(life_s)
    return token, _life_in(token)


def _life_in(token: str) -> float:
    """A JWT's lifetime by its own claims (`exp` - `iat`), unverified: it only decides when to renew."""
    try:
        part = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return max(0.0, float(claims["exp"]) - float(claims["iat"]))
    except (IndexError, ValueError, KeyError, TypeError):
        return DEFAULT_LIFE_S
