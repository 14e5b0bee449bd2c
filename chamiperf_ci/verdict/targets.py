"""Targets (SLO): what was seen against what is wanted, apart from any comparison (verdict.md section 8).

A metric can meet its target and have regressed, and the other way round; neither changes the other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import Direction, RowReason, TargetVerdict
from chamiperf_ci.verdict.centre import median
from chamiperf_ci.verdict.metric_class import is_quantity
from chamiperf_ci.verdict.validity import DEFAULT_LIMITS, Limits, is_offered
from chamiperf_ci.verdict.wilson import Failures, ShareInterval, share_interval

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
    runs: Sequence[float], limit: float, offered: float, *, sigma: float = 0.0, limits: Limits = DEFAULT_LIMITS
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
