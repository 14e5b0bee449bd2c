"""When a row can be judged, what it meets of its target, whether memory is stable, and what a person has acknowledged.

Section 8 of verdict.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from chamiperf_ci.models.baselines import KnownProblem
from chamiperf_ci.models.verdict import Acknowledgement, Fact, Row, RowKey
from chamiperf_ci.models.vocabulary import Direction, FactWord, RowReason, RowVerdict, Statistic, TargetVerdict
from chamiperf_ci.verdict.counts import Z_95, Failures, ShareInterval, share_interval
from chamiperf_ci.verdict.row import RowDecision
from chamiperf_ci.verdict.statistic import RunStatistic, is_quantity, median

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowLimits:
    """Where measurements stop being answers.

    Attributes:
        steps: Smallest number of resolution steps in a value; below 20 a step is over 5 %.
        offered: How many times a rate target a phase must offer to be able to show it.
    """

    steps: float = 20.0
    offered: float = 1.2


DEFAULT_LIMITS = RowLimits()


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
        unlike_units: The run and what it would be compared with differ in unit or direction.
    """

    run_valid: bool
    current: RunStatistic | None
    baseline_statistics: Sequence[Statistic] = ()
    other_fingerprints: bool = False
    step: float = 0.0
    simulated: bool = False
    unlike_units: bool = False


def row_reason(row: RowFacts, limits: RowLimits = DEFAULT_LIMITS) -> RowReason | None:
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
    if row.unlike_units:
        return RowReason.UNIT_MISMATCH
    if row.current.value is None:
        return row.current.reason
    conditions = (
        (RowReason.SIMULATED, row.simulated),
        (RowReason.RESOLUTION, row.step > 0 and row.current.value / row.step < limits.steps),
        (RowReason.NO_BASELINE, not row.baseline_statistics),
        (RowReason.STATISTIC_MISMATCH, any(kind is not row.current.statistic for kind in row.baseline_statistics)),
    )
    return next((reason for reason, holds in conditions if holds), None)


def is_offered(offered_rate: float, target_rate: float, limits: RowLimits = DEFAULT_LIMITS) -> bool:
    """Say whether a phase offers enough for its rate to show the service and not the pace."""
    return offered_rate >= limits.offered * target_rate


_LEAST_LEFT = 0.01
"""Where other work took everything, any slow-down can be its doing."""


@dataclass(frozen=True, slots=True)
class OtherWork:
    """Other work beside a scenario's runs.

    Attributes:
        before: Share of the machine that it took beside the accepted run with most of it, 0 to 1.
        now: The same of the current runs, their median.
        may_be_the_stack: The stack runs on the same machine and its processes are not told from others. The work may
            then be the service's own, more of which is what a slower service looks like, and no excuse for it.
        busiest_quarter: The same in the quarter of each run in which it took most: what the slow quarter of a run's
            windows is held against, since a burst that fills a quarter is a quarter of itself on average.
    """

    before: float
    now: float
    may_be_the_stack: bool = False
    busiest_quarter: "OtherWork | None" = None

    def in_reach_of(self, key: RowKey) -> "OtherWork":
        """Return the work beside what a row was measured in."""
        return self.busiest_quarter if self.busiest_quarter is not None and key.whole != key else self

    @property
    def factor(self) -> float:
        """By which whatever shares the machine may be slower: the processor time left to it then, by that left now."""
        return (1 - self.before) / max(_LEAST_LEFT, 1 - self.now)

    def moves(self, tolerance: float) -> bool:
        """Whether it is so much more than before that it can move a row by half of its tolerance."""
        return self.factor >= 1 + tolerance / 2

    def judged(self, decision: RowDecision) -> RowDecision:
        """Return what is left of a decision: a regression that other work can explain says nothing.

        What is no slower in spite of it needs no excuse, and failures have none.
        """
        if self.may_be_the_stack or decision.verdict is not RowVerdict.REGRESSION or not self.moves(decision.tolerance):
            return decision
        if decision.reason is RowReason.MORE_ERRORS:
            return decision
        if decision.change is not None and decision.change.low > math.log(self.factor):
            return decision
        return replace(decision, verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)


LIMIT_BAND = 2.0
LARGEST_ERROR_RATE = 0.001


