"""Cloud-Init: per-node payloads, and the documents that a booting node asks for (contract section 3.6)."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chamiperf_ci.stack import sync_store
from chamiperf_ci.stack.fields import Field
from chamiperf_ci.stack.http import JSON, TEXT, Answer, Problem, Request
from chamiperf_ci.stack.losses import VISIBLE, Losses
from chamiperf_ci.stack.resources import COMMON_COLUMNS, Collection, Resource
from chamiperf_ci.stack.routing import Route
from chamiperf_ci.stack.service import Context, Service
from chamiperf_ci.stack.swaps import Swaps
from chamiperf_ci.stack.tokens import Gatekeeper

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS payloads ({COMMON_COLUMNS},
    component_id TEXT NOT NULL UNIQUE,
    role TEXT,
    user_data TEXT NOT NULL,
    meta_data TEXT NOT NULL,
    vendor_data TEXT NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS payloads_lost ON payloads (lost) WHERE lost;
{sync_store.SCHEMA}"""

_MARKER = re.compile(r"\{\{\s*\.(Role|NID|ID)\s*\}\}")


def _columns(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "component_id": spec["component_id"],
        "role": spec.get("role"),
        "user_data": spec.get("user_data", ""),
        "meta_data": json.dumps(spec.get("meta_data", {}), separators=(",", ":"), ensure_ascii=False) + "\n",
        "vendor_data": spec.get("vendor_data", ""),
    }


PAYLOADS = Resource(
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

    def __init__(self, context: Context) -> None:
        self.database = context.database(SCHEMA)
        self.swaps = Swaps(self.database, "payloads", seed=context.options.seed)

    def serve(self, column: str, content_type: str) -> Callable[[Request], Answer]:
        """A handler for one of the three documents."""
        own = f"SELECT {column}, seq, role FROM payloads WHERE component_id = ? AND NOT lost"  # noqa: S608

        def handler(request: Request) -> Answer:
            ident = request.args[0]
            found = self.database.one(own, (ident,))
            if found is None:
                raise Problem(404, f"no payload for {ident}")
            text, seq, role = found
            text = self.swaps.of(column, text, seq)
            if "{{" in text:
                text = self._rendered(text, ident, role)
            return Answer(200, text.encode(), content_type)

        return handler

    def _rendered(self, text: str, ident: str, role: str | None) -> str:
        """The template's markers replaced by what SMD knows of the node."""
        synced = self.database.one("SELECT role, nid FROM synced_components WHERE id = ?", (ident,)) or (role, "")
        values = {"Role": synced[0] or role or "", "NID": str(synced[1] or ""), "ID": ident}
        return _MARKER.sub(lambda mark: values[mark[1]], text)


def build(context: Context, _gatekeeper: Gatekeeper) -> Service:
    """The cloud-init service."""
    documents = Documents(context)
    losses = Losses("payloads", documents.database, leader=context.worker == 0)
    payloads = Collection(
        PAYLOADS, documents.database, api_version="cloud-init/v1", page_clamp=context.options.page_clamp
    )

    def document(name: str, content_type: str) -> Route:
        handler = documents.serve(name.replace("-", "_"), content_type)
        return Route("GET", f"/cloud-init/{{id}}/{name}", handler, name, timed=True)

    store = sync_store.SyncStore(documents.database)
    return Service(
        routes=[
            *payloads.routes(),
            *store.routes("/cloud-init", "cloud-init/v1"),
            document("user-data", TEXT),
            document("meta-data", JSON),
            document("vendor-data", TEXT),
        ],
        ready=store.not_ready if "smd" in context.urls else lambda: None,
        metrics=sync_store.metrics(store, leader=context.worker == 0),
        database=documents.database,
        tasks=(losses.keep,),
        on_faults=(documents.swaps.follow, losses.follow),
    )
