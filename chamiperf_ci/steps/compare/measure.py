"""The measurements of a run: one number a metric, with what it rests on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import JudgedTarget, Run, Series, ServerMetric, Traffic
from chamiperf_ci.models.verdict import Fact, RowKey
from chamiperf_ci.models.vocabulary import SLOW_QUARTER, Direction, FactWord, MetricClass, RowKind, RowReason, Statistic
from chamiperf_ci.verdict.counts import Failures, count_stalled
from chamiperf_ci.verdict.statistic import (
    QUANTILES,
    REQUESTS_NEEDED,
    Pooled,
    RunStatistic,
    WindowQuantile,
    quantile_statistic,
    slow_quarter_statistic,
    throughput_statistic,
    value_statistic,
)

LATENCY = "latency"
THROUGHPUT = "throughput"
SERVICE_THROUGHPUT = "service throughput"
ERRORS = "errors"
STALLED = "stalled-windows"
ACHIEVED = "achieved-rate"
PROCESSOR_TIME = "cpu_per_request"
CONNECTIONS = ("blocked p95", "connecting p95")
_PARTS = ("p50", "p95")
"""Quantiles whose slow quarter is a row; p99 has its stalled windows."""

_CHANGING_LEVEL = ("ramp", "cool")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row's number in one run.

    Attributes:
        key: Names the row; unique within a run.
        kind: How the row is judged.
        direction: Which way is good.
        unit: Unit of the values.
        formed: The run's statistic, or why there is none. Of errors the share, of stalled windows the count.
        count: Observations behind the value; of stalled windows the windows looked at.
        resolution: Smallest step between two values, 0 if unknown.
        pooled: The same over the whole phase: what users saw, and what a target is held against.
        offered: What the plan offers, for a paced rate.
        windowed: The median of its windows where they suffice for one, also where the plan forms it otherwise.
        comparable: Whether it may be held against a baseline at all; whether it is, the rules of baselines.json say.
        off_plan: The plan says that it cannot be judged so; it is only where accepted runs of before hold it.
        failures: Failures per window of the sustained phase; of an errors row only.
        notes: What a reader should know about how the number came about.
        simulated: A stand-in's figure, which neither meets nor misses a target.
        service: The service behind the number, where one is.
        judged: The verdict on its target, where it was decided beside the samples.
    """

    key: RowKey
    kind: RowKind
    direction: Direction
    unit: str
    formed: RunStatistic
    count: int
    resolution: float = 0.0
    pooled: float | None = None
    windowed: float | None = None
    offered: float | None = None
    comparable: bool = True
    off_plan: bool = False
    failures: tuple[Failures, ...] = ()
    notes: tuple[Fact, ...] = ()
    simulated: bool = False
    service: str = ""
    judged: JudgedTarget | None = None

    @property
    def by_rule(self) -> bool:
        """Whether a rule may have it compared, although it is shown only without one."""
        return self.key.metric in (PROCESSOR_TIME, "db_time_per_request") and self.formed.value is not None

    @property
    def came_later(self) -> bool:
        """Whether entries of a baseline may lack it that were written before it was measured, without any news."""
        return self.formed.statistic is Statistic.SLOW_QUARTER or self.kind in (RowKind.CONNECTION, RowKind.RATE)

    def formed_as(self, statistic: Statistic) -> float | None:
        """The number as formed in a way; None where it cannot be."""
        if self.formed.value is None or statistic is self.formed.statistic:
            return self.formed.value
        other = {Statistic.POOLED: self.pooled, Statistic.MEDIAN_OF_WINDOWS: self.windowed}
        return other.get(statistic) if self.formed.statistic in other else None

    @property
    def shown(self) -> float | None:
        """The number to show even where none could be judged: the statistic, else the pooled value."""
        return self.pooled if self.formed.value is None else self.formed.value


def measure(run: Run) -> tuple[Measurement, ...]:
    """Return every row that the run has numbers for, in the order of its file.

    A valid run is not asked for: whether the run may be judged is the caller's question.
    """
    return tuple(_measurements(run))


def is_paced(run: Run) -> bool:
    """Whether the plan fixes the rate of the sustained phase, so that its throughput is the plan's, not a capacity."""
    return any(phase.offered_per_s > 0 for phase in run.plan.phases if phase.name == SUSTAINED)


