"""What is assumed of each class of metric before anything was measured: its spread between runs, its scale."""

import math
from collections.abc import Iterable
from types import MappingProxyType

from chamiperf_ci.models.vocabulary import Direction, MetricClass

# Standard deviation of ln(run statistic) between runs of unchanged code, on the noisy side of what was measured
# over public series (verdict.md section 4), so that a lucky baseline cannot promise more than runs keep.
PRIOR_SD = MappingProxyType(
    {
        MetricClass.P50: 0.04,
        MetricClass.P90: 0.06,
        MetricClass.P95: 0.07,
        MetricClass.P99: 0.08,
        MetricClass.P999: 0.12,
        MetricClass.THROUGHPUT: 0.03,
    }
)

_SMALLEST, _LARGEST = 1e-12, 1e15
"""In any unit in use; what lies beyond is no measurement, and its ratio to one has no meaning."""

_LARGEST_SHOWN = 300.0
"""Beyond e^300 a change is only "endless", and the exponential overflows not much later."""

# Requests so that at least ten lie beyond the quantile.
REQUESTS_NEEDED = MappingProxyType(
    {
        MetricClass.P50: 20,
        MetricClass.P90: 100,
        MetricClass.P95: 200,
        MetricClass.P99: 1_000,
        MetricClass.P999: 10_000,
    }
)


def log_tolerance(tolerance: float, direction: Direction) -> float:
    """Return theta, the slowdown accepted on the log scale, for a tolerance such as 0.20.

    ln(1 + tolerance) where low is good, -ln(1 - tolerance) where high is good.

    Raises:
        ValueError: `tolerance` is not above 0, or not below 1 where high is good.
    """
    if not 0 < tolerance < math.inf or (direction is Direction.HIGHER and tolerance >= 1):
        message = f"a tolerance of {tolerance} is none for a metric whose direction is {direction}"
        raise ValueError(message)
    return math.log1p(tolerance) if direction is Direction.LOWER else -math.log1p(-tolerance)


def as_worse(values: Iterable[float], direction: Direction) -> tuple[float, ...]:
    """Return ln(value), negated where high is good, so that up is always worse; values must be positive."""
    sign = 1.0 if direction is Direction.LOWER else -1.0
    return tuple(sign * math.log(value) for value in values)


def as_shown(log_change: float, direction: Direction) -> float:
    """Return the change as people read it: 0.2 is 20 % more of the metric, whichever way is good."""
    turned = log_change if direction is Direction.LOWER else -log_change
    return math.expm1(min(turned, _LARGEST_SHOWN))


def is_quantity(value: float) -> bool:
    """Say whether a value can be a latency or a rate: above zero, and of a size that anything here can have."""
    return _SMALLEST <= value <= _LARGEST
