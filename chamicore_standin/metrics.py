"""The figures that every service offers under `/metrics` (contract section 5), and the faults that lie on them.

Request, query, sync and process figures are measured, and on PostgreSQL the pool's. SQLite has no pool: there they are
derived from the requests in flight and marked by `chamiperf_embedded_simulated`.
"""

import asyncio
import json
import resource
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chamicore_standin.context import WorkerContext
from chamicore_standin.http import App, Request, Response
from chamicore_standin.storage import Database, PoolFigures
from chamicore_standin.tokens import Gatekeeper
from chamiperf_ci import __version__
from chamiperf_ci.models import faults
from chamiperf_ci.models.document import write_whole

SECONDS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.075,
    0.1,
    0.2,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of durations, in seconds: finer where the targets (10, 50, 100, 200 ms) lie."""
QUERY_SECONDS = (
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)
"""Upper bounds of statement durations, in seconds."""
BYTES = (100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)

Labels = tuple[str, ...]


class HistogramSeries:
    """A histogram's counts for one set of labels."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass
class Family:
    """A metric: its name, what it means, and its series by label values."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    bounds: Sequence[float] = ()
    merge: Literal["sum", "max"] = "sum"
    """How several workers' values become one."""
    values: dict[Labels, float] = field(default_factory=dict)
    series: dict[Labels, HistogramSeries] = field(default_factory=dict)

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        """Raise a counter."""
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def set(self, value: float, labels: Labels = ()) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self.values[labels] = value

    def of(self, labels: Labels) -> HistogramSeries:
        """A histogram's series for these labels, made on first use."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = HistogramSeries(self.bounds)
        return found


class Registry:
    """The families of one worker."""

    def __init__(self) -> None:
        self.families: dict[str, Family] = {}

    def add(self, family: Family) -> Family:
        """Take a family in."""
        self.families[family.name] = family
        return family

    def snapshot(self) -> dict[str, Any]:
        """Every value, in a form that JSON carries."""
        return {
            family.name: {
                "values": [[list(labels), value] for labels, value in family.values.items()],
                "series": [[list(labels), each.counts, each.sum] for labels, each in family.series.items()],
            }
            for family in self.families.values()
        }

    def merged(self, others: Sequence[Mapping[str, Any]]) -> "Registry":
        """A registry with other workers' snapshots added to this one's values."""
        total = Registry()
        for family in self.families.values():
            copy = total.add(Family(family.name, family.kind, family.help, family.labels, family.bounds, family.merge))
            for snapshot in (self.snapshot(), *others):
                _add_snapshot(copy, snapshot.get(family.name, {"values": [], "series": []}))
        return total


def _add_snapshot(family: Family, snapshot: Mapping[str, Any]) -> None:
    for labels, value in snapshot["values"]:
        key = tuple(labels)
        if family.merge == "max":
            family.values[key] = max(value, family.values.get(key, value))
        else:
            family.values[key] = family.values.get(key, 0.0) + value
    for labels, counts, total in snapshot["series"]:
        series = family.of(tuple(labels))
        series.counts = [a + b for a, b in zip(series.counts, counts, strict=True)]
        series.sum += total


def write_snapshot(registry: Registry, path: Path) -> None:
    """Leave this worker's figures where its siblings find them."""
    write_whole(path, json.dumps(registry.snapshot()), synced=False)