def _measurements(run: Run) -> Iterator[Measurement]:
    for series in run.series:
        service = next((traffic.service for traffic in run.traffic if traffic.endpoint == series.endpoint), "")
        planned = run.plan.statistics.get(series.endpoint, {}) if series.metric == LATENCY else {}
        yield from _quantiles(run, series, service, planned)
        yield from _slow_quarters(run.scenario, series, service, planned)
        if series.metric == LATENCY:
            if not is_paced(run):
                yield _throughput(run.scenario, series, service)
            yield _stalled(run.scenario, series, service, planned)
            yield _errors(run.scenario, series, run.traffic, service)
    yield from _connections(run)
    yield from _achieved(run)
    yield from _rates(run)
    yield from (
        Measurement(
            key=RowKey(scenario=run.scenario, endpoint=scalar.endpoint, metric=scalar.name, phase=scalar.phase),
            kind=RowKind.QUANTITY,
            direction=scalar.direction,
            unit=scalar.unit,
            formed=value_statistic(scalar.value),
            count=scalar.count,
            resolution=scalar.resolution,
            pooled=scalar.value,
            comparable=scalar.compared,
        )
        for scalar in run.scalars
    )
    yield from (_server(run.scenario, metric) for metric in run.server)
    yield from _processor_times(run)


Planned = Mapping[str, Statistic | None]
"""How the plan forms each quantile of an endpoint; empty where it plans no rate."""


def _by_windows(planned: Planned, name: str) -> bool:
    """Whether the plan fills the windows for a quantile, or leaves that to what they hold."""
    return not planned or planned.get(name) is Statistic.MEDIAN_OF_WINDOWS


def _quantiles(run: Run, series: Series, service: str, planned: Planned) -> Iterator[Measurement]:
    """The quantiles of every phase: of the sustained one as planned, of the others pooled."""
    phases = series.phases if SUSTAINED in series.phases else {SUSTAINED: None, **series.phases}
    for phase, pooled in phases.items():
        for name in QUANTILES:
            if phase == SUSTAINED:
                formed = _sustained(series, name, planned.get(name))
            elif pooled is not None and name in pooled.quantiles:
                formed = _whole(pooled.quantiles[name], pooled.count, MetricClass(name))
            else:
                formed = None
            if formed is None:
                continue
            never = phase == SUSTAINED and bool(planned) and planned.get(name) is None
            windowed = _sustained(series, name, None) if phase == SUSTAINED else None
            by_windows = windowed is not None and windowed.statistic is Statistic.MEDIAN_OF_WINDOWS
            flaws = _notes(formed, len(series.windows), never=never) if phase == SUSTAINED else ()
            yield Measurement(
                key=RowKey(scenario=run.scenario, endpoint=series.endpoint, metric=_metric(series, name), phase=phase),
                kind=RowKind.QUANTITY,
                direction=series.direction,
                unit=series.unit,
                formed=formed,
                count=pooled.count if pooled else sum(window.count for window in series.windows),
                resolution=series.resolution,
                pooled=pooled.quantiles.get(name) if pooled else None,
                windowed=windowed.value if windowed and by_windows else None,
                comparable=series.compared and not never,
                off_plan=never,
                notes=(*flaws, *_left_open(run, series, name, phase)),
                service=service,
            )


def _slow_quarters(scenario: str, series: Series, service: str, planned: Planned) -> Iterator[Measurement]:
    for name in _PARTS:
        windows = [WindowQuantile(w.quantiles.get(name), w.count, w.failed, w.seconds) for w in series.windows]
        if not any(window.value is not None for window in windows):
            continue
        formed = slow_quarter_statistic(windows, MetricClass(name), direction=series.direction)
        yield Measurement(
            key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=_metric(series, f"{SLOW_QUARTER}{name}")),
            kind=RowKind.QUANTITY,
            direction=series.direction,
            unit=series.unit,
            formed=formed,
            count=sum(window.requests for window in windows),
            resolution=series.resolution,
            # Where the windows are too thin for a median of them, they are so for their slow quarter.
            comparable=series.compared and formed.value is not None and _by_windows(planned, name),
            off_plan=not _by_windows(planned, name),
            service=service,
        )


def _connections(run: Run) -> Iterator[Measurement]:
    """The time until a request has a connection, which http_req_duration leaves out."""
    for traffic in run.traffic:
        for metric, waited in zip(CONNECTIONS, (traffic.blocked_ms, traffic.connecting_ms), strict=True):
            if traffic.phase != SUSTAINED or waited is None or "p95" not in waited.quantiles:
                continue
            yield Measurement(
                key=RowKey(scenario=run.scenario, endpoint=traffic.endpoint, metric=metric),
                kind=RowKind.CONNECTION,
                direction=Direction.LOWER,
                unit="ms",
                formed=_counted(waited.quantiles["p95"], None),
                count=waited.count,
                resolution=0.001,
                service=traffic.service,
            )


