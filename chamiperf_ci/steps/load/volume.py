"""What each scenario sends, creates and leaves behind, and what that needs of a machine; pure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.plan import Load, Phase
from chamiperf_ci.models.run import LoadPlan, PhasePlan
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
    splits: bool = True
    """Whether several processes can share it; what one process alone can see of the whole cannot be split."""
    needs: tuple[Service | str, ...] = ()
    """Services without which the scenario has nothing to measure; `kea` is one."""

    def of_arrival(self) -> Mapping[Service, float]:
        """Requests of one arrival, by service."""
        return self.requests if self.arrival is None else self.arrival

    @property
    def services(self) -> tuple[Service, ...]:
        """The HTTP services that the requests go to."""
        return tuple(service for service in Service if service in {**self.requests, **self.of_arrival()})


def _boot_storm(load: Load, dialect: Dialect) -> Work:
    del load, dialect
    return Work("a node fetching its boot script", {Service.BSS: 1}, needs=(Service.BSS,))


def _cloud_init_storm(load: Load, dialect: Dialect) -> Work:
    del load, dialect
    return Work("a node fetching its three documents", {Service.CLOUD_INIT: 3}, needs=(Service.CLOUD_INIT,))


def _inventory_scale(load: Load, dialect: Dialect) -> Work:
    shares = {name: _number(load, name) for name in ("get", "list", "put", "patch", "churn")}
    whole = sum(shares.values()) or 1.0
    # A PUT needs the ETag of a GET before it, where there are ETags.
    read_before = 0.0 if dialect.envelope == "plain" else shares["put"]
    requests = (whole + read_before) / whole
    return Work(
        "a client with one operation",
        {Service.SMD: requests},
        creates=shares["churn"] / whole / 2,
        needs=(Service.SMD,),
    )


def _bulk_registration(load: Load, dialect: Dialect) -> Work:
    del dialect
    bulk = load.phase(BULK)
    more = 0.0 if bulk is None else (bulk.iterations or 0) * (_number(load, "bulk_items") - 1)
    return Work("a registration", {Service.SMD: 1}, creates=1, once=more, needs=(Service.SMD,))


def _dhcp_sync_burst(load: Load, dialect: Dialect) -> Work:
    del dialect
    changes = _number(load, "changes")
    return Work(
        "a burst of changes",
        {Service.SMD: changes},
        creates=2 * changes,
        setup_s=_number(load, "settle_s"),
        addresses=True,
        splits=False,
        needs=(Service.SMD, KEA),
    )


def _auth_under_load(load: Load, dialect: Dialect) -> Work:
    del dialect
    return Work(
        "a node fetching its boot script; an arrival is a token",
        {Service.BSS: 1},
        {Service.AUTH: 1},
        once=1.0 if load.parameters.get("grant") == "client-credentials" else 0.0,
        needs=(Service.AUTH, Service.BSS),
    )


def _mixed_boot_path(load: Load, dialect: Dialect) -> Work:
    del load
    created = [dialect.objects[name] for name in dialect.created]
    removed = [shape for name in dialect.seed_order if (shape := dialect.objects[name]).removable]
    # Beside what is created, a script and a document are fetched.
    services = [*(shape.service for shape in created), Service.BSS, Service.CLOUD_INIT]
    return Work(
        "a node's whole way",
        _each_service(services),
        beside=_each_service([shape.service for shape in removed]),
        creates=len(created),
        leaves=sum(not shape.removable for shape in created),
        addresses=True,
        needs=(Service.SMD, Service.BSS, Service.CLOUD_INIT),
    )


def _database_stress(load: Load, dialect: Dialect) -> Work:
    del load
    # What is changed is read again.
    services = [
        dialect.objects[entry.object].service
        for entry in dialect.stress
        for _ in range(len(entry.verbs) + ("change" in entry.verbs))
    ]
    return Work(
        "a cycle of writes and reads of all schemas",
        _each_service(services),
        creates=len(dialect.stress),
        leaves=sum("delete" not in entry.verbs for entry in dialect.stress),
        addresses=True,
        needs=(Service.SMD,),
    )


def _each_service(services: Sequence[Service]) -> dict[Service, float]:
    """How often each is named."""
    return {service: services.count(service) for service in Service if service in services}


SCENARIOS: Mapping[str, Callable[[Load, Dialect], Work]] = {
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


ITERATION_ASKS: Mapping[tuple[str, str], float] = {
    ("boot_storm", "bootscript"): 1,
    ("auth_under_load", "bootscript"): 1,
    ("mixed_boot_path", "bootscript"): 1,
    ("mixed_boot_path", "bootparams-create"): 1,
    ("database_stress", "bootparams-create"): 1,
    ("database_stress", "bootparams-change"): 1,
}
"""Requests of one iteration that may leave more behind than objects, by scenario and endpoint."""


def in_order(scenarios: Iterable[str]) -> tuple[str, ...]:
    """Scenarios in the order of the catalogue, each once."""
    asked = set(scenarios)
    return tuple(name for name in SCENARIOS if name in asked)


def work_of(scenario: str, load: Load, dialect: Dialect) -> Work:
    """What a scenario does under this load, on a stack of this dialect."""
    return SCENARIOS[scenario](load, dialect)


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


MB_PER_PROCESS = 100.0
"""k6 with a script loaded and nothing to do, with room for its garbage collector."""
MB_PER_VU = 0.40
"""One VU with the scripts' library and a connection (bench.memory_plan: 0.28 MB at 3,000 VUs of a
boot storm; `inventory_scale` holds 0.1 MB more)."""
BYTES_PER_REQUEST = 160.0
"""Samples of the Trends of one request, kept until the end (measured: 74 MB after 76,000, 115 MB after 332,000)."""
UNPACED_PER_VU_S = 100.0
"""Iterations a second of an unpaced VU, as far as memory is planned; a guess on the high side."""
MOST_PER_S = 20_000.0
"""Iterations a second that no generator of today exceeds; bounds the guess above."""
ARRIVAL_S = 2.0
"""Seconds that the scripts allow an arrival to take when they provide VUs for it."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a load adds up to, as planned."""

    iterations: float
    """0 where nothing fixes them (unpaced)."""
    creates: float
    """Objects created."""
    leaves: float
    """Objects that stay behind."""
    vus: int
    """VUs that k6 must hold: the planned ones, and those it needs for arrivals."""
    memory_mb: float
    connections: int
    """The most connections at the same time, to all services together."""
    peak_requests_per_s: dict[Service, float]
    """By service, in the phase that offers most; empty where nothing fixes the rate."""
    unpaced_requests_per_s: float = 0.0
    """To all services together, as far as a rate that nothing fixes can be guessed; 0 where all rates are fixed."""
    requests: float = math.inf
    """Of the whole load, with the same guess."""


