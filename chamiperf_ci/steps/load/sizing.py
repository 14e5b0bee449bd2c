"""What a load needs of the machine that makes it, against what there is: said before anything is sent.

The costs are extrapolated from measurements on two cores, so a prediction is a range, and the run's own validity
decides in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.plan import Plan
from chamiperf_ci.steps.load.plan import MachineLimits

CPU_MS_PER_REQUEST = (0.25, 0.32)
"""k6's processor time for a request of paced VUs, ms: the least and the most that was measured, 5,000 to 20,000 VUs."""
USABLE_SHARE = 0.6
"""Of the processors' time, before VUs wake late and the run is invalid."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """One scenario on one machine.

    Attributes:
        scenario: Its name.
        peak_per_s: Requests a second in the phase that offers most, all services together; 0 where nothing fixes them.
        cores: Processors that the generator needs, least and most.
        memory_mb: Memory that it needs, MB.
        ceiling_per_s: Requests a second that this machine can make, least and most.
        times: How many times what this machine has it needs, of what it lacks most; up to 1 it fits.
    """

    scenario: str
    peak_per_s: float
    cores: tuple[float, float]
    memory_mb: float
    ceiling_per_s: tuple[float, float]
    times: float

    @property
    def fits(self) -> bool:
        """Whether this machine is expected to carry the load alone."""
        return self.times <= 1

    @property
    def text(self) -> str:
        """What to expect, and what to do where it does not fit; empty where it fits."""
        if self.fits:
            return ""
        low, high = self.ceiling_per_s
        return (
            f"{self.scenario} offers {self.peak_per_s:,.0f} requests/s, for which the generator needs {self.needs}; "
            f"this machine makes about {low:,.0f} to {high:,.0f} requests/s. Expect an invalid run: use a machine of "
            "that size, or a smaller --profile."
        )

    @property
    def needs(self) -> str:
        """Cores and memory in words."""
        low, high = self.cores
        return f"{low:.1f} to {high:.1f} cores and {self.memory_mb / 1000:,.1f} GB"


def size(plan: Plan, *, cores: int, limits: MachineLimits) -> Sizing:
    """What one scenario needs, and how that compares with this machine.

    Args:
        plan: The scenario as planned.
        cores: Processors that the generator may use.
        limits: What else the machine gives.
    """
    peak = sum(plan.peak_requests_per_s.values())
    least, most = (peak * cost / 1000 / USABLE_SHARE for cost in CPU_MS_PER_REQUEST)
    ceiling = tuple(cores * USABLE_SHARE * 1000 / cost for cost in reversed(CPU_MS_PER_REQUEST))
    by_memory = plan.memory_mb / limits.available_mb if limits.available_mb else 1.0
    # Half way between the quietest and the busiest measurement: the range is said beside it.
    by_cores = (least + most) / 2 / cores
    return Sizing(
        scenario=plan.scenario,
        peak_per_s=peak,
        cores=(least, most),
        memory_mb=plan.memory_mb,
        ceiling_per_s=(ceiling[0], ceiling[1]),
        times=max(by_cores, by_memory),
    )


def too_large(plans: Sequence[Plan], *, cores: int, limits: MachineLimits) -> list[str]:
    """One sentence a scenario that this machine will not carry."""
    sized = (size(each, cores=cores, limits=limits) for each in plans)
    return [each.text for each in sized if not each.fits]
