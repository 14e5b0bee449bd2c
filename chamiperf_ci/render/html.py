"""The report as one HTML page that needs no network: words, tables and drawings, which its script makes charts of."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from markupsafe import Markup

from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.render import cards, charts, headline, night, numbers, tables
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.sentences import row_sentence
from chamiperf_ci.render.tables import TimeSplit
from chamiperf_ci.render.text import Cell, Link, data, html_templates, sentence_in_plain_text

MOST_CHARTS = 24
LARGEST_BYTES = 2_000_000
"""What a page may take; above it, its charts are thinned and the page says so."""


def html_page(
    template: str, title: str, *, producer: str, drawn: Sequence[charts.Data] | None = None, **values: object
) -> str:
    """Return a page.

    Args:
        template: File in `templates/`, which extends `page.html.j2`.
        title: Raw text.
        producer: Who made it; raw text.
        drawn: What the charts are drawn from, whose places in the page hold `data-chart` with their number; None: the
            page has no script.
        values: What the template shows.
    """
    policy, script = "default-src 'none'; style-src 'unsafe-inline'", Markup()
    if drawn is not None:
        code = _script()
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        script = Markup(  # noqa: S704 - our own script, and JSON in which nothing can end it
            f'<script type="application/json" id="charts">{_as_data(drawn)}</script><script>{code}</script>'
        )
    return (
        html_templates()
        .get_template(template)
        .render(title=title, policy=Markup(policy), script=script, producer=producer, **values)  # noqa: S704 - ours
    )


@cache
def _script() -> str:
    """The script that draws the charts, made by `make charts`."""
    return Path(__file__).with_name("report.js").read_text(encoding="ascii")


def _as_data(drawn: Sequence[charts.Data]) -> str:
    """JSON in which nothing can end a script."""
    return json.dumps(drawn, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


_NOTHING = Markup()


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its caption, and its values for those who do not see it.

    Attributes:
        caption: Raw text.
        drawing: SVG, which stands there until the script has drawn, or for good.
        place: Which of the page's charts the script draws here; None: the drawing is all there is.
        label: What it shows, in words; raw text.
        headers: Of the values.
        rows: The values.
        more: How many values are left out.
    """

    caption: str
    drawing: Markup = _NOTHING
    place: int | None = None
    label: str = ""
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of the charts a page holds."""

    values: int = 40
    before: int | None = None
    series: int | None = None
    charts: int = MOST_CHARTS
    rows: int | None = None


_ROOMS = (
    _Room(),
    _Room(values=10, before=5),
    _Room(values=5, before=2, series=32),
    _Room(values=0, before=1, series=12),
    _Room(values=0, before=0, series=2, charts=8, rows=1_000),
    _Room(values=0, before=0, series=0, charts=0, rows=200),
    _Room(values=0, before=0, series=0, charts=0, rows=20),
)
"""The widest first."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What was measured, now and before: runs, and where the time of their endpoints went, as far as services told."""

    now: Sequence[Run] = ()
    before: Sequence[Run] = ()
    splits: Sequence[TimeSplit] = ()
    splits_before: Sequence[TimeSplit] = ()


def page(verdict: Verdict, sides: Sides | None = None, *, context: Context, largest: int = LARGEST_BYTES) -> str:
    """Return the page, at most `largest` bytes of UTF-8 as far as leaving out charts and rows can make it so.

    Args:
        verdict: What was concluded.
        sides: The runs behind it, for what they measured over time, and those to draw beside them; without them those
            charts are left out.
        context: Where links lead.
        largest: In bytes.
    """
    text = ""
    for room in _ROOMS:
        text = _page(verdict, sides or Sides(), context, room)
        if night.size_in_bytes(text) <= largest:
            break
    return text


