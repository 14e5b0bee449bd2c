"""Figures of services, database and memory from those series."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chamiperf_ci.adapters.prometheus import Track
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import JudgedTarget, ServerMetric
from chamiperf_ci.models.vocabulary import Direction, RowReason, TargetVerdict
from chamiperf_ci.steps.server_metrics import tracks as families
from chamiperf_ci.steps.server_metrics.tracks import Quantity, Recording, SeriesName, quantile
from chamiperf_ci.verdict.target import TOLERATED_GROWTH, MemoryDecision, judge_memory

if TYPE_CHECKING:
    from chamiperf_ci.steps.load.scenario import Span

SYNCING = ("bss", "cloud-init", "kea-sync")
"""Services that keep a copy of SMD's inventory."""
WITHOUT_DATABASE = ("kea-sync", "mcp")
FEWEST = 10
"""Requests that make a service one that is under load."""
FEWEST_OF_A_ROUTE = 100
FEWEST_QUERIES = 100
"""For a p99 with a target: of fewer it is the slowest one, and a single stall of the machine would decide the night."""
MOST_ROUTES = 12
_CLOCK_SLACK_S = 1.0
_P50, _P99 = 0.5, 0.99


@dataclass(frozen=True, slots=True)
class ObservedPhase:
    """One service over one phase.

    Attributes:
        service: Its name.
        recording: What it said in the phase.
        source: From the name of a series to the query or path that it was read by.
    """

    service: str
    recording: Recording
    source: Callable[[str], str]

    def figures(self) -> tuple[ServerMetric, ...]:
        """Every figure of a service under load; nothing of one that was left alone."""
        if not self._under_load():
            return ()
        return tuple(
            figure
            for group in (self._requests, self._routes, self._database, self._sync, self._processor)
            for figure in group()
        )

    def _under_load(self) -> bool:
        """Whether requests came; a service that does not count them may have had any."""
        if self.service == "kea-sync":
            return True
        return self.recording.spelling(families.REQUESTS, "_bucket") is None or self._answered() >= FEWEST

    def _answered(self) -> float:
        return sum(_whole(counts) for counts in self._by_route().values())

    def _requests(self) -> Iterator[ServerMetric]:
        if self.service == "kea-sync":
            return
        name = "server_request_rate"
        spelling = self.recording.spelling(families.REQUESTS, "_bucket")
        if spelling is None:
            yield self._missing(name, "/s", families.REQUESTS, direction=Direction.HIGHER)
        else:
            rate = self._answered() / self.recording.observed_s
            yield self._figure(name, "/s", rate, f"{spelling.name}_bucket", direction=Direction.HIGHER)
        yield self._peak("active_requests", "requests", families.ACTIVE)

    def _routes(self) -> Iterator[ServerMetric]:
        spelling = self.recording.spelling(families.REQUESTS, "_bucket")
        if spelling is None:
            return
        routes = self._by_route()
        sums = self._sums(f"{spelling.name}_sum")
        busiest = sorted(routes, key=lambda key: -_whole(routes[key]))[:MOST_ROUTES]
        for method, route in busiest:
            counts = routes[method, route]
            if _whole(counts) < FEWEST_OF_A_ROUTE:
                continue
            labels = {"method": method, "route": route}
            for name, share in (("server_p50", _P50), ("server_p99", _P99)):
                yield self._quantile(name, spelling, counts, share, labels=labels)
            if (method, route) in sums:
                mean = spelling.factor * sums[method, route] / _whole(counts)
                yield self._figure("server_mean", "ms", mean, f"{spelling.name}_sum", labels=labels)

    def _database(self) -> Iterator[ServerMetric]:
        if self.service in WITHOUT_DATABASE:
            return
        spelling = self.recording.spelling(families.QUERIES, "_bucket")
        if spelling is None:
            yield self._missing("db_query_p99", "ms", families.QUERIES)
        else:
            counts = self._cumulative(f"{spelling.name}_bucket")
            if 0 < _whole(counts) < FEWEST_QUERIES:
                few = f"needs {FEWEST_QUERIES:,} queries, saw {_whole(counts):,.0f}"
                yield self._without("db_query_p99", "ms", few)
            else:
                yield self._quantile("db_query_p99", spelling, counts, _P99)
            spent = sum(rise for _, rise in self.recording.increases(f"{spelling.name}_sum"))
            if (answered := self._answered()) >= FEWEST:
                per_request = spelling.factor * spent / answered
                yield self._figure("db_time_per_request", "ms", per_request, f"{spelling.name}_sum")
        yield self._utilisation()
        waiting = self.recording.spelling(families.POOL_WAIT, "_bucket")
        if waiting is not None:
            counts = self._cumulative(f"{waiting.name}_bucket")
            if _whole(counts) > 0:
                yield self._quantile("pool_wait_p99", waiting, counts, _P99)
        if self.recording.spelling(families.POOL_WAITING) is not None:
            yield self._peak("pool_waiting", "requests", families.POOL_WAITING)

    def _utilisation(self) -> ServerMetric:
        name = "pool_utilisation"
        active = self.recording.spelling(families.POOL_ACTIVE)
        size = self.recording.spelling(families.POOL_MAX)
        idle = self.recording.spelling(families.POOL_IDLE)
        if active is None or (size is None and idle is None):
            return self._missing(name, "share", families.POOL_ACTIVE, families.POOL_MAX, families.POOL_IDLE)
        in_use = self.recording.totals(active.name)
        if size is not None:
            whole = self.recording.totals(size.name)
        else:
            spare = self.recording.totals(idle.name) if idle else []
            whole = [used + free for used, free in zip(in_use, spare, strict=False)]
        shares = [used / of for used, of in zip(in_use, whole, strict=False) if of > 0]
        if not shares:
            return self._without(name, "share", "the pool says that it has no connections")
        return self._figure(name, "share", max(shares), active.name)

    def _sync(self) -> Iterator[ServerMetric]:
        if self.service not in SYNCING:
            return
        spelling = self.recording.spelling(families.SYNC_SUCCESS)
        if spelling is None:
            yield self._missing("sync_lag", "s", families.SYNC_SUCCESS)
        else:
            yield self._lag(spelling)
        if self.service == "kea-sync":
            pushed = self.recording.spelling(families.KEA_PUSHED)
            if pushed is None:
                yield self._missing("kea_push_rate", "/s", families.KEA_PUSHED, direction=Direction.HIGHER)
            else:
                rate = sum(rise for _, rise in self.recording.increases(pushed.name)) / self.recording.observed_s
                yield self._figure("kea_push_rate", "/s", rate, pushed.name, direction=Direction.HIGHER)

    def _lag(self, spelling: SeriesName) -> ServerMetric:
        """The longest time since the last good sync, by this machine's clock."""
        tracks = self.recording.named(spelling.name)
        lags = [
            time - value
            for track in tracks
            for time, value in zip(track.times, track.values, strict=True)
            # 0 is what a worker says that does not sync, or none yet.
            if value > 0
        ]
        if not lags:
            return self._without("sync_lag", "s", "it never synced")
        if min(lags) < -_CLOCK_SLACK_S:
            text = f"its clock is {-min(lags):.0f} s ahead of this machine's"
            return self._without("sync_lag", "s", text)
        return self._figure("sync_lag", "s", max(0.0, *lags), spelling.name)

    def _processor(self) -> Iterator[ServerMetric]:
        spelling = self.recording.spelling(families.CPU)
        if spelling is None:
            yield self._missing("cpu", "cores", families.CPU)
        else:
            used = sum(rise for _, rise in self.recording.increases(spelling.name)) / self.recording.observed_s
            yield self._figure("cpu", "cores", used, spelling.name)
        yield self._peak("memory", "MB", families.MEMORY)

    # How figures are made

    def _peak(self, name: str, unit: str, quantity: Quantity) -> ServerMetric:
        spelling = self.recording.spelling(quantity)
        if spelling is None:
            return self._missing(name, unit, quantity)
        return self._figure(name, unit, spelling.factor * max(self.recording.totals(spelling.name)), spelling.name)

    def _by_route(self) -> dict[tuple[str, str], dict[float, float]]:
        """Cumulative counts of requests by method and route, those of probes left out."""
        spelling = self.recording.spelling(families.REQUESTS, "_bucket")
        found: dict[tuple[str, str], dict[float, float]] = {}
        if spelling is None:
            return found
        for track, rise in self.recording.increases(f"{spelling.name}_bucket"):
            key = _route(track)
            if key[1] not in families.PROBES:
                _count(found.setdefault(key, {}), track, rise)
        return found

    def _sums(self, name: str) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for track, rise in self.recording.increases(name):
            found[_route(track)] = found.get(_route(track), 0.0) + rise
        return found

    def _cumulative(self, name: str) -> dict[float, float]:
        counts: dict[float, float] = {}
        for track, rise in self.recording.increases(name):
            _count(counts, track, rise)
        return counts

    def _quantile(
        self,
        name: str,
        spelling: SeriesName,
        counts: dict[float, float],
        share: float,
        *,
        labels: dict[str, str] | None = None,
    ) -> ServerMetric:
        found = quantile(counts, share)
        if found is None:
            return self._without(name, "ms", "nothing was observed in the phase")
        beyond = "beyond the histogram's last bound, so at least this" if found.at_least else ""
        value = spelling.factor * found.value
        figure = self._figure(name, "ms", value, f"{spelling.name}_bucket", labels=labels, note=beyond)
        return figure.model_copy(update={"resolution": spelling.factor * found.resolution})

    def _figure(
        self,
        name: str,
        unit: str,
        value: float,
        series: str,
        *,
        direction: Direction = Direction.LOWER,
        labels: dict[str, str] | None = None,
        note: str = "",
    ) -> ServerMetric:
        return ServerMetric(
            service=self.service,
            name=name,
            unit=unit,
            direction=direction,
            value=value,
            reason="; ".join(part for part in (note, self._observation_warnings()) if part),
            source=self.source(series),
            simulated=self._is_simulated(series),
            labels=labels or {},
            observed_s=self.recording.observed_s,
        )

    def _missing(
        self, name: str, unit: str, *quantities: Quantity, direction: Direction = Direction.LOWER
    ) -> ServerMetric:
        tried = tuple(spelling for quantity in quantities for spelling in quantity.names)
        figure = self._without(name, unit, f"the service has none of {', '.join(tried)}", direction)
        return figure.model_copy(update={"tried": tried})

    def _without(self, name: str, unit: str, reason: str, direction: Direction = Direction.LOWER) -> ServerMetric:
        return unavailable(self.service, name, unit, reason, direction).model_copy(
            update={"observed_s": self.recording.observed_s}
        )

    def _is_simulated(self, series: str) -> bool:
        family = series.removesuffix("_bucket").removesuffix("_sum").removesuffix(families.RATIO)
        marks = (track for name in families.SIMULATED.names for track in self.recording.named(name))
        return any(("family", family) in track.labels for track in marks)

    def _observation_warnings(self) -> str:
        """What a reader should know about how it was observed: gaps and restarts."""
        gaps = self.recording.gaps
        missed = (
            f"{len(gaps)} gap{'s' * (len(gaps) > 1)} between looks, the longest of {max(gaps):.0f} s" if gaps else ""
        )
        times = restarts(self.recording)
        restarted = f"the service restarted {len(times)} time{'s' * (len(times) > 1)}" if times else ""
        return "; ".join(part for part in (missed, restarted) if part)


