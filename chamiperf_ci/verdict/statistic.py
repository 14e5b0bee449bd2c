"""The statistic of a run: the median over its valid windows, or the phase's pooled quantile where windows are too thin.

The median of windows moves little from run to run when a few windows stall (verdict.md section 3); what it is blind
to, `stalled` counts. Every window that is left out is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import MetricClass, RowReason, Statistic
from chamiperf_ci.verdict.centre import median
from chamiperf_ci.verdict.metric_class import REQUESTS_NEEDED, is_quantity

LARGEST_FAILED_SHARE = 0.01
LARGEST_BURST = 0.25
FEWEST_WINDOWS = 10
POOLED_FACTOR = 5


@dataclass(frozen=True, slots=True)
class Window:
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
    windows: Sequence[Window],
    metric_class: MetricClass,
    pooled: Pooled | None = None,
    *,
    fewest_windows: int = FEWEST_WINDOWS,
) -> RunStatistic:
    """Return a run's latency quantile as the median over its valid windows.

    Args:
        windows: All planned windows of the sustained phase, also empty ones.
        metric_class: Which quantile; it decides how many requests a window needs.
        pooled: The phase's quantile, used (and named) when fewer than `fewest_windows` windows are left and the phase
            has five times the requests a window needs.
        fewest_windows: Windows that a median needs.

    Raises:
        ValueError: `metric_class` is not a quantile.
    """
    if metric_class not in REQUESTS_NEEDED:
        message = f"{metric_class} is no quantile"
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
    if len(values) >= fewest_windows:
        return RunStatistic(median(values), Statistic.MEDIAN_OF_WINDOWS, None, len(values), *left_out)
    requests = pooled.requests if pooled else sum(window.requests for window in windows)
    if requests <= 0:
        return _without(RowReason.NOT_MEASURED, len(values), left_out)
    if pooled is None or requests < POOLED_FACTOR * needed:
        flawed_only = left_out[2] > 0 and len(thick) >= fewest_windows
        return _without(RowReason.NOT_A_QUANTITY if flawed_only else RowReason.TOO_FEW_REQUESTS, len(values), left_out)
    if pooled.value is None or not is_quantity(pooled.value):
        return _without(RowReason.NOT_A_QUANTITY, len(values), left_out)
    return RunStatistic(pooled.value, Statistic.POOLED, None, len(values), *left_out)


def throughput_statistic(windows: Sequence[Window]) -> RunStatistic:
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