def _page(verdict: Verdict, sides: Sides, context: Context, room: _Room) -> str:
    found = headline.headline(verdict)
    numbered = sorted(enumerate(verdict.rows), key=lambda found: _weight(found[1]))
    shown = numbered[: room.rows]
    pictures = _Pictures(room)
    split = pictures.split(sides) if sides.splits else None
    return html_page(
        "report.html.j2",
        f"{found.icon} chamiperf: {sentence_in_plain_text(found.title)} ({verdict.environment})",
        producer=verdict.producer,
        sentence=headline.night_sentence(verdict),
        thinned=room is not _ROOMS[0],
        forest=pictures.forest(shown),
        statements=[
            (
                data(each.text, longest=400),
                data(each.role),
                *numbers.quantities((each.before_ms, each.now_ms), "ms"),
                numbers.significant(each.factor, 2),
                f"{each.calls:,}",
            )
            for each in sorted(verdict.statements, key=lambda each: -each.factor)
        ],
        scenarios=[
            {"name": name, "figures": figures}
            for name, drawn in pictures.scenarios(verdict, sides)
            if (figures := list(drawn))
        ],
        split=split,
        split_title=tables.TITLE,
        split_explained=tables.EXPLAINED,
        sure=night.sure(verdict),
        circumstances=night.circumstances(verdict),
        words=[(Link(word, context.card_url(word)), meaning) for word, meaning in cards.words(verdict)],
        headers=_HEADERS,
        rows=[_row(number, row, context, several=len(verdict.scenarios) > 1) for number, row in shown],
        rows_left=len(numbered) - len(shown),
        links=night.links(context),
        drawn=pictures.drawn,
    )


_HEADERS = (
    ("", False),
    ("metric", False),
    ("baseline", True),
    ("now", True),
    ("change", True),
    ("target", False),
    ("in words", False),
)


def _row(number: int, row: Row, context: Context, *, several: bool) -> dict[str, object]:
    """A line of the table of all figures, with what its columns are sorted by."""
    icon, word, card = night.signs(row)
    baseline, now, change = night.figures(row)
    return {
        "number": number,
        "icon": icon,
        "word": Link(word, context.card_url(card)),
        "name": data(night.name(row, several=several)),
        "cells": [
            (_sort_key(row.baseline), baseline),
            (_sort_key(row.current), now),
            (_sort_key(row.change.d if row.change else None), change),
        ],
        "target": " ".join(part for part in night.target(row) if part),
        "said": night.explained(row, context),
    }


def _sort_key(value: float | None) -> str:
    return "" if value is None else repr(float(value))


