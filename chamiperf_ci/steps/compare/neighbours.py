"""Other work on the generator's machine, where it took much more than while the baseline was made.

The generator's own lateness (verdict.md section 2) sees a generator that starves. Between that and a quiet machine lies
a state in which k6 is still punctual and every answer is some percent later: an embedded stack has to share its cores,
and what the host of a hosted runner takes away is taken from the middle of a request too. A slower number is then no
word about the service. Seen in a drill: of 9 comparisons of unchanged code, most with 20 to 30 points more of other
work beside them than their baseline had, one was called a regression of 9 %.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.fingerprint import Machine
from chamiperf_ci.models.verdict import TargetResult
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.decision import RowDecision

MOST_MORE = 10.0
"""Points of the machine's processor time by which other work may exceed what the busiest accepted run saw."""


def busier(sitting: Sitting, baselines: Baselines) -> str:
    """Say that a scenario's runs had much more other work beside them than any accepted run; empty if not, or unknown.

    Pairs are never busier: old and new ran side by side, under the same work.
    """
    accepted = baselines.accepted(sitting.night.fingerprint)
    before = _foreign([run.machine for run in accepted.runs]) if accepted else []
    now = _foreign([run.machine for run in sitting.current])
    if sitting.pairs or not before or not now or median(now) <= max(before) + MOST_MORE:
        return ""
    return (
        f"other work took {numbers.percent(median(now) / 100)} % of the generator's machine, "
        f"at most {numbers.percent(max(before) / 100)} % in the accepted runs"
    )


def _foreign(machines: Sequence[Machine]) -> list[float]:
    return [machine.foreign_cpu_percent for machine in machines if machine.foreign_cpu_percent is not None]


def not_believed(decision: RowDecision) -> RowDecision:
    """Return the decision on a busier machine: a regression cannot be told from the machine's; the rest stands.

    What is no slower in spite of it needs no excuse.
    """
    if decision.verdict is not RowVerdict.REGRESSION or decision.reason is RowReason.MORE_ERRORS:
        return decision
    return replace(decision, verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)


def excused(target: TargetResult) -> TargetResult:
    """Return the target's result on a busier machine: a miss is no word about the service; the rest stands."""
    if target.verdict is not TargetVerdict.MISSED or target.low is not None:
        return target
    return target.model_copy(update={"verdict": TargetVerdict.INVALID, "reason": RowReason.MACHINE_BUSY})
