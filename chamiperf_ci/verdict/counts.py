"""Counts and differences: error rates, stalled windows, waiting for connections, the share of the planned rate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE
from chamiperf_ci.verdict.statistic import is_quantity, median

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Failures:
    """How many of how many requests failed, in a window or in a run."""

    failed: int
    requests: int


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """A share with its 95 % interval, each in [0, 1]; `clumping` is phi, 1 where failures are independent."""

    failed: int
    requests: int
    share: float
    low: float
    high: float
    clumping: float


def wilson(failed: float, requests: float, *, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's interval for `failed` of `requests`, both in [0, 1]; (0, 1) where nothing was requested."""
    if requests <= 0:
        return (0.0, 1.0)
    share = failed / requests
    weight = z * z / requests
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / requests + weight / (4 * requests)) / (1 + weight)
    return (max(0.0, middle - half) if failed > 0 else 0.0, min(1.0, middle + half) if failed < requests else 1.0)


def clumping(windows: Sequence[Failures]) -> float:
    """Return phi >= 1: how much more the failures per window vary than independent failures would.

    chi^2 / (W - 1) over windows that had requests; 1 with fewer than two windows, no failures or nothing else.
    """
    used = [window for window in windows if window.requests > 0]
    requests = sum(window.requests for window in used)
    failed = sum(window.failed for window in used)
    if len(used) < 2 or failed <= 0 or failed >= requests:  # noqa: PLR2004 - one window has no spread
        return 1.0
    share = failed / requests
    chi_squared = math.fsum(
        (window.failed - window.requests * share) ** 2 / (window.requests * share * (1 - share)) for window in used
    )
    return max(1.0, chi_squared / (len(used) - 1))


def share_interval(windows: Sequence[Failures]) -> ShareInterval:
    """Pool windows (or runs) into one share, with Wilson's interval for failed / phi of requests / phi."""
    failed = sum(window.failed for window in windows)
    requests = sum(window.requests for window in windows)
    phi = clumping(windows)
    low, high = wilson(failed / phi, requests / phi)
    return ShareInterval(failed, requests, failed / requests if requests > 0 else 0.0, low, high, phi)


SMALLEST_RATE = 0.0005


@dataclass(frozen=True, slots=True)
class ErrorComparison:
    """The baseline's pooled error rate and each current run's; `more` says every current run lies clearly above."""

    baseline: ShareInterval
    current: tuple[ShareInterval, ...]
    more: bool

    @property
    def verdict(self) -> tuple[RowVerdict, RowReason]:
        """Regression needs three current runs; until then what would be one is inconclusive."""
        if not self.more:
            return RowVerdict.PASS, RowReason.WITHIN_TOLERANCE
        if len(self.current) < RUNS_TO_DECIDE:
            return RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED
        return RowVerdict.REGRESSION, RowReason.MORE_ERRORS


def compare_errors(baseline: Sequence[Failures], current: Sequence[Sequence[Failures]]) -> ErrorComparison:
    """Compare error rates.

    Args:
        baseline: Failures of all accepted runs together, a window each where they are known, else a run each.
        current: For each current run its windows.

    Returns:
        `more` when every current run's lower bound exceeds both the baseline's upper bound and 0.05 %.

    Raises:
        ValueError: One side has no requests.
    """
    pooled = share_interval(baseline)
    runs = tuple(share_interval(run) for run in current)
    if not runs or min(pooled.requests, *(run.requests for run in runs)) <= 0:
        message = "error rates are compared between runs that made requests"
        raise ValueError(message)
    return ErrorComparison(pooled, runs, all(run.low > max(pooled.high, SMALLEST_RATE) for run in runs))


STALL_FACTOR = 2.0
FEWEST_STALLED = 2
BASELINE_RUNS_NEEDED = 3


@dataclass(frozen=True, slots=True)
class StalledComparison:
    """Stalled windows of each run; `more`: every current run has at least two, and more than any baseline run."""

    baseline: tuple[int, ...]
    current: tuple[int, ...]
    more: bool

    @property
    def verdict(self) -> tuple[RowVerdict, RowReason]:
        """Regression needs three baseline and three current runs; until then what would be one is inconclusive."""
        return _worse_in_every_run(self, RowReason.MORE_STALLED_WINDOWS)


