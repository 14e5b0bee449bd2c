"""What each scenario sends, creates and leaves behind, and what that adds up to in a plan; pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from chamiperf_ci.adapters.files import catalogue
from chamiperf_ci.models.dialect import Catalogued, CreatedEach, Dialect, Operations
from chamiperf_ci.models.plan import SUSTAINED, UNCOLLECTED, Load, Phase, Plan, PlannedPhase
from chamiperf_ci.models.target import Service
from chamiperf_ci.models.vocabulary import MetricClass
from chamiperf_ci.verdict.statistic import QUANTILES, planned_statistic

KEA = "kea"


@dataclass(frozen=True, slots=True)
class Work:
    """What one scenario does; means over many iterations."""

    what: str
    """What a VU or an arrival is."""
    requests: Mapping[Service, float]
    """Of one iteration of a VU, by service: those that are measured, as in the run's traffic."""
    arrival: Mapping[Service, float] | None = None
    """Of one arrival, where it differs from a VU's iteration."""
    unmeasured_requests: Mapping[Service, float] = field(default_factory=dict)
    """Of one iteration or arrival, those that are not measured: what it wrote is removed."""
    creates: float = 0.0
    """Objects that an iteration creates."""
    objects_left: float = 0.0
    """Objects of an iteration that stay behind."""
    once: float = 0.0
    """Objects that are created once, before or during the iterations."""
    setup_s: float = 0.0
    """Seconds that it waits at the longest before its phases."""
    arrival_s: float = 2.0
    """Seconds that an arrival may take: the scripts provide VUs for it."""
    addresses: bool = False
    """Whether it writes interfaces, whose addresses reach a DHCP server by themselves."""
    splits: bool = True
    """Whether several processes can share it; what one process alone can see of the whole cannot be split."""
    needs: tuple[Service | Literal["kea"], ...] = ()
    """Services without which the scenario has nothing to measure; `kea` is one."""
    endpoints: Mapping[str, float] = field(default_factory=dict)
    """Of one iteration of a VU, by endpoint."""
    arrival_endpoints: Mapping[str, float] | None = None
    """Of one arrival, where it differs from a VU's iteration."""

    def of_arrival(self) -> Mapping[Service, float]:
        """Requests of one arrival, by service."""
        return self.requests if self.arrival is None else self.arrival

    @property
    def services(self) -> tuple[Service, ...]:
        """The HTTP services that the requests go to."""
        return tuple(service for service in Service if service in {**self.requests, **self.of_arrival()})


def in_order(scenarios: Iterable[str]) -> tuple[str, ...]:
    """Scenarios in the order in which they disturb each other least, each once: what only reads comes first."""
    asked = set(scenarios)
    return tuple(name for name in catalogue().scenarios if name in asked)


def work_of(scenario: str, load: Load, dialect: Dialect) -> Work:
    """What a scenario does under this load, on a stack of this dialect."""
    fields = catalogue().scenarios[scenario].model_dump() | dialect.scenarios.get(scenario, {})
    entry = Catalogued.model_validate(fields)
    sent = _mixed(entry.mix, load) if entry.mix else _sent(entry.iteration, load)
    arrival = None if entry.arrival is None else _sent(entry.arrival, load)
    unmeasured = _sent(entry.unmeasured_requests, load)
    created = {name.removesuffix("-create"): times for name, times in sent.items() if name.endswith("-create")}
    kept = [_kept(times, f"{name}-delete", sent, unmeasured) for name, times in created.items()]
    once = entry.once
    is_once = once is not None and all(load.parameters.get(name) == value for name, value in once.where.items())
    return Work(
        entry.what,
        _by_service(sent, dialect),
        None if arrival is None else _by_service(arrival, dialect),
        unmeasured_requests=_by_service(unmeasured, dialect),
        creates=sum(created.values()) if entry.creates is None else _times(entry.creates, load) * entry.creates.each,
        objects_left=0.0 if entry.clears else sum(kept),
        once=(once.creates if once is not None and is_once else 0.0) + sum(_more(entry, load)),
        setup_s=_number(load, entry.setup_s),
        arrival_s=entry.arrival_s,
        addresses=entry.addresses,
        splits=entry.splits,
        needs=entry.needs,
        endpoints=sent,
        arrival_endpoints=arrival,
    )