@dataclass(frozen=True, slots=True)
class TargetDecision:
    """A target's verdict.

    Attributes:
        verdict: `at the limit` counts as met, with a mark.
        value: The value judged, the median of runs; None where there is none.
        limit: The target.
        reason: Why the target was not judged; None when it was.
        interval: The error rate's interval; None for other targets.
    """

    verdict: TargetVerdict
    value: float | None
    limit: float
    reason: RowReason | None = None
    interval: ShareInterval | None = None


def judge_target(
    runs: Sequence[float], limit: float, *, direction: Direction = Direction.LOWER, sigma: float = 0.0
) -> TargetDecision:
    """Judge a quantity against its target.

    Args:
        runs: Each current run's value: the pooled quantile of the phase, its throughput, a share of a pool.
        limit: The target, above 0; a value must stay below it (above it where high is good).
        direction: Which way is good.
        sigma: The row's spread between runs without the factors for a thin baseline (`Change.spread`), or the class's
            prior without a baseline. Within 2 sigma of the target, on either side, it is `at the limit`.
    """
    if not runs:
        return TargetDecision(TargetVerdict.UNAVAILABLE, None, limit, RowReason.NOT_MEASURED)
    if not all(map(is_quantity, runs)):
        return TargetDecision(TargetVerdict.INVALID, None, limit, RowReason.NOT_A_QUANTITY)
    value = median(runs)
    if abs(math.log(value / limit)) < LIMIT_BAND * sigma:
        return TargetDecision(TargetVerdict.AT_THE_LIMIT, value, limit)
    met = value < limit if direction is Direction.LOWER else value > limit
    return TargetDecision(TargetVerdict.MET if met else TargetVerdict.MISSED, value, limit)


def judge_rate(
    runs: Sequence[float], limit: float, offered: float, *, sigma: float = 0.0, limits: RowLimits = DEFAULT_LIMITS
) -> TargetDecision:
    """Judge a rate against its target in a phase that offers `offered` per second.

    Below 1.2 times the target the pace would be measured, not the service: `not-offered`, which costs nothing.
    """
    if not is_offered(offered, limit, limits):
        return TargetDecision(TargetVerdict.UNAVAILABLE, median(runs) if runs else None, limit, RowReason.NOT_OFFERED)
    return judge_target(runs, limit, direction=Direction.HIGHER, sigma=sigma)