def read_snapshots(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What the siblings left; one that has not written yet is left out."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def exposition(registry: Registry, *, missing: frozenset[str], spelling: Mapping[str, str]) -> bytes:
    """The Prometheus text (version 0.0.4) of every family but the missing ones, label names spelt as told."""
    lines: list[str] = []
    for family in registry.families.values():
        if family.name in missing or not (family.values or family.series):
            continue
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        names = [spelling.get(label, label) for label in family.labels]
        lines += [f"{family.name}{_braces(names, labels)} {_number(value)}" for labels, value in family.values.items()]
        for labels, series in family.series.items():
            lines += _histogram_lines(family.name, names, labels, series)
    return ("\n".join(lines) + "\n").encode()


def _histogram_lines(name: str, names: Sequence[str], labels: Labels, series: HistogramSeries) -> list[str]:
    lines, running = [], 0
    for bound, count in zip((*map(_number, series.bounds), "+Inf"), series.counts, strict=True):
        running += count
        lines.append(f"{name}_bucket{_braces([*names, 'le'], (*labels, bound))} {running}")
    braces = _braces(names, labels)
    return [*lines, f"{name}_sum{braces} {series.sum!r}", f"{name}_count{braces} {running}"]


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SHARE_S = 0.5
POOL_SIZES = {"bss": 100, "cloud-init": 100, "smd": 80, "auth": 40, "discovery": 30}
"""Connections per service (contract section 6); a service that is not listed there has as many as discovery."""

LABEL_SPELLINGS: dict[faults.LabelStyle, dict[str, str]] = {
    "short": {},
    "http": {"method": "http_method", "route": "http_route", "status": "http_status_code"},
    "semconv": {"method": "http_request_method", "route": "http_route", "status": "http_response_status_code"},
    "code": {"status": "code"},
}


def _nothing() -> None:
    return None


class ServiceMetrics:
    """The families of one worker and how they are fed."""

    def __init__(self, context: WorkerContext, app: App, database: Database | None, gatekeeper: Gatekeeper) -> None:
        self._context = context
        self._app = app
        self._gatekeeper = gatekeeper
        self._started = time.time()
        self._missing: frozenset[str] = frozenset()
        self._spelling: dict[str, str] = {}
        self._exhausted = False
        self.registry = registry = Registry()
        request = ("method", "route", "status")
        self._duration = registry.add(
            Family("http_server_request_duration_seconds", "histogram", "Duration of requests.", request, SECONDS)
        )
        self._size = registry.add(
            Family("http_server_response_size_bytes", "histogram", "Size of answers' bodies.", request, BYTES)
        )
        self._received = registry.add(
            Family("http_server_request_size_bytes", "histogram", "Size of requests' bodies.", request, BYTES)
        )
        self._total = registry.add(Family("http_server_requests_total", "counter", "Requests answered.", request))
        self._active = registry.add(Family("http_server_active_requests", "gauge", "Requests in flight."))
        self._query = registry.add(
            Family(
                "db_query_duration_seconds",
                "histogram",
                "Duration of statements.",
                ("db_operation",),
                QUERY_SECONDS,
            )
        )
        self._pool = {
            state: registry.add(Family(f"db_pool_connections_{state}", "gauge", f"Connections ({state})."))
            for state in ("active", "idle", "max", "waiting")
        }
        self._pool_wait = registry.add(
            Family("db_pool_wait_duration_seconds", "histogram", "Waiting for a connection.", (), SECONDS)
        )
        self._auth_failures = registry.add(Family("auth_failures_total", "counter", "Requests refused with 401."))
        self._memory = registry.add(Family("process_resident_memory_bytes", "gauge", "Resident memory."))
        self._cpu = registry.add(Family("process_cpu_seconds_total", "counter", "Processor time."))
        self._uptime = registry.add(Family("process_uptime_seconds", "gauge", "Seconds since the start.", merge="max"))
        self._simulated = registry.add(
            Family(
                "chamiperf_embedded_simulated",
                "gauge",
                "Families whose values are a stand-in's.",
                ("family",),
                merge="max",
            )
        )
        self._info = registry.add(
            Family(
                "target_info", "gauge", "What is measured.", ("service_name", "service_version", "kind"), merge="max"
            )
        )
        self._pool_wait.of(())
        app.observe = self._observe_request
        if database is not None:
            database.observe = self._observe_query
            database.observe_wait = self.observe_pool_wait
        self.refresh_more: Callable[[], None] = _nothing
        self._database = database

    # Feeding

    def _observe_request(self, route: str, method: str, status: int, seconds: float, sizes: tuple[int, int]) -> None:
        labels = (method, route, str(status))
        self._duration.of(labels).observe(seconds)
        self._received.of(labels).observe(sizes[0])
        self._size.of(labels).observe(sizes[1])

    def _observe_query(self, operation: str, seconds: float) -> None:
        self._query.of((operation,)).observe(seconds)

    def observe_pool_wait(self, seconds: float) -> None:
        """Count one wait for a connection."""
        self._pool_wait.of(()).observe(seconds)

    def apply_faults(self, active: tuple[faults.Fault, ...]) -> None:
        """Follow the faults that lie on the figures themselves."""
        self._missing = frozenset(
            family for fault in active if isinstance(fault, faults.MetricsMissing) for family in fault.families
        )
        self._spelling = next(
            (LABEL_SPELLINGS[fault.style] for fault in active if isinstance(fault, faults.MetricLabelStyle)), {}
        )
        self._exhausted = any(isinstance(fault, faults.PoolExhaustion) for fault in active)

    def refresh(self) -> None:
        """Bring the gauges up to now."""
        for labels, series in self._duration.series.items():
            self._total.set(sum(series.counts), labels)
        self._active.set(self._app.active)
        self._auth_failures.set(self._gatekeeper.failures)
        self._memory.set(_resident_bytes())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu.set(usage.ru_utime + usage.ru_stime)
        self._uptime.set(time.time() - self._started)
        self._info.set(1, (self._context.name, __version__, "embedded"))
        if self._database is not None:
            self._refresh_pool(self._database.pool())
        self.refresh_more()

    def _refresh_pool(self, figures: PoolFigures | None) -> None:
        """The figures of a real pool, or what a pool would have; every connection in use while a fault says so."""
        if figures is not None and not self._exhausted:
            self._set_pool(figures.limit, figures.in_use, figures.open - figures.in_use, figures.waiting)
            self._simulated.values.clear()
            return
        size = (
            figures.limit
            if figures
            else POOL_SIZES.get(self._context.name, POOL_SIZES["discovery"]) // self._context.workers
        )
        in_use = size if self._exhausted else min(size, self._app.active)
        waiting = self._app.active if self._exhausted else max(0, self._app.active - size)
        self._set_pool(size, in_use, size - in_use, waiting)
        for family in (*self._pool.values(), self._pool_wait):
            self._simulated.set(1, (family.name,))

    def _set_pool(self, limit: int, active: int, idle: int, waiting: int) -> None:
        for state, value in (("max", limit), ("active", active), ("idle", idle), ("waiting", waiting)):
            self._pool[state].set(value)

    # Giving out

    async def share(self) -> None:
        """With several workers: leave this one's figures for its siblings, again and again."""
        while self._context.workers > 1:
            self.refresh()
            write_snapshot(self.registry, self._snapshot_path(self._context.worker))
            await asyncio.sleep(SHARE_S)

    def expose(self, _request: Request) -> Response:
        """The Prometheus text of all workers."""
        if "*" in self._missing:
            return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
        self.refresh()
        registry = self.registry
        if self._context.workers > 1:
            own = self._context.worker
            write_snapshot(registry, self._snapshot_path(own))
            others = [self._snapshot_path(worker) for worker in range(self._context.workers) if worker != own]
            registry = registry.merged(read_snapshots(others))
        return Response(200, exposition(registry, missing=self._missing, spelling=self._spelling), CONTENT_TYPE)

    def _snapshot_path(self, worker: int) -> Path:
        return self._context.state_dir / "metrics" / f"{self._context.name}-{worker}.json"


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