def _sent(operations: Operations, load: Load) -> dict[str, float]:
    """How often each endpoint is asked."""
    sent: defaultdict[str, float] = defaultdict(float)
    for name in operations.each:
        sent[name] += _times(operations, load)
    for name in operations.in_turn:
        sent[name] += _times(operations, load) / len(operations.in_turn)
    return sent


def _mixed(mix: Mapping[str, Operations], load: Load) -> dict[str, float]:
    """How often each endpoint is asked by one of several operations, the mean over all."""
    whole = sum(_number(load, name) for name in mix) or 1.0
    sent: defaultdict[str, float] = defaultdict(float)
    for name, operations in mix.items():
        for endpoint, times in _sent(operations, load).items():
            sent[endpoint] += times * _number(load, name) / whole
    return sent


def _kept(created: float, delete: str, *sent: Mapping[str, float]) -> float:
    """Of so many created objects, those that nothing removes."""
    return max(0.0, created - sum(each.get(delete, 0.0) for each in sent))


def _times(of: Operations | CreatedEach, load: Load) -> float:
    return _number(load, of.times) if of.times else 1


def _more(entry: Catalogued, load: Load) -> Iterable[float]:
    """What each phase creates beyond one object an iteration."""
    for phase in load.phases:
        operations = entry.phases.get(phase.name)
        if operations is not None and operations.items:
            yield (phase.iterations or 0) * (_number(load, operations.items) - 1)


def _by_service(sent: Mapping[str, float], dialect: Dialect) -> dict[Service, float]:
    """The same by service; operations that nothing asks for are left out."""
    asked = [(dialect.service_of(endpoint), times) for endpoint, times in sent.items()]
    sums = {service: sum(times for each, times in asked if each is service) for service in Service}
    return {service: times for service, times in sums.items() if times}


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


def planned_arrivals(load: Load) -> float:
    """Arrivals of the whole load; 0 for one of VUs alone."""
    return sum(arrivals_per_s(phase) * phase.duration_s for phase in load.phases)


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
        service: rate + iterations * work.unmeasured_requests.get(service, 0)
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
RARE_COLLECTION = ((UNCOLLECTED, 2.0), (400, 1.3))
"""GOGC of k6, and by how much it raises what k6 holds: the first for which the memory suffices. The first collects
nothing before what was planned is full, which GOMEMLIMIT is. While k6 collects the garbage of 10,000 VUs, which takes
some 10 s, each process takes half a core more and VUs wake up to 160 ms late (measured at 1,000 requests/s on two
cores); with GOGC=1000 that came at a random moment of the load, or two minutes after the start, and made it invalid."""
MANY_VUS = 5_000
"""Beside more VUs a core, garbage is collected for so long that a load is invalid (measured: 12 s beside 10,000)."""
_MADE_MB_PER_VU = 0.40
_MADE_MB_PER_REQUEST = 0.031
"""What k6 allocates, collected or not, and a tenth more, because Go begins before all is full (measured with 20,000 VUs
of a boot storm: 7.5 GB and 28 kB a request)."""
UNPACED_PER_VU_S = 100.0
"""Iterations a second of an unpaced VU, as far as memory is planned; a guess on the high side."""
MOST_PER_S = 20_000.0
"""Iterations a second that no generator of today exceeds; bounds the guess above."""


def iterations_in(load: Load, phase: Phase) -> float:
    """Planned iterations of a phase; 0 where nothing fixes them."""
    return float(phase.iterations or iterations_per_s(load, phase) * phase.duration_s)


def uncollected_mb(processes: int, vus: int, requests: float) -> float:
    """What k6 would hold at the end of a load, MB, if it never collected its garbage."""
    return processes * MB_PER_PROCESS + vus * _MADE_MB_PER_VU + requests * _MADE_MB_PER_REQUEST


