"""The report as one HTML page that needs no network: words, tables and drawings, which its script makes charts of."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.render import charts, headline, numbers
from chamiperf_ci.render.charts import distribution_chart, runs_chart
from chamiperf_ci.render.escaping import html, sentence_in_plain_text
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.report import ROW_HEADERS, Html, body, cells
from chamiperf_ci.render.sentences import row_sentence
from chamiperf_ci.render.tables import TimeSplit, time_split

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #c9d1da; --faint: #5b6775; --now: #b3261e;
  --accepted: #1d5fa8; --history: #8792a0; --allowed: #9a5b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --paper: #12161b; --line: #39424d; --faint: #9aa5b1;
  --now: #ff8a80; --accepted: #7fb7f5; --history: #77828f; --allowed: #e0a84e; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  padding: 1.5rem; max-width: 78rem; }
h1 { font-size: 1.25rem; color: var(--faint); font-weight: 600; margin: 0 0 .5rem; }
main > p:first-child { font-size: 1.3rem; line-height: 1.35; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
code, pre { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; }
figure { margin: 1.5rem 0; }
figcaption { color: var(--faint); font-size: .9rem; }
svg { width: 100%; max-width: 44rem; height: auto; }
.frame { fill: none; stroke: var(--line); }
.tick { font-size: 11px; fill: var(--faint); }
.curve { fill: none; stroke: var(--now); stroke-width: 1.5; }
circle.history { fill: var(--history); }
rect.accepted { fill: var(--accepted); }
polygon.now { fill: var(--now); }
line.baseline { stroke: var(--accepted); }
line.allowed { stroke: var(--allowed); stroke-dasharray: 5 4; }
""".strip()


_SCRIPTED_STYLE = """
:root { --better: #17703a; }
@media (prefers-color-scheme: dark) { :root { --better: #6fcf97; } }
.chart { max-width: 60rem; min-height: 2rem; }
.chart svg { max-width: none; width: auto; }
.chart > svg[role] { width: 100%; max-width: 44rem; }
.tall { max-height: 75vh; overflow: auto; }
#tools { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .5rem 0; }
#tools[hidden] { display: none; }
#tools input, #tools button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line);
  border-radius: 4px; padding: .25rem .6rem; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--accepted); }
th[aria-sort=ascending] button::after { content: " ▲" / ""; }
th[aria-sort=descending] button::after { content: " ▼" / ""; }
tr:target { outline: 2px solid var(--accepted); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; overflow-wrap: anywhere; }
figcaption { overflow-wrap: anywhere; }
@media (max-width: 30rem) { body { padding: .75rem; } }
@media print { .tall { max-height: none; } #tools { display: none; } figure { break-inside: avoid; } }
""".strip()


def html_page(
    title: str, blocks: Iterable[str], *, producer: str, style: str = "", drawn: Sequence[charts.Data] | None = None
) -> str:
    """Return the page.

    Args:
        title: Raw text.
        blocks: Safe HTML, the content of the page.
        producer: Who made it; raw text.
        style: CSS behind that of every page.
        drawn: What the charts are drawn from, whose places in the blocks hold `data-chart` with their number; None: the
            page has no script.
    """
    policy, scripts = "default-src 'none'; style-src 'unsafe-inline'", []
    if drawn is not None:
        code = _script()
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        scripts = [
            f'<script type="application/json" id="charts">{_as_data(drawn)}</script>',
            f"<script>{code}</script>",
        ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{html(title)}</title>",
            f"<style>\n{_STYLE}{style}\n</style></head>",
            f"<body><h1>{html(title)}</h1><main>",
            *blocks,
            "</main>",
            f'<footer><p class="tick">{html(producer)}</p></footer>{"".join(scripts)}</body></html>',
            "",
        ]
    )


@cache
def _script() -> str:
    """The script that draws the charts, made by `make charts`."""
    return Path(__file__).with_name("report.js").read_text(encoding="ascii")


