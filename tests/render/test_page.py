import re
from html.parser import HTMLParser
from pathlib import Path

import golden
import pytest
from made_runs import made_run
from made_verdicts import everything, made_row, made_scenario, made_verdict
from test_escaping import HOSTILE

from chamiperf_ci.models.run import Distribution, RunProblem
from chamiperf_ci.models.verdict import Fact
from chamiperf_ci.models.vocabulary import FactWord, RunReason
from chamiperf_ci.render.charts import distribution_chart, runs_chart
from chamiperf_ci.render.html import MOST_CHARTS, page
from chamiperf_ci.render.numbers import Context

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta"}


class Balance(HTMLParser):
    """Follows the tags and remembers all attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.wrong = [], [], []
        self.feed(text)
        assert self.attributes

    def handle_starttag(self, tag, attrs):
        """Remember a tag that has to be closed."""
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Nothing to close."""
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        """Close the tag that was opened last."""
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "report.html", page(everything(), context=Context()))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_cannot_leave_its_place(name):
    row = made_row(endpoint=name, metric=f"{name} p99", detail=name)
    scenario = made_scenario(
        problems=(RunProblem(reason=RunReason.INCOMPLETE, text=name),),
        valid=False,
        warnings=(Fact(word=FactWord.RUN_WARNING, values={"text": name}),),
    )
    balance = Balance(page(made_verdict((row,), scenarios=(scenario,)), [made_run()], context=Context()))
    assert (balance.open, balance.wrong) == ([], [])
    assert not [tag for tag, attribute, _ in balance.attributes if attribute.startswith("on")]


def test_the_page_asks_nobody_for_anything():
    text = page(everything(), [made_run()], context=Context())
    balance = Balance(text)
    loads = {"src", "srcset", "data", "poster", "background", "action"}
    assert not [found for found in balance.attributes if found[1] in loads]
    assert not re.search(r"<script|<link|<iframe|@import|url\(", text)
    assert "default-src 'none'" in text


def test_a_chart_draws_each_run_and_tells_the_kinds_apart_by_shape():
    chart = runs_chart(made_row(history_values=(80.0, 81.0)))
    shapes = [len(re.findall(f"<{shape} ", chart)) for shape in ("circle", "rect", "polygon")]
    assert shapes == [2, 5, 3]
    assert "allowed 98.4 ms" in chart


@pytest.mark.parametrize("row", [made_row(baseline=None, baseline_values=()), made_row(change=None)])
def test_a_row_without_a_comparison_has_no_chart(row):
    assert runs_chart(row) == ""


@pytest.mark.parametrize("values", [(0.0,) * 3, (5.0,) * 3, (1e-9, 1e9)])
def test_a_chart_of_equal_or_extreme_values_has_finite_coordinates(values):
    chart = runs_chart(made_row(current_values=values, baseline_values=values))
    assert not re.search("nan|inf", chart)


def test_the_chart_in_text_keeps_its_columns():
    assert "accepted  80.0 ms  ███" in page(made_verdict((made_row(),)), context=Context())


def test_a_distribution_is_one_line_a_run():
    assert distribution_chart([made_run(0), made_run(1)], "bootscript").count("<polyline") == 2


def test_a_distribution_that_was_not_measured_has_no_chart():
    series = (
        made_run()
        .series[0]
        .model_copy(
            update={"phases": {"sustained": Distribution(count=0, min=0, mean=0, max=0, quantiles={"p99": 0.0})}}
        )
    )
    assert distribution_chart([made_run(series=(series,))], "bootscript") == ""


def test_the_gravest_rows_are_drawn_and_not_all_of_them():
    rows = tuple(made_row(metric=f"p99 {number}") for number in range(MOST_CHARTS + 5))
    assert page(made_verdict(rows), context=Context()).count("<svg") == MOST_CHARTS
