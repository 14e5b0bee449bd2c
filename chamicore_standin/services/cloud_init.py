"""Cloud-Init: per-node payloads, and the documents that a booting node asks for (contract section 3.6)."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chamicore_standin.context import WorkerContext
from chamicore_standin.fault_engine import VISIBLE, RowLosses, RowSwaps
from chamicore_standin.http import JSON, TEXT, Endpoint, Problem, Request, Response
from chamicore_standin.resources import LOOKED_UP_COLUMNS, Collection, Field, ResourceType, now, random_id
from chamicore_standin.service import BuiltService
from chamicore_standin.sync import SYNC_SCHEMA, Mirror, SmdInventory, SyncLoop, SyncStore, sync_metrics
from chamicore_standin.tokens import Gatekeeper

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS payloads ({LOOKED_UP_COLUMNS},
    component_id TEXT NOT NULL,
    role TEXT,
    user_data TEXT NOT NULL,
    meta_data TEXT NOT NULL,
    vendor_data TEXT NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS payloads_by_id ON payloads (id);
CREATE UNIQUE INDEX IF NOT EXISTS payloads_by_component ON payloads (component_id);
CREATE INDEX IF NOT EXISTS payloads_lost ON payloads (lost) WHERE lost <> 0;
{SYNC_SCHEMA}"""

_MARKER = re.compile(r"\{\{\s*\.(Role|NID|ID)\s*\}\}")


def _columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "component_id": spec["component_id"],
        "role": spec.get("role"),
        "user_data": spec.get("user_data", ""),
        "meta_data": json.dumps(spec.get("meta_data", {}), separators=(",", ":"), ensure_ascii=False) + "\n",
        "vendor_data": spec.get("vendor_data", ""),
    }


PAYLOADS = ResourceType(
    kind="Payload",
    path="/cloud-init/payloads",
    table="payloads",
    fields=(
        Field("component_id", required=True),
        Field("role"),
        Field("user_data"),
        Field("meta_data", "object"),
        Field("vendor_data"),
    ),
    columns=_columns,
    filters={"component_id": "component_id = ?"},
    scopes=("read:payloads", "write:payloads"),
    visible=VISIBLE,
)


class Documents:
    """Serves user-data, meta-data and vendor-data: one indexed lookup each."""

    def __init__(self, context: WorkerContext) -> None:
        self.database = context.database(SCHEMA)
        self.swaps = RowSwaps(self.database, "payloads", seed=context.options.seed)

    def serve(self, column: str, content_type: str) -> Callable[[Request], Response]:
        """A handler for one of the three documents."""
        own = f"SELECT {column}, seq, role FROM payloads WHERE component_id = ? AND lost = 0"  # noqa: S608

        def handler(request: Request) -> Response:
            ident = request.args[0]
            found = self.database.one(own, (ident,))
            if found is None:
                raise Problem(404, f"no payload for {ident}")
            text, seq, role = found
            text = self.swaps.of(column, text, seq)
            if "{{" in text:
                text = self._rendered(text, ident, role)
            return Response(200, text.encode(), content_type)

        return handler

    def _rendered(self, text: str, ident: str, role: str | None) -> str:
        """The template's markers replaced by what SMD knows of the node."""
        synced = self.database.one("SELECT role, nid FROM synced_components WHERE id = ?", (ident,)) or (role, "")
        values = {"Role": synced[0] or role or "", "NID": str(synced[1] or ""), "ID": ident}
        return _MARKER.sub(lambda mark: values[mark[1]], text)


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The cloud-init service."""
    documents = Documents(context)
    losses = RowLosses("payloads", documents.database, leader=context.worker == 0)
    payloads = Collection(
        PAYLOADS, documents.database, api_version="cloud-init/v1", page_clamp=context.options.page_clamp
    )

    def document(name: str, content_type: str) -> Endpoint:
        handler = documents.serve(name.replace("-", "_"), content_type)
        return Endpoint("GET", f"/cloud-init/{{id}}/{name}", handler, name, timed=True)

    store = SyncStore(documents.database)
    return BuiltService(
        routes=[
            *payloads.routes(),
            *store.routes("/cloud-init", "cloud-init/v1"),
            document("user-data", TEXT),
            document("meta-data", JSON),
            document("vendor-data", TEXT),
        ],
        ready=store.not_ready if "smd" in context.urls else lambda: None,
        metrics=sync_metrics(store, leader=context.worker == 0),
        database=documents.database,
        tasks=(losses.keep,),
        on_faults=(documents.swaps.follow, losses.follow),
    )


_MISSING = """
SELECT c.id, c.role FROM synced_components c
WHERE c.type = 'Node' AND NOT EXISTS (SELECT 1 FROM payloads p WHERE p.component_id = c.id)
"""
_ORPHANS = """
SELECT seq FROM payloads p WHERE p.updated_ns < ?
AND NOT EXISTS (SELECT 1 FROM synced_components c WHERE c.id = p.component_id)
"""
_INSERT = (
    "INSERT INTO payloads (id, spec, created_at, updated_at, updated_ns, component_id, role, user_data,"
    " meta_data, vendor_data) VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, '') ON CONFLICT DO NOTHING"
)


def sync_loop(context: WorkerContext) -> Callable[[], Awaitable[None]]:
    """The loop, to be awaited for ever."""
    database = context.database(SCHEMA)
    mirror, store, options = Mirror(database), SyncStore(database), context.options

    async def apply(inventory: SmdInventory) -> int:
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
