"""What one iteration of each scenario does: requests by service, objects made and left; pure.

It is the table that a plan is printed from before anything runs; what was really sent stands in the run.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from chamiperf_ci.models.plan import Parameter
from chamiperf_ci.models.target import Service

Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class PerIteration:
    """Means over many iterations."""

    what: str
    """What a VU or an arrival is."""
    requests: Mapping[str, float]
    """By service, or `kea`."""
    creates: float = 0.0
    leaves: float = 0.0
    needs: tuple[str, ...] = ()
    """Services without which the scenario has nothing to measure; `kea` is one."""

    @property
    def total(self) -> float:
        """Requests of an iteration, all services together."""
        return sum(self.requests.values())


def _boot_storm(parameters: Parameters) -> PerIteration:
    del parameters
    return PerIteration("a node fetching its boot script", {Service.BSS: 1}, needs=(Service.BSS,))


SCENARIOS: Mapping[str, Callable[[Parameters], PerIteration]] = {"boot_storm": _boot_storm}


ORDER = (
    "boot_storm", "cloud_init_storm", "auth_under_load", "inventory_scale", "mixed_boot_path", "bulk_registration",
    "dhcp_sync_burst", "database_stress",
)  # fmt: skip
"""What only reads comes before what writes, and what writes most comes last."""


def in_order(scenarios: Iterable[str]) -> tuple[str, ...]:
    """Scenarios in the order in which they disturb each other least; those that are not known come last."""
    return tuple(sorted(scenarios, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)))


def per_iteration(scenario: str, parameters: Parameters) -> PerIteration:
    """What one iteration of a scenario does, with these parameters."""
    return SCENARIOS[scenario](parameters)
