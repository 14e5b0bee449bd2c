"""Why a run cannot be judged (verdict.md section 2); pure: each reason with its numbers.

That load was not reached condemns a run only where VUs are missing or the generator was in bad health: with a healthy
generator a rate below the plan is the server's doing, and exactly what is to be judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chamiperf_ci.adapters.k6 import Ending, K6Outcome, Said
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import GeneratorHealth, LoadPlan, PhaseOutcome, RunProblem
from chamiperf_ci.models.script_summary import ScriptSummary
from chamiperf_ci.models.vocabulary import RunReason


@dataclass(frozen=True, slots=True)
class ValidityLimits:
    """The defaults of verdict.md section 2, and of issue 3 for 429."""

    dropped_share: float = 0.001
    reached_share: float = 0.95
    windows_share: float = 0.5
    throttled_share: float = 0.001
    refused_share: float = 0.001
    thrown_share: float = 0.001
    """Of the iterations, how many may end in an exception of the script."""


def ended_badly(outcome: K6Outcome, *, has_summary: bool) -> RunProblem | None:
    """The problem of a load that did not come to its planned end, or None."""
    if outcome.order is not None:
        reasons = {reason.value: reason for reason in RunReason}
        return RunProblem(reason=reasons.get(outcome.order.reason, RunReason.INCOMPLETE), text=outcome.order.text)
    if outcome.ending is Ending.THREW:
        return RunProblem(reason=RunReason.SCRIPT_FAILED, text=outcome.text)
    if outcome.ending is Ending.COMPLETE:
        if has_summary:
            return None
        text = f"{outcome.text}, and left no summary"
        if outcome.thrown:
            return RunProblem(reason=RunReason.SCRIPT_FAILED, text=f"{text}: {outcome.thrown[0].text}")
        return RunProblem(reason=RunReason.GENERATOR_DIED, text=text)
    reason = RunReason.INCOMPLETE if outcome.ending is Ending.STOPPED else RunReason.GENERATOR_DIED
    return RunProblem(reason=reason, text=outcome.text)


def problems(
    summary: ScriptSummary,
    plan: LoadPlan,
    health: GeneratorHealth,
    sustained: PhaseOutcome | None,
    *,
    arrivals: float,
    thrown: Sequence[Said] = (),
    limits: ValidityLimits | None = None,
) -> tuple[RunProblem, ...]:
    """What forbids a judgement, of a load that came to its end or was stopped.

    Args:
        summary: What was measured.
        plan: What was meant.
        health: How the generator was.
        sustained: The sustained phase as it went; None if the plan has none.
        arrivals: Planned arrivals; 0 for a load of VUs alone.
        thrown: What iterations ended in before they were through, of a load that came to its end.
        limits: Where a problem begins.
    """
    limits = limits or ValidityLimits()
    return (
        *_saturated(health),
        *_dropped(summary, arrivals, limits),
        *([] if sustained is None else _not_reached(plan, health, sustained, limits)),
        *(_few_windows(summary, plan, limits) if _asked_anything(summary) else (_nothing(summary),)),
        *_answers(summary, limits),
        *_cut_short(summary, thrown, limits),
    )


def _asked_anything(summary: ScriptSummary) -> bool:
    return any(traffic.requests for traffic in summary.traffic)


def _nothing(summary: ScriptSummary) -> RunProblem:
    """A load without a request, such as a burst whose setup found that Kea does not answer: nothing failed in it."""
    why = "; ".join(f"{each.what}: {each.reason}" for each in summary.unavailable)
    text = f"nothing was measured ({why})" if why else "nothing was measured"
    return RunProblem(reason=RunReason.INCOMPLETE, text=text)


def _saturated(health: GeneratorHealth) -> Iterator[RunProblem]:
    if health.saturated:
        text = f"the load generator was the bottleneck: {'; '.join(health.reasons)}"
        yield RunProblem(reason=RunReason.GENERATOR_SATURATED, text=text)


def _dropped(summary: ScriptSummary, arrivals: float, limits: ValidityLimits) -> Iterator[RunProblem]:
    if arrivals and summary.dropped_iterations > limits.dropped_share * arrivals:
        share = summary.dropped_iterations / arrivals
        text = f"{summary.dropped_iterations:,.0f} of {arrivals:,.0f} arrivals were dropped ({share:.2%})"
        yield RunProblem(reason=RunReason.DROPPED_ITERATIONS, text=text)


def _not_reached(
    plan: LoadPlan, health: GeneratorHealth, sustained: PhaseOutcome, limits: ValidityLimits
) -> Iterator[RunProblem]:
    planned_vus = max((phase.to_vus for phase in plan.phases if phase.name == SUSTAINED), default=0)
    vus_missing = sustained.max_vus < limits.reached_share * planned_vus
    slow = sustained.achieved_per_s < limits.reached_share * sustained.offered_per_s
    if vus_missing:
        text = f"{sustained.max_vus:,} VUs of {planned_vus:,} were there in the sustained phase"
        yield RunProblem(reason=RunReason.LOAD_NOT_REACHED, text=text)
    elif slow and health.saturated:
        text = (
            f"{sustained.achieved_per_s:,.0f} of {sustained.offered_per_s:,.0f} requests/s were made in the sustained "
            "phase, by a generator in bad health"
        )
        yield RunProblem(reason=RunReason.LOAD_NOT_REACHED, text=text)


def _few_windows(summary: ScriptSummary, plan: LoadPlan, limits: ValidityLimits) -> Iterator[RunProblem]:
    series = [series for series in summary.series if series.metric == "latency" and series.windows]
    if not series or not plan.windows:
        return
    filled = max(sum(window.count > 0 for window in each.windows) for each in series)
    if filled < limits.windows_share * plan.windows:
        text = f"{filled} of {plan.windows} windows have data"
        yield RunProblem(reason=RunReason.INCOMPLETE, text=text)


def _answers(summary: ScriptSummary, limits: ValidityLimits) -> Iterator[RunProblem]:
    requests = sum(traffic.requests for traffic in summary.traffic)
    throttled = sum(traffic.throttled for traffic in summary.traffic)
    refused = sum(traffic.refused for traffic in summary.traffic)
    if requests and throttled > limits.throttled_share * requests:
        text = f"{throttled:,} of {requests:,} requests were answered 429 ({throttled / requests:.2%})"
        yield RunProblem(reason=RunReason.THROTTLED, text=text)
    if requests and refused > limits.refused_share * requests:
        text = f"{refused:,} of {requests:,} requests were refused with 401 or 403; the credential does not last"
        yield RunProblem(reason=RunReason.AUTH_EXPIRED, text=text)


def _cut_short(summary: ScriptSummary, thrown: Sequence[Said], limits: ValidityLimits) -> Iterator[RunProblem]:
    """Iterations that an exception ended: what they had still to ask was never asked, and counts nowhere as failed."""
    times = sum(said.times for said in thrown)
    if times > limits.thrown_share * summary.iterations:
        text = (
            f"{times:,} of {summary.iterations:,.0f} iterations ended in an exception of the script: {thrown[0].text}"
        )
        yield RunProblem(reason=RunReason.SCRIPT_FAILED, text=text)
