"""The trend of all nights: as one HTML page with a chart for each metric, or as tables in markdown."""

from collections.abc import Iterator, Sequence

from chamiperf_ci.render import changes, numbers
from chamiperf_ci.render.charts import sparkline
from chamiperf_ci.render.html_page import figure, html_page
from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.surface import Html, Markdown, Surface
from chamiperf_ci.render.trend import Marked, MetricTrend, ScenarioTrend
from chamiperf_ci.render.trend_chart import shared_marks, trend_chart

TITLE = "Trend of the nights"
NOTHING = "The history holds no night."
HEADERS = ("metric", "newest", "accepted", "change", "last nights", "drift")
LEGEND = (
    "Jagged line: the nights, of the newest circumstances in front. Level line: what was accepted. Filled circle: the "
    "newest night. Tick below the frame: a night that is missing. Cross: a night that could not be judged. Dotted "
    "vertical line: the circumstances changed, and both sides are not compared. Dashed vertical line: a drift began."
)
_MOST_LISTED = 5
_UNCHANGED = "unchanged"
_STYLE = """
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem; }
.charts figure { margin: .75rem 0; }
svg.marks { position: absolute; width: 0; height: 0; }
path.nights { fill: none; stroke: var(--now); stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
path.nights.before { stroke: var(--history); }
path.missing { stroke: var(--faint); stroke-width: 2; }
path.invalid { fill: none; stroke: var(--ink); stroke-width: 1.5; }
path.break { stroke: var(--faint); stroke-dasharray: 1 4; }
path.drift { stroke: var(--allowed); stroke-width: 1.5; stroke-dasharray: 6 4; }
path.accepted { fill: none; stroke: var(--accepted); stroke-width: 2; }
circle.newest { fill: var(--now); }"""


def trend_page(trends: Sequence[ScenarioTrend], *, producer: str) -> str:
    """Return the page; the same trends give the same bytes."""
    surface = Html()
    blocks = [surface.paragraph(surface.text(_sentence(trends))), *_contents(trends)]
    if trends:
        blocks.append(surface.paragraph(surface.text(LEGEND)))
    for place, trend in enumerate(trends, start=1):
        name = f"nights-{place}"
        blocks.append(f'<section id="scenario-{place}">')
        blocks.append(_head(trend, surface))
        blocks.append(surface.fold("The same as a table", _table(trend, surface)))
        charts = (figure(trend_chart(metric, trend, name), _caption(metric)) for metric in trend.metrics)
        blocks.append(f'{shared_marks(trend, name)}<div class="charts">{"".join(charts)}</div></section>')
    return html_page(f"chamiperf: {TITLE.lower()}", blocks, producer=producer, style=_STYLE)


def trend_markdown(trends: Sequence[ScenarioTrend]) -> str:
    """Return the tables, for a job summary or a wiki."""
    surface = Markdown()
    said = surface.paragraph(surface.text(_sentence(trends)))
    return "\n".join([said, *(f"{_head(trend, surface)}\n{_table(trend, surface)}" for trend in trends)])


def _sentence(trends: Sequence[ScenarioTrend]) -> str:
    """Everything in one sentence."""
    if not trends:
        return NOTHING
    metrics = [metric for trend in trends for metric in trend.metrics]
    drifting = sum(metric.drifting is not None for metric in metrics)
    return (
        f"{drifting or 'None'} of {numbers.counted(len(metrics), 'compared metric')} "
        f"{'drifts' if drifting == 1 else 'drift'}; the newest night is of {max(t.last for t in trends):%Y-%m-%d}."
    )


def _contents(trends: Sequence[ScenarioTrend]) -> Iterator[str]:
    if len(trends) > 1:
        surface = Html()
        yield surface.bullets([surface.link(_title(trend), f"#scenario-{n}") for n, trend in enumerate(trends, 1)])


def _title(trend: ScenarioTrend) -> str:
    return f"{trend.scenario} in {trend.environment} ({trend.stack})"


