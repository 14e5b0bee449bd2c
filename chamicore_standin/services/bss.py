"""BSS: boot parameters, and the boot script that a booting node asks for (contract section 3.5)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chamicore_standin.context import WorkerContext
from chamicore_standin.fault_engine import VISIBLE, RowLosses, RowSwaps
from chamicore_standin.http import TEXT, Endpoint, Problem, Request, Response, compact
from chamicore_standin.resources import LOOKED_UP_COLUMNS, MAC_PATTERN, Collection, Field, ResourceType, now, random_id
from chamicore_standin.service import BuiltService
from chamicore_standin.sync import SYNC_SCHEMA, Mirror, SmdInventory, SyncLoop, SyncStore, sync_metrics
from chamicore_standin.tokens import Gatekeeper

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS boot_params ({LOOKED_UP_COLUMNS},
    component_id TEXT NOT NULL,
    mac TEXT,
    role TEXT,
    script BLOB NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS boot_params_by_id ON boot_params (id);
CREATE UNIQUE INDEX IF NOT EXISTS boot_params_by_mac ON boot_params (mac);
CREATE INDEX IF NOT EXISTS boot_params_by_component ON boot_params (component_id);
CREATE INDEX IF NOT EXISTS boot_params_by_role ON boot_params (role) WHERE mac IS NULL;
CREATE INDEX IF NOT EXISTS boot_params_lost ON boot_params (lost) WHERE lost <> 0;
{SYNC_SCHEMA}"""

_SCRIPT_OF_MAC = "SELECT script, seq FROM boot_params WHERE mac = ? AND lost = 0"
_SCRIPT_OF_ROLE = (
    "SELECT script, seq FROM boot_params WHERE role = ? AND mac IS NULL AND lost = 0 ORDER BY seq DESC LIMIT 1"
)
_ROLE_OF_MAC = (
    "SELECT c.role FROM synced_interfaces i JOIN synced_components c ON c.id = i.component_id WHERE i.mac = ?"
)


def script_of(spec: Mapping[str, Any]) -> bytes:
    """The iPXE script of boot parameters."""
    kernel = f"{spec.get('kernel_uri', '')} {spec.get('cmdline', '')}".rstrip()
    return f"#!ipxe\nkernel {kernel}\ninitrd {spec.get('initrd_uri', '')}\nboot\n".encode()


def _columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    mac = spec.get("mac")
    return {
        "component_id": spec["component_id"],
        "mac": mac.lower() if mac else None,
        "role": spec.get("role"),
        "script": script_of(spec),
    }


BOOT_PARAMS = ResourceType(
    kind="BootParam",
    path="/boot/v1/bootparams",
    table="boot_params",
    fields=(
        Field("component_id", required=True),
        Field("mac", pattern=MAC_PATTERN),
        Field("role"),
        Field("kernel_uri", required=True),
        Field("initrd_uri", required=True),
        Field("cmdline"),
    ),
    columns=_columns,
    filters={"component_id": "component_id = ?", "mac": "mac = lower(?)", "role": "role = ?"},
    scopes=("read:bootparams", "write:bootparams"),
    visible=VISIBLE,
)


