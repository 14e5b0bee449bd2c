"""Failures against the baseline: never a ratio of near-zero rates (verdict.md section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE
from chamiperf_ci.verdict.wilson import Failures, ShareInterval, share_interval

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
