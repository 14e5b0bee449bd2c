"""The trend over nights: as tables, as charts, as one page, and as a static site."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup

from chamiperf_ci.models.history import MarkedNight, MetricTrend, Point, ScenarioTrend
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import numbers
from chamiperf_ci.render.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Scale, drawing, sparkline
from chamiperf_ci.render.charts import SVG_WIDTH as WIDTH
from chamiperf_ci.render.html import Figure, html_page
from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.text import (
    Block,
    Bullets,
    Cell,
    Heading,
    Link,
    Paragraph,
    Table,
    as_markdown,
    data,
    html,
    is_web,
)

_FLOOR = HEIGHT - BOTTOM
_LEAST = {"share": 0.001, "windows": 1.0}
"""Where a scale ends at least, of quantities that are mostly zero."""
_LONGEST_TICK = 12
_JOINED = timedelta(days=3)
_JOINED_WEEKS = timedelta(days=63)
"""Points further apart than this are not joined by a line."""


class Timeline:
    """Where a time lies from left to right; the same for all charts of a scenario."""

    def __init__(self, trend: ScenarioTrend) -> None:
        self._first = trend.first
        self._span = max((trend.last - trend.first).total_seconds(), 1.0)
        self._known: dict[datetime, float] = {}

    def x(self, when: datetime) -> float:
        """Pixels from the left, 12 within the frame at both ends; the charts of a scenario share their nights."""
        if when not in self._known:
            share = (when - self._first).total_seconds() / self._span
            self._known[when] = LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24)
        return self._known[when]


def shared_marks(trend: ScenarioTrend, time: Timeline, name: str) -> str:
    """Return what all charts of a scenario use, to stand before the first of them."""
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


_NEAR = 2.0
"""A target further above the nights than this factor would press them into a line at the bottom."""


_FEW_DOTS = 150


def trend_chart(metric: MetricTrend, trend: ScenarioTrend, time: Timeline, name: str, *, linked: bool = False) -> str:
    """Return a metric's chart.

    Args:
        metric: One of the scenario's.
        trend: The scenario.
        time: Its timeline.
        name: Of its shared marks.
        linked: Whether each night is a dot that leads to its run.
    """
    low, high = _ends(metric)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    scale = Scale(max(0.0, low - margin) if low >= 0 else low - margin, high + margin)
    parts = [*_nights_axis(scale, (low, high), metric.unit), f'<use href="#{html(name)}"/>']
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
    for step in metric.steps:
        x = time.x(step.when)
        parts.append(
            f'<path class="step" d="M{x:.1f} {TOP}V{_FLOOR}"/>'
            f'<text class="tick" x="{x - 4:.1f}" y="{TOP + 22}" text-anchor="end">step</text>'
        )
    levels = (("allowed", metric.limit, "limit"), ("target", metric.target, "target"))
    for kind, value, said in levels:
        if value is not None and low - margin <= value <= high + margin:
            y = scale.y(value)
            parts.append(
                f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"><title>{said} '
                f"{html(amount(value, metric.unit))}</title></path>"
            )
    if linked:
        radius = 2.5 if len(metric.lines[-1].points) <= _FEW_DOTS else 1.5
        parts += (_dot(point, metric, time, scale, radius) for line in metric.lines for point in line.points)
    x, y = time.x(metric.newest.when), scale.y(metric.newest.value)
    parts.append(f'<circle class="newest" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    return drawing(f"{trend.scenario} / {metric.name}: {trend.valid} nights", parts)


def _dot(point: Point, metric: MetricTrend, time: Timeline, scale: Scale, radius: float) -> str:
    said = f"{point.when:%Y-%m-%d}: {amount(point.value, metric.unit)}"
    dot = (
        f'<circle class="night" cx="{time.x(point.when):.1f}" cy="{scale.y(point.value):.1f}" r="{radius}">'
        f"<title>{html(said)}</title></circle>"
    )
    led = point.report if is_web(point.report) else point.link
    return f'<a href="{html(led)}">{dot}</a>' if is_web(led) else dot


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
    values += [level for level in (metric.limit, metric.target) if level and level <= _NEAR * max(values)]
    return min(values, default=metric.newest.value), max(
        *values, metric.newest.value, _LEAST.get(metric.unit, metric.newest.value)
    )


def _nights_axis(scale: Scale, ends: tuple[float, float], unit: str) -> Iterator[str]:
    """Both ends beside the frame; windows without their unit, for which there is no room."""
    for end in dict.fromkeys(ends):
        said = f"{end:g}" if unit == "windows" else amount(end, unit)
        yield (
            f'<text class="tick" x="{LEFT - 6}" y="{scale.y(end) + 4:.1f}" text-anchor="end">'
            f"{html(said, longest=_LONGEST_TICK)}</text>"
        )


TITLE = "Trend of the nights"
NOTHING = "The history holds no night."
HEADERS = ("metric", "newest", "accepted", "change", "last nights", "drift")
LEGEND = (
    "Jagged line: the nights, of the newest circumstances in front. Level line: what was accepted; dashed: what is "
    "allowed; dotted: the target. Filled circle: the "
    "newest night. Tick below the frame: a night that is missing. Cross: a night that could not be judged. Dotted "
    "vertical line: the circumstances changed, and both sides are not compared. Dashed vertical line: a drift began, "
    "or the level stepped. What changed most comes first."
)
_MOST_LISTED = 5
_MOST_NIGHTS = 30
_SAME = 0.1
"""Levels that differ by less than this count as the same."""
_UNCHANGED = "unchanged"
_IN_TENTHS = 0.095
"""Changes below this are said with a decimal."""


def trend_page(trends: Sequence[ScenarioTrend], *, producer: str) -> str:
    """Return the page; the same trends give the same bytes."""
    return html_page(
        "trend.html.j2",
        f"chamiperf: {TITLE.lower()}",
        producer=producer,
        sentence=sentence(trends),
        legend=LEGEND,
        scenarios=[
            {
                "title": _title(trend),
                "head": head(trend),
                "table": _table(trend),
                "nights": _nights(trend),
                "marks": Markup(shared_marks(trend, time, f"nights-{place}")),  # noqa: S704 - drawn and escaped there
                "charts": [
                    Figure(caption(metric), Markup(trend_chart(metric, trend, time, f"nights-{place}")))  # noqa: S704
                    for metric in shown(trend)
                ],
            }
            for place, (trend, time) in enumerate(((trend, Timeline(trend)) for trend in trends), start=1)
        ],
    )


def _nights(trend: ScenarioTrend) -> Table:
    """The newest nights with what they lead to, each once for all of the scenario's metrics."""
    known = {point.when: point for metric in trend.metrics for point in metric.nights[:_MOST_NIGHTS]}
    nights = sorted(known.values(), key=lambda point: point.when, reverse=True)[:_MOST_NIGHTS]
    rows = [
        (f"{point.when:%Y-%m-%d}", Link("run", point.link), Link("report", point.report) if point.report else "")
        for point in nights
        if point.link or point.report
    ]
    return Table(("night (UTC)", "run", "report"), rows)