def _as_data(drawn: Sequence[charts.Data]) -> str:
    """JSON in which nothing can end a script."""
    return json.dumps(drawn, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def figure(chart: str, caption: str, behind: str = "") -> str:
    """Return a chart with its caption, which is raw text, and safe HTML behind it."""
    return f"<figure>{chart}<figcaption>{html(caption)}</figcaption>{behind}</figure>"


MOST_CHARTS = 24


def page(
    verdict: Verdict,
    runs: Sequence[Run] = (),
    *,
    context: Context,
    splits: Sequence[TimeSplit] = (),
    before: Sequence[Run] = (),
) -> str:
    """Return the page.

    Args:
        verdict: What was concluded.
        runs: The runs behind it, for what they measured over time; without them those charts are left out.
        context: Where links lead.
        splits: Where the endpoints' time went, as far as the services told.
        before: Accepted runs, or the old ones of pairs, to draw beside them.
    """
    surface = Html()
    # The sentence is the first block; the pictures stand between it and the words.
    sentence, _, words = body(verdict, surface, context).partition("\n\n")
    pictures = _Pictures(surface)
    blocks = [
        sentence,
        pictures.forest(verdict),
        *pictures.scenarios(verdict, runs, before),
        *([time_split(splits, surface)] if splits else []),
        words,
        _figures(verdict, surface, context),
    ]
    return html_page(
        f"chamiperf: {verdict.environment}: {verdict.outcome.word}",
        [block for block in blocks if block],
        producer=verdict.producer,
        style=f"\n{_SCRIPTED_STYLE}",
        drawn=pictures.drawn,
    )


class _Pictures:
    """The charts of a page, and what they are drawn from."""

    def __init__(self, surface: Html) -> None:
        self._surface = surface
        self.drawn: list[charts.Data] = []

    def forest(self, verdict: Verdict) -> str:
        """All compared changes, the gravest first, with links to their rows."""
        changed = [(number, row) for number, row in enumerate(verdict.rows) if row.compared and row.change is not None]
        changed.sort(key=lambda found: _weight(found[1]))
        if not changed:
            return ""
        listed = [
            (
                self._surface.link(row.key.text, f"#row-{number}"),
                html(charts.state_of(row)),
                html(numbers.cell(row)),
                html(numbers.tolerance(row)),
                html(str(row.target.verdict)),
            )
            for number, row in changed
        ]
        chart = self._place(charts.forest(changed), f"Changes of {len(changed)} metrics; as a table below")
        caption = "Change and its 95 % interval; the upright mark is the limit. A click leads to the row."
        return "\n".join(
            [
                self._surface.heading("What changed"),
                figure(
                    f'<div class="tall">{chart}</div>',
                    caption,
                    self._values(("metric", "", "change [95 % interval]", "limit", "target"), listed),
                ),
            ]
        )

    def scenarios(self, verdict: Verdict, runs: Sequence[Run], before: Sequence[Run]) -> Iterable[str]:
        """Scenario by scenario: the gravest rows over the nights, and the runs over time and by distribution."""
        ordered = sorted((row for row in verdict.rows if row.compared), key=_weight)
        shown = [row for row in ordered if row.change is not None and row.baseline is not None][:MOST_CHARTS]
        for scenario in dict.fromkeys([*(row.key.scenario for row in shown), *(run.scenario for run in runs)]):
            now = [run for run in runs if run.scenario == scenario]
            sides = {"before": [run for run in before if run.scenario == scenario], "now": now}
            began = _began(verdict, scenario, now)
            figures = [self._history(row, began) for row in shown if row.key.scenario == scenario]
            series = dict.fromkeys((each.endpoint, each.metric) for run in now for each in run.series if each.compared)
            for endpoint, metric in series:
                figures += [*self._timelines(sides, endpoint, metric), *self._quantiles(sides, endpoint, metric)]
            if any(figures):
                yield "\n".join([self._surface.heading(scenario), *filter(None, figures)])

    def _history(self, row: Row, began: Sequence[datetime]) -> str:
        drawing = runs_chart(row, began)
        if not drawing:
            return ""
        listed = [
            (
                html(one.kind),
                html(f"{one.at:%Y-%m-%d %H:%M}" if one.at else ""),
                html(numbers.quantity(one.value, row.unit)),
            )
            for one in charts.in_time_order(row, began)
        ]
        caption = f"{row.key.text}: {sentence_in_plain_text(row_sentence(row))}"
        chart = self._place(charts.history(row, began), charts.history_title(row), drawing)
        return figure(chart, caption, self._values(("run", "began (UTC)", "value"), listed))

    def _timelines(self, sides: charts.Sides, endpoint: str, metric: str) -> Iterable[str]:
        unit = next(s.unit for run in sides["now"] for s in run.series if (s.endpoint, s.metric) == (endpoint, metric))
        what = {
            "latency": f"{endpoint}: p50, p95 and p99 of {metric} over the load, {unit}",
            "rate": f"{endpoint}: requests per second over the load",
            "errors": f"{endpoint}: failed requests over the load, %",
        }
        for kind, drawn in charts.timelines(sides, endpoint, metric).items():
            yield figure(self._place(drawn, what[kind]), what[kind], self._points(drawn))

    def _quantiles(self, sides: charts.Sides, endpoint: str, metric: str) -> Iterable[str]:
        drawn = charts.quantile_plot(sides, endpoint, metric)
        if drawn is not None:
            beside = "now beside the runs before" if sides["before"] else "one line a run"
            what = f"{endpoint}: quantiles of {metric}, sustained phase, {beside}"
            yield figure(
                self._place(drawn, what, distribution_chart(sides["now"], endpoint, metric)), what, self._points(drawn)
            )

    def _points(self, drawn: charts.Data) -> str:
        points = drawn["points"]
        assert isinstance(points, list)  # noqa: S101 - for the type
        # The forest links every change and its values are all listed; of windows and quantiles the first are.
        listed = [
            (
                html(point["run"]),
                html(f"{point['t']:.0f} s" if "t" in point else ""),
                html(point["line"]),
                html(point["shown"]),
            )
            for point in points
        ]
        return self._values(("run (UTC)", "at", "", "value"), listed, most=MOST_VALUES)

    def _place(self, drawn: charts.Data, label: str, drawing: str = "") -> str:
        """Where the script draws a chart; until then, and without a script, a drawing stands there."""
        self.drawn.append(drawn)
        number = len(self.drawn) - 1
        return f'<div class="chart" data-chart="{number}" role="img" aria-label="{html(label)}">{drawing}</div>'

    def _values(self, headers: Sequence[str], rows: Sequence[Sequence[str]], *, most: int | None = None) -> str:
        """The values of a chart for those who do not see it."""
        shown = rows[:most]
        more = "" if len(shown) == len(rows) else f"<p>{len(rows) - len(shown)} more are in the run's file.</p>"
        return self._surface.fold("Values", f"{self._surface.table(headers, shown)}{more}")


MOST_VALUES = 40


def _began(verdict: Verdict, scenario: str, runs: Sequence[Run]) -> list[datetime]:
    """When each of a scenario's judged runs began; of those whose file is gone, the first alone is known."""
    outcome = next((each for each in verdict.scenarios if each.scenario == scenario), None)
    if outcome is None:
        return []
    dates = {run.run_id: run.started_at for run in runs}
    if all(run in dates for run in outcome.runs):
        return [dates[run] for run in outcome.runs]
    return [outcome.started_at]


def _figures(verdict: Verdict, surface: Html, context: Context) -> str:
    """All rows as one table, which the script sorts and filters."""
    if not verdict.rows:
        return ""
    numeric = ("baseline", "now", "change [95 % interval]")
    head = "".join(
        f'<th scope="col"{" data-numeric" if header in numeric else ""}>{html(header)}</th>' for header in ROW_HEADERS
    )
    lines = []
    for number, row in sorted(enumerate(verdict.rows), key=lambda found: _weight(found[1])):
        keys = (None, None, row.baseline, row.current, row.change.d if row.change else None, None)
        shown = "".join(
            f"<td{_sort_key(key, header in numeric)}>{cell}</td>"
            for header, key, cell in zip(ROW_HEADERS, keys, cells(row, surface, context), strict=True)
        )
        lines.append(f'<tr id="row-{number}">{shown}</tr>')
    tools = (
        '<div id="tools" hidden><label>Filter <input id="filter" type="search" autocomplete="off"></label>'
        '<span id="shown" role="status"></span><button type="button" id="copy">Copy</button></div>'
    )
    rows = "\n".join(lines)
    return (
        f"{surface.heading('All figures')}{tools}"
        f'<div class="scroll"><table id="figures"><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'
    )


def _sort_key(value: float | None, numeric: bool) -> str:
    if not numeric:
        return ""
    return f' data-sort="{"" if value is None else repr(float(value))}"'


def _weight(row: Row) -> tuple[int, float]:
    grave = (headline.has_regressed, headline.misses_target, headline.has_vanished, headline.is_inconclusive)
    place = next((place for place, holds in enumerate(grave) if holds(row)), len(grave))
    return place, -headline.gravity(row)
