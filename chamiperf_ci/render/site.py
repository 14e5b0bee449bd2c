"""The history as a static site: a small index of all metrics by change, and a page a metric with every night.

No script and no server: what a reader opens is what is loaded, so years of nights open as fast as one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import trend as words
from chamiperf_ci.render.html import Figure, html_page
from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.text import Cell, Link, data
from chamiperf_ci.render.trend import MetricTrend, ScenarioTrend

INDEX = "index.html"
PREFIX = "metric-"
HEADERS = ("metric", "newest", "accepted", "change", "last nights", "target", "step or drift")


def site(trends: Sequence[ScenarioTrend], *, producer: str) -> Iterator[tuple[str, str]]:
    """Yield the site's files, name and text; the same trends give the same bytes.

    Args:
        trends: With every night.
        producer: Who made it.
    """
    times = {id(trend): words.Timeline(trend) for trend in trends}
    shown = [(metric, trend) for trend in trends for metric in words.shown(trend)]
    shown.sort(key=lambda pair: words.by_change(pair[0]))
    yield (
        INDEX,
        html_page(
            "site.html.j2",
            f"chamiperf: {words.TITLE.lower()}",
            producer=producer,
            sentence=words.sentence(trends),
            headers=HEADERS,
            rows=[_row(metric, trend) for metric, trend in shown],
            scenarios=[words.head(trend) for trend in trends],
        ),
    )
    for metric, trend in shown:
        yield file_of(metric, trend), _page(metric, trend, times[id(trend)], producer)


def file_of(metric: MetricTrend, trend: ScenarioTrend) -> str:
    """Return the name of a metric's page, which stays the same as long as the metric does."""
    key = repr((trend.environment, trend.scenario, trend.stack, metric.endpoint, metric.metric))
    return f"{PREFIX}{hashlib.sha256(key.encode()).hexdigest()[:16]}.html"


def _row(metric: MetricTrend, trend: ScenarioTrend) -> Mapping[str, object]:
    cells: list[Cell] = [
        *words.figures(metric),
        _target(metric),
        "; ".join(part for part in (words.drift(metric) if metric.drifting else "", words.stepped(metric)) if part),
    ]
    return {
        "file": file_of(metric, trend),
        "name": data(f"{trend.scenario} / {metric.name}"),
        "where": f"{trend.environment}, {trend.stack}",
        "cells": cells,
    }


def _target(metric: MetricTrend) -> str:
    if metric.target is None:
        return ""
    better = "<" if metric.direction is Direction.LOWER else ">"
    return f"{better} {amount(metric.target, metric.unit)}"


def _page(metric: MetricTrend, trend: ScenarioTrend, time: words.Timeline, producer: str) -> str:
    name = "nights"
    return html_page(
        "metric.html.j2",
        f"{trend.scenario} / {metric.name} in {trend.environment}",
        producer=producer,
        index=INDEX,
        legend=words.LEGEND,
        marks=Markup(words.shared_marks(trend, time, name)),  # noqa: S704 - drawn and escaped there
        chart=Figure(
            words.caption(metric),
            Markup(words.trend_chart(metric, trend, time, name, linked=True)),  # noqa: S704 - as above
        ),
        marked=words.marked(trend),
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