def trend_markdown(trends: Sequence[ScenarioTrend]) -> str:
    """Return the tables, for a job summary or a wiki."""
    blocks: list[Block] = [Paragraph(sentence(trends))]
    for trend in trends:
        blocks += [*head(trend), _table(trend)]
    return as_markdown(blocks)


def sentence(trends: Sequence[ScenarioTrend]) -> str:
    """Everything in one sentence."""
    if not trends:
        return NOTHING
    metrics = [metric for trend in trends for metric in trend.metrics]
    said = f"{_drifts(metrics)} The newest night is of {max(t.last for t in trends):%Y-%m-%d}."
    lasting = [(metric, trend) for trend in trends for metric in trend.metrics if metric.steps and _lasting(metric)]
    if lasting:
        metric, trend = max(lasting, key=lambda pair: pair[0].changed)
        more = f" {numbers.counted(len(lasting) - 1, 'more metric')} stepped." if len(lasting) > 1 else ""
        said += f" {trend.scenario} {metric.name} is {stepped(metric)}.{more}"
    return said


def _drifts(metrics: Sequence[MetricTrend]) -> str:
    """How many drift, of those that have a baseline; the others are never said to be fine."""
    judged = [metric for metric in metrics if metric.has_baseline]
    if not judged:
        return "No baseline: drift not judged."
    drifting = sum(metric.drifting is not None for metric in judged)
    said = f"{drifting or 'None'} of {numbers.counted(len(judged), 'compared metric')} with a baseline "
    said += "drifts." if drifting == 1 else "drift."
    if len(judged) < len(metrics):
        said += f" {len(metrics) - len(judged)} have none: their drift is not judged."
    return said


def shown(trend: ScenarioTrend) -> list[MetricTrend]:
    """What is worth a row and a chart: what moved most first, what was never anything but zero not at all."""
    return sorted((metric for metric in trend.metrics if not metric.all_zero), key=by_change)


