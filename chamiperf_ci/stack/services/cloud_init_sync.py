"""Cloud-Init's sync loop: a process of its own that writes into Cloud-Init's database (contract 4.2)."""

import json
from collections.abc import Awaitable, Callable

from chamiperf_ci.stack.mirror import Mirror
from chamiperf_ci.stack.resources import now, random_id
from chamiperf_ci.stack.service import Context
from chamiperf_ci.stack.services.cloud_init import SCHEMA
from chamiperf_ci.stack.sync import Inventory, SyncLoop
from chamiperf_ci.stack.sync_store import SyncStore

_MISSING = """
SELECT c.id, c.role FROM synced_components c
WHERE c.type = 'Node' AND NOT EXISTS (SELECT 1 FROM payloads p WHERE p.component_id = c.id)
"""
_ORPHANS = """
SELECT seq FROM payloads p WHERE p.updated_ns < ?
AND NOT EXISTS (SELECT 1 FROM synced_components c WHERE c.id = p.component_id)
"""
_INSERT = (
    "INSERT OR IGNORE INTO payloads (id, spec, created_at, updated_at, updated_ns, component_id, role, user_data,"
    " meta_data, vendor_data) VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, '')"
)


def loop(context: Context) -> Callable[[], Awaitable[None]]:
    """The loop, to be awaited for ever."""
    database = context.database(SCHEMA)
    mirror, store, options = Mirror(database), SyncStore(database), context.options

    async def apply(inventory: Inventory) -> int:
        changed = await mirror.follow(inventory)
        if (options.delete_orphans or options.truncate_sync) and not inventory.components.torn:
            orphans = database.all(_ORPHANS, (inventory.read_ns,))
            changed += await mirror.write("DELETE FROM payloads WHERE seq = ?", orphans)
        if options.auto_rows:
            rows = [_default_row(ident, role or "") for ident, role in database.all(_MISSING)]
            changed += await mirror.write(_INSERT, rows)
        return changed

    store.forget()
    return SyncLoop(context, apply, save=store.save, asked=store.asked).follow


def _default_row(ident: str, role: str) -> tuple[str | int, ...]:
    """A payload as Cloud-Init makes it for a node that nobody gave one: default meta-data and nothing else."""
    at, stamp = now()
    meta_data = {"instance-id": ident, "local-hostname": ident}
    spec = {"component_id": ident, "role": role, "user_data": "", "meta_data": meta_data, "vendor_data": ""}
    text = json.dumps(spec, separators=(",", ":"))
    served = json.dumps(meta_data, separators=(",", ":")) + "\n"
    return random_id({}), text, at, at, stamp, ident, role, served