@dataclass(slots=True)
class _Pictures:
    """The charts of a page, and what they are drawn from."""

    room: _Room
    drawn: list[charts.Data] = field(default_factory=list)

    def forest(self, rows: Sequence[tuple[int, Row]]) -> Figure | None:
        """All compared changes, the gravest first, with links to their rows."""
        changed = [(number, row) for number, row in rows if row.compared and row.change is not None]
        if not changed:
            return None
        return self._figure(
            charts.forest(changed),
            f"Changes of {len(changed)} metrics; as a table below",
            "Change and its 95 % interval; the upright mark is the limit. A click leads to the row.",
            ("metric", "", "change [95 % interval]", "limit", "target"),
            [
                (
                    Link(data(row.key.text), f"#row-{number}"),
                    charts.state_of(row),
                    numbers.cell(row),
                    numbers.tolerance(row),
                    str(row.target.verdict),
                )
                for number, row in changed
            ],
            most=None,
        )

    def scenarios(self, verdict: Verdict, sides: Sides) -> Iterator[tuple[str, Iterator[Figure]]]:
        """Scenario by scenario: the gravest rows over the nights, and the runs over time and by distribution."""
        ordered = sorted((row for row in verdict.rows if row.compared), key=_weight)
        shown = [row for row in ordered if row.change is not None and row.baseline is not None][: self.room.charts]
        for scenario in dict.fromkeys([*(row.key.scenario for row in shown), *(run.scenario for run in sides.now)]):
            yield (
                scenario,
                self._scenario(verdict, [row for row in shown if row.key.scenario == scenario], scenario, sides),
            )

    def _scenario(self, verdict: Verdict, rows: Sequence[Row], scenario: str, sides: Sides) -> Iterator[Figure]:
        now = [run for run in sides.now if run.scenario == scenario]
        before = [run for run in sides.before if run.scenario == scenario][: self.room.before]
        began = _began(verdict, scenario, now)
        for row in rows:
            yield from self._history(row, began)
        both: charts.Sides = {"before": before, "now": now}
        series = list(
            dict.fromkeys((each.endpoint, each.metric) for run in now for each in run.series if each.compared)
        )
        for endpoint, metric in series[: self.room.series]:
            yield from self._timelines(both, endpoint, metric)
        if self.room.series != 0:
            yield from self._beside(both)
        for endpoint, metric in series[: self.room.series]:
            yield from self._quantiles(both, endpoint, metric)

    def _history(self, row: Row, began: Sequence[datetime]) -> Iterator[Figure]:
        drawing = charts.runs_chart(row, began)
        if not drawing:
            return
        yield self._figure(
            charts.history(row, began),
            charts.history_title(row),
            f"{row.key.text}: {sentence_in_plain_text(row_sentence(row))}",
            ("run", "began (UTC)", "value"),
            [
                (one.kind, f"{one.at:%Y-%m-%d %H:%M}" if one.at else "", numbers.quantity(one.value, row.unit))
                for one in charts.in_time_order(row, began)
            ],
            drawing=drawing,
        )

    def _timelines(self, sides: charts.Sides, endpoint: str, metric: str) -> Iterator[Figure]:
        unit = next(s.unit for run in sides["now"] for s in run.series if (s.endpoint, s.metric) == (endpoint, metric))
        what = {
            "latency": f"{endpoint}: p50, p95 and p99 of {metric} over the load, {unit}",
            "rate": f"{endpoint}: requests per second over the load",
            "errors": f"{endpoint}: failed requests over the load, %",
        }
        for kind, drawn in charts.timelines(sides, endpoint, metric).items():
            yield self._over_time(drawn, what[kind])

    def _beside(self, sides: charts.Sides) -> Iterator[Figure]:
        """Generator, services and database under the latency, on the same axis."""
        for what, drawn in charts.beside(sides).items():
            yield self._over_time(drawn, what)

    def _quantiles(self, sides: charts.Sides, endpoint: str, metric: str) -> Iterator[Figure]:
        drawn = charts.quantile_plot(sides, endpoint, metric)
        if drawn is not None:
            beside = "now beside the runs before" if sides["before"] else "one line a run"
            what = f"{endpoint}: quantiles of {metric}, sustained phase, {beside}"
            drawing = charts.distribution_chart(sides["now"], endpoint, metric)
            yield self._over_time(drawn, what, drawing)

    def split(self, sides: Sides) -> Figure:
        """Where the time of each endpoint went, before and now."""
        table = tables.time_split(sides.splits, sides.splits_before)
        drawn = charts.split(tables.usual(sides.splits_before), tables.usual(sides.splits))
        what = "Mean time by part, the runs before above those of now"
        return self._figure(drawn, what, what, table.headers, table.rows, most=None)

    def _over_time(self, drawn: charts.Data, what: str, drawing: str = "") -> Figure:
        points = drawn["points"]
        assert isinstance(points, list)  # noqa: S101 - for the type
        # The forest links every change and its values are all listed; of windows and quantiles the first are.
        listed = [
            (data(point["run"]), f"{point['t']:.0f} s" if "t" in point else "", data(point["line"]), point["shown"])
            for point in points
        ]
        return self._figure(drawn, what, what, ("run (UTC)", "at", "", "value"), listed, drawing=drawing)

    def _figure(
        self,
        drawn: charts.Data,
        label: str,
        caption: str,
        headers: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        most: int | None = -1,
        drawing: str = "",
    ) -> Figure:
        self.drawn.append(drawn)
        shown = rows[: self.room.values if most == -1 else most]
        return Figure(
            caption,
            Markup(drawing),  # noqa: S704 - a drawing of ours, escaped where it was made
            len(self.drawn) - 1,
            label,
            headers,
            shown,
            len(rows) - len(shown),
        )


def _began(verdict: Verdict, scenario: str, runs: Sequence[Run]) -> list[datetime]:
    """When each of a scenario's judged runs began; of those whose file is gone, the first alone is known."""
    outcome = next((each for each in verdict.scenarios if each.scenario == scenario), None)
    if outcome is None:
        return []
    dates = {run.run_id: run.started_at for run in runs}
    if all(run in dates for run in outcome.runs):
        return [dates[run] for run in outcome.runs]
    return [outcome.started_at]


def _weight(row: Row) -> tuple[int, float]:
    grave = (headline.has_regressed, headline.misses_target, headline.has_vanished, headline.is_inconclusive)
    place = next((place for place, holds in enumerate(grave) if holds(row)), len(grave))
    return place, -headline.gravity(row)
