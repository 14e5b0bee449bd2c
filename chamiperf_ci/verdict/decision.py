"""What was decided about one row: a verdict, why, and the numbers it rests on."""

import math
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.change import THIN_FACTORS, Change
from chamiperf_ci.verdict.error_rate import ErrorComparison
from chamiperf_ci.verdict.row_input import RowKey
from chamiperf_ci.verdict.stalled import StalledComparison


def is_thin(measured: Change) -> bool:
    """Say whether a change rests on a baseline of one or two runs; pairs bring their own baseline."""
    return not measured.by_pairs and measured.baseline_runs <= len(THIN_FACTORS)


FAR_ABOVE = math.log(2.5)
"""L95 of one run from which a night cannot end well without another one: of unchanged nights of 192 noisy rows 15 %
have such a row at the first look, and 0.4 % one that is left when two scenarios were repeated (docs/verdict.md)."""


@dataclass(frozen=True, slots=True)
class RowDecision:
    """A row's verdict and why.

    Attributes:
        key: Which number.
        kind: How it was judged.
        verdict: One of six.
        reason: Why; each has a card in the docs.
        tolerance: Slowdown accepted, as a fraction.
        theta: The same on the log scale.
        change: The change with its interval; None where nothing was compared, or counts were.
        stalled: The counts, for a row of stalled windows.
        errors: The rates, for a row of errors.
        suspect: One run can neither clear nor condemn it, and another run would help.
        above_tolerance: The estimate exceeds the tolerance and the row is no regression (the ADR's literal comparison).
        repeated: Decided anew with repeats or pairs.
        detail: What goes with the reason.
    """

    key: RowKey
    kind: RowKind
    verdict: RowVerdict
    reason: RowReason
    tolerance: float
    theta: float
    change: Change | None = None
    stalled: StalledComparison | None = None
    errors: ErrorComparison | None = None
    suspect: bool = False
    above_tolerance: bool = False
    repeated: bool = False
    detail: str = ""

    @property
    def is_thin(self) -> bool:
        """Whether the change rests on one or two baseline runs, which no p value can mend."""
        return self.change is not None and is_thin(self.change)

    @property
    def is_far_above(self) -> bool:
        """Whether one run lies so far above that nothing was decided until it is measured again."""
        alone = self.suspect and not self.repeated
        return alone and self.change is not None and self.change.low >= FAR_ABOVE

    @property
    def in_family(self) -> bool:
        """Whether the row's p values take part in section 6: a change of a quantity, no pairs, no thin baseline."""
        return self.change is not None and not self.change.by_pairs and not self.is_thin
