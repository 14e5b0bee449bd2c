"""Student's t and the centre of a few runs; no scipy, which costs a second at every start."""

import math
from collections.abc import Sequence
from functools import lru_cache

_SMALLEST = 1e-300
_CONVERGED = 1e-16
_MOST_TERMS = 500


def tails(t: float, nu: float) -> tuple[float, float]:
    """Return P(T > t) and P(T < t) for Student's t with `nu` > 0 degrees of freedom (need not be whole)."""
    beyond = 0.0 if math.isinf(t) else 0.5 * _incomplete_beta(nu / 2, 0.5, nu / (nu + t * t))
    return (beyond, 1.0 - beyond) if t >= 0 else (1.0 - beyond, beyond)


@lru_cache(maxsize=4096)
def quantile(q: float, nu: float) -> float:
    """Return the value that T stays below with probability `q`, for 0 < q < 1 and `nu` > 0; cached.

    Raises:
        ValueError: `q` is not strictly between 0 and 1.
    """
    if not 0 < q < 1:
        message = f"a quantile is asked for at {q}; it exists strictly between 0 and 1"
        raise ValueError(message)
    if q < 0.5:  # noqa: PLR2004 - the median; the distribution is symmetric about it
        return -quantile(1 - q, nu)
    low, high = 0.0, 1.0
    while tails(high, nu)[0] > 1 - q:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if tails(middle, nu)[0] > 1 - q:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x),
    )
    # The fraction converges fast only left of the distribution's bulk; right of it I_x(a,b) = 1 - I_1-x(b,a) helps.
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1.0 - front * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    c = 1.0
    d = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + step * d)
            c = _away_from_zero(1.0 + step / c)
            value *= c * d
        if abs(c * d - 1.0) < _CONVERGED:
            break
    return value


def _away_from_zero(x: float) -> float:
    return x if abs(x) > _SMALLEST else _SMALLEST


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
