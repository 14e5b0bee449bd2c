"""The middle of a few runs, and how sure one can be of it."""

from collections.abc import Sequence

# Variance of the median of n normal values relative to that of their mean; from 11 on 1.5 (its limit is pi / 2).
_MEDIAN_PENALTY = (1.0, 1.0, 1.35, 1.19, 1.43, 1.29, 1.47, 1.34, 1.49, 1.38)
_MEDIAN_PENALTY_BEYOND = 1.5
FEWEST_FOR_MEDIAN = 3
MAD_TO_SD = 1.4826


def median(values: Sequence[float]) -> float:
    """Return the median of at least one value; of an even number, the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def centre(values: Sequence[float]) -> float:
    """Return the mean of one or two values, the median of three or more.

    The median of two is their mean, so one formula serves; of three or more a wild run moves it little.
    """
    return median(values)


def absolute_deviation(values: Sequence[float], middle: float) -> float:
    """Return 1.4826 times the median absolute deviation from `middle` (Rousseeuw and Croux 1993), 0 below three."""
    if len(values) < FEWEST_FOR_MEDIAN:
        return 0.0
    return MAD_TO_SD * median([abs(value - middle) for value in values])


def centre_variance(count: int) -> float:
    """Return the variance of the centre of `count` >= 1 runs, in units of the variance of one run."""
    penalty = _MEDIAN_PENALTY[count - 1] if count <= len(_MEDIAN_PENALTY) else _MEDIAN_PENALTY_BEYOND
    return penalty / count
