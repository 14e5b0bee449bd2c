"""Who may call: the internal token, and JWTs checked against the issuer's published keys (contract section 2)."""

import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt

from chamicore_standin.http import Problem, Request

ISSUER = "chamicore-auth"
AUDIENCE = "chamicore"
ALGORITHM = "RS256"

_CHECKED_KEPT = 20_000

INTERNAL = {"sub": "internal", "scope": "admin", "internal": True}
"""The claims that the internal token stands for."""

DEVELOPER = {"sub": "dev", "scope": "admin", "dev": True}
"""The claims of everybody in dev mode."""


class Gatekeeper:
    """Decides whether a request may use a route. Signatures are checked once per token and remembered."""

    def __init__(self, internal_token: str, *, dev_mode: bool) -> None:
        self._internal = internal_token.encode()
        self._dev_mode = dev_mode
        self._keys: dict[str, Any] = {}
        self._checked: dict[str, dict[str, Any]] = {}
        self.revoked: frozenset[str] = frozenset()
        """JTIs that are no longer good."""
        self.failures = 0

    def learn_keys(self, key_set: Mapping[str, Any]) -> None:
        """Take over the issuer's published keys (a JWKS document)."""
        self._keys = {key["kid"]: jwt.PyJWK(key).key for key in key_set["keys"]}

    @property
    def knows_keys(self) -> bool:
        """Whether the issuer's keys were fetched."""
        return bool(self._keys)

    def authorise(self, request: Request, scope: str) -> None:
        """Let the request pass, its claims noted.

        Raises:
            Problem: 401 without a good token, 403 with one that lacks the scope.
        """
        if self._dev_mode:
            request.claims = DEVELOPER
            return
        given = request.header("authorization") or ""
        if not given.startswith("Bearer "):
            raise self._refused("a bearer token is required")
        token = given[7:]
        if hmac.compare_digest(token.encode(), self._internal):
            request.claims = INTERNAL
            return
        request.claims = self.claims(token)
        scopes = str(request.claims.get("scope", "")).split()
        if scope not in scopes and "admin" not in scopes:
            raise Problem(403, f"the scope {scope} is required")

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of an issued token.

        Raises:
            Problem: 401, it is malformed, expired, revoked, or signed by somebody else.
        """
        claims = self._checked.get(token)
        if claims is None:
            claims = self._check(token)
            if len(self._checked) >= _CHECKED_KEPT:
                self._checked.clear()
            self._checked[token] = claims
        if claims["exp"] <= time.time():
            raise self._refused("the token has expired")
        if claims.get("jti") in self.revoked:
            raise self._refused("the token was revoked")
        return claims

    def _check(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise self._refused("the token has expired") from None
        except (jwt.InvalidTokenError, KeyError) as fault:
            raise self._refused(f"the token is not valid: {type(fault).__name__}") from None
        return claims

    def _refused(self, detail: str) -> Problem:
        self.failures += 1
        return Problem(401, detail, headers=(("www-authenticate", "Bearer"),))


def public_key_set(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The JWKS document of RSA public keys by key id."""
    algorithm = jwt.algorithms.RSAAlgorithm
    documents = []
    for kid, key in keys.items():
        document = algorithm.to_jwk(key)
        fields = json.loads(document) if isinstance(document, str) else document
        documents.append({**fields, "kid": kid, "use": "sig", "alg": ALGORITHM})
    return {"keys": documents}
