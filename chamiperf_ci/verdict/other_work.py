"""Other work on the generator's machine, where it took much more than while the baseline was made.

The generator's own lateness (verdict.md section 2) sees a generator that starves. Between that and a quiet machine lies
a state in which k6 is still punctual and every answer is some percent later: an embedded stack has to share its cores,
and what the host of a hosted runner takes away is taken from the middle of a request too. A slower number is then no
word about the service. Seen in a drill: of 9 comparisons of unchanged code, most with 20 to 30 points more of other
work beside them than their baseline had, one was called a regression of 9 %.
"""

import math
from dataclasses import dataclass, replace

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.verdict.decision import RowDecision

MOST_MORE = 0.10
"""Share of the machine's processor time by which other work may exceed what the busiest accepted run saw."""
_LEAST_LEFT = 0.01
"""Where other work took everything, any slow-down can be its doing."""


@dataclass(frozen=True, slots=True)
class OtherWork:
    """Other work beside a scenario's runs.

    Attributes:
        before: Share of the machine that it took beside the accepted run with most of it, 0 to 1.
        now: The same of the current runs, their median.
        may_be_the_stack: The stack runs on the same machine and its processes are not told from others. The work may
            then be the service's own, more of which is what a slower service looks like, and no excuse for it.
    """

    before: float
    now: float
    may_be_the_stack: bool = False

    @property
    def is_more(self) -> bool:
        """Whether it is so much more than before that it may be what is slow."""
        return self.now > self.before + MOST_MORE

    @property
    def factor(self) -> float:
        """By which whatever shares the machine may be slower: the processor time left to it then, by that left now."""
        return (1 - self.before) / max(_LEAST_LEFT, 1 - self.now)

    def judged(self, decision: RowDecision) -> RowDecision:
        """Return what is left of a decision: a regression that other work can explain is none that can be told.

        What is no slower in spite of it needs no excuse, and failures have none.
        """
        if self.may_be_the_stack or decision.verdict is not RowVerdict.REGRESSION:
            return decision
        if decision.reason is RowReason.MORE_ERRORS:
            return decision
        if decision.change is not None and decision.change.low > math.log(self.factor):
            return decision
        return replace(decision, verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)
