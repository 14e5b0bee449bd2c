"""A loop that brings what SMD knows to another service (contract 4.2 and 4.3), and what it reports of itself."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from chamicore_standin.context import PooledClient, Reply, Unreachable, WorkerContext
from chamicore_standin.fault_engine import FaultFile
from chamicore_standin.http import Endpoint, Request, Response, encode
from chamicore_standin.metrics import SECONDS, Family, HistogramSeries, Registry
from chamicore_standin.resources import now
from chamicore_standin.storage import Database
from chamiperf_ci.models import faults

PAGE = 1000
"""Rows asked for at once. The real loops ask for 10,000; a page of that size keeps a stand-in's only thread busy for
some 50 ms, during which no request is answered, so it is asked for only where its consequence is wanted."""

TRUNCATING_PAGE = 10_000


@dataclass(frozen=True)
class Page:
    """One page as it was last seen."""

    etag: str
    total: int
    items: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Listing:
    """A whole list."""

    items: tuple[Mapping[str, Any], ...]
    etag: str
    """The first page's tag."""
    changed: bool
    """Whether anything differs from the reading before."""
    torn: bool = False
    """Whether the list changed while its pages were read: what is absent from it may be there all the same."""


class SmdReader:
    """Reads one list again and again; an unchanged page costs SMD nothing and is not transferred."""

    def __init__(self, client: PooledClient, path: str, *, truncating: bool) -> None:
        self._client = client
        self._path = path
        self._truncating = truncating
        self._pages: dict[int, Page] = {}

    async def read(self) -> Listing:
        """Every item, or with `truncating` the newest 10,000.

        Raises:
            Unreachable: SMD did not answer, or not with a list.
        """
        pages: list[Page] = []
        changed, offset = False, 0
        while True:
            page, fresh = await self._page(offset)
            changed |= fresh
            pages.append(page)
            offset += len(page.items)
            if self._truncating or not page.items or offset >= page.total:
                break
        self._pages = {key: page for key, page in self._pages.items() if key < max(offset, 1)}
        return Listing(
            items=tuple(item for page in pages for item in page.items),
            etag=pages[0].etag,
            changed=changed,
            torn=len({page.total for page in pages}) > 1,
        )

    async def _page(self, offset: int) -> tuple[Page, bool]:
        """A page, and whether it is new. Oldest rows first: what is created meanwhile comes last and shifts nothing."""
        order = f"limit={TRUNCATING_PAGE}" if self._truncating else f"sort=created_at&limit={PAGE}"
        known = self._pages.get(offset)
        headers = {"if-none-match": known.etag} if known else None
        reply = await self._client.get(f"{self._path}{order}&offset={offset}", headers)
        if reply.status == 304 and known is not None:  # noqa: PLR2004
            return known, False
        page = _parsed(reply)
        self._pages[offset] = page
        return page, True


def _parsed(reply: Reply) -> Page:
    if reply.status != 200:  # noqa: PLR2004
        raise Unreachable(f"SMD answered {reply.status}")
    try:
        document = reply.json()
        items = tuple(item["spec"] for item in document["items"])
        return Page(reply.headers.get("etag", ""), int(document["metadata"]["total"]), items)
    except (KeyError, TypeError, ValueError) as fault:
        raise Unreachable(f"SMD did not answer with a list: {fault!r}") from None


COMPONENTS_PATH = "/hsm/v2/State/Components?"
INTERFACES_PATH = "/hsm/v2/Inventory/EthernetInterfaces?"
"""Without `fields`, which the real loops send: here a whole spec is text that is copied, a sparse one is made anew."""

POLL_S = 0.1
RETRY_S = 0.5
"""Seconds until the next try while SMD has never been read."""