def _worse_in_every_run(
    compared: "StalledComparison | DifferenceComparison", found: RowReason
) -> tuple[RowVerdict, RowReason]:
    if not compared.more:
        return RowVerdict.PASS, RowReason.WITHIN_TOLERANCE
    if len(compared.baseline) < BASELINE_RUNS_NEEDED:
        return RowVerdict.INCONCLUSIVE, RowReason.THIN_BASELINE
    if len(compared.current) < RUNS_TO_DECIDE:
        return RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED
    return RowVerdict.REGRESSION, found


def count_stalled(window_p99s: Sequence[float], *, factor: float = STALL_FACTOR) -> int:
    """Count windows whose p99 lies above `factor` times the run's median window; a window without a number is none."""
    valid = [value for value in window_p99s if is_quantity(value)]
    if not valid:
        return 0
    limit = factor * median(valid)
    return sum(value > limit for value in valid)


def compare_stalled(baseline: Sequence[int], current: Sequence[int]) -> StalledComparison:
    """Compare counts of stalled windows, one a run, at least one run each.

    Raises:
        ValueError: One side has no run, or a count is negative.
    """
    if not baseline or not current or min(*baseline, *current) < 0:
        message = "stalled windows are compared between at least one run each, by counts of 0 or more"
        raise ValueError(message)
    more = min(current) >= FEWEST_STALLED and min(current) > max(baseline)
    return StalledComparison(tuple(baseline), tuple(current), more)


SMALLEST_WAIT_MS = 1.0
"""By which the p95 of the time for a connection must rise to be worth a word; unslowed it is some hundredths."""
NAMED_SHARE = 0.20
"""Share of an endpoint's own p95 from which the time for a connection is named where nothing says what it was."""
LOWEST_RATE = 0.95
RATE_DROP = 0.05
"""Share of the planned rate below which, and by which below the lowest accepted run, a rate is a regression."""


@dataclass(frozen=True, slots=True)
class DifferenceComparison:
    """A number of each run that may be 0, so that it is compared by its difference; `more`: worse in every run."""

    baseline: tuple[float, ...]
    current: tuple[float, ...]
    more: bool
    found: RowReason

    @property
    def verdict(self) -> tuple[RowVerdict, RowReason]:
        """As of stalled windows: three baseline and three current runs make a regression."""
        return _worse_in_every_run(self, self.found)


def compare_connections(
    baseline: Sequence[float], current: Sequence[float], *, tolerance: float
) -> DifferenceComparison:
    """Compare the p95 of the time for a connection, milliseconds, one a run, at least one run each.

    It is worse when every current run lies above the centre of the accepted ones by more than 1 ms and by more than
    the tolerance, and above each of them.

    Raises:
        ValueError: One side has no run.
    """
    _require(baseline, current)
    middle = median(baseline)
    limit = max(middle + SMALLEST_WAIT_MS, (1 + tolerance) * middle, *baseline)
    return DifferenceComparison(
        tuple(baseline), tuple(current), min(current) > limit, found=RowReason.SLOWER_CONNECTIONS
    )


def waits_for_connections(waited_ms: float, own_p95: float | None) -> bool:
    """Say whether a p95 of the time for a connection is worth a word where nothing says what it was before."""
    return waited_ms > max(SMALLEST_WAIT_MS, NAMED_SHARE * (own_p95 or 0.0))


def compare_rates(baseline: Sequence[float], current: Sequence[float]) -> DifferenceComparison:
    """Compare shares of the planned rate that were achieved, one a run, at least one run each.

    It is worse when every current run lies below 0.95 and at least 0.05 below the lowest accepted run.

    Raises:
        ValueError: One side has no run.
    """
    _require(baseline, current)
    # A run that achieved 0.95 of 1.00 is not below it for want of a binary fraction.
    limit = min(LOWEST_RATE, min(baseline) - RATE_DROP + 1e-9)
    return DifferenceComparison(tuple(baseline), tuple(current), max(current) < limit, found=RowReason.LOWER_RATE)


def fewer_requests(accepted: Sequence[int], now: int) -> float:
    """Return the requests of a run as a share of the accepted run with fewest, as far as counting can tell them apart.

    A plan that draws its requests scatters by the root of their number: a share that lies within five of those is 1.
    """
    least = min(accepted, default=0)
    if least <= 0 or now >= least:
        return 1.0
    luck = 5 * math.sqrt(least) / least
    return now / least if 1 - now / least > luck else 1.0


def _require(baseline: Sequence[float], current: Sequence[float]) -> None:
    if not baseline or not current:
        message = "a difference is formed between at least one run each"
        raise ValueError(message)
