"""What a load needs of the machine that makes it, and whether this one has that.

It is extrapolated from measurements: a prediction is a range, and the run's own validity decides in the end.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chamiperf_ci.adapters.machine import Cost
from chamiperf_ci.models.plan import UNCOLLECTED, Plan
from chamiperf_ci.steps.load.plan import MEMORY_SHARE, MachineLimits, crowded, sources
from chamiperf_ci.steps.load.volume import MANY_VUS, uncollected_mb

CPU_MS_PER_REQUEST = (0.25, 0.32)
"""k6's processor time for a request of paced VUs, ms: the least and the most that was measured, 5,000 to 20,000 VUs."""
USABLE_SHARE = 0.6
"""Of the processors' time for k6, before VUs wake late and the run is invalid; what the stack takes is not known."""
USABLE_BY_BOTH = 0.85
"""The same of k6 and a stack on this machine together, where both were measured."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """One scenario on one machine.

    Attributes:
        scenario: Its name.
        peak_per_s: Requests a second in the phase that offers most, all services together; 0 where nothing fixes them.
        cores: Processors that the load needs, least and most: the generator, and a stack beside it that was measured.
        memory_mb: Memory that it needs, MB.
        ceiling_per_s: Requests a second that this machine can make now, least and most.
        times: How many times what this machine has it needs, of what it lacks most; up to 1 it fits.
        beside: What else takes processor time here, and whether it was counted; empty for nothing.
    """

    scenario: str
    peak_per_s: float
    cores: tuple[float, float]
    memory_mb: float
    ceiling_per_s: tuple[float, float]
    times: float
    beside: str = ""

    @property
    def fits(self) -> bool:
        """Whether this machine is expected to carry the load alone."""
        return self.times <= 1

    @property
    def text(self) -> str:
        """What to expect, and what to do where it does not fit; empty where it fits."""
        if self.fits:
            return ""
        return f"{self.scenario} offers {self.found}. Expect an invalid run: {self.remedy}"

    @property
    def found(self) -> str:
        """What it needs, and what this machine makes."""
        makes = f"this machine makes about {_range(self.ceiling_per_s, ',.0f')} requests/s"
        offers = f"{self.peak_per_s:,.0f} requests/s, which need {self.needs}" if self.peak_per_s else self.needs
        return "; ".join(part for part in (offers, makes, self.beside) if part)

    @property
    def remedy(self) -> str:
        """What to do where it does not fit."""
        return (
            f"use a machine of that size, share it over {math.ceil(self.times)} machines like this one (--shard), or "
            "give a smaller --profile."
        )

    @property
    def needs(self) -> str:
        """Cores and memory in words."""
        return f"{_range(self.cores, '.1f')} cores and {self.memory_mb / 1000:,.1f} GB"


def _range(values: tuple[float, float], form: str) -> str:
    low, high = (f"{value:{form}}" for value in values)
    return low if low == high else f"{low} to {high}"


def size(plan: Plan, *, cores: int, limits: MachineLimits, costs: Mapping[str, Cost] | None = None) -> Sizing:
    """What one scenario needs, and how that compares with this machine.

    Args:
        plan: The scenario as planned.
        cores: Processors that the generator may use.
        limits: What else the machine gives, and who takes of it.
        costs: By scenario, what a request costs here as it was measured.
    """
    measured = (costs or {}).get(plan.scenario)
    range_ms, usable, beside = CPU_MS_PER_REQUEST, USABLE_SHARE, []
    if measured is not None:
        range_ms = (measured.ms_per_request, measured.ms_per_request)
        if plan.vus > measured.vus:
            beside.append(f"measured with {measured.vus:,} VUs, not with {plan.vus:,}")
    if limits.stack_here and measured is not None and measured.stack_ms_per_request is not None:
        stack_ms, usable = measured.stack_ms_per_request, USABLE_BY_BOTH
        beside.append(f"of {range_ms[0] + stack_ms:.2f} ms a request the stack on this machine takes {stack_ms:.2f}")
        range_ms = (range_ms[0] + stack_ms, range_ms[1] + stack_ms)
    elif limits.stack_here:
        beside.append("the stack shares this machine, and how much it takes is not known")
    peak = sum(plan.peak_requests_per_s.values())
    starting = _starts_per_s(plan) / peak if peak else 0.0
    if measured is not None and measured.ms_per_start is not None:
        starting_ms = measured.ms_per_start * starting
        range_ms = (range_ms[0] + starting_ms, range_ms[1] + starting_ms)
        if starting_ms >= _WORTH_A_WORD * range_ms[1]:
            beside.append(
                f"starting VUs adds {starting_ms:.2f} ms to a request ({range_ms[1]:.2f} ms in all): ramp up slowly"
            )
    elif measured is not None and starting >= _WORTH_A_WORD:
        beside.append("the extra cost of VUs that start is not known")
    if crowded(plan, limits) and not sources(plan, limits):
        beside.append(
            f"beyond {limits.local_ports // 2:,} connections to one address, Linux needs a millisecond to find each "
            "further local port: ramp up slowly"
        )
    if limits.busy_cores >= _WORTH_A_WORD:
        beside.append(f"other work takes {limits.busy_cores:.1f} of {cores} cores now")
    by_garbage, garbage = _collected(plan, cores, limits)
    beside += [garbage] if garbage else []
    free = max(0.0, cores * usable - limits.busy_cores)
    least, most = (peak * cost / 1000 / usable for cost in range_ms)
    by_memory = plan.memory_mb / limits.available_mb if limits.available_mb else 1.0
    # Half way between the quietest and the busiest measurement: the range is said beside it.
    by_cores = (least + most) / 2 * usable / max(free, _LEAST_CORES)
    return Sizing(
        scenario=plan.scenario,
        peak_per_s=peak,
        cores=(least, most),
        memory_mb=plan.memory_mb,
        ceiling_per_s=(free * 1000 / range_ms[1], free * 1000 / range_ms[0]),
        times=max(by_cores, by_memory, by_garbage),
        beside="; ".join(beside),
    )


def _collected(plan: Plan, cores: int, limits: MachineLimits) -> tuple[float, str]:
    """How many machines it takes for k6 not to collect garbage beside many VUs, and why in words; 0 where it fits."""
    made_mb = uncollected_mb(plan.segments, plan.vus, plan.requests)
    if plan.vus <= MANY_VUS * cores or (plan.gogc == UNCOLLECTED and made_mb <= plan.memory_mb):
        return 0.0, ""
    by_memory = made_mb / max(1.0, limits.available_mb * MEMORY_SHARE)
    return min(by_memory, plan.vus / (MANY_VUS * cores)), (
        f"with less than {made_mb / 1000:,.1f} GB, k6 collects the garbage of {plan.vus:,} VUs during the load, "
        "and they wake late"
    )


def _starts_per_s(plan: Plan) -> float:
    """VUs a second that send for the first time, where most do: they join over the ramp, and over a pace at least."""
    most, present = 0.0, 0
    for phase in plan.phases:
        first, last = phase.from_vus or 0, phase.to_vus or 0
        ramp_s = 0.0 if first == last else phase.duration_s
        for joining, over_s in ((first - present, plan.pace_s), (last - first, max(ramp_s, plan.pace_s))):
            if joining > 0 and over_s > 0:
                most = max(most, joining / over_s)
        present = last
    return most


_WORTH_A_WORD = 0.05
"""Cores that are kept busy, or a share of what a request costs."""
_LEAST_CORES = 0.01
"""What is taken to be free at least, for a number in place of infinity."""


def too_large(
    plans: Sequence[Plan], *, cores: int, limits: MachineLimits, costs: Mapping[str, Cost] | None = None
) -> list[str]:
    """One sentence a scenario that this machine will not carry; arguments as of `size`."""
    sized = (size(each, cores=cores, limits=limits, costs=costs) for each in plans)
    return [each.text for each in sized if not each.fits]
