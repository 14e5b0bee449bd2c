"""What runs say of other work on the generator's machine; `verdict.other_work` says what follows from it."""

from collections.abc import Sequence
from statistics import median

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.fingerprint import Machine, StackKind
from chamiperf_ci.models.verdict import TargetResult
from chamiperf_ci.models.vocabulary import RowReason, TargetVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.other_work import OtherWork


def more_work_beside(sitting: Sitting, baselines: Baselines) -> OtherWork | None:
    """Return the other work beside a scenario's runs; None where it is not much more than before, or not known.

    Pairs have none: old and new ran side by side, beside the same work.
    """
    accepted = baselines.accepted(sitting.night.fingerprint)
    before = _shares([run.machine for run in accepted.runs]) if accepted else []
    now = _shares([run.machine for run in sitting.current])
    if sitting.pairs or not before or not now:
        return None
    where = sitting.night.fingerprint
    work = OtherWork(
        before=max(before),
        now=median(now),
        # An embedded stack's own processes are known and not among the other work.
        may_be_the_stack=where.generator_on_target_host and where.stack_kind is not StackKind.EMBEDDED,
    )
    return work if work.is_more else None


def _shares(machines: Sequence[Machine]) -> list[float]:
    return [each.foreign_cpu_percent / 100 for each in machines if each.foreign_cpu_percent is not None]


def described(work: OtherWork) -> str:
    """Return what a reader is told of it."""
    now, before = numbers.percent(work.now), numbers.percent(work.before)
    if work.may_be_the_stack:
        return (
            f"other processes used {now} % of the machine, at most {before} % beside the accepted runs; the stack runs "
            "on this machine, so they may be the service itself. To tell, compare the services' own processor time, or "
            "measure again on an otherwise idle machine"
        )
    return f"other work took {now} % of the generator's machine, at most {before} % in the accepted runs"


def excused(target: TargetResult, work: OtherWork) -> TargetResult:
    """Return what is left of a target: a miss that other work can explain is no word about the service."""
    if work.may_be_the_stack or target.verdict is not TargetVerdict.MISSED or target.low is not None:
        return target
    if target.value and target.limit:
        missed_by = target.value / target.limit if target.bound == "below" else target.limit / target.value
        if missed_by > work.factor:
            return target
    return target.model_copy(update={"verdict": TargetVerdict.INVALID, "reason": RowReason.MACHINE_BUSY})
