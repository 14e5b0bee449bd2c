"""What one iteration of each scenario does: requests by service, objects made and left; pure.

It is the table that a plan is printed from before anything runs; what was really sent stands in the run, and a test
holds the two together.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from chamiperf_ci.models.plan import Load, Phase
from chamiperf_ci.models.target import Service

KEA = "kea"
BULK = "bulk"
"""The phase of bulk_registration in which one request registers many components."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one scenario does; means over many iterations."""

    what: str
    """What a VU or an arrival is."""
    requests: Mapping[Service, float]
    """Of one iteration of a VU, by service: those that are measured, as in the run's traffic."""
    arrival: Mapping[Service, float] | None = None
    """Of one arrival, where it differs from a VU's iteration."""
    beside: Mapping[Service, float] = field(default_factory=dict)
    """Of one iteration or arrival, those that are not measured: what it wrote is removed."""
    creates: float = 0.0
    """Objects that an iteration creates."""
    leaves: float = 0.0
    """Objects of an iteration that stay behind."""
    once: float = 0.0
    """Objects that are created once, before or beside the iterations."""
    setup_s: float = 0.0
    """Seconds that it waits at the longest before its phases."""
    addresses: bool = False
    """Whether it writes interfaces, whose addresses reach a DHCP server by themselves."""
    needs: tuple[Service | str, ...] = ()
    """Services without which the scenario has nothing to measure; `kea` is one."""

    def of_arrival(self) -> Mapping[Service, float]:
        """Requests of one arrival, by service."""
        return self.requests if self.arrival is None else self.arrival

    @property
    def services(self) -> tuple[Service, ...]:
        """The HTTP services that the requests go to."""
        return tuple(service for service in Service if service in {**self.requests, **self.of_arrival()})


def _boot_storm(load: Load) -> Work:
    del load
    return Work("a node fetching its boot script", {Service.BSS: 1}, needs=(Service.BSS,))


def _cloud_init_storm(load: Load) -> Work:
    del load
    return Work("a node fetching its three documents", {Service.CLOUD_INIT: 3}, needs=(Service.CLOUD_INIT,))


def _inventory_scale(load: Load) -> Work:
    shares = {name: _number(load, name) for name in ("get", "list", "put", "patch", "churn")}
    whole = sum(shares.values()) or 1.0
    # A PUT needs the ETag of a GET before it.
    requests = (whole + shares["put"]) / whole
    return Work(
        "a client with one operation",
        {Service.SMD: requests},
        creates=shares["churn"] / whole / 2,
        needs=(Service.SMD,),
    )


def _bulk_registration(load: Load) -> Work:
    bulk = load.phase(BULK)
    more = 0.0 if bulk is None else (bulk.iterations or 0) * (_number(load, "bulk_items") - 1)
    return Work("a registration", {Service.SMD: 1}, creates=1, once=more, needs=(Service.SMD,))


def _dhcp_sync_burst(load: Load) -> Work:
    changes = _number(load, "changes")
    return Work(
        "a burst of changes",
        {Service.SMD: changes},
        creates=2 * changes,
        setup_s=_number(load, "settle_s"),
        addresses=True,
        needs=(Service.SMD, KEA),
    )


def _auth_under_load(load: Load) -> Work:
    return Work(
        "a node fetching its boot script; an arrival is a token",
        {Service.BSS: 1},
        {Service.AUTH: 1},
        once=1.0 if load.parameters.get("grant") == "client-credentials" else 0.0,
        needs=(Service.AUTH, Service.BSS),
    )


def _mixed_boot_path(load: Load) -> Work:
    del load
    return Work(
        "a node's whole way",
        {Service.SMD: 2, Service.BSS: 2, Service.CLOUD_INIT: 2},
        beside={Service.SMD: 2, Service.BSS: 1, Service.CLOUD_INIT: 1},
        creates=4,
        addresses=True,
        needs=(Service.SMD, Service.BSS, Service.CLOUD_INIT),
    )


def _database_stress(load: Load) -> Work:
    del load
    each = {Service.SMD: 10, Service.BSS: 5, Service.CLOUD_INIT: 5, Service.DISCOVERY: 5, Service.POWER: 2}
    return Work(
        "a cycle of writes and reads of all schemas",
        {**each, Service.AUTH: 3},
        creates=7,
        leaves=1,
        addresses=True,
        needs=(Service.SMD,),
    )


SCENARIOS: Mapping[str, Callable[[Load], Work]] = {
    "boot_storm": _boot_storm,
    "cloud_init_storm": _cloud_init_storm,
    "auth_under_load": _auth_under_load,
    "inventory_scale": _inventory_scale,
    "mixed_boot_path": _mixed_boot_path,
    "bulk_registration": _bulk_registration,
    "dhcp_sync_burst": _dhcp_sync_burst,
    "database_stress": _database_stress,
}
"""In the order in which they disturb each other least: what only reads comes first, what writes most comes last."""


def in_order(scenarios: Iterable[str]) -> tuple[str, ...]:
    """Scenarios in the order of the catalogue, each once."""
    asked = set(scenarios)
    return tuple(name for name in SCENARIOS if name in asked)


def work_of(scenario: str, load: Load) -> Work:
    """What a scenario does under this load."""
    return SCENARIOS[scenario](load)


def iterations_per_s(load: Load, phase: Phase) -> float:
    """Planned iterations a second of VUs and arrivals, mean over the phase; 0 where nothing fixes them.

    A paced VU begins an iteration every `pace_s` seconds; an unpaced one as fast as it can, so that nothing can be said
    of its rate beforehand.
    """
    return vu_iterations_per_s(load, phase) + arrivals_per_s(phase)


def vu_iterations_per_s(load: Load, phase: Phase) -> float:
    """Planned iterations a second of VUs, mean over the phase."""
    return phase.vus.mean / load.pace_s if phase.vus is not None and load.pace_s > 0 else 0.0


def arrivals_per_s(phase: Phase) -> float:
    """Planned arrivals a second, mean over the phase."""
    return phase.rate.mean if phase.rate is not None else 0.0


def requests_per_s(load: Load, phase: Phase, work: Work) -> dict[Service, float]:
    """Planned requests a second by service that are measured, mean over the phase; empty where nothing fixes them."""
    by_vus, by_arrivals = vu_iterations_per_s(load, phase), arrivals_per_s(phase)
    rates = {
        service: by_vus * work.requests.get(service, 0) + by_arrivals * work.of_arrival().get(service, 0)
        for service in work.services
    }
    return {service: rate for service, rate in rates.items() if rate > 0}


def sent_per_s(load: Load, phase: Phase, work: Work) -> dict[Service, float]:
    """As `requests_per_s`, with those that are not measured: what a service gets."""
    iterations = iterations_per_s(load, phase)
    return {
        service: rate + iterations * work.beside.get(service, 0)
        for service, rate in requests_per_s(load, phase, work).items()
    }


def _number(load: Load, name: str) -> float:
    """A parameter of the load that is a number; 0 if it is not there."""
    value = load.parameters.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
