"""Was the load generator itself the bottleneck? Pure: vitals and the VUs' own clocks in, an answer with reasons out.

A slow server and a starved generator both lengthen requests. What tells them apart is the time that no server has a
part in: how late a VU wakes from its pacing sleep, and how long its iteration takes outside its requests. With a slow
server both stay small, whatever the latency; a generator that gets too little CPU is late with everything, so the same
delay also hides in its latencies, and the run says nothing of the stack. CPU alone condemns only where k6 has used
nearly all of the machine: a busy machine on which k6 is still punctual has measured the stack's own appetite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chamiperf_ci.adapters.k6 import Vitals
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Distribution, GeneratorHealth
from chamiperf_ci.models.script_summary import PhaseHealth, ScriptSummary
from chamiperf_ci.steps.load.distributions import at_share


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Above which numbers a generator counts as saturated."""

    cpu_share: float = 0.9
    """k6's share of all cores, 95th percentile."""
    late_ms: float = 40.0
    """Lateness (of iterations or of wake-ups, 99th percentile) that is never held against a generator, ms.

    Measured on 2 cores, 200 VUs at 10 requests a second: 2 to 5 ms in quiet phases and 17 to 30 ms beside moderate
    noise, with the median latency as it should be; 55 to 69 ms on a crowded machine, with the median 1.5 to 5 times
    that.
    """
    late_share: float = 0.25
    """Beyond that, lateness up to this share of the median latency is tolerated."""
    late_most_ms: float = 250.0
    """Lateness above this is never tolerated, ms."""


def judge(
    vitals: Sequence[Vitals],
    summary: ScriptSummary,
    *,
    cores: int,
    rss_mb: float,
    limits: HealthLimits | None = None,
) -> GeneratorHealth:
    """Say how the generator was, in the phase that is compared; without such a phase, over the whole load.

    A spike may be more than a generator can do, and a phase beside it is a measurement all the same.

    Args:
        vitals: Samples taken while that phase ran; none gives zeros.
        summary: What the script said.
        cores: Processors that k6 could use.
        rss_mb: The most memory that it had at any time, MB.
        limits: Where saturation begins.
    """
    limits = limits or HealthLimits()
    seen = summary.health.phases.get(SUSTAINED, summary.health)
    cpu = _p95([each.cpu_percent for each in vitals])
    reasons = []
    if cpu > limits.cpu_share * 100 * cores:
        reasons.append(f"k6 used {cpu:.0f} % CPU of {100 * cores} %")
    reasons.extend(lateness(seen, tolerated_ms=tolerated_ms(summary, SUSTAINED, limits)))
    return GeneratorHealth(
        cpu_percent_p95=cpu,
        machine_cpu_percent_p95=_p95([each.machine_cpu_percent for each in vitals]),
        cores=cores,
        rss_mb_max=rss_mb,
        dropped_iterations=round(summary.dropped_iterations),
        overrun_ms_p99=_p99(seen.overrun_ms),
        stall_ms_max=0.0 if seen.stall_ms is None else seen.stall_ms.max,
        time_series=summary.time_series,
        saturated=bool(reasons),
        reasons=tuple(reasons),
    )


def foreign_cpu_percent(vitals: Sequence[Vitals]) -> float | None:
    """Return what other work took of the machine on average, percent of all cores; None if nobody looked."""
    return round(float(np.mean([each.foreign_cpu_percent for each in vitals])), 1) if vitals else None


def other_phases(summary: ScriptSummary, *, limits: HealthLimits | None = None) -> tuple[str, ...]:
    """A sentence for each other phase in which the generator was late: its figures say little of the stack."""
    limits = limits or HealthLimits()
    found = []
    for phase, seen in summary.health.phases.items():
        late = lateness(seen, tolerated_ms=tolerated_ms(summary, phase, limits))
        if late and phase != SUSTAINED:
            found.append(f"in the phase {phase} the load generator was the bottleneck: {'; '.join(late)}")
    return tuple(found)


def lateness(health: PhaseHealth, *, tolerated_ms: float) -> list[str]:
    """What was late by more than is tolerated, with its numbers."""
    late = {
        "iterations took {:.0f} ms outside their requests and their pacing sleep": _p99(health.overrun_ms),
        "VUs woke {:.0f} ms late from their pacing sleep": late_waking_ms(health),
    }
    return [
        f"{text.format(value)} (p99); {tolerated_ms:.0f} ms are tolerated"
        for text, value in late.items()
        if value > tolerated_ms
    ]


def late_waking_ms(health: PhaseHealth) -> float:
    """99th percentile of how late VUs woke from their pacing sleep, ms.

    The scripts time every 16th iteration, and every wake-up that is more than 50 ms late: what is late is
    over-represented. The iterations' own times come from the same 16th without the addition, so their number gives the
    rank at which the fair sample's 99th percentile stands among all.
    """
    stall, fair = health.stall_ms, health.overrun_ms
    if stall is None:
        return 0.0
    watched = stall.count if fair is None else min(fair.count, stall.count)
    return at_share(stall, 0.99 * watched / stall.count)


def tolerated_ms(summary: ScriptSummary, phase: str, limits: HealthLimits) -> float:
    """How late a generator may be in a phase: what hardly shows in the latencies that were measured there, ms."""
    return min(max(limits.late_ms, limits.late_share * _typical_ms(summary, phase)), limits.late_most_ms)


def _typical_ms(summary: ScriptSummary, phase: str) -> float:
    """The median latency of the endpoint with most of the phase's requests, ms; 0 without requests.

    Not a higher quantile: what makes a generator late lengthens those of its latencies first.
    """
    found = [
        (distribution.count, distribution.quantiles.get("p50", 0.0))
        for series in summary.series
        if series.metric == "latency" and (distribution := series.phases.get(phase)) is not None
    ]
    return max(found, default=(0, 0.0))[1]


def _p99(distribution: Distribution | None) -> float:
    return 0.0 if distribution is None else distribution.quantiles.get("p99", distribution.max)


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95)) if values else 0.0
