"""One service's recording as the figures of a run, whatever it was recorded by."""

from collections.abc import Callable, Iterator, Sequence

from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import ServerMetric
from chamiperf_ci.steps.load.server import Span
from chamiperf_ci.steps.server_metrics.figures import WITHOUT_DATABASE, Observed, unavailable
from chamiperf_ci.steps.server_metrics.memory import memory_growth
from chamiperf_ci.steps.server_metrics.tracks import Recording

_TARGETED = (("db_query_p99", "ms"), ("pool_utilisation", "share"))
"""Figures with a target: they are missed by name where a service says nothing."""
_FEWEST_LOOKS = 2


def phase_of(spans: Sequence[Span]) -> Span | None:
    """The phase that figures are read over: the sustained one, else the longest; None if none took place."""
    sustained = [span for span in spans if span.phase == SUSTAINED]
    return max(sustained or spans, key=lambda span: span.ended_at - span.started_at, default=None)


def told(
    service: str, recording: Recording, phase: Span | None, source: Callable[[str], str], problem: str
) -> Iterator[ServerMetric]:
    """Every figure of a service.

    Args:
        service: Its name.
        recording: Everything seen of it.
        phase: What figures but memory's growth are read over.
        source: From the name of a series to where it was read.
        problem: Why the service could not be looked at, if it could not.
    """
    under_load = False
    if phase is not None:
        within = recording.between(phase.started_at.timestamp(), phase.ended_at.timestamp())
        if len(within.looks) >= _FEWEST_LOOKS:
            figures = Observed(service, within, source).figures()
            under_load = bool(figures)
            yield from figures
        elif service not in WITHOUT_DATABASE:
            seen = f"its metrics were read {len(within.looks)} times in the phase, and a rate needs two"
            for name, unit in _TARGETED:
                yield unavailable(service, name, unit, "; ".join(part for part in (problem, seen) if part))
    # Of a service that was left alone, a look that is too short for a slope is no news.
    yield from (
        growth for growth in memory_growth(service, recording, source) if under_load or growth.value is not None
    )
