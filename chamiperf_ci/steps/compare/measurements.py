"""What one run says about each row: its statistic, its failures, its stalled windows; knows nothing of baselines.

The one place where a run becomes numbers: `compare` judges them, `update-baseline` and `history` store them.
Definitions: verdict.md sections 2 (what is too thin to be a number), 3 (the statistic) and 8 (what a target looks at).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chamiperf_ci.models.run import Run, Scalar, Series, ServerMetric, Traffic
from chamiperf_ci.models.run import Window as RunWindow
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction, MetricClass, RowKind, RowReason, Statistic
from chamiperf_ci.verdict.metric_class import REQUESTS_NEEDED
from chamiperf_ci.verdict.stalled import count_stalled
from chamiperf_ci.verdict.statistic import (
    Pooled,
    RunStatistic,
    Window,
    quantile_statistic,
    throughput_statistic,
    value_statistic,
)
from chamiperf_ci.verdict.wilson import Failures

SUSTAINED = "sustained"
LATENCY = "latency"
THROUGHPUT = "throughput"
ERRORS = "errors"
STALLED = "stalled-windows"
COMPARED_QUANTILES = ("p50", "p95", "p99")
SHOWN_QUANTILES = ("p99.9",)
FEWEST_STEPS = 20
"""A value of fewer steps of its resolution moves by more than 5 % a step."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row's number in one run.

    Attributes:
        key: Names the row; unique within a run.
        kind: How the row is judged.
        metric_class: Decides the prior spread between runs.
        direction: Which way is good.
        unit: Unit of `value`, `pooled` and `offered`.
        value: The run's statistic; None where none could be formed. Of errors the share, of stalled windows the count.
        statistic: How `value` was formed.
        reason: Why the row cannot be judged; None when it can.
        count: Observations behind the value.
        resolution: Smallest step between two values, 0 if unknown.
        pooled: The same over the whole phase: what users saw, and what a target is held against.
        offered: What the plan offers, for a paced rate.
        compared: Whether it is held against a baseline; otherwise it is shown, and held against its target.
        failures: Failures per window of the sustained phase; of an errors row only.
        notes: What a reader should know about how the number came about.
        simulated: A stand-in's figure, which neither meets nor misses a target.
        service: The service behind the number, where one is.
    """

    key: RowKey
    kind: RowKind
    metric_class: MetricClass
    direction: Direction
    unit: str
    value: float | None
    statistic: Statistic
    reason: RowReason | None
    count: int
    resolution: float = 0.0
    pooled: float | None = None
    offered: float | None = None
    compared: bool = True
    failures: tuple[Failures, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False
    service: str = ""

    @property
    def shown(self) -> float | None:
        """The number to show even where none could be judged: the statistic, else the pooled value."""
        return self.pooled if self.value is None else self.value


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
        service = _service(run, series.endpoint)
        yield from _quantiles(run.scenario, series, service)
        if series.metric == LATENCY:
            if not is_paced(run):
                yield _throughput(run.scenario, series, service)
            yield _stalled(run.scenario, series, service)
            yield _errors(run.scenario, series, run.traffic, service)
    yield from _rates(run)
    yield from (_scalar(run.scenario, scalar) for scalar in run.scalars)
    yield from (_server(run.scenario, metric) for metric in run.server)


def _quantiles(scenario: str, series: Series, service: str) -> Iterator[Measurement]:
    for name in (*COMPARED_QUANTILES, *SHOWN_QUANTILES):
        yield from _quantile(scenario, series, name, service)
    for phase, pooled in series.phases.items():
        if phase == SUSTAINED:
            continue
        for name in COMPARED_QUANTILES:
            if name not in pooled.quantiles:
                continue
            metric_class = MetricClass(name)
            yield Measurement(
                key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=_metric(series, name), phase=phase),
                kind=RowKind.QUANTITY,
                metric_class=metric_class,
                direction=series.direction,
                unit=series.unit,
                value=pooled.quantiles[name],
                statistic=Statistic.POOLED,
                reason=None if pooled.count >= REQUESTS_NEEDED[metric_class] else RowReason.TOO_FEW_REQUESTS,
                count=pooled.count,
                resolution=series.resolution,
                pooled=pooled.quantiles[name],
                compared=False,
                service=service,
            )


def _quantile(scenario: str, series: Series, name: str, service: str) -> Iterator[Measurement]:
    phase = series.phases.get(SUSTAINED)
    pooled = Pooled(phase.quantiles.get(name), phase.count) if phase else None
    windows = [
        Window(window.quantiles.get(name), window.count, window.failed, window.seconds) for window in series.windows
    ]
    if (pooled is None or pooled.value is None) and not any(window.value is not None for window in windows):
        return
    formed = quantile_statistic(windows, MetricClass(name), pooled)
    yield Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=_metric(series, name)),
        kind=RowKind.QUANTITY,
        metric_class=MetricClass(name),
        direction=series.direction,
        unit=series.unit,
        value=formed.value,
        statistic=formed.statistic,
        reason=formed.reason or _resolution(formed.value, series.resolution),
        count=phase.count if phase else sum(window.count for window in series.windows),
        resolution=series.resolution,
        pooled=pooled.value if pooled else None,
        compared=series.compared and name in COMPARED_QUANTILES,
        notes=_notes(formed, len(windows)),
        service=service,
    )


def _throughput(scenario: str, series: Series, service: str) -> Measurement:
    windows = [Window(None, window.count, window.failed, window.seconds) for window in series.windows]
    formed = throughput_statistic(windows)
    seconds = sum(window.seconds for window in series.windows)
    count = sum(window.count for window in series.windows)
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=THROUGHPUT),
        kind=RowKind.QUANTITY,
        metric_class=MetricClass.THROUGHPUT,
        direction=Direction.HIGHER,
        unit="/s",
        value=formed.value,
        statistic=formed.statistic,
        reason=formed.reason,
        count=count,
        pooled=count / seconds if seconds > 0 else None,
        compared=series.compared,
        service=service,
    )


def _stalled(scenario: str, series: Series, service: str) -> Measurement:
    # A p99 of fewer requests scatters by more than a factor of two without any stall.
    thick = [window for window in series.windows if window.count >= REQUESTS_NEEDED[MetricClass.P99]]
    count = count_stalled([window.quantiles.get("p99", 0.0) for window in thick])
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=STALLED),
        kind=RowKind.STALLED_WINDOWS,
        metric_class=MetricClass.P99,
        direction=Direction.LOWER,
        unit="windows",
        value=float(count) if thick else None,
        statistic=Statistic.VALUE,
        reason=None if thick else RowReason.TOO_FEW_REQUESTS,
        count=len(thick),
        compared=series.compared,
        service=service,
    )


def _errors(scenario: str, series: Series, traffic: tuple[Traffic, ...], service: str) -> Measurement:
    failures = tuple(_failures(window) for window in series.windows)
    # Connections that failed leave no response and no window; the phase's own count has them all.
    whole = [t for t in traffic if (t.endpoint, t.phase) == (series.endpoint, SUSTAINED)]
    requests, failed = sum(t.requests for t in whole), sum(t.failed for t in whole)
    if failed > sum(window.failed for window in failures):
        failures = (Failures(failed, requests),)
    requests = requests or sum(window.requests for window in failures)
    share = sum(window.failed for window in failures) / requests if requests else None
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=series.endpoint, metric=ERRORS),
        kind=RowKind.ERRORS,
        metric_class=MetricClass.P99,
        direction=Direction.LOWER,
        unit="share",
        value=share,
        statistic=Statistic.VALUE,
        reason=None if requests else RowReason.NOT_MEASURED,
        count=requests,
        pooled=share,
        compared=series.compared,
        failures=failures,
        service=service,
    )


def _rates(run: Run) -> Iterator[Measurement]:
    """Each service's rate in each phase that holds a level, as achieved beside offered: for the rate targets."""
    seconds = {phase.name: phase.duration_s for phase in run.plan.phases}
    for outcome in run.phases:
        whole = sum(traffic.requests for traffic in run.traffic if traffic.phase == outcome.name)
        services = {traffic.service for traffic in run.traffic if traffic.phase == outcome.name}
        if not whole or seconds.get(outcome.name, 0.0) <= 0:
            continue
        for service in sorted(services):
            requests = sum(t.requests for t in run.traffic if (t.phase, t.service) == (outcome.name, service))
            rate = requests / seconds[outcome.name]
            yield Measurement(
                key=RowKey(scenario=run.scenario, endpoint=service, metric=f"service {THROUGHPUT}", phase=outcome.name),
                kind=RowKind.QUANTITY,
                metric_class=MetricClass.THROUGHPUT,
                direction=Direction.HIGHER,
                unit="/s",
                value=rate,
                statistic=Statistic.VALUE,
                reason=None,
                count=requests,
                pooled=rate,
                # Of a plan that several services share, each is offered its share of the requests.
                offered=outcome.offered_per_s * requests / whole if outcome.offered_per_s > 0 else None,
                compared=False,
                service=service,
            )


