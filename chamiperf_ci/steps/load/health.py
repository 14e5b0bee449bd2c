"""Was the load generator itself the bottleneck? Pure: vitals and the VUs' own clocks in, an answer with reasons out.

A slow server and a starved generator both lengthen requests. What tells them apart is the time that no server has a
part in: how late a VU wakes from its pacing sleep, and how long its iteration takes outside its requests. With a slow
server both stay small, whatever the latency; a generator that gets too little CPU is late with everything, so the same
delay also hides in its latencies, and the run says nothing of the stack. CPU alone condemns only where k6 has used
nearly all of the machine: a busy machine on which k6 is still punctual has measured the stack's own appetite.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chamiperf_ci.adapters.k6 import Vitals
from chamiperf_ci.models.run import Distribution, GeneratorHealth
from chamiperf_ci.models.script_summary import ScriptHealth, ScriptSummary
from chamiperf_ci.steps.load.distributions import at_share


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Above which numbers a generator counts as saturated."""

    cpu_share: float = 0.9
    """k6's share of all cores, 95th percentile."""
    late_ms: float = 20.0
    """Lateness (of iterations or of wake-ups, 99th percentile) that is never held against a generator, ms."""
    late_share: float = 0.25
    """Beyond that, lateness up to this share of the median latency's slow tail (p99) is tolerated."""
    late_most_ms: float = 250.0
    """Lateness above this is never tolerated, ms."""


def judge(
    vitals: Sequence[Vitals], summary: ScriptSummary, *, cores: int, limits: HealthLimits | None = None
) -> GeneratorHealth:
    """Say how the generator was.

    Args:
        vitals: Samples taken while the load ran; none gives zeros.
        summary: What the script said.
        cores: Processors that k6 could use.
        limits: Where saturation begins.
    """
    limits = limits or HealthLimits()
    cpu = _p95([each.cpu_percent for each in vitals])
    overrun = _quantile(summary.health.overrun_ms, "p99")
    late = {
        "iterations took {:.0f} ms outside their requests and their pacing sleep": overrun,
        "VUs woke {:.0f} ms late from their pacing sleep": late_waking_ms(summary.health),
    }
    reasons = _reasons(cpu, late, tolerated_ms=_tolerated_ms(summary, limits), cores=cores, limits=limits)
    return GeneratorHealth(
        cpu_percent_p95=cpu,
        machine_cpu_percent_p95=_p95([each.machine_cpu_percent for each in vitals]),
        cores=cores,
        rss_mb_max=max((each.rss_mb for each in vitals), default=0.0),
        dropped_iterations=round(summary.dropped_iterations),
        overrun_ms_p99=overrun,
        stall_ms_max=0.0 if summary.health.stall_ms is None else summary.health.stall_ms.max,
        time_series=summary.time_series,
        saturated=bool(reasons),
        reasons=tuple(reasons),
    )


def slow_ms(summary: ScriptSummary) -> float:
    """The largest p99 latency of a phase and endpoint with most of the requests: what lateness is held against, ms."""
    found = [
        (distribution.count, distribution.quantiles.get("p99", 0.0))
        for series in summary.series
        if series.metric == "latency"
        for distribution in series.phases.values()
    ]
    return max(found, default=(0, 0.0))[1]


def late_waking_ms(health: ScriptHealth) -> float:
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


def _tolerated_ms(summary: ScriptSummary, limits: HealthLimits) -> float:
    return min(max(limits.late_ms, limits.late_share * slow_ms(summary)), limits.late_most_ms)


def _reasons(
    cpu: float, late: Mapping[str, float], *, tolerated_ms: float, cores: int, limits: HealthLimits
) -> list[str]:
    reasons = []
    if cpu > limits.cpu_share * 100 * cores:
        reasons.append(f"k6 used {cpu:.0f} % CPU of {100 * cores} %")
    reasons.extend(
        f"{text.format(value)} (p99); {tolerated_ms:.0f} ms are tolerated"
        for text, value in late.items()
        if value > tolerated_ms
    )
    return reasons


def _quantile(distribution: Distribution | None, key: str) -> float:
    return 0.0 if distribution is None else distribution.quantiles.get(key, distribution.max)


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95)) if values else 0.0
