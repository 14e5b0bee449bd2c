"""Years of nights on one chart: the newest one by one, older ones as medians of their weeks."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median

from chamiperf_ci.render.trend import Point

NIGHTS_SHOWN = timedelta(days=180)
"""How far back every night is a point; beyond, five years are some 240 points more."""


def thinned(points: Sequence[Point], before: datetime | None) -> tuple[Point, ...]:
    """Return the points, those before a time as medians of ISO weeks (UTC), at the median night of each.

    Args:
        points: Oldest first.
        before: None: all are kept.
    """
    if before is None:
        return tuple(points)
    old = [point for point in points if point.when < before]
    weeks = (list(week) for _, week in groupby(old, key=lambda point: point.when.isocalendar()[:2]))
    return (*map(_week, weeks), *points[len(old) :])


def weeks_before(nights: Iterable[datetime]) -> datetime | None:
    """Return the time before which weeks are shown; None where all nights lie within the days that are shown."""
    first, *rest = sorted(nights)
    newest = rest[-1] if rest else first
    return newest - NIGHTS_SHOWN if newest - first > NIGHTS_SHOWN else None


def _week(points: Sequence[Point]) -> Point:
    return Point(points[len(points) // 2].when, median(point.value for point in points))
