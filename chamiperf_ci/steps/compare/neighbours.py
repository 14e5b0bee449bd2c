"""Other work on the generator's machine, where it took much more than while the baseline was made.

The generator's own lateness (verdict.md section 2) sees a generator that starves. Between that and a quiet machine lies
a state in which k6 is still punctual and every answer is some percent later: an embedded stack has to share its cores,
and what the host of a hosted runner takes away is taken from the middle of a request too. A slower number is then no
word about the service. Seen in a drill: of 9 comparisons of unchanged code, most with 20 to 30 points more of other
work beside them than their baseline had, one was called a regression of 9 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.fingerprint import Machine
from chamiperf_ci.models.verdict import TargetResult
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.decision import RowDecision

MOST_MORE = 0.10
"""Share of the machine's processor time by which other work may exceed what the busiest accepted run saw."""
_LEAST_LEFT = 0.01
"""Where other work took everything, any slow-down can be its doing."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Other work beside a scenario's runs, much more than beside any accepted run.

    Attributes:
        before: Share of the machine that it took beside the accepted run with most of it.
        now: The same of the current runs, their median.
    """

    before: float
    now: float

    @property
    def detail(self) -> str:
        """What a reader is told."""
        now, before = numbers.percent(self.now), numbers.percent(self.before)
        return f"other work took {now} % of the generator's machine, at most {before} % in the accepted runs"

    @property
    def factor(self) -> float:
        """By which whatever shares the machine may be slower: the processor time left to it then, by that left now."""
        return (1 - self.before) / max(_LEAST_LEFT, 1 - self.now)

    def judged(self, decision: RowDecision) -> RowDecision:
        """Return what is left of a decision: a regression that other work can explain is none that can be told.

        What is no slower in spite of it needs no excuse, and failures have none.
        """
        if decision.verdict is not RowVerdict.REGRESSION or decision.reason is RowReason.MORE_ERRORS:
            return decision
        if decision.change is not None and decision.change.low > math.log(self.factor):
            return decision
        return replace(decision, verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)

    def excused(self, target: TargetResult) -> TargetResult:
        """Return what is left of a target: a miss that other work can explain is no word about the service."""
        if target.verdict is not TargetVerdict.MISSED or target.low is not None:
            return target
        if target.value and target.limit:
            missed_by = target.value / target.limit if target.bound == "below" else target.limit / target.value
            if missed_by > self.factor:
                return target
        return target.model_copy(update={"verdict": TargetVerdict.INVALID, "reason": RowReason.MACHINE_BUSY})


def neighbours(sitting: Sitting, baselines: Baselines) -> Neighbours | None:
    """Return the other work beside a scenario's runs; None where it is no more than before, or not known.

    Pairs have none: old and new ran side by side, beside the same work.
    """
    accepted = baselines.accepted(sitting.night.fingerprint)
    before = _shares([run.machine for run in accepted.runs]) if accepted else []
    now = _shares([run.machine for run in sitting.current])
    if sitting.pairs or not before or not now or median(now) <= max(before) + MOST_MORE:
        return None
    return Neighbours(before=max(before), now=median(now))


def _shares(machines: Sequence[Machine]) -> list[float]:
    return [each.foreign_cpu_percent / 100 for each in machines if each.foreign_cpu_percent is not None]