def _head(trend: ScenarioTrend, surface: Surface) -> str:
    """The scenario's nights in words."""
    said = (
        f"{numbers.counted(trend.valid, 'night was', 'nights were')} judged from {trend.first:%Y-%m-%d} to "
        f"{trend.last:%Y-%m-%d}, {len(trend.invalid)} could not be, {len(trend.missing)} are missing."
    )
    if trend.weeks_before is not None:
        said += f" Before {trend.weeks_before:%Y-%m-%d} a point is the median of a week."
    lines = [
        *_newest("Not judged", trend.invalid),
        *_newest("Missing", [Marked(when, "") for when in trend.missing]),
        *_newest("Other circumstances, not compared with those before", trend.breaks),
        *(f"{metric.name}: {_drift(metric)}" for metric in trend.metrics if metric.drifting),
    ]
    parts = [surface.heading(_title(trend)), surface.paragraph(surface.text(said))]
    if lines:
        parts.append(surface.bullets([surface.text(line) for line in lines]))
    return "\n".join(parts)


def _newest(what: str, nights: Sequence[Marked]) -> Iterator[str]:
    """The newest of what is marked; the others are counted."""
    shown = [f"{night.when:%Y-%m-%d}{f' ({night.why})' if night.why else ''}" for night in nights[-_MOST_LISTED:]]
    more = f" and {len(nights) - len(shown)} before" if len(nights) > len(shown) else ""
    if shown:
        yield f"{what}: {', '.join(reversed(shown))}{more}."


def _table(trend: ScenarioTrend, surface: Surface) -> str:
    rows = [
        [
            surface.name(metric.name),
            surface.text(f"{amount(metric.newest.value, metric.unit)} ({metric.newest.when:%Y-%m-%d})"),
            surface.text(_accepted(metric)),
            surface.text(_change(metric)),
            surface.text(sparkline(metric.recent)),
            surface.text(_drift(metric)),
        ]
        for metric in trend.metrics
    ]
    return surface.table(HEADERS, rows)


def _caption(metric: MetricTrend) -> str:
    said = f"{metric.name}: {amount(metric.newest.value, metric.unit)} on {metric.newest.when:%Y-%m-%d}"
    line, change, drift = metric.lines[-1], _change(metric), _drift(metric)
    against = "nothing is accepted"
    if line.accepted is not None:
        runs = numbers.counted(line.accepted_runs, "run")
        how = f"{change} than" if change not in ("", _UNCHANGED) else f"{change} beside".strip()
        against = f"{how} the {amount(line.accepted, metric.unit)} accepted ({runs})"
    return f"{said}, {against}.{f' Drift: {drift}' if drift else ''}"


def _accepted(metric: MetricTrend) -> str:
    line = metric.lines[-1]
    return "" if line.accepted is None else f"{amount(line.accepted, metric.unit)} ({line.accepted_runs})"


def _change(metric: MetricTrend) -> str:
    """The newest night against what was accepted, in words; empty for counts, of which no ratio is formed."""
    accepted = metric.lines[-1].accepted
    if not accepted or metric.unit in ("share", "windows"):
        return ""
    return _sized(metric, metric.newest.value / accepted - 1)


def _drift(metric: MetricTrend) -> str:
    if metric.drifting is None:
        return ""
    began = metric.drifting.began
    where = f"since about {began:%Y-%m-%d}" if began else "where it began cannot be located"
    return f"{_sized(metric, metric.drifting.ratio)} over the last 7 nights, {where}."


def _sized(metric: MetricTrend, ratio: float) -> str:
    size = numbers.percent(ratio, tenths=True)
    if float(size.replace(",", "")) == 0:
        return _UNCHANGED
    words = changes.words_for(metric.unit, metric.direction)
    return f"{size} % {words.worse if changes.is_worse(ratio, metric.direction) else words.better}"
