"""A metric's nights as a chart in inline SVG, and the nights themselves, drawn once for all charts of a scenario.

Time runs evenly, so that a gap looks like one. What all charts of a scenario share (dates, nights that are missing or
were not judged, changes of circumstances) is one group that each of them uses, which keeps years of nights small.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from chamiperf_ci.render.escaping import html
from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, drawing
from chamiperf_ci.render.trend import MetricTrend, Point, ScenarioTrend

_FLOOR = HEIGHT - BOTTOM
_LEAST = {"share": 0.001, "windows": 1.0}
"""Where a scale ends at least, of quantities that are mostly zero."""
_LONGEST_TICK = 12
_JOINED = timedelta(days=3)
_JOINED_WEEKS = timedelta(days=21)
"""Points further apart than this are not joined by a line."""


class Timeline:
    """Where a time lies from left to right; the same for all charts of a scenario."""

    def __init__(self, trend: ScenarioTrend) -> None:
        self._first = trend.first
        self._span = max((trend.last - trend.first).total_seconds(), 1.0)

    def x(self, when: datetime) -> float:
        """Pixels from the left, 12 within the frame at both ends."""
        share = (when - self._first).total_seconds() / self._span
        return LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24)


def shared_marks(trend: ScenarioTrend, name: str) -> str:
    """Return what all charts of a scenario use, to stand before the first of them.

    Args:
        trend: The scenario.
        name: Its id within the page.
    """
    time = Timeline(trend)
    missing = "".join(f"M{time.x(when):.1f} {_FLOOR}v6" for when in trend.missing)
    x_of_invalid = (time.x(night.when) for night in trend.invalid)
    invalid = "".join(f"M{x - 3:.1f} {_FLOOR - 9}l6 6m0-6l-6 6" for x in x_of_invalid)
    breaks = "".join(f"M{time.x(night.when):.1f} {TOP}V{_FLOOR}" for night in trend.breaks)
    ends = dict.fromkeys(((trend.first, "start"), (trend.last, "end")))
    dates = "".join(
        f'<text class="tick" x="{time.x(when):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{when:%Y-%m-%d}</text>'
        for when, anchor in ends
    )
    paths = "".join(
        f'<path class="{kind}" d="{path}"/>'
        for kind, path in (("missing", missing), ("invalid", invalid), ("break", breaks))
        if path
    )
    return f'<svg class="marks" aria-hidden="true"><defs><g id="{html(name)}">{dates}{paths}</g></defs></svg>'


def trend_chart(metric: MetricTrend, trend: ScenarioTrend, name: str) -> str:
    """Return a metric's chart.

    Args:
        metric: One of the scenario's.
        trend: The scenario.
        name: Of its shared marks.
    """
    time = Timeline(trend)
    low, high = _ends(metric)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    scale = Scale(max(0.0, low - margin) if low >= 0 else low - margin, high + margin)
    parts = [*_axis(scale, (low, high), metric.unit), f'<use href="#{html(name)}"/>']
    for line in metric.lines:
        kind = "nights" if line is metric.lines[-1] else "nights before"
        parts.append(f'<path class="{kind}" d="{"".join(_path(line.points, time, scale, trend.weeks_before))}"/>')
        if line.accepted is not None:
            begin, end = time.x(line.points[0].when), time.x(line.points[-1].when)
            y = scale.y(line.accepted)
            parts.append(f'<path class="accepted" d="M{begin - 6:.1f} {y:.1f}H{end + 6:.1f}"/>')
    if metric.drifting is not None and metric.drifting.began is not None:
        x = time.x(metric.drifting.began)
        parts.append(
            f'<path class="drift" d="M{x:.1f} {TOP}V{_FLOOR}"/>'
            f'<text class="tick" x="{x - 4:.1f}" y="{TOP + 10}" text-anchor="end">drift</text>'
        )
    x, y = time.x(metric.newest.when), scale.y(metric.newest.value)
    parts.append(f'<circle class="newest" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    return drawing(f"{trend.scenario} / {metric.name}: {trend.valid} nights", parts)


def _path(points: Sequence[Point], time: Timeline, scale: Scale, weeks_before: datetime | None) -> Iterator[str]:
    """A line that is broken where nights are missing; a night between two gaps is a short dash."""
    for stretch in _stretches(points, weeks_before):
        places = [f"{time.x(point.when):.1f} {scale.y(point.value):.1f}" for point in stretch]
        yield f"M{places[0]}m-2 0h4" if len(places) == 1 else f"M{'L'.join(places)}"


def _stretches(points: Sequence[Point], weeks_before: datetime | None) -> Iterator[list[Point]]:
    """Points that follow one another without a gap."""
    stretch = [points[0]]
    for before, after in pairwise(points):
        is_week = weeks_before is not None and before.when < weeks_before
        if after.when - before.when > (_JOINED_WEEKS if is_week else _JOINED):
            yield stretch
            stretch = []
        stretch.append(after)
    yield stretch


def _ends(metric: MetricTrend) -> tuple[float, float]:
    """The least and the most that is drawn."""
    values = [point.value for line in metric.lines for point in line.points]
    values += [line.accepted for line in metric.lines if line.accepted is not None]
    return min(values, default=metric.newest.value), max(
        *values, metric.newest.value, _LEAST.get(metric.unit, metric.newest.value)
    )


def _axis(scale: Scale, ends: tuple[float, float], unit: str) -> Iterator[str]:
    """Both ends beside the frame; windows without their unit, for which there is no room."""
    for end in dict.fromkeys(ends):
        said = f"{end:g}" if unit == "windows" else amount(end, unit)
        yield (
            f'<text class="tick" x="{LEFT - 6}" y="{scale.y(end) + 4:.1f}" text-anchor="end">'
            f"{html(said, longest=_LONGEST_TICK)}</text>"
        )