def by_change(metric: MetricTrend) -> tuple[bool, float, str]:
    """Return what metrics are sorted by: what drifts, then what moved most, then by name."""
    return metric.drifting is None, -round(metric.changed, 3), metric.name


def _lasting(metric: MetricTrend) -> bool:
    """Whether the level is another than before the first step; one that came back has recovered."""
    return abs(metric.steps[-1].after / metric.steps[0].before - 1) >= _SAME


def stepped(metric: MetricTrend) -> str:
    """What the steps add up to, in words."""
    if not metric.steps:
        return ""
    first, last = metric.steps[0], metric.steps[-1]
    if _lasting(metric):
        return (
            f"{_sized(metric, last.after / first.before - 1)} since {last.when:%Y-%m-%d} "
            f"({amount(first.before, metric.unit)} before, {amount(last.after, metric.unit)} since)"
            f"{f'; {last.builds}' if last.builds else ''}"
        )
    worst = max(metric.steps, key=lambda step: abs(math.log(step.after / first.before)))
    was = _sized(metric, worst.after / first.before - 1)
    return f"back since {last.when:%Y-%m-%d}: from {worst.when:%Y-%m-%d} on it was {was}"


def _title(trend: ScenarioTrend) -> str:
    return f"{trend.scenario} in {trend.environment} ({trend.stack})"


def head(trend: ScenarioTrend) -> list[Block]:
    """The scenario's nights in words."""
    said = (
        f"{numbers.counted(trend.valid, 'night was', 'nights were')} judged from {trend.first:%Y-%m-%d} to "
        f"{trend.last:%Y-%m-%d}, {len(trend.invalid)} could not be, "
        f"{numbers.counted(len(trend.missing), 'is', 'are')} missing."
    )
    if trend.weeks_before is not None:
        said += (
            f" Before {trend.weeks_before:%Y-%m-%d} one night in four weeks was read; "
            f"{numbers.counted(trend.unread, 'was', 'were')} not."
        )
    lines = [
        *marked(trend),
        *(f"{metric.name}: {drift(metric)}" for metric in shown(trend) if metric.drifting and not metric.steps),
        *(f"{metric.name}: {stepped(metric)}." for metric in shown(trend) if metric.steps),
        *_zeros(trend),
    ]
    return [Heading(_title(trend)), Paragraph(said), *([Bullets(lines)] if lines else [])]


def marked(trend: ScenarioTrend) -> list[str]:
    """Return which nights a scenario's charts mark, and why."""
    return [
        *_newest("Not judged", trend.invalid),
        *_newest("Missing", [MarkedNight(when, "") for when in trend.missing]),
        *_newest("Other circumstances, not compared with those before", trend.breaks),
    ]


def _zeros(trend: ScenarioTrend) -> Iterator[str]:
    """What was nothing in every night, in one line."""
    names = [metric.name for metric in trend.metrics if metric.all_zero]
    if names:
        yield f"Zero in every night: {', '.join(names)}."


def _newest(what: str, nights: Sequence[MarkedNight]) -> Iterator[str]:
    """The newest of what is marked; the others are counted."""
    shown = [f"{night.when:%Y-%m-%d}{f' ({night.why})' if night.why else ''}" for night in nights[-_MOST_LISTED:]]
    more = f" and {len(nights) - len(shown)} before" if len(nights) > len(shown) else ""
    if shown:
        yield f"{what}: {', '.join(reversed(shown))}{more}."


def _table(trend: ScenarioTrend) -> Table:
    rows = [[data(metric.name), *figures(metric), drift(metric)] for metric in shown(trend)]
    return Table(HEADERS, rows)


def figures(metric: MetricTrend) -> list[str]:
    """Return a metric's newest night, what was accepted, the change, and the last nights as blocks."""
    newest = f"{amount(metric.newest.value, metric.unit)} ({metric.newest.when:%Y-%m-%d})"
    return [newest, _accepted(metric), _change(metric), sparkline(metric.recent)]


def caption(metric: MetricTrend) -> str:
    """Return what a metric's chart shows, in words."""
    said = f"{metric.name}: {amount(metric.newest.value, metric.unit)} on {metric.newest.when:%Y-%m-%d}"
    line, change, drifts = metric.lines[-1], _change(metric), drift(metric)
    against = "nothing is accepted"
    if line.accepted is not None:
        runs = numbers.counted(line.accepted_runs, "run")
        how = f"{change} than" if change not in ("", _UNCHANGED) else f"{change} beside".strip()
        against = f"{how} the {amount(line.accepted, metric.unit)} accepted ({runs})"
    steps = f" Step: {stepped(metric)}." if metric.steps else ""
    return f"{said}, {against}.{f' Drift: {drifts}' if drifts and metric.has_baseline else ''}{steps}"


