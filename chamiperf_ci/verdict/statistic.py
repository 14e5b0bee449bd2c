"""The class of a metric and the statistic of one run (verdict.md sections 2 and 3)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from chamiperf_ci.models.vocabulary import Direction, MetricClass, RowReason, Statistic

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

POOLED_PRIOR_SD = MappingProxyType({MetricClass.P99: 0.23, MetricClass.P999: 0.23})
"""The same of a quantile over the whole phase, where it differs: stalls that the median of windows does not see."""

_SMALLEST, _LARGEST = 1e-12, 1e15
"""In any unit in use; what lies beyond is not a measurement, and its ratio to one has no meaning."""

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


def prior_sd(metric_class: MetricClass, statistic: Statistic = Statistic.MEDIAN_OF_WINDOWS) -> float:
    """Return the spread between runs that is assumed of a metric, by its class and how its number is formed."""
    pooled = POOLED_PRIOR_SD if statistic is Statistic.POOLED else {}
    return pooled.get(metric_class, PRIOR_SD[metric_class])


PRIOR_WEIGHT = 4.0
_POOLED_PRIOR_WEIGHT = 0.25


def is_pooled_prior(prior_sd: float) -> bool:
    """Say whether a prior spread is that of a quantile over the whole phase where that differs."""
    return prior_sd >= min(POOLED_PRIOR_SD.values())


def prior_weight(prior_sd: float, *, knows_nights: bool) -> float:
    """Return how many observations a prior spread counts for.

    Four; a pooled p99's, which is wide because nobody knows how a service stalls, a quarter where enough nights say
    how: that took false rows of Gatling's nights from 0.69 to 0.43 % and found +20 % in 23 % in place of 3 %.
    """
    return _POOLED_PRIOR_WEIGHT if knows_nights and is_pooled_prior(prior_sd) else PRIOR_WEIGHT


def log_tolerance(tolerance: float, direction: Direction) -> float:
    """Return theta, the slowdown accepted on the log scale, for a tolerance such as 0.20.

    ln(1 + tolerance) where low is good, -ln(1 - tolerance) where high is good.

    Raises:
        ValueError: `tolerance` is not above 0, or not below 1 where high is good.
    """
    if not 0 < tolerance < math.inf or (direction is Direction.HIGHER and tolerance >= 1):
        message = f"a tolerance of {tolerance} is impossible for a metric whose direction is {direction}"
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


LARGEST_FAILED_SHARE = 0.01
LARGEST_BURST = 0.25
FEWEST_WINDOWS = 10
POOLED_FACTOR = 5
STANDS_OUT = 1.30
QUANTILES = ("p50", "p95", "p99", "p99.9")
"""Those that a row is made of, where the file has them; a run's file holds a finer grid."""
PLANNED_MARGIN = 1.3
"""How many more requests than it needs a window is planned with, so that a few less do not change what is judged."""
_SLOW_FROM = 0.75


def planned_statistic(metric_class: MetricClass, a_window: float, windows: int) -> Statistic | None:
    """Return how a quantile's number is formed, by what is planned; None where it can never be judged.

    Args:
        metric_class: Which quantile.
        a_window: Requests that are planned in a window; without windows in the whole phase.
        windows: How many windows are planned.
    """
    needed = REQUESTS_NEEDED[metric_class]
    if windows >= FEWEST_WINDOWS and a_window >= PLANNED_MARGIN * needed:
        return Statistic.MEDIAN_OF_WINDOWS
    return Statistic.POOLED if a_window * max(1, windows) >= POOLED_FACTOR * needed else None


@dataclass(frozen=True, slots=True)
class WindowQuantile:
    """One window: a quantile of it (None when it has none), its requests, how many failed, its length in seconds."""

    value: float | None
    requests: int
    failed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Pooled:
    """The same quantile over the whole phase, and the requests behind it."""

    value: float | None
    requests: int


@dataclass(frozen=True, slots=True)
class RunStatistic:
    """A run's number for one metric, or why there is none.

    Attributes:
        value: The statistic; None exactly when `reason` is set.
        statistic: How it was formed.
        reason: `error-burst`, `too-few-requests`, `not-a-quantity` or `not-measured`; None when there is a value.
        windows: Windows used.
        too_thin: Windows left out for too few requests.
        failing: Windows left out because more than 1 % of their requests failed.
        flawed: Windows left out because their number is none (NaN, infinite, zero or negative).
    """

    value: float | None
    statistic: Statistic
    reason: RowReason | None
    windows: int
    too_thin: int = 0
    failing: int = 0
    flawed: int = 0