def _achieved(run: Run) -> Iterator[Measurement]:
    """The share of the planned rate that the sustained phase achieved, where there is a plan of one."""
    outcome = next((phase for phase in run.phases if phase.name == SUSTAINED), None)
    if outcome is None or outcome.offered_per_s <= 0 or not is_paced(run):
        return
    yield Measurement(
        key=RowKey(scenario=run.scenario, endpoint="", metric=ACHIEVED),
        kind=RowKind.RATE,
        direction=Direction.HIGHER,
        unit="share",
        formed=_counted(max(0.0, outcome.achieved_per_s / outcome.offered_per_s), None),
        count=sum(requests_of(run).values()),
    )


def requests_of(run: Run) -> dict[str, int]:
    """Return how often each endpoint was asked in the sustained phase: as the phase and its windows agree, else less.

    The windows need not cover the phase; their rate is taken for all of it.
    """
    seconds = sum(phase.duration_s for phase in run.plan.phases if phase.name == SUSTAINED)
    found = {}
    for series in run.series:
        if series.metric != LATENCY:
            continue
        counts = [series.phases[SUSTAINED].count] if SUSTAINED in series.phases else []
        covered = sum(window.seconds for window in series.windows)
        if covered > 0 and seconds > 0:
            counts.append(round(sum(window.count for window in series.windows) * max(1.0, seconds / covered)))
        found[series.endpoint] = min(counts, default=0)
    return found


def _sustained(series: Series, name: str, planned: Statistic | None) -> RunStatistic | None:
    """The statistic of the sustained phase; None where neither a window nor the phase has this quantile."""
    phase = series.phases.get(SUSTAINED)
    pooled = Pooled(phase.quantiles.get(name), phase.count) if phase else None
    windows = [WindowQuantile(w.quantiles.get(name), w.count, w.failed, w.seconds) for w in series.windows]
    if (pooled is None or pooled.value is None) and all(window.value is None for window in windows):
        return None
    return quantile_statistic(windows, MetricClass(name), pooled, planned=planned)


def _whole(value: float, count: int, metric_class: MetricClass) -> RunStatistic:
    """A phase's quantile over all its responses, where it has enough of them."""
    if count < REQUESTS_NEEDED[metric_class]:
        return RunStatistic(None, Statistic.POOLED, RowReason.TOO_FEW_REQUESTS, 0)
    return replace(value_statistic(value), statistic=Statistic.POOLED)


def _throughput(scenario: str, series: Series, service: str) -> Measurement:
    seconds = sum(window.seconds for window in series.windows)
    count = sum(window.count for window in series.windows)
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=THROUGHPUT),
        kind=RowKind.QUANTITY,
        direction=Direction.HIGHER,
        unit="/s",
        formed=throughput_statistic([WindowQuantile(None, w.count, w.failed, w.seconds) for w in series.windows]),
        count=count,
        pooled=count / seconds if seconds > 0 else None,
        comparable=series.compared,
        service=service,
    )


def _stalled(scenario: str, series: Series, service: str, planned: Planned) -> Measurement:
    # A p99 of fewer requests scatters by more than a factor of two without any stall.
    thick = [window for window in series.windows if window.count >= REQUESTS_NEEDED[MetricClass.P99]]
    stalled = float(count_stalled([window.quantiles.get("p99", 0.0) for window in thick]))
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=STALLED),
        kind=RowKind.STALLED_WINDOWS,
        direction=Direction.LOWER,
        unit="windows",
        formed=_counted(stalled, RowReason.TOO_FEW_REQUESTS if not thick else None),
        count=len(thick),
        comparable=series.compared and bool(thick) and _by_windows(planned, "p99"),
        off_plan=not _by_windows(planned, "p99"),
        notes=()
        if thick
        else (Fact(word=FactWord.NO_THICK_WINDOW, values={"needed": REQUESTS_NEEDED[MetricClass.P99]}),),
        service=service,
    )


def _errors(scenario: str, series: Series, traffic: tuple[Traffic, ...], service: str) -> Measurement:
    windows = tuple(Failures(window.failed, window.count) for window in series.windows)
    # Connections that failed leave no response and no window; the phase's own count has them all.
    whole = [t for t in traffic if (t.endpoint, t.phase) == (series.endpoint, SUSTAINED)]
    total = Failures(sum(t.failed for t in whole), sum(t.requests for t in whole))
    failures = (total,) if total.failed > sum(window.failed for window in windows) else windows
    requests = sum(part.requests for part in failures)
    share = sum(part.failed for part in failures) / requests if requests else 0.0
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=ERRORS),
        kind=RowKind.ERRORS,
        direction=Direction.LOWER,
        unit="share",
        formed=_counted(share, None if requests else RowReason.NOT_MEASURED),
        count=requests,
        pooled=share,
        comparable=series.compared,
        failures=failures,
        service=service,
    )


