"""Sends requests to one target: with its credential, again where that may help, never to a host it does not name."""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

import httpx

from chamiperf_ci.adapters import transport
from chamiperf_ci.adapters.answers import Answer
from chamiperf_ci.adapters.hosts import host_of, refuse_redirect, urls_of
from chamiperf_ci.adapters.tokens import Tokens
from chamiperf_ci.errors import ConfigurationError, CredentialRefused
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.target import Target

_RETRIED: Final = frozenset({429, 502, 503, 504})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REPEATABLE: Final = frozenset({"GET", "DELETE", "PUT", "PATCH"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_LONGEST_WAIT_S: Final = 10.0
_REDIRECTS: Final = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits and how often it tries again (the services' own clients: 30 s, three times)."""

    timeout_s: float = 30.0
    """Bounds connecting, and each wait for bytes."""
    retries: int = 3
    first_wait_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent."""

    method: str
    url: str
    body: object = None
    """JSON; None sends an empty body."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes | None:
        """The body's bytes; None where the method has no body."""
        if self.method not in _WITH_BODY:
            return None
        return b"" if self.body is None else json.dumps(self.body).encode()


class Sender:
    """Sends to one target. Safe to use from several threads."""

    def __init__(
        self, target: Target, dialect: Dialect, patience: Patience, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._kind = target.credential.kind
        self._patience = patience
        self._sleep = sleep
        self._http = transport.client(target, timeout_s=patience.timeout_s)
        self._tokens = Tokens(target, dialect, self._http)
        self._hosts = (*target.allowed_hosts, *(host_of(url) for url in urls_of(target).values()))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request, *, authorised: bool = True) -> Answer:
        """Send a request and give its answer, whatever its status but 401 and 403.

        Answers 429, 502, 503 and 504 are asked for again; a request that got no answer only where it may be repeated.
        `authorised=False` sends no credential and takes 401 and 403 as answers.

        Raises:
            CredentialRefused: The stack answers 401 or 403.
            CertificateRefused: TLS failed.
            StackUnreachable: No answer.
            LoadNotAllowed: A redirect leads to a host that is not listed.
            UnexpectedAnswer: Redirects without an end, of a write, or to no URL; an auth service in trouble.
        """
        credential = self._tokens.header() if authorised else {}
        answer = self._try(request, credential)
        if authorised and answer.status == HTTPStatus.UNAUTHORIZED and self._tokens.refused(credential):
            answer = self._try(request, self._tokens.header())
        if authorised and answer.status in _REFUSED:
            raise self._refused(answer)
        return answer

    def _try(self, request: Request, credential: Mapping[str, str]) -> Answer:
        """Send until an answer counts; the wait doubles, with a random part, and is at least Retry-After's."""
        attempt = 0
        while True:
            last = attempt >= self._patience.retries
            wait_s = self._patience.first_wait_s * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            try:
                answer = self._follow(request, {**request.headers, **credential})
                if last or answer.status not in _RETRIED:
                    return answer
                wait_s = max(wait_s, _retry_after(answer))
            except httpx.HTTPError as error:
                known = transport.failure(request.url, error)
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or isinstance(known, ConfigurationError) or not (unsent or request.method in _REPEATABLE):
                    raise known from error
            self._sleep(min(wait_s, _LONGEST_WAIT_S))
            attempt += 1

    def _follow(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Send, and follow what a GET is redirected to; the credential stays with the scheme and host it was for."""
        sent = {**headers, **({} if request.content is None else {"Content-Type": "application/json"})}
        url = request.url
        for _ in range(_REDIRECTS + 1):
            response = self._http.request(request.method, url, content=request.content, headers=sent)
            answer = Answer(request.method, url, response.status_code, response.headers, response.content)
            if not response.has_redirect_location:
                return answer
            following = _following(answer)
            refuse_redirect(url, following, self._hosts)
            if request.method != "GET":
                raise answer.unexpected(f"a write is redirected to {following}")
            if (following.partition(":")[0], host_of(following)) != (url.partition(":")[0], host_of(url)):
                sent.pop("Authorization", None)
            url = following
        raise answer.unexpected("redirects without an end")

    def _refused(self, answer: Answer) -> CredentialRefused:
        none = self._kind is CredentialKind.NONE
        wrong = "the stack wants a credential and none is given" if none else f"the credential {self._kind} is refused"
        return CredentialRefused(
            f"{wrong}: {answer.detail()}",
            where=f"{answer.method} {answer.url}, status {answer.status}",
            remedy="Set CHAMICORE_INTERNAL_TOKEN, or give another credential (docs/your-stack.md).",
        )


def _following(answer: Answer) -> str:
    """The URL that an answer redirects to.

    Raises:
        UnexpectedAnswer: It is none.
    """
    try:
        return urljoin(answer.url, answer.headers["location"])
    except ValueError as error:
        raise answer.unexpected("redirects to what is no URL") from error


def _retry_after(answer: Answer) -> float:
    """Seconds to wait as the answer asks, 0 if it does not; a date counts as not asked."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
