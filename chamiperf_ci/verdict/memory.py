"""Does a service's memory grow? A robust slope with an interval, over the time that was observed.

Theil's and Sen's slope (Sen 1968): the median slope between pairs of samples, its interval from Kendall's variance.
Memory is strongly correlated from second to second, which would make the interval far too narrow; so samples are first
reduced to one median a minute, and the variance is widened by (1 + rho) / (1 - rho) for the correlation left between
neighbouring minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chamiperf_ci.models.vocabulary import RowReason, TargetVerdict
from chamiperf_ci.verdict.wilson import Z_95

NEEDED_S = 1800.0
TOLERATED_GROWTH = 0.05
_MINUTE = 60.0
_HOUR = 3600.0
_FEWEST_MINUTES = 8
_LARGEST_RHO = 0.9

Floats = NDArray[np.float64]


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
    slope = _sen(minutes, medians) if len(minutes) >= _FEWEST_MINUTES else None
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


def _by_minute(times: Floats, levels: Floats) -> tuple[Floats, Floats]:
    minute = np.floor((times - times[0]) / _MINUTE)
    starts = np.unique(minute)
    return (
        np.array([np.median(times[minute == start]) for start in starts]),
        np.array([np.median(levels[minute == start]) for start in starts]),
    )


def _sen(times: Floats, levels: Floats) -> tuple[float, float, float]:
    """Return the slope and its 95 % interval, per second."""
    n = len(times)
    first, second = np.triu_indices(n, k=1)
    slopes = np.sort((levels[second] - levels[first]) / (times[second] - times[first]))
    slope = float(np.median(slopes))
    variance = n * (n - 1) * (2 * n + 5) / 18 * _inflation(levels - slope * times)
    reach = Z_95 * math.sqrt(variance)
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return slope, float(slopes[low]), float(slopes[high])


def _inflation(residuals: Floats) -> float:
    centred = residuals - residuals.mean()
    power = float(centred @ centred)
    if power <= 0:
        return 1.0
    rho = min(max(float(centred[1:] @ centred[:-1]) / power, 0.0), _LARGEST_RHO)
    return (1 + rho) / (1 - rho)
