"""Auth: tokens, published keys, service accounts (contract sections 2.3 and 2.4)."""

import asyncio
import hashlib
import hmac
import json
import math
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from chamicore_standin.context import WorkerContext
from chamicore_standin.http import Endpoint, Problem, Request, Response, compact, encode
from chamicore_standin.resources import COMMON_COLUMNS, Collection, Field, ResourceType, decode, now
from chamicore_standin.service import BuiltService
from chamicore_standin.storage import Database
from chamicore_standin.tokens import ALGORITHM, AUDIENCE, ISSUER, Gatekeeper, public_key_set

ROLES = ("admin", "operator", "viewer")

ADMIN_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS casbin_rule ({COMMON_COLUMNS}, rule TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS device_credentials ({COMMON_COLUMNS}, name TEXT NOT NULL UNIQUE, tags TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS role_members (role TEXT NOT NULL, sub TEXT NOT NULL, PRIMARY KEY (role, sub)) WITHOUT ROWID;
"""

POLICIES = ResourceType(
    kind="Policy",
    path="/auth/v1/policies",
    table="casbin_rule",
    fields=(Field("subject", required=True), Field("object", required=True), Field("action", required=True)),
    columns=lambda spec: {"rule": "\t".join((spec["subject"], spec["object"], spec["action"]))},
)
CREDENTIALS = ResourceType(
    kind="Credential",
    path="/auth/v1/credentials",
    table="device_credentials",
    fields=(
        Field("name", required=True),
        Field("type"),
        Field("username"),
        Field("secret", required=True),
        Field("tags", "text map"),
    ),
    columns=lambda spec: {
        "name": spec["name"],
        "tags": "\n" + "".join(f"{key}:{value}\n" for key, value in spec.get("tags", {}).items()),
    },
    filters={"tag": "replace(tags, '\n' || ? || '\n', '') <> tags"},
    scopes=("read:credentials", "admin"),
    listed=lambda spec: compact({name: value for name, value in json.loads(spec).items() if name != "secret"}),
)


class Roles:
    """Who has which role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, _request: Request) -> Response:
        """Every role with its members."""
        items = [
            {
                "kind": "Role",
                "apiVersion": "auth/v1",
                "metadata": {"id": role},
                "spec": {
                    "name": role,
                    "members": [
                        sub for (sub,) in self._database.all("SELECT sub FROM role_members WHERE role = ?", (role,))
                    ],
                },
            }
            for role in ROLES
        ]
        metadata = {"total": len(items), "limit": len(items), "offset": 0}
        document = {"kind": "RoleList", "apiVersion": "auth/v1", "metadata": metadata, "items": items}
        return Response(200, encode(document))

    def add(self, request: Request) -> Response:
        """Give somebody a role: 204."""
        role = _known(request.args[0])
        body = decode((Field("sub"),), request.json_object())
        if not body.get("sub"):
            raise Problem(422, "validation failed", errors=[("sub", "is required")])
        self._database.write("INSERT INTO role_members VALUES (?, ?) ON CONFLICT DO NOTHING", (role, body["sub"]))
        return Response(204)

    def remove(self, request: Request) -> Response:
        """Take a role from somebody: 204."""
        role = _known(request.args[0])
        if not self._database.write("DELETE FROM role_members WHERE role = ? AND sub = ?", (role, request.args[1])):
            raise Problem(404, f"{request.args[1]} does not have the role {role}")
        return Response(204)


def _known(role: str) -> str:
    if role not in ROLES:
        raise Problem(404, f"role {role} not found")
    return role


def admin_routes(database: Database, *, page_clamp: int) -> list[Endpoint]:
    """The routes of auth's administration."""
    policies = Collection(POLICIES, database, api_version="auth/v1", page_clamp=page_clamp)
    credentials = Collection(CREDENTIALS, database, api_version="auth/v1", page_clamp=page_clamp)
    roles = Roles(database)
    return [
        *policies.routes("list create delete"),
        *credentials.routes("list create get put delete"),
        Endpoint("GET", "/auth/v1/roles", roles.page, "roles-list", "admin"),
        Endpoint("POST", "/auth/v1/roles/{role}/members", roles.add, "role-members-add", "admin"),
        Endpoint("DELETE", "/auth/v1/roles/{role}/members/{sub}", roles.remove, "role-members-remove", "admin"),
    ]


TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a grant type, not a token

REFRESH_AUDIENCE = "chamicore-refresh"
"""Another audience than an access token's, so that no service takes one for the other."""

REFRESH_LIFETIME_S = 24 * 3600.0

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS signing_keys (kid TEXT PRIMARY KEY, pem BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS service_accounts ({COMMON_COLUMNS},
    name TEXT NOT NULL UNIQUE,
    salt BLOB NOT NULL DEFAULT '',
    secret_hash BLOB NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS revoked_tokens ({COMMON_COLUMNS}, expires REAL NOT NULL);
{ADMIN_SCHEMA}"""

ACCOUNTS = ResourceType(
    kind="ServiceAccount",
    path="/auth/v1/service-accounts",
    table="service_accounts",
    fields=(Field("name", required=True), Field("scopes", "texts")),
    columns=lambda spec: {"name": spec["name"]},
    filters={"name": "name = ?"},
)

_TOKEN_FIELDS = (
    Field("grant_type"),
    Field("subject_token"),
    Field("subject_token_type"),
    Field("client_id"),
    Field("client_secret"),
    Field("scope"),
)


def _signing_key(database: Database) -> tuple[str, rsa.RSAPrivateKey]:
    row = database.one("SELECT kid, pem FROM signing_keys")
    if row is not None:
        key = serialization.load_pem_private_key(row[1], password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(key)
        return row[0], key
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    kid = secrets.token_hex(8)
    database.write("INSERT INTO signing_keys (kid, pem) VALUES (?, ?)", (kid, pem))
    return kid, key


class Issuer:
    """Gives out tokens for what a client can show."""

    def __init__(self, context: WorkerContext, database: Database, gatekeeper: Gatekeeper) -> None:
        self._context = context
        self._database = database
        self._gatekeeper = gatekeeper
        self._kid, self._key = _signing_key(database)
        self.key_set = public_key_set({self._kid: self._key.public_key()})
        gatekeeper.learn_keys(self.key_set)

    def publish(self, _request: Request) -> Response:
        """The keys that tokens are checked with (JWKS)."""
        return Response(200, encode(self.key_set))

    def describe(self, _request: Request) -> Response:
        """The issuer's own description (OpenID Connect discovery)."""
        base = self._context.urls["auth"]
        document = {
            "issuer": ISSUER,
            "token_endpoint": f"{base}/auth/v1/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials", TOKEN_EXCHANGE],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
        return Response(200, encode(document))

    async def token(self, request: Request) -> Response:
        """A token for a grant."""
        body = decode(_TOKEN_FIELDS, request.json_object())
        match body.get("grant_type"):
            case "dev_mode" if self._context.options.dev_mode:
                claims = {"sub": "dev", "scope": "admin", "name": "dev", "sa": False}
            case "client_credentials":
                claims = await self._client_claims(body)
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                claims = self._exchanged_claims(body)
            case other:
                raise Problem(400, f"unsupported grant type: {other}")
        return Response(200, encode(self._issue(claims)))

    def _issue(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        lifetime = self._context.options.token_lifetime_s
        return {
            "access_token": self._signed(claims, AUDIENCE, lifetime),
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "refresh_token": self._signed(claims, REFRESH_AUDIENCE, REFRESH_LIFETIME_S),
            "scope": claims["scope"],
        }

    def _signed(self, claims: Mapping[str, Any], audience: str, lifetime_s: float) -> str:
        issued = time.time()
        payload = {
            "roles": [],
            "email": "",
            **claims,
            "iss": ISSUER,
            "aud": [audience],
            "iat": int(issued),
            "exp": math.ceil(issued + lifetime_s),  # a NumericDate as other issuers write it: whole seconds
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(payload, self._key, algorithm=ALGORITHM, headers={"kid": self._kid})

    def refresh(self, request: Request) -> Response:
        """A new token for a refresh token."""
        body = decode((Field("refresh_token"),), request.json_object())
        try:
            claims = jwt.decode(
                body.get("refresh_token") or "",
                self._key.public_key(),
                algorithms=[ALGORITHM],
                audience=REFRESH_AUDIENCE,
                issuer=ISSUER,
            )
        except jwt.InvalidTokenError as fault:
            raise Problem(401, f"the refresh token is not valid: {type(fault).__name__}") from None
        return Response(200, encode(self._issue({key: claims[key] for key in ("sub", "scope", "name", "sa")})))

    async def _client_claims(self, body: Mapping[str, Any]) -> dict[str, Any]:
        row = self._database.one(
            "SELECT id, spec, salt, secret_hash FROM service_accounts WHERE id = ?",
            (body.get("client_id", ""),),
        )
        ident, text, salt, expected = row or ("", '{"name":""}', b"absent account!!", b"")
        spec = json.loads(text)
        # An unknown client costs as much as a known one, so that the time taken tells nobody which ids exist.
        given = await asyncio.to_thread(self._hashed, body.get("client_secret") or "", salt)
        if not hmac.compare_digest(given, expected):
            raise Problem(401, "unknown client or wrong secret")
        return {"sub": ident, "scope": " ".join(spec.get("scopes", [])), "name": spec["name"], "sa": True}

    def _hashed(self, secret: str, salt: bytes) -> bytes:
        return hashlib.scrypt(secret.encode(), salt=salt, n=1 << self._context.options.password_cost, r=8, p=1)

    def _exchanged_claims(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The stand-in trusts no identity provider but itself: it exchanges the tokens that it issued."""
        claims = self._gatekeeper.claims(body.get("subject_token") or "")
        return {"sub": claims["sub"], "scope": claims.get("scope", ""), "name": claims.get("name", ""), "sa": False}

    async def create_account(self, request: Request, accounts: Collection) -> Response:
        """A service account; its secret is in this answer and never again."""
        body = decode(ACCOUNTS.fields, request.json_object())
        secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
        hashed = await asyncio.to_thread(self._hashed, secret, salt)
        ident, _, created_at, _, stamp = accounts.insert(body)
        self._database.write(
            "UPDATE service_accounts SET salt = ?, secret_hash = ? WHERE id = ?", (salt, hashed, ident)
        )
        tag = f'W/"{ident}-{stamp}"'
        secret_keys = {"clientId": ident, "client_id": ident, "clientSecret": secret, "client_secret": secret}
        document = {
            "kind": ACCOUNTS.kind,
            "apiVersion": "auth/v1",
            "metadata": {"id": ident, "etag": tag, "createdAt": created_at, "updatedAt": created_at},
            "spec": {**body, **secret_keys},
        }
        headers = (("location", f"{ACCOUNTS.path}/{ident}"), ("etag", tag))
        return Response(201, encode(document), headers=headers)

    def revoke(self, request: Request) -> Response:
        """Revoke a token by its JTI."""
        body = decode((Field("jti", required=True),), request.json_object())
        at, stamp = now()
        expires = time.time() + self._context.options.token_lifetime_s
        self._database.write(
            "INSERT INTO revoked_tokens (id, spec, created_at, updated_at, updated_ns, expires)"
            " VALUES (?, '{}', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (body.get("jti"), at, at, stamp, expires),
        )
        self._gatekeeper.revoked |= {str(body.get("jti"))}
        return Response(204)

    def revocations(self, _request: Request) -> Response:
        """The JTIs that are revoked and have not expired."""
        rows = self._database.all("SELECT id FROM revoked_tokens WHERE expires > ?", (time.time(),))
        items = [
            {"kind": "Revocation", "apiVersion": "auth/v1", "metadata": {"id": jti}, "spec": {"jti": jti}}
            for (jti,) in rows
        ]
        metadata = {"total": len(items), "limit": len(items), "offset": 0}
        document = {"kind": "RevocationList", "apiVersion": "auth/v1", "metadata": metadata, "items": items}
        return Response(200, encode(document))


def build(context: WorkerContext, gatekeeper: Gatekeeper) -> BuiltService:
    """The auth service."""
    database = context.database(SCHEMA)
    issuer = Issuer(context, database, gatekeeper)
    accounts = Collection(ACCOUNTS, database, api_version="auth/v1", page_clamp=context.options.page_clamp)

    async def create_account(request: Request) -> Response:
        return await issuer.create_account(request, accounts)

    return BuiltService(
        routes=[
            Endpoint("POST", "/auth/v1/token", issuer.token, "token"),
            Endpoint("POST", "/auth/v1/token/revoke", issuer.revoke, "token-revoke", "admin"),
            Endpoint("GET", "/auth/v1/revocations", issuer.revocations, "revocations", "admin"),
            Endpoint("GET", "/.well-known/jwks.json", issuer.publish, "jwks"),
            Endpoint("GET", "/.well-known/openid-configuration", issuer.describe, "openid-configuration"),
            Endpoint("POST", ACCOUNTS.path, create_account, "service-accounts-create", "admin"),
            Endpoint("POST", "/auth/v1/token/refresh", issuer.refresh, "token-refresh"),
            *accounts.routes("list get delete"),
            *admin_routes(database, page_clamp=context.options.page_clamp),
        ],
        database=database,
        learns_keys_itself=True,
    )
