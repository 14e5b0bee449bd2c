"""How much a load is: iterations, requests, memory; pure.

A paced VU begins an iteration every `pace_s` seconds; an unpaced one as fast as it can, so that nothing can be said of
its rate beforehand.
"""

import math
from dataclasses import dataclass

from chamiperf_ci.models.plan import Load, Phase
from chamiperf_ci.models.run import LoadPlan, PhasePlan
from chamiperf_ci.steps.load.catalogue import PerIteration

MB_PER_PROCESS = 100.0
"""k6 with a script loaded and nothing to do, with room for its garbage collector. (Measured: see bench/load.)"""
MB_PER_VU = 0.2
"""One paced VU with its connection. (Measured: 9,500 VUs took 1.9 GB, 19,000 took 4.0 GB.)"""
BYTES_PER_REQUEST = 160.0
"""Samples of the Trends of one request, kept until the end. (Measured: 74 MB after 76,000, 115 MB after 332,000.)"""
UNPACED_PER_VU_S = 100.0
"""Iterations a second of an unpaced VU, as far as memory is planned; a guess on the high side for storms."""
MOST_PER_S = 20_000.0
"""Iterations a second that no generator of today exceeds; bounds the guess above."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a load adds up to, as planned."""

    iterations: float
    """0 where nothing fixes them (unpaced)."""
    requests: float
    creates: float
    """Objects created."""
    leaves: float
    """Objects that stay behind."""
    memory_mb: float
    connections: int
    """The most connections at the same time, to all services together."""
    peak_requests_per_s: dict[str, float]
    """By service, in the phase that offers most; empty where nothing fixes the rate."""


def iterations_per_s(load: Load, phase: Phase) -> float:
    """Planned iterations a second, mean over the phase; 0 where nothing fixes them."""
    paced = phase.vus.mean / load.pace_s if phase.vus is not None and load.pace_s > 0 else 0.0
    arriving = phase.rate.mean if phase.rate is not None else 0.0
    return paced + arriving


def iterations_in(load: Load, phase: Phase) -> float:
    """Planned iterations of a phase; 0 where nothing fixes them."""
    return float(phase.iterations or iterations_per_s(load, phase) * phase.duration_s)


def volume(load: Load, per_iteration: PerIteration, *, segments: int = 1) -> Volume:
    """Add a load up."""
    iterations = sum(iterations_in(load, phase) for phase in load.phases)
    expected = sum(_expected_iterations(load, phase) for phase in load.phases)
    requests = expected * per_iteration.total
    vus = planned_vus(load)
    peak = max((iterations_per_s(load, phase) for phase in load.phases if not phase.iterations), default=0.0)
    return Volume(
        iterations=iterations,
        requests=iterations * per_iteration.total,
        creates=iterations * per_iteration.creates,
        leaves=iterations * per_iteration.leaves,
        memory_mb=segments * MB_PER_PROCESS + vus * MB_PER_VU + requests * BYTES_PER_REQUEST / 1e6,
        connections=vus * max(1, len(per_iteration.requests)),
        peak_requests_per_s={service: peak * number for service, number in per_iteration.requests.items() if peak},
    )


def planned_vus(load: Load) -> int:
    """VUs that the process must hold: the planned ones, and for arrivals as many as answers of one second need."""
    arriving = max((max(phase.rate.start, phase.rate.end) for phase in load.phases if phase.rate), default=0.0)
    return load.max_vus + math.ceil(arriving)


def load_plan(load: Load, per_iteration: PerIteration, *, memory_mb: float, segments: int) -> LoadPlan:
    """The plan as the run's file states it."""
    return LoadPlan(
        model=load.model,
        phases=tuple(
            PhasePlan(
                name=phase.name,
                start_s=phase.start_s,
                duration_s=phase.duration_s,
                from_vus=phase.from_vus or 0,
                to_vus=phase.to_vus or 0,
                offered_per_s=iterations_per_s(load, phase),
                requests_per_iteration=per_iteration.total,
            )
            for phase in load.phases
        ),
        pace_s=load.pace_s,
        windows=load.window_count,
        window_s=load.window_s,
        planned_iterations=sum(iterations_in(load, phase) for phase in load.phases),
        memory_mb=memory_mb,
        segments=segments,
    )


def _expected_iterations(load: Load, phase: Phase) -> float:
    """As `iterations_in`, with a guess where nothing fixes them: memory must be planned for those as well."""
    fixed = iterations_in(load, phase)
    if fixed or phase.vus is None:
        return fixed
    return min(phase.vus.mean * UNPACED_PER_VU_S, MOST_PER_S) * phase.duration_s
