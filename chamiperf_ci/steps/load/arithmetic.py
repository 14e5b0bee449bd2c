"""How much a load is: iterations, requests, objects, memory; pure."""

import math
from dataclasses import dataclass

from chamiperf_ci.models.plan import Load, Phase
from chamiperf_ci.models.run import LoadPlan, PhasePlan
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.catalogue import Work, iterations_per_s, requests_per_s, sent_per_s

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


def volume(load: Load, work: Work, *, segments: int = 1) -> Volume:
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
