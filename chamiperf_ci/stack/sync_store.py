"""A sync loop's report and its calls, kept in the service's database: the loop and the workers are other processes.

They are apart because parsing a page of SMD's holds a Python process up for tens of milliseconds, which a boot storm
would see.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from chamiperf_ci.stack.http import Answer, Request, encode
from chamiperf_ci.stack.metrics import SECONDS, Family, Registry
from chamiperf_ci.stack.routing import Route
from chamiperf_ci.stack.storage import Database
from chamiperf_ci.stack.sync import SyncStatus

SCHEMA = """
CREATE TABLE IF NOT EXISTS sync_state (only INTEGER PRIMARY KEY CHECK (only = 1), report TEXT, calls INTEGER NOT NULL);
INSERT OR IGNORE INTO sync_state (only, report, calls) VALUES (1, NULL, 0);
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

    def routes(self, base: str, api_version: str) -> list[Route]:
        """`POST {base}/sync` and `GET {base}/sync/status`."""

        def call(_request: Request) -> Answer:
            self._database.write("UPDATE sync_state SET calls = calls + 1")
            document = {"kind": "SyncTrigger", "apiVersion": api_version, "spec": {"status": "accepted"}}
            return Answer(202, encode(document))

        def status(_request: Request) -> Answer:
            document = {"kind": "SyncStatus", "apiVersion": api_version, "spec": self.report()}
            return Answer(200, encode(document))

        return [
            Route("POST", f"{base}/sync", call, "sync", "write:sync"),
            Route("GET", f"{base}/sync/status", status, "sync-status", "read:sync"),
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


def metrics(store: SyncStore, *, leader: bool) -> Callable[[Registry], Callable[[], None]]:
    """The sync families of a service; every worker has them, and only the leading one fills them in."""

    def add(registry: Registry) -> Callable[[], None]:
        families = SyncMetrics(registry)
        return (lambda: families.feed(store.report())) if leader else (lambda: None)

    return add


def batches(rows: list[tuple[Any, ...]], size: int = 500) -> Iterator[list[tuple[Any, ...]]]:
    """Rows in portions, each short enough that a waiting writer of another process notices little."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