def unavailable(
    service: str, name: str, unit: str, reason: str, direction: Direction = Direction.LOWER
) -> ServerMetric:
    """A figure that there is none of, and why."""
    return ServerMetric(service=service, name=name, unit=unit, direction=direction, value=None, reason=reason)


def restarts(recording: Recording) -> tuple[float, ...]:
    """When the process restarted, by its uptime and its processor time, either of which then falls."""
    watched = (name for quantity in (families.UPTIME, families.CPU) for name in quantity.names)
    return tuple(sorted({time for name in watched for track in recording.named(name) for time in track.restarts()}))


def _route(track: Track) -> tuple[str, str]:
    return track.label(families.METHOD) or "", track.label(families.ROUTE) or ""


def _count(counts: dict[float, float], track: Track, rise: float) -> None:
    try:
        bound = float(track.label(("le",)) or "")
    except ValueError:
        return
    counts[bound] = counts.get(bound, 0.0) + rise


def _whole(counts: dict[float, float]) -> float:
    return counts.get(math.inf, 0.0)


NAME = "memory_growth"
_PLACES = ("container", "pod", "instance", "service_instance_id")
_MINUTE = 60.0


def memory_growth(service: str, recording: Recording, source: Callable[[str], str]) -> Iterator[ServerMetric]:
    """Judge each process or container of a service; nothing where none states its memory."""
    name = next((name for name in families.MEMORY.names if recording.named(name)), None)
    if name is None:
        return
    tracks = recording.named(name)
    for track in tracks:
        yield _judged(service, track, restarts(recording), source(name), alone=len(tracks) == 1)


