"""Stalled windows: what the median over windows is blind to.

A stall that hits one window in ten moves the median of windows by 1 %; so a run's stalled windows are counted, and
more of them in every run than in any baseline run is a regression (verdict.md section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.verdict.centre import median
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE
from chamiperf_ci.verdict.metric_class import is_quantity

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
        if not self.more:
            return RowVerdict.PASS, RowReason.WITHIN_TOLERANCE
        if len(self.baseline) < BASELINE_RUNS_NEEDED:
            return RowVerdict.INCONCLUSIVE, RowReason.THIN_BASELINE
        if len(self.current) < RUNS_TO_DECIDE:
            return RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED
        return RowVerdict.REGRESSION, RowReason.MORE_STALLED_WINDOWS


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