def _scalar(scenario: str, scalar: Scalar) -> Measurement:
    formed = value_statistic(scalar.value)
    rate = scalar.direction is Direction.HIGHER
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=scalar.endpoint, metric=scalar.name, phase=scalar.phase),
        kind=RowKind.QUANTITY,
        metric_class=MetricClass.THROUGHPUT if rate else _class_of(scalar.name),
        direction=scalar.direction,
        unit=scalar.unit,
        value=formed.value,
        statistic=formed.statistic,
        reason=formed.reason or _resolution(formed.value, scalar.resolution),
        count=scalar.count,
        resolution=scalar.resolution,
        pooled=scalar.value,
        compared=scalar.compared,
    )


def _server(scenario: str, metric: ServerMetric) -> Measurement:
    labels = ", ".join(metric.labels[name] for name in sorted(metric.labels))
    return Measurement(
        key=RowKey(scenario=scenario, endpoint=metric.service, metric=f"{metric.name} {labels}".strip()),
        kind=RowKind.QUANTITY,
        metric_class=_class_of(metric.name),
        direction=metric.direction,
        unit=metric.unit,
        value=metric.value,
        statistic=Statistic.VALUE,
        reason=RowReason.NOT_MEASURED if metric.value is None else None,
        count=1,
        resolution=metric.resolution,
        pooled=metric.value,
        compared=False,
        notes=(metric.reason,) if metric.reason else (),
        simulated=metric.simulated,
        service=metric.service,
    )


def _failures(window: RunWindow) -> Failures:
    return Failures(window.failed, window.count)


def _metric(series: Series, quantile: str) -> str:
    return quantile if series.metric == LATENCY else f"{series.metric} {quantile}"


def _class_of(name: str) -> MetricClass:
    """A quantity of one's own takes the class of the quantile in its name, else the noisy one of a p99."""
    return next((found for found in MetricClass if name.endswith(f"p{found.value.removeprefix('p')}")), MetricClass.P99)


def _resolution(value: float | None, step: float) -> RowReason | None:
    return RowReason.RESOLUTION if value is not None and step > 0 and value / step < FEWEST_STEPS else None


def _service(run: Run, endpoint: str) -> str:
    return next((traffic.service for traffic in run.traffic if traffic.endpoint == endpoint), "")


def _notes(formed: RunStatistic, planned: int) -> tuple[str, ...]:
    found = []
    if formed.statistic is Statistic.POOLED:
        found.append(f"pooled: only {formed.windows} of {planned} windows have enough requests")
    if formed.failing:
        found.append(f"{formed.failing} of {planned} windows left out: over 1 % of their requests failed")
    if formed.flawed:
        found.append(f"{formed.flawed} of {planned} windows left out: not a positive number")
    return tuple(found)