def _judged(service: str, track: Track, restarted: tuple[float, ...], source: str, *, alone: bool) -> ServerMetric:
    decision = judge_memory(track.times, track.values, restarts=restarted)
    return ServerMetric(
        service=service,
        name=NAME,
        unit="share",
        direction=Direction.LOWER,
        value=decision.growth,
        reason=_seen(decision),
        source=source,
        labels={} if alone else {name: value for name, value in track.labels if name in _PLACES},
        observed_s=decision.observed_s,
        judged=JudgedTarget(
            verdict=TargetVerdict(decision.verdict),
            limit=TOLERATED_GROWTH,
            reason=None if decision.reason is None else RowReason(decision.reason),
            source="ADR-012",
        ),
    )


def _seen(decision: MemoryDecision) -> str:
    """Over how long memory was seen, in whole minutes that are over, and what that is measured by."""
    needed, saw = (math.floor(seconds / _MINUTE) for seconds in (decision.needed_s, decision.observed_s))
    if decision.verdict is TargetVerdict.UNAVAILABLE:
        return f"needs {needed} minutes, saw {saw}"
    return f"growth per {needed} minutes; saw {saw} without a restart"


TARGETED = (("db_query_p99", "ms"), ("pool_utilisation", "share"))
"""Figures with a target: they are missed by name where a service says nothing."""
_FEWEST_LOOKS = 2