def judge_error_rate(runs: Sequence[Sequence[Failures]], limit: float = LARGEST_ERROR_RATE) -> TargetDecision:
    """Judge the error rate of the run whose rate is the median one (of an even number, the worse of the middle two).

    Met when Wilson's upper bound, widened for clumps, lies below the target; missed when the lower bound lies above;
    else at the limit. Zero failures prove less than 0.1 % only from 3,838 requests on.

    Args:
        runs: For each current run its windows.
        limit: The target, a fraction.
    """
    if not runs or any(sum(window.requests for window in run) <= 0 for run in runs):
        return TargetDecision(TargetVerdict.UNAVAILABLE, None, limit, RowReason.NOT_MEASURED)
    if any(not 0 <= window.failed <= window.requests for run in runs for window in run):
        return TargetDecision(TargetVerdict.INVALID, None, limit, RowReason.NOT_A_QUANTITY)
    intervals = sorted(map(share_interval, runs), key=lambda interval: (interval.share, interval.high))
    typical = intervals[len(intervals) // 2]
    if typical.high < limit:
        verdict = TargetVerdict.MET
    else:
        verdict = TargetVerdict.MISSED if typical.low > limit else TargetVerdict.AT_THE_LIMIT
    return TargetDecision(verdict, typical.share, limit, interval=typical)


NEEDED_S = 1800.0
TOLERATED_GROWTH = 0.05
_MINUTE = 60.0
_HOUR = 3600.0
_FEWEST_MINUTES = 8
_LARGEST_RHO = 0.9


@dataclass(frozen=True, slots=True)
class MemoryDecision:
    """A service's memory over its longest stretch without a restart.

    Attributes:
        verdict: `met` when growth over 30 minutes stays below 5 % by the whole interval, `missed` when it exceeds it by
            the whole interval, else `at the limit`; `unavailable` when less than 30 minutes were seen, `invalid` when
            30 minutes were seen but restarts cut them shorter.
        reason: `too-short`, `restarted` or `not-measured`; None when it was judged.
        per_hour: Slope in the samples' unit an hour; None when there are too few samples for one.
        interval: Its 95 % interval.
        growth: The slope as a share of the stretch's median level per 30 minutes.
        observed_s: Length of the longest stretch, seconds.
        needed_s: Seconds needed for a verdict.
        restarts: Moments of restarts, seconds, as given.
    """

    verdict: TargetVerdict
    reason: RowReason | None
    per_hour: float | None
    interval: tuple[float, float] | None
    growth: float | None
    observed_s: float
    needed_s: float
    restarts: tuple[float, ...]


def judge_memory(
    times_s: Sequence[float],
    values: Sequence[float],
    *,
    restarts: Sequence[float] = (),
    needed_s: float = NEEDED_S,
    tolerated_growth: float = TOLERATED_GROWTH,
) -> MemoryDecision:
    """Judge whether memory is stable.

    A slope is given as soon as eight minutes were seen, a verdict only from `needed_s` on: a short look proves nothing.

    Args:
        times_s: Seconds, ascending; one a sample.
        values: Memory at those times, above 0; samples that are not are left out.
        restarts: When the process started anew; the samples before and after are never compared.
        needed_s: Observed time that a verdict needs.
        tolerated_growth: Growth over `needed_s` that counts as stable, a fraction of the level.

    Raises:
        ValueError: Not as many times as values.
    """
    import numpy as np

    if len(times_s) != len(values):
        message = "memory needs a time for every sample"
        raise ValueError(message)
    times, levels = np.asarray(times_s, dtype=np.float64), np.asarray(values, dtype=np.float64)
    good = np.isfinite(times) & np.isfinite(levels) & (levels > 0)
    times, levels = times[good], levels[good]
    named = tuple(sorted(restarts))
    if not len(times):
        return MemoryDecision(TargetVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, None, None, None, 0.0, needed_s, named)
    stretch = np.searchsorted(named, times, side="right")
    lengths = {int(part): float(np.ptp(times[stretch == part])) for part in np.unique(stretch)}
    longest = max(lengths, key=lambda part: lengths[part])
    inside = stretch == longest
    observed = lengths[longest]
    minutes, medians = _by_minute(times[inside], levels[inside])
    slope = _theil_sen(minutes, medians) if len(minutes) >= _FEWEST_MINUTES else None
    in_needed_time = needed_s / float(np.median(levels[inside]))
    growth = tuple(in_needed_time * value for value in slope) if slope else None
    if growth and observed >= needed_s:
        verdict, reason = _verdict(growth, tolerated_growth), None
    elif np.ptp(times) >= needed_s and named:
        verdict, reason = TargetVerdict.INVALID, RowReason.RESTARTED
    else:
        verdict, reason = TargetVerdict.UNAVAILABLE, RowReason.TOO_SHORT
    return MemoryDecision(
        verdict=verdict,
        reason=reason,
        per_hour=_HOUR * slope[0] if slope else None,
        interval=(_HOUR * slope[1], _HOUR * slope[2]) if slope else None,
        growth=growth[0] if growth else None,
        observed_s=observed,
        needed_s=needed_s,
        restarts=named,
    )


def _verdict(growth: tuple[float, ...], tolerated: float) -> TargetVerdict:
    _, low, high = growth
    if high < tolerated:
        return TargetVerdict.MET
    return TargetVerdict.MISSED if low > tolerated else TargetVerdict.AT_THE_LIMIT


def _by_minute(times: "Floats", levels: "Floats") -> "tuple[Floats, Floats]":
    import numpy as np

    minute = np.floor((times - times[0]) / _MINUTE)
    starts = np.unique(minute)
    return (
        np.array([np.median(times[minute == start]) for start in starts]),
        np.array([np.median(levels[minute == start]) for start in starts]),
    )


def _theil_sen(times: "Floats", levels: "Floats") -> tuple[float, float, float]:
    """Return the slope and its 95 % interval, per second."""
    import numpy as np

    n = len(times)
    first, second = np.triu_indices(n, k=1)
    slopes = np.sort((levels[second] - levels[first]) / (times[second] - times[first]))
    slope = float(np.median(slopes))
    variance = n * (n - 1) * (2 * n + 5) / 18 * _inflation(levels - slope * times)
    reach = Z_95 * math.sqrt(variance)
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return slope, float(slopes[low]), float(slopes[high])


def _inflation(residuals: "Floats") -> float:
    centred = residuals - residuals.mean()
    power = float(centred @ centred)
    if power <= 0:
        return 1.0
    rho = min(max(float(centred[1:] @ centred[:-1]) / power, 0.0), _LARGEST_RHO)
    return (1 + rho) / (1 - rho)


def acknowledge(row: Row, problems: Sequence[KnownProblem], *, environment: str, night: date) -> Row:
    """Return the row with what covers it, or with a note on why a known problem does not."""
    notes = list(row.notes)
    covered, missed = row.acknowledged, row.target.acknowledged
    for problem in problems:
        mine = _concerns(problem, row.key, environment) or _concerns(problem, row.key.whole, environment)
        if not mine or not _applies(problem, row):
            continue
        why_not = _why_not(problem, row, night)
        if why_not is not None:
            notes.append(why_not)
        elif problem.what == "regression":
            covered = _acknowledgement(problem)
        else:
            missed = _acknowledgement(problem)
    return row.model_copy(
        update={
            "acknowledged": covered,
            "target": row.target.model_copy(update={"acknowledged": missed}),
            "notes": tuple(notes),
        }
    )


def no_longer_applying(
    rows: Sequence[Row], problems: Sequence[KnownProblem], *, environment: str, scenarios: Sequence[str]
) -> tuple[Fact, ...]:
    """Return each known problem of a measured scenario that is none any more and should be removed."""
    return tuple(
        Fact(
            word=FactWord.ACKNOWLEDGEMENT_OVER,
            values={"target": int(problem.what == "target"), "row": _named(problem)},
        )
        for problem in problems
        if problem.environment == environment
        and problem.scenario in scenarios
        and _is_over(problem, [row for row in rows if _concerns(problem, row.key, environment)])
    )


def _applies(problem: KnownProblem, row: Row) -> bool:
    """Whether the row shows what the known problem is about."""
    if problem.what == "regression":
        return row.verdict is RowVerdict.REGRESSION
    return row.target.verdict is TargetVerdict.MISSED


def _is_over(problem: KnownProblem, rows: Sequence[Row]) -> bool:
    """Only a clear answer ends a known problem: a pass, an improvement, a met target; never a row without a verdict."""
    if problem.what == "target":
        return any(row.target.verdict is TargetVerdict.MET for row in rows)
    return any(row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT) for row in rows)


