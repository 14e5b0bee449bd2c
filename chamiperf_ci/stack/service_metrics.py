"""The figures that every service offers under `/metrics` (contract section 5), and the faults that lie on them.

Request, query, sync and process figures are measured. The pool's are a stand-in's, since SQLite has no pool: they are
derived from the requests in flight and marked by `chamiperf_embedded_simulated`.
"""

import asyncio
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chamiperf_ci import __version__
from chamiperf_ci.stack import faults, metrics
from chamiperf_ci.stack.app import App
from chamiperf_ci.stack.http import Answer, Request
from chamiperf_ci.stack.storage import Database
from chamiperf_ci.stack.tokens import Gatekeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from chamiperf_ci.stack.service import Context

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

    def __init__(self, context: "Context", app: App, database: Database | None, gatekeeper: Gatekeeper) -> None:
        self._context = context
        self._app = app
        self._gatekeeper = gatekeeper
        self._started = time.time()
        self._missing: frozenset[str] = frozenset()
        self._spelling: dict[str, str] = {}
        self._exhausted = False
        self.registry = registry = metrics.Registry()
        request = ("method", "route", "status")
        self._duration = registry.add(
            metrics.Family(
                "http_server_request_duration_seconds", "histogram", "Duration of requests.", request, metrics.SECONDS
            )
        )
        self._size = registry.add(
            metrics.Family("http_server_response_size_bytes", "histogram", "Size of bodies.", request, metrics.BYTES)
        )
        self._total = registry.add(
            metrics.Family("http_server_requests_total", "counter", "Requests answered.", request)
        )
        self._active = registry.add(metrics.Family("http_server_active_requests", "gauge", "Requests in flight."))
        self._query = registry.add(
            metrics.Family(
                "db_query_duration_seconds",
                "histogram",
                "Duration of statements.",
                ("db_operation",),
                metrics.QUERY_SECONDS,
            )
        )
        self._pool = {
            state: registry.add(metrics.Family(f"db_pool_connections_{state}", "gauge", f"Connections ({state})."))
            for state in ("active", "idle", "max", "waiting")
        }
        self._pool_wait = registry.add(
            metrics.Family(
                "db_pool_wait_duration_seconds", "histogram", "Waiting for a connection.", (), metrics.SECONDS
            )
        )
        self._auth_failures = registry.add(
            metrics.Family("auth_failures_total", "counter", "Requests refused with 401.")
        )
        self._memory = registry.add(metrics.Family("process_resident_memory_bytes", "gauge", "Resident memory."))
        self._cpu = registry.add(metrics.Family("process_cpu_seconds_total", "counter", "Processor time."))
        self._uptime = registry.add(
            metrics.Family("process_uptime_seconds", "gauge", "Seconds since the start.", merge="max")
        )
        self._simulated = registry.add(
            metrics.Family(
                "chamiperf_embedded_simulated",
                "gauge",
                "Families whose values are a stand-in's.",
                ("family",),
                merge="max",
            )
        )
        self._info = registry.add(
            metrics.Family(
                "target_info", "gauge", "What is measured.", ("service_name", "service_version", "kind"), merge="max"
            )
        )
        self._pool_wait.of(())
        app.observe = self._observe_request
        if database is not None:
            database.observe = self._observe_query
        self.refresh_more: Callable[[], None] = _nothing
        self._has_database = database is not None

    # Feeding

    def _observe_request(self, route: str, method: str, status: int, seconds: float, size: int) -> None:
        labels = (method, route, str(status))
        self._duration.of(labels).observe(seconds)
        self._size.of(labels).observe(size)

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
        if self._has_database:
            self._refresh_pool()
        self.refresh_more()

    def _refresh_pool(self) -> None:
        size = POOL_SIZES.get(self._context.name, POOL_SIZES["discovery"]) // self._context.workers
        in_use = size if self._exhausted else min(size, self._app.active)
        self._pool["max"].set(size)
        self._pool["active"].set(in_use)
        self._pool["idle"].set(size - in_use)
        self._pool["waiting"].set(self._app.active if self._exhausted else max(0, self._app.active - size))
        for family in self._pool.values():
            self._simulated.set(1, (family.name,))
        self._simulated.set(1, (self._pool_wait.name,))

    # Giving out

    async def share(self) -> None:
        """With several workers: leave this one's figures for its siblings, again and again."""
        while self._context.workers > 1:
            self.refresh()
            metrics.write_snapshot(self.registry, self._snapshot_path(self._context.worker))
            await asyncio.sleep(SHARE_S)

    def expose(self, _request: Request) -> Answer:
        """The Prometheus text of all workers."""
        if "*" in self._missing:
            return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")
        self.refresh()
        registry = self.registry
        if self._context.workers > 1:
            own = self._context.worker
            metrics.write_snapshot(registry, self._snapshot_path(own))
            others = [self._snapshot_path(worker) for worker in range(self._context.workers) if worker != own]
            registry = registry.merged(metrics.read_snapshots(others))
        return Answer(200, metrics.exposition(registry, missing=self._missing, spelling=self._spelling), CONTENT_TYPE)

    def _snapshot_path(self, worker: int) -> Path:
        return self._context.state_dir / "metrics" / f"{self._context.name}-{worker}.json"


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()
