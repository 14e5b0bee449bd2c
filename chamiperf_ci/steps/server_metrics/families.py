"""The names under which services state a quantity: contract section 5 leaves spelling open, so several are tried."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Spelling:
    """One name of a quantity, and the factor from its unit to ours."""

    name: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is looked for: its possible names, most likely first."""

    spellings: tuple[Spelling, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are tried."""
        return tuple(spelling.name for spelling in self.spellings)


RATIO: Final = "_ratio"
"""What OpenTelemetry's exporters put behind a gauge that has no unit, whatever it is."""


def _of(*names: str, factor: float = 1.0) -> Quantity:
    return Quantity(tuple(Spelling(name, factor) for name in names))


def _gauge(*names: str) -> Quantity:
    """Gauges without a unit, with and without the ending."""
    return _of(*(spelling for name in names for spelling in (name, f"{name}{RATIO}")))


def _durations(*names: str) -> Quantity:
    """In ms, from names in seconds and, of older conventions, in milliseconds."""
    return Quantity(tuple(Spelling(name, 1.0 if name.endswith("milliseconds") else 1e3) for name in names))


REQUESTS: Final = _durations(
    "http_server_request_duration_seconds",
    "http_server_duration_seconds",
    "http_server_duration_milliseconds",
    "http_request_duration_seconds",
)
"""Histogram of answered requests, ms."""
ACTIVE: Final = _gauge("http_server_active_requests")
QUERIES: Final = _durations(
    "db_query_duration_seconds", "db_client_operation_duration_seconds", "db_query_duration_milliseconds"
)
"""Histogram of database statements, ms."""
POOL_ACTIVE: Final = _gauge("db_pool_connections_active", "go_sql_in_use_connections", "pgxpool_acquired_conns")
POOL_IDLE: Final = _gauge("db_pool_connections_idle", "go_sql_idle_connections", "pgxpool_idle_conns")
POOL_MAX: Final = _gauge("db_pool_connections_max", "go_sql_max_open_connections", "pgxpool_max_conns")
POOL_WAITING: Final = _gauge("db_pool_connections_waiting")
POOL_WAIT: Final = _durations("db_pool_wait_duration_seconds", "db_client_connection_wait_time_seconds")
"""Histogram of waiting for a connection, ms."""
SYNC_SUCCESS: Final = _gauge("sync_last_success_timestamp", "sync_last_success_timestamp_seconds")
"""Unix seconds of the last good sync."""
KEA_PUSHED: Final = _of("kea_sync_reservations_pushed_total")
CPU: Final = _of("process_cpu_seconds_total", "container_cpu_usage_seconds_total", "process_cpu_time_seconds_total")
MEMORY: Final = _of(
    "process_resident_memory_bytes", "container_memory_working_set_bytes", "process_memory_usage_bytes", factor=1e-6
)
UPTIME: Final = _of("process_uptime_seconds")
SIMULATED: Final = _gauge("chamiperf_embedded_simulated")
"""1 for each family, named by its label, whose values are a stand-in's."""

HISTOGRAMS: Final = (REQUESTS, QUERIES, POOL_WAIT)
NUMBERS: Final = (
    ACTIVE, POOL_ACTIVE, POOL_IDLE, POOL_MAX, POOL_WAITING, SYNC_SUCCESS, KEA_PUSHED, CPU, MEMORY, UPTIME, SIMULATED,
)  # fmt: skip

ROUTE: Final = ("http_route", "route", "path", "handler", "http_target", "url_path")
METHOD: Final = ("http_request_method", "http_method", "method", "verb")
SERVICE: Final = ("service_name", "exported_job", "job", "service", "app", "container")

PROBES: Final = ("/metrics", "/health", "/readiness", "/ready", "/version")
"""Routes that no load goes to."""


def series_names(quantities: Iterable[Quantity] = NUMBERS, histograms: Iterable[Quantity] = HISTOGRAMS) -> list[str]:
    """Every series name that may hold one of these quantities."""
    plain = [name for quantity in quantities for name in quantity.names]
    parts = [f"{name}_{part}" for quantity in histograms for name in quantity.names for part in ("bucket", "sum")]
    return [*plain, *parts]


LASTING: Final = frozenset(series_names((MEMORY, UPTIME, CPU), ()))
"""What is judged over a whole night."""