def plan_of(
    load: Load,
    work: Work,
    *,
    scenario: str = "",
    segments: int = 1,
    room_mb: float = 0.0,
    stays: Mapping[str, str] | None = None,
) -> Plan:
    """Plan a load.

    Args:
        load: What is asked of the stack.
        work: What one iteration of it does.
        scenario: Its name.
        segments: How many processes share it.
        room_mb: Memory that k6 may take; where it suffices, garbage is collected more rarely.
        stays: What a request leaves behind for good, by endpoint.
    """
    phases = tuple(_planned_phase(load, phase, work) for phase in load.phases)
    iterations = sum(iterations_in(load, phase) for phase in load.phases)
    vus = _vus(load, work)
    requests = _requests(load, work)
    memory_mb = segments * MB_PER_PROCESS + vus * MB_PER_VU + requests * BYTES_PER_REQUEST / 1e6
    gogc, more = next(((each, more) for each, more in RARE_COLLECTION if memory_mb * more <= room_mb), (None, 1.0))
    made_mb = uncollected_mb(segments, vus, requests)
    held_mb = memory_mb * more
    if vus >= MANY_VUS and made_mb <= room_mb:
        gogc, held_mb = UNCOLLECTED, max(held_mb, made_mb)
    unpaced = max((_guessed_per_s(phase) for phase in phases if not phase.sent_per_s), default=0.0)
    rows: defaultdict[str, float] = defaultdict(float)
    for endpoint, what in (stays or {}).items():
        rows[what] += work.endpoints.get(endpoint, 0) * iterations
    sustained = load.phase(SUSTAINED)
    timed = sustained is not None and not sustained.iterations and load.window_count
    return Plan(
        **dict(load) | {"phases": phases, "windows": load.window_count},
        window_s=sustained.duration_s / load.window_count if sustained is not None and timed else 0.0,
        planned_iterations=iterations,
        memory_mb=held_mb,
        segments=segments,
        connections=vus * max(1, len(work.services)),
        scenario=scenario,
        services=work.services,
        needs=work.needs,
        setup_s=work.setup_s,
        writes_addresses=work.addresses,
        vus=vus,
        creates=iterations * work.creates + work.once,
        objects_left=iterations * work.objects_left,
        rows_left={what: count for what, count in rows.items() if count},
        requests=requests,
        unpaced_requests_per_s=_each(work) * unpaced,
        gogc=gogc,
        statistics={
            endpoint: {
                name: planned_statistic(MetricClass(name), count / max(1, load.window_count), load.window_count)
                for name in (QUANTILES if count else ())
            }
            for endpoint, count in _planned_requests(load, work).items()
        },
    )


def _planned_requests(load: Load, work: Work) -> dict[str, float]:
    """Requests of each endpoint that are planned in the sustained phase; 0 where nothing fixes their rate."""
    phase = load.phase(SUSTAINED)
    if phase is None:
        return {}
    by_vus = phase.iterations or vu_iterations_per_s(load, phase) * phase.duration_s
    by_arrivals = arrivals_per_s(phase) * phase.duration_s
    each, arriving = work.endpoints, work.endpoints if work.arrival_endpoints is None else work.arrival_endpoints
    # VUs without pace send as fast as they are answered.
    unplanned = set(each) if phase.vus is not None and not by_vus else set()
    return {
        name: 0.0 if name in unplanned else by_vus * each.get(name, 0) + by_arrivals * arriving.get(name, 0)
        for name in {**each, **arriving}
    }


def _planned_phase(load: Load, phase: Phase, work: Work) -> PlannedPhase:
    iterations, requests = iterations_per_s(load, phase), sum(requests_per_s(load, phase, work).values())
    return PlannedPhase(
        **dict(phase),
        offered_per_s=iterations,
        requests_per_iteration=requests / iterations if iterations else sum(work.requests.values()),
        sent_per_s=sent_per_s(load, phase, work),
    )


def _vus(load: Load, work: Work) -> int:
    arriving = max((max(phase.rate.start, phase.rate.end) for phase in load.phases if phase.rate), default=0.0)
    return load.max_vus + math.ceil(arriving * work.arrival_s)


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
