"""The report as one HTML page, with its charts."""

from collections.abc import Sequence

from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.render import groups
from chamiperf_ci.render.body import body
from chamiperf_ci.render.context import Context
from chamiperf_ci.render.escaping import html
from chamiperf_ci.render.html_page import figure, html_page
from chamiperf_ci.render.surface import Html
from chamiperf_ci.render.svg import distribution_chart, runs_chart
from chamiperf_ci.render.time_split import TimeSplit, time_split

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
    drawn = [(row.key.text, row.sentence, chart) for row in ordered if (chart := runs_chart(row))][:MOST_CHARTS]
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
    grave = (groups.has_regressed, groups.misses_target, groups.has_vanished, groups.is_inconclusive)
    place = next((place for place, holds in enumerate(grave) if holds(row)), len(grave))
    return place, -groups.gravity(row)