@dataclass
class SyncStatus:
    """What a loop says of itself; the keys are those of the contract's sibling struct."""

    ready: bool = False
    in_progress: bool = False
    last_attempt_at: str | None = None
    last_sync_at: str | None = None
    last_component_etag: str = ""
    last_interface_etag: str = ""
    last_error: str = ""
    not_modified: bool = False
    last_counts: dict[str, int] = field(default_factory=dict)
    successful_runs: int = 0
    failed_runs: int = 0
    not_modified_runs: int = 0
    changes_applied: int = 0
    last_success: float = 0.0
    """Unix seconds."""
    duration_counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    duration_sum: float = 0.0

    def document(self) -> dict[str, Any]:
        """Every key, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SmdInventory:
    """What SMD knew at one reading."""

    components: Listing
    interfaces: Listing
    read_ns: int
    """Unix nanoseconds before the reading: what was created later cannot be missing from it."""


Apply = Callable[[SmdInventory], Awaitable[int]]


class SyncLoop:
    """Reads, waits the declared delay, applies, reports; at once when asked to, else every interval."""

    def __init__(
        self,
        context: WorkerContext,
        apply: Apply,
        *,
        save: Callable[[SyncStatus], None],
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        client = context.client("smd")
        truncating = context.options.truncate_sync
        self._components = SmdReader(client, COMPONENTS_PATH, truncating=truncating)
        self._interfaces = SmdReader(client, INTERFACES_PATH, truncating=truncating)
        self._faults = FaultFile(context.state_dir, context.name)
        self._options = context.options
        self._apply = apply
        self._save = save
        self._asked = asked
        self._applied = False
        self.status = SyncStatus()

    async def follow(self) -> None:
        """Sync for ever."""
        due = time.monotonic()
        while True:
            self._faults.look()
            stopped = self._faults.has(faults.SyncStop)
            if not stopped and (self._asked() or time.monotonic() >= due):
                due = time.monotonic() + (self._options.sync_interval_s if await self.run_once() else RETRY_S)
            await asyncio.sleep(min(POLL_S, max(0.01, due - time.monotonic())))

    async def run_once(self) -> bool:
        """One sync; whether it worked, or SMD had been reached before (then the next one is a regular one)."""
        status = self.status
        status.in_progress, status.last_attempt_at = True, now()[0]
        started = time.perf_counter()
        try:
            await self._sync()
        except Unreachable as fault:
            status.last_error = str(fault)
            status.failed_runs += 1
        else:
            status.ready, status.last_error = True, ""
            status.last_sync_at, status.last_success = now()[0], time.time()
            status.successful_runs += 1
            series = HistogramSeries(SECONDS)
            series.observe(time.perf_counter() - started)
            status.duration_counts = [a + b for a, b in zip(status.duration_counts, series.counts, strict=True)]
            status.duration_sum += series.sum
        status.in_progress = False
        self._save(status)
        return status.ready

    async def _sync(self) -> None:
        read_ns = time.time_ns()
        components, interfaces = await self._components.read(), await self._interfaces.read()
        status = self.status
        status.not_modified = self._applied and not (components.changed or interfaces.changed)
        if status.not_modified:
            status.not_modified_runs += 1
            return
        # Until it is applied: what could not be pushed has to come again, although SMD will say that nothing changed.
        self._applied = False
        await asyncio.sleep(self._options.sync_delay_s)
        status.changes_applied += await self._apply(SmdInventory(components, interfaces, read_ns))
        self._applied = True
        status.last_component_etag, status.last_interface_etag = components.etag, interfaces.etag
        status.last_counts = {"components": len(components.items), "interfaces": len(interfaces.items)}


SYNC_SCHEMA = """
CREATE TABLE IF NOT EXISTS sync_state (key INTEGER PRIMARY KEY CHECK (key = 1), report TEXT, calls INTEGER NOT NULL);
INSERT INTO sync_state (key, report, calls) VALUES (1, NULL, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS synced_components (id TEXT PRIMARY KEY, type TEXT, role TEXT, nid INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS synced_interfaces (mac TEXT PRIMARY KEY, component_id TEXT, ip TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS synced_interfaces_by_ip ON synced_interfaces (ip);
CREATE INDEX IF NOT EXISTS synced_interfaces_by_component ON synced_interfaces (component_id);
"""


class SyncStore:
    """The report and the calls of one service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answered = self._calls()

    def save(self, status: SyncStatus) -> None:
        """Leave the loop's report."""
        self._database.write("UPDATE sync_state SET report = ?", (json.dumps(status.document()),))

    def forget(self) -> None:
        """Drop the report of an earlier loop, so that a restarted service is ready only after a sync of its own."""
        self._database.write("UPDATE sync_state SET report = NULL")

    def asked(self) -> bool:
        """Whether somebody called for a sync since the last time this was asked."""
        calls = self._calls()
        called, self._answered = calls != self._answered, calls
        return called

    def _calls(self) -> int:
        row = self._database.one("SELECT calls FROM sync_state")
        return int(row[0]) if row else 0

    def report(self) -> dict[str, Any]:
        """What the loop last said of itself; before its first word, an empty report."""
        row = self._database.one("SELECT report FROM sync_state")
        return dict(json.loads(row[0])) if row and row[0] else SyncStatus().document()

    def not_ready(self) -> str | None:
        """Why the service is not ready as far as its sync goes."""
        return None if self.report()["ready"] else "the first sync from SMD is not done"

    def routes(self, base: str, api_version: str) -> list[Endpoint]:
        """`POST {base}/sync` and `GET {base}/sync/status`."""

        def call(_request: Request) -> Response:
            self._database.write("UPDATE sync_state SET calls = calls + 1")
            document = {"kind": "SyncTrigger", "apiVersion": api_version, "spec": {"status": "accepted"}}
            return Response(202, encode(document))

        def status(_request: Request) -> Response:
            document = {"kind": "SyncStatus", "apiVersion": api_version, "spec": self.report()}
            return Response(200, encode(document))

        return [
            Endpoint("POST", f"{base}/sync", call, "sync", "write:sync"),
            Endpoint("GET", f"{base}/sync/status", status, "sync-status", "read:sync"),
        ]


class SyncMetrics:
    """The sync families of ADR-014, fed from a loop's report."""

    def __init__(self, registry: Registry) -> None:
        def family(name: str, kind: Any, text: str, **more: Any) -> Family:  # noqa: ANN401 - passed through
            return registry.add(Family(name, kind, text, **more))

        self._success = family("sync_last_success_timestamp", "gauge", "Unix time of the last good sync.", merge="max")
        self._duration = family("sync_duration_seconds", "histogram", "Duration of good syncs.", bounds=SECONDS)
        self._components = family("sync_components_total", "gauge", "Components at the last good sync.")
        self._changes = family("sync_changes_applied_total", "counter", "Rows that syncs changed.")
        self._errors = family("sync_errors_total", "counter", "Syncs that failed.")
        self._not_modified = family("sync_not_modified_total", "counter", "Syncs that found nothing new.")

    def feed(self, report: dict[str, Any]) -> None:
        """Take over a loop's figures."""
        self._success.set(report["last_success"])
        self._components.set(report["last_counts"].get("components", 0))
        self._changes.set(report["changes_applied"])
        self._errors.set(report["failed_runs"])
        self._not_modified.set(report["not_modified_runs"])
        series = self._duration.of(())
        series.counts, series.sum = list(report["duration_counts"]), report["duration_sum"]


def sync_metrics(store: SyncStore, *, leader: bool) -> Callable[[Registry], Callable[[], None]]:
    """The sync families of a service; every worker has them, and only the leading one fills them in."""

    def add(registry: Registry) -> Callable[[], None]:
        families = SyncMetrics(registry)
        return (lambda: families.feed(store.report())) if leader else (lambda: None)

    return add


def batches(rows: list[tuple[Any, ...]], size: int = 500) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in portions, each short enough that a waiting writer of another process notices little."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


Rows = dict[str, tuple[Any, ...]]

_MIRRORED = {
    "synced_components": ("id", "type", "role", "nid"),
    "synced_interfaces": ("mac", "component_id", "ip"),
}
"""Table -> its columns, the first of which is the key."""


class Mirror:
    """The copy, and the difference between it and a new reading."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._components = self._read("synced_components")
        self._interfaces = self._read("synced_interfaces")

    def _read(self, table: str) -> Rows:
        rows = self._database.all(f"SELECT {', '.join(_MIRRORED[table])} FROM {table}")  # noqa: S608 - our own tables
        return {row[0]: row for row in rows}

    async def follow(self, inventory: SmdInventory) -> int:
        """Make the copy equal to a reading; the number of rows changed."""
        components = {
            item["id"]: (item["id"], item.get("type"), item.get("role"), item.get("nid"))
            for item in inventory.components.items
        }
        interfaces = _interfaces_of(inventory.interfaces.items)
        changed = await self._replace(
            "synced_components", "id", self._components, components, inventory.components.torn
        )
        changed += await self._replace(
            "synced_interfaces", "mac", self._interfaces, interfaces, inventory.interfaces.torn
        )
        return changed

    async def _replace(self, table: str, key: str, old: Rows, new: Rows, torn: bool) -> int:
        """`old` becomes `new`; from a torn reading nothing is taken for gone."""
        written = [row for ident, row in new.items() if old.get(ident) != row]
        gone = [] if torn else [(ident,) for ident in old if ident not in new]
        columns = _MIRRORED[table]
        marks = ", ".join("?" for _ in columns)
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
        await self.write(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own tables
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}",
            written,
        )
        await self.write(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608
        old.update({row[0]: row for row in written})
        for (ident,) in gone:
            del old[ident]
        return len(written) + len(gone)

    async def write(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a statement for each row, in portions between which others get their turn; the rows it touched."""
        touched = 0
        for batch in batches(list(rows)):
            with self._database.transaction():
                touched += sum(self._database.write(sql, row) for row in batch)
            await asyncio.sleep(0)
        return touched


def _interfaces_of(items: Sequence[Mapping[str, Any]]) -> Rows:
    rows = {}
    for item in items:
        mac = item["macAddr"].lower()
        rows[mac] = (mac, item["componentId"], next(iter(item.get("ipAddrs") or ()), None))
    return rows
