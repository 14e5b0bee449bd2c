"""The report as one HTML page that needs no network."""

from collections.abc import Iterable, Sequence

from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.render import headline
from chamiperf_ci.render.charts import distribution_chart, runs_chart
from chamiperf_ci.render.escaping import html, sentence_in_plain_text
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.report import Html, body
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


def html_page(title: str, blocks: Iterable[str], *, producer: str, style: str = "") -> str:
    """Return the page.

    Args:
        title: Raw text.
        blocks: Safe HTML, the content of the page.
        producer: Who made it; raw text.
        style: CSS behind that of every page.
    """
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{html(title)}</title>",
            f"<style>\n{_STYLE}{style}\n</style></head>",
            f"<body><h1>{html(title)}</h1><main>",
            *blocks,
            "</main>",
            f'<footer><p class="tick">{html(producer)}</p></footer></body></html>',
            "",
        ]
    )


def figure(chart: str, caption: str) -> str:
    """Return a chart with its caption, which is raw text."""
    return f"<figure>{chart}<figcaption>{html(caption)}</figcaption></figure>"


MOST_CHARTS = 24


def page(verdict: Verdict, runs: Sequence[Run] = (), *, context: Context, splits: Sequence[TimeSplit] = ()) -> str:
    """Return the page.

    Args:
        verdict: What was concluded.
        runs: The runs behind it, for their distributions; without them those charts are left out.
        context: Where links lead.
        splits: Where the endpoints' time went, as far as the services told.
    """
    surface = Html()
    blocks = [
        body(verdict, surface, context),
        *([time_split(splits, surface)] if splits else []),
        *_charts(verdict, runs),
    ]
    return html_page(f"chamiperf: {verdict.environment}: {verdict.outcome.word}", blocks, producer=verdict.producer)


def _charts(verdict: Verdict, runs: Sequence[Run]) -> list[str]:
    """Charts of the rows that matter, the gravest first, then the distributions."""
    ordered = sorted((row for row in verdict.rows if row.compared), key=_weight)
    drawn = [
        (row.key.text, sentence_in_plain_text(row_sentence(row)), chart)
        for row in ordered
        if (chart := runs_chart(row))
    ][:MOST_CHARTS]
    figures = [figure(chart, f"{name}: {sentence}") for name, sentence, chart in drawn]
    series = dict.fromkeys(
        (run.scenario, each.endpoint, each.metric) for run in runs for each in run.series if each.compared
    )
    for scenario, endpoint, metric in series:
        mine = [run for run in runs if run.scenario == scenario]
        chart = distribution_chart(mine, endpoint, metric)
        if chart:
            figures.append(
                figure(chart, f"{scenario} / {endpoint}: quantiles of {metric}, sustained phase, one line a run")
            )
    if not figures:
        return []
    legend = "Circles: nights before. Squares: accepted runs. Diamonds: now. Dashed line: what the tolerance allows."
    return [f"<h2>Charts</h2><p>{html(legend)}</p>", *figures]


def _weight(row: Row) -> tuple[int, float]:
    grave = (headline.has_regressed, headline.misses_target, headline.has_vanished, headline.is_inconclusive)
    place = next((place for place, holds in enumerate(grave) if holds(row)), len(grave))
    return place, -headline.gravity(row)