class BootScripts:
    """Serves boot scripts: one indexed lookup, no JSON."""

    def __init__(self, context: WorkerContext) -> None:
        self.database = context.database(SCHEMA)
        self.swaps = RowSwaps(self.database, "boot_params", seed=context.options.seed)

    def serve(self, request: Request) -> Response:
        """The script for a MAC; without a row of its own, that of its role."""
        query = request.query
        mac = query["mac"].lower() if "mac" in query else self._mac_of_client(request)
        if not MAC_PATTERN.fullmatch(mac):
            raise Problem(400, "mac must be a MAC address")
        found = self.database.one(_SCRIPT_OF_MAC, (mac,)) or self._of_role(mac, query.get("role"))
        if found is None:
            raise Problem(404, f"no boot parameters for {mac}")
        return Response(200, self.swaps.of("script", *found), TEXT)

    def _of_role(self, mac: str, role: str | None) -> tuple[Any, ...] | None:
        """The script for a role: the one asked for, else the one that SMD gave the MAC's component."""
        if role is None:
            synced = self.database.one(_ROLE_OF_MAC, (mac,))
            role = synced[0] if synced else None
        return self.database.one(_SCRIPT_OF_ROLE, (role,)) if role else None

    def _mac_of_client(self, request: Request) -> str:
        """The MAC that SMD knows for the address the request came from."""
        forwarded = (request.header("x-forwarded-for") or "").partition(",")[0].strip()
        address = forwarded or request.header("x-real-ip") or request.client.rpartition(":")[0]
        row = self.database.one("SELECT mac FROM synced_interfaces WHERE ip = ?", (address,))
        if row is None:
            raise Problem(404, f"no interface with the address {address}")
        return str(row[0])


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The boot script service."""
    scripts = BootScripts(context)
    losses = RowLosses("boot_params", scripts.database, leader=context.worker == 0)
    params = Collection(BOOT_PARAMS, scripts.database, api_version="boot/v1", page_clamp=context.options.page_clamp)

    store = SyncStore(scripts.database)
    return BuiltService(
        routes=[
            Endpoint("GET", "/boot/v1/bootscript", scripts.serve, "bootscript", timed=True),
            *params.routes(),
            *store.routes("/boot/v1", "boot/v1"),
        ],
        ready=store.not_ready if "smd" in context.urls else lambda: None,
        metrics=sync_metrics(store, leader=context.worker == 0),
        database=scripts.database,
        tasks=(losses.keep,),
        on_faults=(scripts.swaps.follow, losses.follow),
    )


_MISSING = """
SELECT i.mac, i.component_id, c.role FROM synced_interfaces i JOIN synced_components c ON c.id = i.component_id
WHERE c.type = 'Node' AND NOT EXISTS (SELECT 1 FROM boot_params p WHERE p.mac = i.mac)
"""
_ORPHANS = """
SELECT seq FROM boot_params p WHERE p.updated_ns < ? AND (
    NOT EXISTS (SELECT 1 FROM synced_components c WHERE c.id = p.component_id)
    OR (p.mac IS NOT NULL AND NOT EXISTS (SELECT 1 FROM synced_interfaces i WHERE i.mac = p.mac)))
"""
_INSERT = (
    "INSERT INTO boot_params (id, spec, created_at, updated_at, updated_ns, component_id, mac, role, script)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


def sync_loop(context: WorkerContext) -> Callable[[], Awaitable[None]]:
    """The loop, to be awaited for ever."""
    database = context.database(SCHEMA)
    mirror, store, options = Mirror(database), SyncStore(database), context.options

    async def apply(inventory: SmdInventory) -> int:
        changed = await mirror.follow(inventory)
        torn = inventory.components.torn or inventory.interfaces.torn
        if (options.delete_orphans or options.truncate_sync) and not torn:
            orphans = database.all(_ORPHANS, (inventory.read_ns,))
            changed += await mirror.write("DELETE FROM boot_params WHERE seq = ?", orphans)
        if options.auto_rows:
            rows = [_empty_row(*missing) for missing in database.all(_MISSING)]
            changed += await mirror.write(_INSERT, rows)
        return changed

    store.forget()
    return SyncLoop(context, apply, save=store.save, asked=store.asked).follow


def _empty_row(mac: str, component: str, role: str | None) -> tuple[str | int | bytes, ...]:
    """Boot parameters as BSS makes them for an interface that nobody gave any: whose they are, and nothing to boot."""
    at, stamp = now()
    spec = {"component_id": component, "mac": mac, "role": role or "", "kernel_uri": "", "initrd_uri": ""}
    return random_id({}), compact(spec), at, at, stamp, component, mac, role or "", script_of({})
