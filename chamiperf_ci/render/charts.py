"""Charts: what the report's script draws, and drawings in SVG and in characters; names are data in all of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Course, Run, Series
from chamiperf_ci.models.verdict import Row
from chamiperf_ci.models.vocabulary import Direction, RowVerdict, TargetVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.render.tables import TimeSplit
from chamiperf_ci.render.text import html, plain

SVG_WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 28


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to heights, with a margin above and below."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value lies, from the top."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """One value of a row: of which kind (`night before`, `accepted` or `now`), and when, if that is known."""

    kind: str
    value: float
    at: datetime | None


def in_time_order(row: Row, now: Sequence[datetime]) -> list[MeasuredPoint]:
    """Return a row's nights before, accepted runs and current runs, in the order of their measurement.

    Accepted runs lie between the nights before where they were measured there; where a date is not known, they stand
    between the nights before and the current runs.

    Args:
        row: The row.
        now: When each current run began; all began with the first where their number is another.
    """
    began = [*now] if len(now) == len(row.current_values) else [now[0] if now else None] * len(row.current_values)
    found: list[MeasuredPoint] = []
    for kind, values, dates in (
        ("night before", row.history_values, [*row.history_at]),
        ("accepted", row.baseline_values, [*row.baseline_at]),
        ("now", row.current_values, began),
    ):
        known = dates if len(dates) == len(values) else [None] * len(values)
        found += [
            MeasuredPoint(kind, value, at) for value, at in zip(values, known, strict=True) if math.isfinite(value)
        ]
    # An accepted run was a night as well: it is drawn once, as what it is more.
    accepted = {one.at for one in found if one.kind == "accepted" and one.at is not None}
    once = [one for one in found if one.kind != "night before" or one.at not in accepted]
    dated = [one for one in once if one.at is not None]
    return sorted(dated, key=_began) if len(dated) == len(once) else once


def _began(one: MeasuredPoint) -> float:
    return one.at.timestamp() if one.at else 0.0


_SHAPES = {"night before": "history", "accepted": "accepted", "now": "now"}


def runs_chart(row: Row, now: Sequence[datetime] = ()) -> str:
    """Return a row's values as dots on a time axis: nights before, accepted runs, current runs, and the tolerance.

    Shapes and labels tell them apart as well as colours do. Empty where there is nothing to draw. Where a date is not
    known they stand side by side.
    """
    found = in_time_order(row, now)
    if not found or row.baseline is None or row.change is None:
        return ""
    allowed = _allowed(row)
    scale = _scale([*(one.value for one in found), *([] if allowed is None else [allowed])])
    times = [one.at for one in found if one.at is not None]
    dated = len(times) == len(found)
    places = [_began(one) for one in found] if dated else [float(place) for place, _ in enumerate(found)]
    first, span = min(places), max(places) - min(places)
    parts = []
    for one, place in zip(found, places, strict=True):
        x = LEFT + 12 + ((place - first) / span if span else 0.5) * (SVG_WIDTH - LEFT - RIGHT - 24)
        when = f", {one.at:%Y-%m-%d %H:%M} UTC" if one.at else ""
        said = html(f"{one.kind}: {numbers.quantity(one.value, row.unit)}{when}")
        parts.append(_dot(_SHAPES[one.kind], x, scale.y(one.value), said))
    lines = [_level(scale.y(row.baseline), "baseline", f"accepted {numbers.quantity(row.baseline, row.unit)}")]
    if allowed is not None:
        lines.append(_level(scale.y(allowed), "allowed", f"allowed {numbers.quantity(allowed, row.unit)}"))
    if dated:
        ends = ((LEFT, "start", min(times)), (SVG_WIDTH - RIGHT, "end", max(times)))
        lines += [
            f'<text class="tick" x="{x}" y="{HEIGHT - 8}" text-anchor="{anchor}">{at:%Y-%m-%d}</text>'
            for x, anchor, at in ends
        ]
    return drawing(history_title(row), [_axis(scale, row.unit), *lines, *parts])


def history_title(row: Row) -> str:
    """Return what a chart of a row shows, in words."""
    return f"{row.key.text}: {len(row.history_values)} nights before, {len(row.baseline_values)} accepted, now"


def distribution_chart(runs: Sequence[Run], endpoint: str, metric: str = "latency") -> str:
    """Return the quantiles of each run's sustained phase against the share of slower responses, both on logs."""
    series = [found for run in runs for found in run.series if (found.endpoint, found.metric) == (endpoint, metric)]
    curves = [curve for each in series if (curve := _curve(each))]
    values = [value for curve in curves for _, value in curve]
    if not values:
        return ""
    scale = _scale([math.log10(value) for value in values])
    largest = max(rank for curve in curves for rank, _ in curve)

    def x(rank: float) -> float:
        return LEFT + rank / largest * (SVG_WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return scale.y(math.log10(value))

    lines = []
    for curve in curves:
        points = " ".join(f"{x(rank):.1f},{y(value):.1f}" for rank, value in curve)
        lines.append(f'<polyline class="curve" points="{points}"/>')
    marks = [
        f'<text class="tick" x="{x(_rank(q)):.1f}" y="{HEIGHT - 8}" text-anchor="middle">p{100 * q:g}</text>'
        for q in (0.5, 0.9, 0.99, 0.999, 0.9999)
        if _rank(q) <= largest
    ]
    ends = [
        f'<text class="tick" x="{LEFT - 6}" y="{y(end):.1f}" text-anchor="end">{html(said)}</text>'
        for end, said in ((end, numbers.quantity(end, series[0].unit)) for end in (min(values), max(values)))
    ]
    return drawing(f"{endpoint}: distribution of {metric}, one line a run", [*marks, *ends, *lines])


def _curve(series: Series) -> list[tuple[float, float]]:
    phase = series.phases.get("sustained")
    quantiles = phase.quantiles if phase else {}
    found = [(float(name.removeprefix("p")) / 100, value) for name, value in quantiles.items() if name.startswith("p")]
    return sorted((_rank(share), value) for share, value in found if 0 < share < 1 and value > 0)


def _rank(share: float) -> float:
    """How far out a quantile lies: 0.9 is 1, 0.99 is 2."""
    return -math.log10(1 - share)


def _scale(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return Scale(low - margin, high + margin)


def _dot(kind: str, x: float, y: float, said: str) -> str:
    title = f"<title>{said}</title>"
    if kind == "now":
        points = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        return f'<polygon class="now" points="{points}">{title}</polygon>'
    if kind == "accepted":
        return f'<rect class="accepted" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">{title}</rect>'
    return f'<circle class="history" cx="{x:.1f}" cy="{y:.1f}" r="3">{title}</circle>'


def _level(y: float, kind: str, said: str) -> str:
    return (
        f'<line class="{kind}" x1="{LEFT}" x2="{SVG_WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{SVG_WIDTH - RIGHT}" y="{y - 4:.1f}" text-anchor="end">{html(said)}</text>'
    )


def _axis(scale: Scale, unit: str) -> str:
    ends = (scale.low + (scale.high - scale.low) * share for share in (0.05, 0.95))
    shown = ((scale.y(end), numbers.quantity(end, unit)) for end in ends)
    return "".join(
        f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{html(said)}</text>' for y, said in shown
    )


def drawing(title: str, parts: Sequence[str]) -> str:
    """Return a chart with its title for those who do not see it, and its frame."""
    frame = f'<path class="frame" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{SVG_WIDTH - RIGHT}"/>'
    return (
        f'<svg viewBox="0 0 {SVG_WIDTH} {HEIGHT}" role="img" aria-label="{html(title)}">'
        f"<title>{html(title)}</title>{frame}{''.join(parts)}</svg>"
    )


Data = dict[str, object]
"""What one chart of report.html is drawn from: JSON, its names data; the specification is the script's."""


def forest(rows: Sequence[tuple[int, Row]]) -> Data:
    """Return the changes of rows with their intervals and limits, as factors by which they got worse.

    Args:
        rows: In the order in which they are shown, each with its place in the table of all figures.
    """
    return {"kind": "forest", "rows": [_factor(place, number, row) for place, (number, row) in enumerate(rows)]}


_STATES = {RowVerdict.REGRESSION: "worse", RowVerdict.IMPROVEMENT: "better", RowVerdict.PASS: "unchanged"}


def state_of(row: Row) -> str:
    """Return a compared row's verdict in a word for everybody."""
    return _STATES.get(row.verdict, "not sure")


def _factor(place: int, number: int, row: Row) -> Data:
    ends = [_worse_by(row, end) for end in (row.change.low, row.change.high)] if row.change else [1.0]
    limit = _worse_by(row, row.tolerance if row.direction is Direction.LOWER else -row.tolerance)
    missed = ", target missed" if row.target.verdict is TargetVerdict.MISSED else ""
    name = plain(row.key.text, longest=80)
    return {
        "place": place,
        "row": number,
        "name": f"{name}{missed}",
        "worse": _worse_by(row, row.change.ratio if row.change else 0.0),
        "low": min(ends),
        "high": max(ends),
        "limit": limit,
        "limit_said": f"limit: {numbers.tolerance(row)}",
        "state": state_of(row),
        "said": f"{name}: {state_of(row)}, {numbers.cell(row)}{missed}",
    }


_LEAST, _MOST = 0.01, 100.0
"""Factors beyond these are drawn at the edge; the words beside them are exact."""


def _worse_by(row: Row, ratio: float) -> float:
    factor = 1 + ratio
    if row.direction is Direction.HIGHER:
        factor = 1 / factor if factor > 0 else _MOST
    return min(max(factor, _LEAST), _MOST)


_NEAR = 2.0
"""A target further above the runs than this factor would press them into a line at the bottom."""


def history(row: Row, now: Sequence[datetime]) -> Data:
    """Return a row's runs in time order, with the levels that matter; `now` says when the current runs began."""
    found = in_time_order(row, now)
    near = _NEAR * max((one.value for one in found), default=0.0)
    target = row.target.limit if row.target.unit == row.unit and (row.target.limit or 0.0) <= near else None
    levels = (("accepted", row.baseline), ("allowed", _allowed(row)), ("target", target))
    return {
        "kind": "history",
        "dated": all(one.at is not None for one in found),
        "points": [
            {
                "place": place,
                "at": round(_began(one) * 1000),
                "kind": one.kind,
                "value": one.value,
                "said": f"{one.kind}: {numbers.quantity(one.value, row.unit)}"
                + (f", {one.at:%Y-%m-%d %H:%M} UTC" if one.at else ""),
            }
            for place, one in enumerate(found)
        ],
        "levels": [
            {"kind": kind, "value": value, "said": f"{kind} {numbers.quantity(value, row.unit)}"}
            for kind, value in levels
            if value is not None and math.isfinite(value)
        ],
    }


QUANTILES = ("p50", "p95", "p99")
Sides = Mapping[str, Sequence[Run]]
"""Runs by side: `before` and `now`."""


def timelines(sides: Sides, endpoint: str, metric: str) -> dict[str, Data]:
    """Return how a series went over the load: its quantiles, its requests per second and its failures, by window.

    Phases without windows are shown by their quantiles as a whole. What has no values is left out.
    """
    points: dict[str, list[Data]] = {"latency": [], "rate": [], "errors": []}
    whole: list[Data] = []
    for side, run, name, series in _of(sides, endpoint, metric):
        plan = {phase.name: phase for phase in run.plan.phases}
        for phase, found in series.phases.items():
            if phase == SUSTAINED or phase not in plan:
                continue
            ends = {"from": plan[phase].start_s, "to": plan[phase].start_s + plan[phase].duration_s}
            whole += _quantiles(side, name, series, found.quantiles, **ends)
        at = plan[SUSTAINED].start_s if SUSTAINED in plan else 0.0
        for window in series.windows:
            middle = at + window.seconds / 2
            at += window.seconds
            points["latency"] += _quantiles(side, name, series, window.quantiles, t=middle)
            if metric == "latency" and window.seconds > 0:
                points["rate"].append(_point(side, name, "", window.count / window.seconds, unit="/s", t=middle))
                failed = 100 * window.failed / window.count if window.count else 0.0
                points["errors"].append(_point(side, name, "", failed, unit="%", t=middle))
    if not any(point["value"] for point in points["errors"]):
        del points["errors"]
    return {
        kind: _timeline(sides, found, lines=QUANTILES, whole=whole, log=True)
        if kind == "latency"
        else _timeline(sides, found)
        for kind, found in points.items()
        if found or (kind == "latency" and whole)
    }


def _quantiles(side: str, run: str, series: Series, found: Mapping[str, float], **where: float) -> list[Data]:
    known = [(line, found[line]) for line in QUANTILES if found.get(line, 0) > 0]
    return [_point(side, run, line, value, unit=series.unit, **where) for line, value in known]


_MOST_LINES = 6
"""Services or quantities in one chart; dashes tell no more apart."""


def beside(sides: Sides) -> dict[str, Data]:
    """Return what generator, services and database did over the load, by what it is: on the axis of the latencies.

    Each of the slower statements' database means is there as well, named by its text.
    """
    found: dict[tuple[str, str], dict[str, list[Data]]] = {}
    for side, runs in sides.items():
        for number, run in enumerate(runs, start=1):
            name = _run_name(side, number, run)
            for course in (*run.courses, *_of_statements(run)):
                lines = found.setdefault((course.what, course.unit), {})
                line = plain(course.of, longest=40)
                for at_s, value in course.points:
                    point = _point(side, name, line, value, unit=course.unit, t=at_s)
                    lines.setdefault(line, []).append(point)
    charts = {}
    for (what, unit), lines in found.items():
        most = sorted(lines, key=lambda line: -max(abs(_value(point)) for point in lines[line]))[:_MOST_LINES]
        points = [point for line in most for point in lines[line]]
        charts[f"{what}, {unit}"] = _timeline(sides, points, lines=most)
    return charts


def _of_statements(run: Run) -> Iterator[Course]:
    """The means of the database's statements by stretch, as courses on the axis of the load."""
    began = next((phase.start_s for phase in run.plan.phases if phase.name == SUSTAINED), 0.0)
    for each in run.statements:
        points = [(began + point.at_s, point.mean_ms) for point in each.points]
        if points:
            yield Course.of_points(each.text, "mean of each database statement", "ms", points)


def _value(point: Data) -> float:
    value = point["value"]
    return float(value) if isinstance(value, int | float) else 0.0


def _timeline(
    sides: Sides,
    points: Sequence[Data],
    *,
    lines: Sequence[str] = (),
    whole: Sequence[Data] = (),
    log: bool = False,
) -> Data:
    """One chart over the load, its phases shaded: those of the newest run, which every run of a verdict shares."""
    runs = [run for of_side in sides.values() for run in of_side]
    ends = [phase.start_s + phase.duration_s for run in runs for phase in run.plan.phases]
    return {
        "kind": "timeline",
        "log": log,
        "end": max(ends, default=0.0),
        "lines": [line for line in lines if line],
        "phases": [
            {
                "name": plain(phase.name, longest=40),
                "from": phase.start_s,
                "to": phase.start_s + phase.duration_s,
                "shade": 0.14 if place % 2 else 0.05,
            }
            for place, phase in enumerate(runs[-1].plan.phases if runs else ())
        ],
        "whole": list(whole),
        "points": list(points),
    }


_PARTS = ("database", "service", "in front", "generator")


def split(before: Sequence[TimeSplit], now: Sequence[TimeSplit]) -> Data:
    """Return the parts of each endpoint's mean time, of both sides, in ms."""
    return {
        "kind": "split",
        "points": [
            {
                "bar": f"{plain(one.endpoint, longest=24)}, {side}",
                "side": side,
                "part": part,
                "order": order,
                "value": max(0.0, value),
                "said": f"{part} {numbers.quantity(value, 'ms')}, {side}",
            }
            for endpoint in dict.fromkeys(one.endpoint for one in (*now, *before))
            for side, splits in (("before", before), ("now", now))
            for one in splits
            if one.endpoint == endpoint
            for order, (part, value) in enumerate(zip(_PARTS, one.parts[1:], strict=True))
            if value is not None
        ],
    }


def quantile_plot(sides: Sides, endpoint: str, metric: str) -> Data | None:
    """Return the quantiles of a series' sustained phase, a line a run; None where there are none."""
    points = [
        _point(side, name, f"p{100 * (1 - 10**-rank):.6g}", value, unit=series.unit, rank=rank)
        for side, _, name, series in _of(sides, endpoint, metric)
        for rank, value in _curve(series)
    ]
    return {"kind": "quantiles", "points": points} if points else None


def _of(sides: Sides, endpoint: str, metric: str) -> Iterator[tuple[str, Run, str, Series]]:
    """A series in each run that has it, with the side, and a name for the run."""
    for side, runs in sides.items():
        for number, run in enumerate(runs, start=1):
            for series in run.series:
                if (series.endpoint, series.metric) == (endpoint, metric):
                    yield side, run, _run_name(side, number, run), series


def _run_name(side: str, number: int, run: Run) -> str:
    return f"{side} {number}, {run.started_at:%Y-%m-%d %H:%M}"


def _point(side: str, run: str, line: str, value: float, *, unit: str, **where: float) -> Data:
    return {"side": side, "run": run, "line": line, "value": value, "shown": numbers.quantity(value, unit), **where}


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Return one block a value, the lowest for the smallest and the highest for the largest of them."""
    low, high = min(values), max(values)
    span = high - low
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - low) / span * steps) if span > 0 else steps // 2] for value in values)


def _allowed(row: Row) -> float | None:
    if row.baseline is None:
        return None
    allowed = row.baseline * (1 + row.tolerance if row.direction is Direction.LOWER else 1 - row.tolerance)
    return allowed if math.isfinite(allowed) else None
