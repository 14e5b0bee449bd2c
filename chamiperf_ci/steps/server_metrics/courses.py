"""What services did over a load, for charts: the quantities of the figures, look by look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from chamiperf_ci.models.run import MOST_POINTS, Course
from chamiperf_ci.steps.load.scenario import Span
from chamiperf_ci.steps.server_metrics import tracks as families
from chamiperf_ci.steps.server_metrics.tracks import Quantity, Recording, Spelling, Track


def of_service(service: str, recording: Recording, spans: Sequence[Span]) -> tuple[Course, ...]:
    """Return how a service's requests, database, pool, processor and memory went over a load.

    What the service does not state has no course, and neither has a service that nobody asked, or that was looked at
    fewer than twice.
    """
    if not spans:
        return ()
    began = min(span.started_at for span in spans).timestamp()
    within = recording.between(began, max(span.ended_at for span in spans).timestamp())
    edges = within.looks[:: -(-len(within.looks) // MOST_POINTS) or 1]
    steps = [within.between(*ends) for ends in pairwise(edges)]
    answered = list(_rate(steps, families.REQUESTS, _answered))
    if answered and not any(rate for _, rate in answered):
        return ()
    made: tuple[tuple[str, str, Iterable[tuple[float, float]]], ...] = (
        ("requests answered", "/s", answered),
        ("mean of a database statement", "ms", _means(steps, families.QUERIES)),
        ("database connections in use", "connections", _levels(steps, families.POOL_ACTIVE)),
        ("processor time", "cores", _rate(steps, families.CPU, None)),
        ("memory", "MB", _levels(steps, families.MEMORY)),
    )
    return tuple(
        Course.of_points(service, what, unit, found)
        for what, unit, values in made
        if (found := [(at - began, value) for at, value in values])
    )


def _spelling(steps: Sequence[Recording], quantity: Quantity, ending: str = "") -> Spelling | None:
    return next(
        (each for each in quantity.spellings if any(f"{each.name}{ending}" in step.tracks for step in steps)), None
    )


def _answered(track: Track) -> bool:
    """Whether a bucket holds all requests of a route that load goes to."""
    return track.label(("le",)) in ("+Inf", "Inf", "inf") and track.label(families.ROUTE) not in families.PROBES


def _risen(step: Recording, name: str, counts: Callable[[Track], bool] | None = None) -> float:
    return sum(rise for track, rise in step.increases(name) if counts is None or counts(track))


def _rate(
    steps: Sequence[Recording], quantity: Quantity, counts: Callable[[Track], bool] | None
) -> Iterator[tuple[float, float]]:
    ending = "_bucket" if counts else ""
    spelling = _spelling(steps, quantity, ending)
    for step in steps:
        if spelling is not None and step.observed_s > 0:
            yield step.looks[-1], _risen(step, f"{spelling.name}{ending}", counts) / step.observed_s


def _means(steps: Sequence[Recording], quantity: Quantity) -> Iterator[tuple[float, float]]:
    spelling = _spelling(steps, quantity, "_bucket")
    for step in steps:
        if spelling is None:
            return
        whole = _risen(step, f"{spelling.name}_bucket", lambda track: track.label(("le",)) in ("+Inf", "Inf", "inf"))
        if whole > 0:
            yield step.looks[-1], spelling.factor * _risen(step, f"{spelling.name}_sum") / whole


def _levels(steps: Sequence[Recording], quantity: Quantity) -> Iterator[tuple[float, float]]:
    spelling = _spelling(steps, quantity)
    for step in steps:
        if spelling is not None and (levels := step.totals(spelling.name)):
            yield step.looks[-1], spelling.factor * levels[-1]
