"""Is a service's memory stable: judged over everything that was seen of one deployment, not over one phase."""

import math
from collections.abc import Callable, Iterator

from chamiperf_ci.models.run import Judged, ServerMetric
from chamiperf_ci.models.vocabulary import Direction, RowReason, TargetVerdict
from chamiperf_ci.steps.server_metrics import families
from chamiperf_ci.steps.server_metrics.figures import restarts
from chamiperf_ci.steps.server_metrics.tracks import Recording, Track
from chamiperf_ci.verdict.memory import TOLERATED_GROWTH, MemoryDecision, judge_memory

NAME = "memory_growth"
_PLACES = ("container", "pod", "instance", "service_instance_id")
_MINUTE = 60.0


def memory_growth(service: str, recording: Recording, source: Callable[[str], str]) -> Iterator[ServerMetric]:
    """Judge each process or container of a service; nothing where none states its memory.

    Args:
        service: Its name.
        recording: Everything seen of it, over all loads.
        source: From the name of a series to where it was read.
    """
    name = next((name for name in families.MEMORY.names if recording.named(name)), None)
    if name is None:
        return
    tracks = recording.named(name)
    for track in tracks:
        yield _judged(service, track, restarts(recording), source(name), alone=len(tracks) == 1)


def _judged(service: str, track: Track, restarted: tuple[float, ...], source: str, *, alone: bool) -> ServerMetric:
    decision = judge_memory(track.times, track.values, restarts=restarted)
    return ServerMetric(
        service=service,
        name=NAME,
        unit="share",
        direction=Direction.LOWER,
        value=decision.growth,
        reason=_seen(decision),
        source=source,
        labels={} if alone else {name: value for name, value in track.labels if name in _PLACES},
        observed_s=decision.observed_s,
        judged=Judged(
            verdict=TargetVerdict(decision.verdict),
            limit=TOLERATED_GROWTH,
            reason=None if decision.reason is None else RowReason(decision.reason),
            source="ADR-012",
        ),
    )


def _seen(decision: MemoryDecision) -> str:
    """Over how long memory was seen, in whole minutes that are over, and what that is measured by."""
    needed, saw = (math.floor(seconds / _MINUTE) for seconds in (decision.needed_s, decision.observed_s))
    if decision.verdict is TargetVerdict.UNAVAILABLE:
        return f"needs {needed} minutes, saw {saw}"
    return f"growth per {needed} minutes; saw {saw} without a restart"