def quantile_statistic(
    windows: Sequence[WindowQuantile],
    metric_class: MetricClass,
    pooled: Pooled | None = None,
    *,
    fewest_windows: int = FEWEST_WINDOWS,
    planned: Statistic | None = None,
) -> RunStatistic:
    """Return a run's latency quantile as the median over its valid windows.

    Args:
        windows: All planned windows of the sustained phase, also empty ones.
        metric_class: Which quantile; it decides how many requests a window needs.
        pooled: The phase's quantile, used (and named) when fewer than `fewest_windows` windows are left and the phase
            has five times the requests a window needs.
        fewest_windows: Windows that a median needs.
        planned: How the plan has the number formed. By `pooled` the windows are not looked at, and the phase may fall
            short of its five times by as much as a plan has in hand.

    Raises:
        ValueError: `metric_class` is not a quantile.
    """
    if metric_class not in REQUESTS_NEEDED:
        message = f"{metric_class} is not a quantile"
        raise ValueError(message)
    needed = REQUESTS_NEEDED[metric_class]
    # A window is left out for one reason only, the first that holds, so that the counts add up.
    calm = [window for window in windows if window.failed <= LARGEST_FAILED_SHARE * window.requests]
    thick = [window for window in calm if window.requests >= needed]
    values = [window.value for window in thick if window.value is not None and is_quantity(window.value)]
    failing = len(windows) - len(calm)
    left_out = (len(calm) - len(thick), failing, len(thick) - len(values))
    if failing > LARGEST_BURST * len(windows):
        return _without(RowReason.ERROR_BURST, len(values), left_out)
    if len(values) >= fewest_windows and planned is not Statistic.POOLED:
        return RunStatistic(median(values), Statistic.MEDIAN_OF_WINDOWS, None, len(values), *left_out)
    requests = pooled.requests if pooled else sum(window.requests for window in windows)
    if requests <= 0:
        return _without(RowReason.NOT_MEASURED, len(values), left_out)
    least = POOLED_FACTOR * needed / (PLANNED_MARGIN if planned is Statistic.POOLED else 1)
    if pooled is None or requests < least:
        flawed_only = left_out[2] > 0 and len(thick) >= fewest_windows
        return _without(RowReason.NOT_A_QUANTITY if flawed_only else RowReason.TOO_FEW_REQUESTS, len(values), left_out)
    if pooled.value is None or not is_quantity(pooled.value):
        return _without(RowReason.NOT_A_QUANTITY, len(values), left_out)
    return RunStatistic(pooled.value, Statistic.POOLED, None, len(values), *left_out)


def slow_quarter_statistic(
    windows: Sequence[WindowQuantile],
    metric_class: MetricClass,
    *,
    direction: Direction = Direction.LOWER,
    fewest_windows: int = FEWEST_WINDOWS,
) -> RunStatistic:
    """Return what the slowest quarter of a run's windows reaches: of 20, the fifth slowest.

    A part of a run that is slow moves it by all it is slower, as soon as it is a quarter; the median of windows moves
    by all only from a half on. Two stalled windows of twenty do not reach it (`stalled` counts those).
    """
    median_of = quantile_statistic(windows, metric_class, fewest_windows=fewest_windows)
    if median_of.value is None:
        return replace(median_of, statistic=Statistic.SLOW_QUARTER)
    needed = REQUESTS_NEEDED[metric_class]
    values = sorted(
        window.value
        for window in windows
        if window.failed <= LARGEST_FAILED_SHARE * window.requests
        and window.requests >= needed
        and window.value is not None
        and is_quantity(window.value)
    )
    if direction is Direction.HIGHER:
        values.reverse()
    reached = values[min(math.ceil(_SLOW_FROM * len(values)), len(values) - 1)]
    return replace(median_of, value=reached, statistic=Statistic.SLOW_QUARTER)


def slow_quarter_stands_out(reached: Sequence[float], medians: Sequence[float], accepted: Sequence[float]) -> bool:
    """Say whether the slow quarter of every run stands out, where no accepted run has one to compare it with.

    It does when it lies by 30 % or more above the run's own median window and above that of the accepted runs. Of runs
    whose windows scatter as they always did, none in 8,000 did so by p50 or p95, and 0.4 % by p99 (measured on
    Gatling's windows, bench/verdict/README.md).
    """
    usual = median(accepted)
    runs = zip(reached, medians, strict=True)
    return bool(reached) and all(part >= STANDS_OUT * max(own, usual) for part, own in runs)


def throughput_statistic(windows: Sequence[WindowQuantile]) -> RunStatistic:
    """Return requests per second as the median over windows of count / seconds; a window without either is left out."""
    rates = [window.requests / window.seconds for window in windows if window.seconds > 0 and window.requests > 0]
    flawed = len(windows) - len(rates)
    if not rates:
        reason = RowReason.NOT_MEASURED
        return RunStatistic(None, Statistic.MEDIAN_OF_WINDOWS, reason, 0, flawed=flawed)
    return RunStatistic(median(rates), Statistic.MEDIAN_OF_WINDOWS, None, len(rates), flawed=flawed)


def value_statistic(value: float | None) -> RunStatistic:
    """Return a scalar of the scenario's own (a duration, a rate) as a run's statistic."""
    if value is None:
        return RunStatistic(None, Statistic.VALUE, RowReason.NOT_MEASURED, 0)
    if not is_quantity(value):
        return RunStatistic(None, Statistic.VALUE, RowReason.NOT_A_QUANTITY, 0)
    return RunStatistic(value, Statistic.VALUE, None, 0)


def _without(reason: RowReason, windows: int, left_out: tuple[int, int, int]) -> RunStatistic:
    return RunStatistic(None, Statistic.MEDIAN_OF_WINDOWS, reason, windows, *left_out)


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
