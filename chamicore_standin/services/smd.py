"""SMD: the inventory of components and their Ethernet interfaces (contract section 3.4)."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from chamicore_standin.context import WorkerContext
from chamicore_standin.http import Endpoint, Problem, Request, Response, compact
from chamicore_standin.resources import (
    COMMON_COLUMNS,
    ID_PATTERN,
    LOOKED_UP_COLUMNS,
    MAC_PATTERN,
    Collection,
    Field,
    ResourceType,
    decode,
    now,
)
from chamicore_standin.service import BuiltService
from chamicore_standin.storage import Database
from chamicore_standin.tokens import Gatekeeper


def _tables(sets: str, members: str, exclusive: str) -> str:
    return f"""
CREATE TABLE IF NOT EXISTS {sets} ({COMMON_COLUMNS});
CREATE TABLE IF NOT EXISTS {members} (
    owner TEXT NOT NULL REFERENCES {sets} (id) ON DELETE CASCADE,
    component_id TEXT NOT NULL {exclusive} REFERENCES components (id) ON DELETE CASCADE,
    PRIMARY KEY (owner, component_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {members}_by_component ON {members} (component_id);
"""


SETS_SCHEMA = _tables("component_groups", "group_members", "") + _tables("partitions", "partition_members", "UNIQUE")


_MEMBERS = "\n"
"""What stands between a set's spec and its members' ids in a row; neither holds a line break."""


def _with_members(text: str) -> str:
    spec, _, members = text.partition(_MEMBERS)
    return compact({**json.loads(spec), "members": members.split(",") if members else []})


def _resource(kind: str, path: str, table: str, members: str) -> ResourceType:
    return ResourceType(
        kind=kind,
        path=path,
        table=table,
        fields=(
            Field("name", required=True, pattern=ID_PATTERN),
            Field("description"),
            Field("members", "texts"),
            Field("tags", "text map"),
        ),
        columns=lambda _spec: {},
        scopes=("read:components", "write:components"),
        keeps_id_in="name",
        served=(
            f"spec || '{_MEMBERS}' || coalesce((SELECT group_concat(m.component_id, ',')"  # noqa: S608 - our own
            f" FROM {members} m WHERE m.owner = {table}.id), '')"
        ),
        shown=_with_members,
    )


GROUPS = _resource("Group", "/hsm/v2/groups", "component_groups", "group_members")
PARTITIONS = _resource("Partition", "/hsm/v2/partitions", "partitions", "partition_members")


class Sets(Collection):
    """A collection whose members are rows of their own, so that a component that goes leaves every set."""

    def __init__(self, resource: ResourceType, database: Database, *, page_clamp: int) -> None:
        super().__init__(resource, database, api_version="hsm/v2", page_clamp=page_clamp)
        self._members = "group_members" if resource is GROUPS else "partition_members"

    def insert(self, body: Mapping[str, Any]) -> tuple[Any, ...]:
        """Store the set and its members, or nothing."""
        with self._database.transaction():
            row = super().insert({**body, "members": None})
            self._add(row[0], body.get("members") or [])
        return self.row(row[0])

    def _update(self, row: Sequence[Any], body: Mapping[str, Any]) -> Response:
        with self._database.transaction():
            super()._update(row, {**body, "members": None})
            self._database.write(f"DELETE FROM {self._members} WHERE owner = ?", (row[0],))  # noqa: S608 - our own
            self._add(row[0], body.get("members") or [])
        return self.single(200, self.row(row[0]))

    def _add(self, name: str, members: Sequence[str]) -> None:
        for member in members:
            self._database.write(f"INSERT INTO {self._members} VALUES (?, ?)", (name, member))  # noqa: S608 - our own

    def _touch(self, name: str) -> None:
        at, stamp = now()
        self._database.write(
            f"UPDATE {self.resource.table} SET updated_at = ?, updated_ns = ? WHERE id = ?",  # noqa: S608 - our own
            (at, stamp, name),
        )

    def add_members(self, request: Request) -> Response:
        """Take members in: 204."""
        name = self.row(request.args[0])[0]
        body = decode((Field("members", "texts"),), request.json_object())
        with self._database.transaction():
            self._add(name, body.get("members") or [])
            self._touch(name)
        return Response(204)

    def remove_member(self, request: Request) -> Response:
        """Let a member go: 204."""
        name, member = self.row(request.args[0])[0], request.args[1]
        gone = self._database.write(
            f"DELETE FROM {self._members} WHERE owner = ? AND component_id = ?",  # noqa: S608 - our own
            (name, member),
        )
        if not gone:
            raise Problem(404, f"{member} is not a member of {name}")
        self._touch(name)
        return Response(204)


def set_routes(resource: ResourceType, database: Database, *, page_clamp: int) -> list[Endpoint]:
    """The routes of groups or partitions."""
    sets = Sets(resource, database, page_clamp=page_clamp)
    one, write = resource.path + "/{name}", resource.scopes[1]
    return [
        *sets.routes("list create get put delete"),
        Endpoint("POST", f"{one}/members", sets.add_members, f"{resource.table}-members-add", write),
        Endpoint("DELETE", f"{one}/members/{{id}}", sets.remove_member, f"{resource.table}-members-remove", write),
    ]


TYPES = frozenset(["Cabinet", "BMC", "Node", "Processor", "Memory", "Accelerator", "NIC", "Drive", "PDU", "Switch"])
STATES = frozenset(["Empty", "Populated", "Off", "On", "Standby", "Halt", "Ready"])
ROLES = frozenset(["Compute", "Service", "Management", "Application", "Storage", "System"])

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS components ({COMMON_COLUMNS},
    type TEXT NOT NULL,
    state TEXT NOT NULL,
    role TEXT,
    rack TEXT,
    nid INTEGER,
    parent_id TEXT REFERENCES components (id)
);
CREATE INDEX IF NOT EXISTS components_by_type ON components (type);
CREATE INDEX IF NOT EXISTS components_by_parent ON components (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS ethernet_interfaces ({LOOKED_UP_COLUMNS},
    component_id TEXT NOT NULL REFERENCES components (id) ON DELETE CASCADE,
    mac TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS ethernet_interfaces_by_id ON ethernet_interfaces (id);
CREATE UNIQUE INDEX IF NOT EXISTS ethernet_interfaces_by_mac ON ethernet_interfaces (mac);
CREATE INDEX IF NOT EXISTS ethernet_interfaces_by_component ON ethernet_interfaces (component_id);
{SETS_SCHEMA}"""


def _component_columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": spec["type"],
        "state": spec["state"],
        "role": spec.get("role"),
        "rack": spec.get("rack"),
        "nid": spec.get("nid"),
        "parent_id": spec.get("parentId") or None,
    }


def _interface_columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"component_id": spec["componentId"], "mac": spec["macAddr"].lower()}


