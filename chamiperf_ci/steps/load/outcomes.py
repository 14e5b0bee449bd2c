"""The phases as they went: what each was to offer, what was achieved, and how many VUs were there; pure."""

from collections.abc import Sequence

from chamiperf_ci.models.plan import SUSTAINED, Load
from chamiperf_ci.models.run import LoadPlan, PhaseOutcome, PhasePlan
from chamiperf_ci.models.script_summary import ScriptSummary
from chamiperf_ci.steps.load.brake import Seen

_OLD_S = 1.0


def phase_outcomes(
    load: Load, plan: LoadPlan, summary: ScriptSummary, seen: Sequence[Seen]
) -> tuple[PhaseOutcome, ...]:
    """One outcome for each planned phase that began and whose length is known.

    Args:
        load: What the script was told.
        plan: The same, as the run's file states it.
        summary: What the script measured; a request belongs to the phase in which it was started.
        seen: What k6 said once a second while it ran.
    """
    found = []
    for phase in plan.phases:
        seconds = _seconds(phase, load, summary)
        if seconds:
            found.append(_outcome(phase, plan, summary, seen, seconds))
    return tuple(found)


def _seconds(phase: PhasePlan, load: Load, summary: ScriptSummary) -> float:
    """How long a phase lasted; 0 if it did not begin, or if it ended after a number of iterations that nobody timed."""
    planned = load.phase(phase.name)
    if planned is not None and planned.iterations:
        windows = next((series.windows for series in summary.series if series.windows), ())
        return sum(window.seconds for window in windows) if phase.name == SUSTAINED else 0.0
    return max(0.0, min(phase.duration_s, summary.duration_s - phase.start_s))


def _outcome(
    phase: PhasePlan, plan: LoadPlan, summary: ScriptSummary, seen: Sequence[Seen], seconds: float
) -> PhaseOutcome:
    requests = sum(traffic.requests for traffic in summary.traffic if traffic.phase == phase.name)
    return PhaseOutcome(
        name=phase.name,
        offered_per_s=phase.offered_per_s * phase.requests_per_iteration,
        achieved_per_s=requests / seconds,
        max_vus=_vus(phase, plan, summary, seen, seconds),
        in_flight=_busy_s(phase.name, summary) / seconds,
    )


def _busy_s(phase: str, summary: ScriptSummary) -> float:
    """Seconds that all requests of a phase took together: by Little's law, over its length, those in flight."""
    seen = [series.phases[phase] for series in summary.series if series.metric == "latency" and phase in series.phases]
    return sum(each.count * each.mean for each in seen) / 1000


def _vus(phase: PhasePlan, plan: LoadPlan, summary: ScriptSummary, seen: Sequence[Seen], seconds: float) -> int:
    """The most VUs that were seen in the phase.

    k6 tells its VUs once a second, and what it tells is up to a second old, so a phase of a second or two may go by
    unseen. The one with the highest plan has the run's maximum; of another one that went by unseen, nothing larger than
    its plan and that maximum can be said.
    """
    planned = max(phase.from_vus, phase.to_vus)
    if planned == max(max(each.from_vus, each.to_vus) for each in plan.phases):
        return summary.max_vus
    # One that ends when its iterations are done is followed by seconds without a VU.
    end_s = phase.start_s + seconds
    vus = [each.vus for each in seen if phase.start_s + _OLD_S <= each.at_s < end_s]
    return round(max(vus, default=min(planned, summary.max_vus)))
