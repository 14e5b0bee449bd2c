"""SMD: the inventory of components and their Ethernet interfaces (contract section 3.4)."""

import secrets
from collections.abc import Mapping
from typing import Any

from chamiperf_ci.stack.fields import ID_PATTERN, MAC_PATTERN, Field
from chamiperf_ci.stack.resources import COMMON_COLUMNS, Collection, Resource
from chamiperf_ci.stack.service import Context, Service
from chamiperf_ci.stack.services import smd_groups as groups
from chamiperf_ci.stack.tokens import Gatekeeper

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
CREATE TABLE IF NOT EXISTS ethernet_interfaces ({COMMON_COLUMNS},
    component_id TEXT NOT NULL REFERENCES components (id) ON DELETE CASCADE,
    mac TEXT NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS ethernet_interfaces_by_component ON ethernet_interfaces (component_id);
{groups.SCHEMA}"""


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


COMPONENTS = Resource(
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

INTERFACES = Resource(
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


def build(context: Context, _gatekeeper: Gatekeeper) -> Service:
    """The inventory service."""
    database = context.database(SCHEMA)
    clamp = context.options.page_clamp
    components = Collection(COMPONENTS, database, api_version="hsm/v2", page_clamp=clamp)
    interfaces = Collection(INTERFACES, database, api_version="hsm/v2", page_clamp=clamp)
    verbs = "list create get put patch delete"
    return Service(
        routes=[
            *groups.routes(groups.GROUPS, database, page_clamp=clamp),
            *groups.routes(groups.PARTITIONS, database, page_clamp=clamp),
            *components.routes(f"{verbs} bulk" if context.options.bulk else verbs),
            *interfaces.routes("list create get patch delete"),
        ],
        database=database,
    )