COMPONENTS = ResourceType(
    kind="Component",
    path="/hsm/v2/State/Components",
    table="components",
    fields=(
        Field("id", pattern=ID_PATTERN),
        Field("type", required=True, choices=TYPES),
        Field("state", choices=STATES, default="Empty"),
        Field("role", choices=ROLES),
        Field("parentId", pattern=ID_PATTERN),
        Field("nid", "number"),
        Field("rack"),
        Field("unit", "number"),
        Field("slot", "number"),
        Field("subSlot", "number"),
    ),
    columns=_component_columns,
    filters={
        "type": "type = ?",
        "state": "state = ?",
        "role": "role = ?",
        "rack": "rack = ?",
        "parent_id": "parent_id = ?",
        "nid": "nid = CAST(? AS INTEGER)",
    },
    new_id=lambda spec: f"{spec['type'].lower()}-{secrets.token_hex(4)}",
    scopes=("read:components", "write:components"),
    keeps_id_in="id",
)

INTERFACES = ResourceType(
    kind="EthernetInterface",
    path="/hsm/v2/Inventory/EthernetInterfaces",
    table="ethernet_interfaces",
    fields=(
        Field("componentId", required=True),
        Field("macAddr", required=True, pattern=MAC_PATTERN),
        Field("ipAddrs", "texts"),
        Field("description"),
    ),
    columns=_interface_columns,
    filters={"component_id": "component_id = ?", "mac": "mac = lower(?)", "mac_addr": "mac = lower(?)"},
    scopes=("read:components", "write:components"),
)


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The inventory service."""
    database = context.database(SCHEMA)
    clamp = context.options.page_clamp
    components = Collection(COMPONENTS, database, api_version="hsm/v2", page_clamp=clamp)
    interfaces = Collection(INTERFACES, database, api_version="hsm/v2", page_clamp=clamp)
    verbs = "list create get put patch delete"
    return BuiltService(
        routes=[
            *set_routes(GROUPS, database, page_clamp=clamp),
            *set_routes(PARTITIONS, database, page_clamp=clamp),
            *components.routes(f"{verbs} bulk" if context.options.bulk else verbs),
            *interfaces.routes("list create get patch delete"),
        ],
        database=database,
    )