def _concerns(problem: KnownProblem, key: RowKey, environment: str) -> bool:
    return problem.environment == environment and (
        problem.scenario,
        problem.endpoint,
        problem.metric,
        problem.phase,
    ) == (key.scenario, key.endpoint, key.metric, key.phase)


def _why_not(problem: KnownProblem, row: Row, night: date) -> Fact | None:
    if night > problem.expires:
        values: dict[str, float | str] = {"expires": problem.expires.isoformat(), "who": problem.who}
        return Fact(word=FactWord.ACKNOWLEDGEMENT_EXPIRED, values=values)
    if problem.what == "regression":
        worse = abs(row.change.ratio) if row.change else 0.0
        if worse > problem.extent:
            return Fact(word=FactWord.REGRESSION_GREW, values={"extent": problem.extent, "now": worse})
    elif row.target.value is not None and _beyond(problem, row):
        return Fact(word=FactWord.MISS_GREW, values={"extent": problem.extent, "now": row.target.value})
    return None


def _beyond(problem: KnownProblem, row: Row) -> bool:
    value = row.target.value or 0.0
    return value > problem.extent if row.target.bound == "below" else value < problem.extent


def _acknowledgement(problem: KnownProblem) -> Acknowledgement:
    return Acknowledgement(
        reason=problem.reason,
        who=problem.who,
        link=problem.link,
        expires=problem.expires.isoformat(),
        extent=problem.extent,
    )


def _named(problem: KnownProblem) -> str:
    where = f"{problem.scenario} / {problem.endpoint}" if problem.endpoint else problem.scenario
    return f"{where} {problem.metric}"