def phase_of(spans: "Sequence[Span]") -> "Span | None":
    """The phase that figures are read over: the sustained one, else the longest; None if none took place."""
    sustained = [span for span in spans if span.phase == SUSTAINED]
    return max(sustained or spans, key=lambda span: span.ended_at - span.started_at, default=None)


def service_metrics(
    service: str, recording: Recording, phase: "Span | None", source: Callable[[str], str], problem: str
) -> Iterator[ServerMetric]:
    """Every figure of a service.

    Args:
        service: Its name.
        recording: Everything seen of it.
        phase: What figures but memory's growth are read over.
        source: From the name of a series to where it was read.
        problem: Why the service could not be looked at, if it could not.
    """
    under_load = False
    if phase is not None:
        within = recording.between(phase.started_at.timestamp(), phase.ended_at.timestamp())
        if len(within.looks) >= _FEWEST_LOOKS:
            figures = ObservedPhase(service, within, source).figures()
            under_load = bool(figures)
            yield from figures
        elif service not in WITHOUT_DATABASE:
            seen = f"its metrics were read {len(within.looks)} times in the phase, and a rate needs two"
            for name, unit in TARGETED:
                yield unavailable(service, name, unit, "; ".join(part for part in (problem, seen) if part))
    # Of a service that was left alone, a look that is too short for a slope is not news.
    yield from (
        growth for growth in memory_growth(service, recording, source) if under_load or growth.value is not None
    )