def _accepted(metric: MetricTrend) -> str:
    line = metric.lines[-1]
    return "" if line.accepted is None else f"{amount(line.accepted, metric.unit)} ({line.accepted_runs})"


def _change(metric: MetricTrend) -> str:
    """The newest night against what was accepted, in words; empty for counts, of which no ratio is formed."""
    accepted = metric.lines[-1].accepted
    if not accepted or metric.unit in ("share", "windows"):
        return ""
    return _sized(metric, metric.newest.value / accepted - 1)


def drift(metric: MetricTrend) -> str:
    """Return since when a metric drifts and by how much, or that nobody judged it; empty where it does not."""
    if not metric.has_baseline:
        return "no baseline: not judged"
    if metric.drifting is None:
        return ""
    began = metric.drifting.began
    where = f"since about {began:%Y-%m-%d}" if began else "where it began cannot be located"
    return f"{_sized(metric, metric.drifting.ratio)} over the last 7 nights, {where}."


def _sized(metric: MetricTrend, ratio: float) -> str:
    size = numbers.percent(ratio, tenths=abs(ratio) < _IN_TENTHS)
    if float(size.replace(",", "")) == 0:
        return _UNCHANGED
    words = numbers.words_for(metric.unit, metric.direction)
    return f"{size} % {words.worse if numbers.is_worse(ratio, metric.direction) else words.better}"


INDEX = "index.html"
PREFIX = "metric-"
SITE_HEADERS = ("metric", "newest", "accepted", "change", "last nights", "target", "step or drift")


def site(trends: Sequence[ScenarioTrend], *, producer: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a static site: an index of all metrics by change, and a page a metric with every night.

    No script and no server: what a reader opens is what is loaded, so years of nights open as fast as one. The same
    trends give the same bytes.
    """
    times = {id(trend): Timeline(trend) for trend in trends}
    pairs = [(metric, trend) for trend in trends for metric in shown(trend)]
    pairs.sort(key=lambda pair: by_change(pair[0]))
    yield (
        INDEX,
        html_page(
            "site.html.j2",
            f"chamiperf: {TITLE.lower()}",
            producer=producer,
            sentence=sentence(trends),
            headers=SITE_HEADERS,
            rows=[_site_row(metric, trend) for metric, trend in pairs],
            scenarios=[head(trend) for trend in trends],
        ),
    )
    for metric, trend in pairs:
        yield file_of(metric, trend), _page(metric, trend, times[id(trend)], producer)


def file_of(metric: MetricTrend, trend: ScenarioTrend) -> str:
    """Return the name of a metric's page, which stays the same as long as the metric does."""
    key = repr((trend.environment, trend.scenario, trend.stack, metric.endpoint, metric.metric))
    return f"{PREFIX}{hashlib.sha256(key.encode()).hexdigest()[:16]}.html"


def _site_row(metric: MetricTrend, trend: ScenarioTrend) -> Mapping[str, object]:
    cells: list[Cell] = [
        *figures(metric),
        _demanded(metric),
        "; ".join(part for part in (drift(metric) if metric.drifting else "", stepped(metric)) if part),
    ]
    return {
        "file": file_of(metric, trend),
        "name": data(f"{trend.scenario} / {metric.name}"),
        "where": f"{trend.environment}, {trend.stack}",
        "cells": cells,
    }


def _demanded(metric: MetricTrend) -> str:
    if metric.target is None:
        return ""
    better = "<" if metric.direction is Direction.LOWER else ">"
    return f"{better} {amount(metric.target, metric.unit)}"


def _page(metric: MetricTrend, trend: ScenarioTrend, time: Timeline, producer: str) -> str:
    name = "nights"
    return html_page(
        "metric.html.j2",
        f"{trend.scenario} / {metric.name} in {trend.environment}",
        producer=producer,
        index=INDEX,
        legend=LEGEND,
        marks=Markup(shared_marks(trend, time, name)),  # noqa: S704 - drawn and escaped there
        chart=Figure(
            caption(metric),
            Markup(trend_chart(metric, trend, time, name, linked=True)),  # noqa: S704 - as above
        ),
        marked=marked(trend),
        headers=("night (UTC)", "value", "run", "report"),
        nights=[
            (
                f"{point.when:%Y-%m-%d %H:%M}",
                amount(point.value, metric.unit),
                Link("run", point.link) if point.link else "",
                Link("report", point.report) if point.report else "",
            )
            for point in metric.nights
        ],
    )
