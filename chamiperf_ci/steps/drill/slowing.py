"""Slowing the embedded stack by a known amount, and putting it back whatever happens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from chamiperf_ci.adapters import stack_state
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.faults import Latency
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.stack import StackState
from chamiperf_ci.models.target import Target

PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"boot_storm": ("bss", "bootscript"), "cloud_init_storm": ("cloud-init", "user-data")}
)
"""Scenario to the service and route that spend the declared service time in it; the endpoint is named as the route."""

DEPLOYED = "a deployed stack is not slowed down on purpose"


@dataclass(frozen=True, slots=True)
class Injection:
    """Where slow-downs are injected.

    Attributes:
        state: The stack.
        service: The service.
        route: Its route, which is also the endpoint's name.
        service_time_ms: The declared service time, above 0.
    """

    state: StackState
    service: str
    route: str
    service_time_ms: float

    def milliseconds(self, effect: float) -> float:
        """Return the latency that makes an effect, ms."""
        return effect * self.service_time_ms

    @contextmanager
    def slowed(self, effect: float) -> Iterator[None]:
        """Slow the route down while entered; nothing is done for an effect of 0.

        Raises:
            ConfigurationError: The stack is gone when it is entered.
        """
        if effect == 0:
            yield
            return
        latency = Latency(service=self.service, route=self.route, latency_ms=self.milliseconds(effect))
        fault = stack_state.set_fault(self.state, latency)
        try:
            yield
        finally:
            stack_state.clear_faults(self.state, fault.id)


def find_injection(target: Target, scenario: str) -> Injection | str:
    """Return where a scenario's slow-downs can be injected, or why they cannot be.

    Raises:
        ConfigurationError: The stack could be slowed down, but is not set up for it.
    """
    if target.stack_kind is not StackKind.EMBEDDED:
        return DEPLOYED
    if scenario not in PLACES:
        return f"the embedded stack spends no declared service time in {scenario}"
    state = stack_state.found()
    where, remedy = "the embedded stack", "Start it anew: chamiperf stack up --service-time-ms 8."
    if state.options.service_time_ms == 0:
        raise ConfigurationError("a slow-down is a share of a service time, and none is declared", where=where,
                                 remedy=remedy)  # fmt: skip
    if stack_state.list_faults(state):
        raise ConfigurationError(
            "faults are set, so it is not what it is without a slow-down",
            where=where,
            remedy="Take them away: chamiperf stack fault clear.",
        )
    service, route = PLACES[scenario]
    return Injection(state, service, route, state.options.service_time_ms)
