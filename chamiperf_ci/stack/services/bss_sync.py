"""BSS's sync loop: a process of its own that writes into BSS's database (contract 4.2)."""

from collections.abc import Awaitable, Callable

from chamiperf_ci.stack.mirror import Mirror
from chamiperf_ci.stack.resources import now, random_id
from chamiperf_ci.stack.service import Context
from chamiperf_ci.stack.services.bss import SCHEMA, script_of
from chamiperf_ci.stack.sync import Inventory, SyncLoop
from chamiperf_ci.stack.sync_store import SyncStore

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
    "INSERT OR IGNORE INTO boot_params (id, spec, created_at, updated_at, updated_ns, component_id, mac, role, script)"
    " VALUES (?, json_object('component_id', ?6, 'mac', ?7, 'role', ?8, 'kernel_uri', '', 'initrd_uri', ''),"
    " ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
)


def loop(context: Context) -> Callable[[], Awaitable[None]]:
    """The loop, to be awaited for ever."""
    database = context.database(SCHEMA)
    mirror, store, options = Mirror(database), SyncStore(database), context.options

    async def apply(inventory: Inventory) -> int:
        changed = await mirror.follow(inventory)
        torn = inventory.components.torn or inventory.interfaces.torn
        if (options.delete_orphans or options.truncate_sync) and not torn:
            orphans = database.all(_ORPHANS, (inventory.read_ns,))
            changed += await mirror.write("DELETE FROM boot_params WHERE seq = ?", orphans)
        if options.auto_rows:
            at, stamp = now()
            empty = script_of({})
            rows = [
                (random_id({}), None, at, at, stamp, component, mac, role or "", empty)
                for mac, component, role in database.all(_MISSING)
            ]
            changed += await mirror.write(_INSERT, rows)
        return changed

    store.forget()
    return SyncLoop(context, apply, save=store.save, asked=store.asked).follow
