"""Series of a service's metrics, and the families that they are read from."""

import math
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chamiperf_ci.adapters.prometheus import Labels, Track


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile that is known to a bucket.

    Attributes:
        value: Interpolated within the bucket, as Prometheus does; in the last one its lower bound.
        resolution: Width of the bucket; in the last one, which has no upper bound, the value itself.
        at_least: Whether it lies beyond the last bound, so that only a lower bound of it is known.
    """

    value: float
    resolution: float
    at_least: bool = False


def quantile(cumulative: Mapping[float, float], share: float) -> Quantile | None:
    """Return a quantile of cumulative counts by upper bound; None without observations or without an infinite bound.

    Args:
        cumulative: Observations at most as large as each bound; the infinite bound has all of them.
        share: Of the observations, from 0 to 1.
    """
    whole = cumulative.get(math.inf, 0.0)
    if whole <= 0:
        return None
    rank = share * whole
    low, below = 0.0, 0.0
    for bound in sorted(cumulative):
        # Counts of several series, read one after the other, may run a little backwards.
        upto = max(below, cumulative[bound])
        if upto >= rank and upto > below:
            if math.isinf(bound):
                return Quantile(low, low, at_least=True)
            within = (rank - below) / (upto - below)
            return Quantile(low + (bound - low) * within, bound - low)
        low, below = (low if math.isinf(bound) else bound), upto
    return None


@dataclass(frozen=True, slots=True)
class SeriesName:
    """One name of a quantity, and the factor from its unit to ours."""

    name: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is looked for: its possible names, most likely first."""

    spellings: tuple[SeriesName, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that are tried."""
        return tuple(spelling.name for spelling in self.spellings)


RATIO: Final = "_ratio"
"""What OpenTelemetry's exporters put behind a gauge that has no unit, whatever it is."""


def _of(*names: str, factor: float = 1.0) -> Quantity:
    return Quantity(tuple(SeriesName(name, factor) for name in names))


def _gauge(*names: str) -> Quantity:
    """Gauges without a unit, with and without the ending."""
    return _of(*(spelling for name in names for spelling in (name, f"{name}{RATIO}")))


def _durations(*names: str) -> Quantity:
    """In ms, from names in seconds and, of older conventions, in milliseconds."""
    return Quantity(tuple(SeriesName(name, 1.0 if name.endswith("milliseconds") else 1e3) for name in names))


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


_GAP = 3.0
"""So many times the usual distance between two looks is a gap."""


@dataclass(slots=True)
class _GrowingTrack:
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


class Recorder:
    """Collects looks into tracks, 16 bytes a sample, so that an hour of looks stays small."""

    def __init__(self) -> None:
        self._looks = array("d")
        self._series: dict[tuple[str, Labels], _GrowingTrack] = {}

    def add(self, at: float, samples: Iterable[tuple[str, Labels, float]]) -> None:
        """Take one look in; looks come in order."""
        self._looks.append(at)
        for name, labels, value in samples:
            growing = self._series.setdefault((name, labels), _GrowingTrack())
            growing.times.append(at)
            growing.values.append(value)

    def keep_only(self, names: frozenset[str]) -> None:
        """Forget every other series."""
        self._series = {key: growing for key, growing in self._series.items() if key[0] in names}

    def recording(self) -> "Recording":
        """What was collected so far."""
        tracks = [Track(name, labels, each.times[:], each.values[:]) for (name, labels), each in self._series.items()]
        return Recording.of(self._looks[:], tracks)


@dataclass(frozen=True, slots=True)
class Recording:
    """All series of one service."""

    looks: Sequence[float]
    """When the service was looked at successfully, ascending."""
    tracks: Mapping[str, tuple[Track, ...]]
    """By name of the series, `..._bucket` and the like included."""
    late_s: float = 0.0
    """So much later than the first look a series may begin that was there before; several instances are not looked at
    in the same moment."""

    @classmethod
    def of(cls, looks: Sequence[float], tracks: Iterable[Track], *, late_s: float = 0.0) -> "Recording":
        """A recording of these tracks."""
        by_name: dict[str, list[Track]] = {}
        for track in tracks:
            by_name.setdefault(track.name, []).append(track)
        return cls(looks, {name: tuple(found) for name, found in by_name.items()}, late_s)

    def between(self, start: float, end: float) -> "Recording":
        """What was seen from start to end; a series without a sample then is absent."""
        inside = (track.between(start, end) for tracks in self.tracks.values() for track in tracks)
        first, last = bisect_left(self.looks, start), bisect_right(self.looks, end)
        return Recording.of(self.looks[first:last], (track for track in inside if track.times), late_s=self.late_s)

    @property
    def observed_s(self) -> float:
        """Seconds from the first look to the last."""
        return self.looks[-1] - self.looks[0] if self.looks else 0.0

    @property
    def gaps(self) -> tuple[float, ...]:
        """The distances between looks, seconds, that are far longer than the usual one."""
        return tuple(step for step in self._steps() if step > self._stale_s())

    def named(self, name: str) -> tuple[Track, ...]:
        """The series of that name."""
        return self.tracks.get(name, ())

    def spelling(self, quantity: Quantity, ending: str = "") -> SeriesName | None:
        """The first name under which a quantity is stated."""
        return next((each for each in quantity.spellings if f"{each.name}{ending}" in self.tracks), None)

    def increases(self, name: str) -> Iterator[tuple[Track, float]]:
        """Each series of that name with what it rose by."""
        for track in self.named(name):
            yield track, track.increase(self.looks[0] + self.late_s)

    def totals(self, name: str) -> list[float]:
        """A gauge's value at each look, all its series added up, each by its last sample if that is no later look's."""
        tracks = self.named(name)
        found = []
        for look in self.looks:
            known = [bisect_right(track.times, look) - 1 for track in tracks]
            values = [
                track.values[last]
                for track, last in zip(tracks, known, strict=True)
                if last >= 0 and look - track.times[last] <= self.late_s
            ]
            if values:
                found.append(sum(values))
        return found

    def _steps(self) -> list[float]:
        return [after - before for before, after in zip(self.looks, self.looks[1:], strict=False)]

    def _stale_s(self) -> float:
        """A distance that is far longer than the usual one between two looks."""
        steps = sorted(self._steps())
        return _GAP * steps[len(steps) // 2] if steps else 0.0


_EVERY_S: Final = ((60.0, 1.0), (600.0, 5.0))
"""Until so many seconds after the start, look so often: a short load needs close looks, a long one few."""
_LATER_S: Final = 15.0
_LEAST_S: Final = 0.01


def distance(elapsed_s: float) -> float:
    """Seconds until the next look, so many after the first."""
    return next((every for until, every in _EVERY_S if elapsed_s < until), _LATER_S)


class PeriodicSampler:
    """Looks at something again and again, from a thread of its own.

    Args:
        name: Names the thread.
        look: Looks once; given the event that says that what it sees is no longer wanted.
        distance: Seconds until the next look, by the seconds since the first.
    """

    def __init__(
        self, name: str, look: Callable[[threading.Event], None], distance: Callable[[float], float] = distance
    ) -> None:
        self._name = name
        self._look = look
        self._distance = distance
        self.over = threading.Event()
        """That of the looks that are under way, or were the last."""

    def start(self) -> None:
        """Begin, and end what began before: a load that left no summary is asked for nothing, so nobody stopped it."""
        self.stop()
        self.over = threading.Event()
        threading.Thread(target=self._follow, args=(self.over,), name=self._name, daemon=True).start()

    def stop(self) -> None:
        """End; the thread is not joined, since a service that hangs must not hold up the run's end."""
        self.over.set()

    def _follow(self, over: threading.Event) -> None:
        began = time.monotonic()
        while not over.is_set():
            asked = time.monotonic()
            try:
                self._look(over)
            except Exception:
                # Its connections may be closed by now.
                if not over.is_set():
                    raise
            over.wait(max(_LEAST_S, self._distance(asked - began) - (time.monotonic() - asked)))
