"""Auth's administration: policies, roles and their members, device credentials (contract section 2.4)."""

from chamiperf_ci.stack.fields import Field, decode
from chamiperf_ci.stack.http import Answer, Problem, Request, encode
from chamiperf_ci.stack.resources import COMMON_COLUMNS, Collection, Resource
from chamiperf_ci.stack.routing import Route
from chamiperf_ci.stack.storage import Database

ROLES = ("admin", "operator", "viewer")

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS casbin_rule ({COMMON_COLUMNS}, rule TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS device_credentials ({COMMON_COLUMNS}, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS role_members (role TEXT NOT NULL, sub TEXT NOT NULL, PRIMARY KEY (role, sub)) WITHOUT ROWID;
"""

POLICIES = Resource(
    kind="Policy",
    path="/auth/v1/policies",
    table="casbin_rule",
    fields=(Field("subject", required=True), Field("object", required=True), Field("action", required=True)),
    columns=lambda spec: {"rule": "\t".join((spec["subject"], spec["object"], spec["action"]))},
)
CREDENTIALS = Resource(
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
    columns=lambda spec: {"name": spec["name"]},
    filters={"tag": "EXISTS (SELECT 1 FROM json_each(spec, '$.tags') t WHERE t.key || ':' || t.value = ?)"},
    scopes=("read:credentials", "admin"),
    listed="json_remove(spec, '$.secret')",
)


class Roles:
    """Who has which role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, _request: Request) -> Answer:
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
        return Answer(200, encode(document))

    def add(self, request: Request) -> Answer:
        """Give somebody a role: 204."""
        role = _known(request.args[0])
        body = decode((Field("sub"),), request.json_object())
        if not body.get("sub"):
            raise Problem(422, "validation failed", errors=[("sub", "is required")])
        self._database.write("INSERT OR IGNORE INTO role_members VALUES (?, ?)", (role, body["sub"]))
        return Answer(204)

    def remove(self, request: Request) -> Answer:
        """Take a role from somebody: 204."""
        role = _known(request.args[0])
        if not self._database.write("DELETE FROM role_members WHERE role = ? AND sub = ?", (role, request.args[1])):
            raise Problem(404, f"{request.args[1]} does not have the role {role}")
        return Answer(204)


def _known(role: str) -> str:
    if role not in ROLES:
        raise Problem(404, f"role {role} not found")
    return role


def routes(database: Database, *, page_clamp: int) -> list[Route]:
    """The routes of auth's administration."""
    policies = Collection(POLICIES, database, api_version="auth/v1", page_clamp=page_clamp)
    credentials = Collection(CREDENTIALS, database, api_version="auth/v1", page_clamp=page_clamp)
    roles = Roles(database)
    return [
        *policies.routes("list create delete"),
        *credentials.routes("list create get put delete"),
        Route("GET", "/auth/v1/roles", roles.page, "roles-list", "admin"),
        Route("POST", "/auth/v1/roles/{role}/members", roles.add, "role-members-add", "admin"),
        Route("DELETE", "/auth/v1/roles/{role}/members/{sub}", roles.remove, "role-members-remove", "admin"),
    ]