def _rates(run: Run) -> Iterator[Measurement]:
    """Each service's rate in each phase that holds a level, achieved beside offered: what rate targets look at."""
    seconds = {phase.name: phase.duration_s for phase in run.plan.phases}
    for outcome in run.phases:
        in_phase = [traffic for traffic in run.traffic if traffic.phase == outcome.name]
        whole = sum(traffic.requests for traffic in in_phase)
        if outcome.name.startswith(_CHANGING_LEVEL) or whole == 0 or seconds.get(outcome.name, 0.0) <= 0:
            continue
        for service in sorted({traffic.service for traffic in in_phase}):
            requests = sum(traffic.requests for traffic in in_phase if traffic.service == service)
            rate = requests / seconds[outcome.name]
            yield Measurement(
                key=RowKey(scenario=run.scenario, endpoint=service, metric=SERVICE_THROUGHPUT, phase=outcome.name),
                kind=RowKind.QUANTITY,
                direction=Direction.HIGHER,
                unit="/s",
                formed=value_statistic(rate),
                count=requests,
                pooled=rate,
                # Of a plan that several services share, each is offered its share of the requests.
                offered=outcome.offered_per_s * requests / whole if outcome.offered_per_s > 0 else None,
                comparable=False,
                service=service,
            )


def _server(scenario: str, metric: ServerMetric) -> Measurement:
    labels = ", ".join(metric.labels[name] for name in sorted(metric.labels))
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=metric.service, metric=f"{metric.name} {labels}".strip()),
        kind=RowKind.QUANTITY,
        direction=metric.direction,
        unit=metric.unit,
        formed=value_statistic(metric.value),
        count=1,
        resolution=metric.resolution,
        pooled=metric.value,
        comparable=False,
        notes=(Fact(word=FactWord.SERVER_NOTE, values={"text": metric.reason}),) if metric.reason else (),
        simulated=metric.simulated,
        service=metric.service,
        judged=metric.judged,
    )


def _processor_times(run: Run) -> Iterator[Measurement]:
    """The processor time that each service spent on a request of the sustained phase, where it tells its own."""
    seconds = sum(phase.duration_s for phase in run.plan.phases if phase.name == SUSTAINED)
    for metric in run.server:
        mine = [each for each in run.traffic if each.service == metric.service and each.phase == SUSTAINED]
        requests = sum(each.requests for each in mine)
        if metric.name != "cpu" or metric.value is None or requests <= 0 or seconds <= 0:
            continue
        spent_ms = 1e3 * metric.value * seconds / requests
        yield Measurement(
            key=RowKey(scenario=run.scenario, endpoint=metric.service, metric=PROCESSOR_TIME),
            kind=RowKind.QUANTITY,
            direction=Direction.LOWER,
            unit="ms",
            formed=value_statistic(spent_ms),
            count=requests,
            pooled=spent_ms,
            comparable=False,
            simulated=metric.simulated,
            service=metric.service,
        )


def _counted(value: float, reason: RowReason | None) -> RunStatistic:
    """A count or share, which unlike a quantity may be zero."""
    return RunStatistic(None if reason else value, Statistic.VALUE, reason, 0)


def _left_open(run: Run, series: Series, quantile: str, phase: str) -> Iterator[Fact]:
    """What several load generators together leave open of a quantile, of the phase and of its windows."""
    found = [
        each
        for each in run.uncertain
        if (each.endpoint, each.metric, each.quantile, each.phase) == (series.endpoint, series.metric, quantile, phase)
    ]
    if found:
        widest = max(found, key=lambda each: each.high - each.low)
        windows = sum(each.window is not None for each in found)
        values = {"low": widest.low, "high": widest.high, "windows": windows, "planned": len(series.windows)}
        yield Fact(word=FactWord.MERGED_WITHIN, values={**values, "unit": series.unit})


def _metric(series: Series, quantile: str) -> str:
    return quantile if series.metric == LATENCY else f"{series.metric} {quantile}"


def _notes(formed: RunStatistic, planned: int, *, never: bool = False) -> tuple[Fact, ...]:
    counted = (
        (FactWord.POOLED, formed.windows, formed.statistic is Statistic.POOLED),
        (FactWord.WINDOWS_FAILING, formed.failing, bool(formed.failing)),
        (FactWord.WINDOWS_FLAWED, formed.flawed, bool(formed.flawed)),
    )
    facts = (
        Fact(word=word, values={"windows": windows, "planned": planned}) for word, windows, holds in counted if holds
    )
    return (*facts, *([Fact(word=FactWord.NEVER_JUDGED)] if never else []))
