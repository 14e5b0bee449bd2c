"""When a run or a row is not judged, as tables of conditions (verdict.md section 2).

Invalid means that the measurement cannot answer, unavailable that there is nothing to compare; neither is a pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import RowReason, RunReason, Statistic
from chamiperf_ci.verdict.statistic import RunStatistic


@dataclass(frozen=True, slots=True)
class Limits:
    """Where measurements stop being answers; every share is a fraction.

    Attributes:
        dropped: Largest share of planned iterations that an arrival-rate scenario may drop.
        reached: Smallest share of the planned rate, or VUs, that counts as reached.
        windows: Smallest share of planned windows that must have data.
        steps: Smallest number of resolution steps in a value; below 20 a step is over 5 %.
        offered: How many times a rate target a phase must offer to be able to show it.
    """

    dropped: float = 0.001
    reached: float = 0.95
    windows: float = 0.5
    steps: float = 20.0
    offered: float = 1.2


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What decides whether a run is judged at all.

    Attributes:
        saturated: The load step found the generator saturated.
        generator_healthy: No sign, however small, that the generator was the bottleneck.
        arrival_rate: The scenario offers arrivals at a rate, rather than a number of VUs.
        planned_iterations: Iterations of the whole plan; only for an arrival rate.
        dropped_iterations: Iterations that found no free VU.
        planned_rate: Requests per second the sustained phase offers; 0 where it has no fixed rate.
        achieved_rate: Requests per second the sustained phase saw.
        planned_vus: VUs of the sustained phase; 0 where the plan does not fix them.
        reached_vus: Most VUs seen in the sustained phase.
        ended_early: k6 did not come to the planned end.
        planned_windows: Windows of the sustained phase.
        windows_with_data: Windows that saw a request.
    """

    saturated: bool
    generator_healthy: bool
    arrival_rate: bool
    planned_iterations: float
    dropped_iterations: int
    planned_rate: float
    achieved_rate: float
    planned_vus: int
    reached_vus: int
    ended_early: bool
    planned_windows: int
    windows_with_data: int


def _load_not_reached(run: RunFacts, limits: Limits) -> bool:
    """A slow server lowers a closed model's rate too: that is judged as long as the generator did its part."""
    vus_missing = run.reached_vus < limits.reached * run.planned_vus
    rate_missing = run.achieved_rate < limits.reached * run.planned_rate
    return vus_missing or (rate_missing and not run.generator_healthy)


_RUN_CONDITIONS: tuple[tuple[RunReason, Callable[[RunFacts, Limits], bool]], ...] = (
    (RunReason.GENERATOR_SATURATED, lambda run, _: run.saturated),
    (
        RunReason.DROPPED_ITERATIONS,
        lambda run, limits: run.arrival_rate and run.dropped_iterations > limits.dropped * run.planned_iterations,
    ),
    (RunReason.LOAD_NOT_REACHED, _load_not_reached),
    (
        RunReason.INCOMPLETE,
        lambda run, limits: run.ended_early or run.windows_with_data < limits.windows * run.planned_windows,
    ),
)


def run_reasons(run: RunFacts, limits: Limits = DEFAULT_LIMITS) -> tuple[RunReason, ...]:
    """Return every reason for which a run is invalid, the first of the table first; empty when it is valid."""
    return tuple(reason for reason, holds in _RUN_CONDITIONS if holds(run, limits))


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What decides whether a row is judged.

    Attributes:
        run_valid: The current run is.
        current: The current run's statistic; None when the metric was not measured.
        baseline_statistics: How each accepted run of the same fingerprint formed its number; empty without a baseline.
        other_fingerprints: Baselines exist, only for other fingerprints.
        step: Smallest step between two values, in the metric's unit; 0 where there is none.
        simulated: The number is a stand-in's.
    """

    run_valid: bool
    current: RunStatistic | None
    baseline_statistics: Sequence[Statistic] = ()
    other_fingerprints: bool = False
    step: float = 0.0
    simulated: bool = False


def row_reason(row: RowFacts, limits: Limits = DEFAULT_LIMITS) -> RowReason | None:
    """Return why a row is not compared, the first that holds; None when it is.

    A metric that is in the baseline and not in the run is `not-measured`; one that the run names a reason for keeps
    that reason. A number that its step makes coarse is `resolution`: a change of one step would look like a finding.
    """
    if not row.run_valid:
        return RowReason.RUN_INVALID
    if row.current is None:
        return RowReason.NOT_MEASURED
    if row.other_fingerprints and not row.baseline_statistics:
        return RowReason.FINGERPRINT_MISMATCH
    if row.current.value is None:
        return row.current.reason
    conditions = (
        (RowReason.SIMULATED, row.simulated),
        (RowReason.RESOLUTION, row.step > 0 and row.current.value / row.step < limits.steps),
        (RowReason.NO_BASELINE, not row.baseline_statistics),
        (RowReason.STATISTIC_MISMATCH, any(kind is not row.current.statistic for kind in row.baseline_statistics)),
    )
    return next((reason for reason, holds in conditions if holds), None)


def is_offered(offered_rate: float, target_rate: float, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Say whether a phase offers enough for its rate to show the service and not the pace."""
    return offered_rate >= limits.offered * target_rate