def iterations_in(load: Load, phase: Phase) -> float:
    """Planned iterations of a phase; 0 where nothing fixes them."""
    return float(phase.iterations or iterations_per_s(load, phase) * phase.duration_s)


def volume_of(load: Load, work: Work, *, segments: int = 1) -> Volume:
    """Add a load up."""
    iterations = sum(iterations_in(load, phase) for phase in load.phases)
    vus = _vus(load)
    offered = [sent_per_s(load, phase, work) for phase in load.phases]
    requests = _requests(load, work)
    return Volume(
        iterations=iterations,
        creates=iterations * work.creates + work.once,
        leaves=iterations * work.leaves,
        vus=vus,
        memory_mb=segments * MB_PER_PROCESS + vus * MB_PER_VU + requests * BYTES_PER_REQUEST / 1e6,
        connections=_connections(load, work),
        peak_requests_per_s={
            service: max(rates.get(service, 0.0) for rates in offered)
            for service in work.services
            if any(service in rates for rates in offered)
        },
        unpaced_requests_per_s=_each(work)
        * max(
            (_guessed_per_s(phase) for phase, rates in zip(load.phases, offered, strict=True) if not rates), default=0.0
        ),
        requests=requests,
    )


def load_plan(load: Load, work: Work, *, memory_mb: float, segments: int) -> LoadPlan:
    """The plan as the run's file states it."""
    return LoadPlan(
        model=load.model,
        phases=tuple(_phase_plan(load, phase, work) for phase in load.phases),
        pace_s=load.pace_s,
        windows=load.window_count,
        window_s=load.window_s,
        planned_iterations=sum(iterations_in(load, phase) for phase in load.phases),
        memory_mb=memory_mb,
        segments=segments,
        connections=_connections(load, work),
    )


def _phase_plan(load: Load, phase: Phase, work: Work) -> PhasePlan:
    iterations, requests = iterations_per_s(load, phase), sum(requests_per_s(load, phase, work).values())
    return PhasePlan(
        name=phase.name,
        start_s=phase.start_s,
        duration_s=phase.duration_s,
        from_vus=phase.from_vus or 0,
        to_vus=phase.to_vus or 0,
        offered_per_s=iterations,
        requests_per_iteration=requests / iterations if iterations else sum(work.requests.values()),
    )


def _vus(load: Load) -> int:
    arriving = max((max(phase.rate.start, phase.rate.end) for phase in load.phases if phase.rate), default=0.0)
    return load.max_vus + math.ceil(arriving * ARRIVAL_S)


def _connections(load: Load, work: Work) -> int:
    return _vus(load) * max(1, len(work.services))


def _requests(load: Load, work: Work) -> float:
    """Requests of the whole load, with a guess where nothing fixes them: memory must be planned for those as well."""
    total = 0.0
    for phase in load.phases:
        rates = sent_per_s(load, phase, work)
        if phase.iterations:
            total += phase.iterations * _each(work)
        elif rates:
            total += sum(rates.values()) * phase.duration_s
        else:
            total += _guessed_per_s(phase) * phase.duration_s * _each(work)
    return total


def _each(work: Work) -> float:
    return sum(work.requests.values())


def _guessed_per_s(phase: Phase) -> float:
    """Iterations a second of VUs without pace; 0 where there are none."""
    return 0.0 if phase.vus is None else min(phase.vus.mean * UNPACED_PER_VU_S, MOST_PER_S)
