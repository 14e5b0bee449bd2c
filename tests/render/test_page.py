import base64
import hashlib
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import golden
import pytest
from made_runs import FIRST_NIGHT, made_run
from made_verdicts import everything, made_change, made_row, made_scenario, made_verdict
from test_escaping import HOSTILE
from test_states import eventful

from chamiperf_ci.models.run import Distribution, RunProblem
from chamiperf_ci.models.verdict import Fact
from chamiperf_ci.models.vocabulary import Direction, FactWord, RunReason
from chamiperf_ci.render import charts, html
from chamiperf_ci.render.charts import distribution_chart, in_time_order, runs_chart
from chamiperf_ci.render.html import MOST_CHARTS, Sides, page
from chamiperf_ci.render.numbers import Context

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "input"}


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


def without_script(text):
    """The page without its script, which is built elsewhere, and without the script's digest."""
    text, found = re.subn(r"<script>.*?</script>", "<script></script>", text, flags=re.DOTALL)
    assert found == 1
    return re.sub(r"'sha256-[^']+'", "'sha256-'", text)


def test_the_page_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "report.html", without_script(page(eventful(), context=Context())))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_cannot_leave_its_place(name):
    row = made_row(endpoint=name, metric=f"{name} p99", detail=name)
    scenario = made_scenario(
        problems=(RunProblem(reason=RunReason.INCOMPLETE, text=name),),
        valid=False,
        warnings=(Fact(word=FactWord.RUN_WARNING, values={"text": name}),),
    )
    balance = Balance(page(made_verdict((row,), scenarios=(scenario,)), Sides([made_run()]), context=Context()))
    assert (balance.open, balance.wrong) == ([], [])
    assert not [tag for tag, attribute, _ in balance.attributes if attribute.startswith("on")]


def test_the_page_asks_nobody_for_anything():
    text = page(everything(), Sides([made_run()]), context=Context())
    balance = Balance(text)
    loads = {"src", "srcset", "data", "poster", "background", "action"}
    assert not [found for found in balance.attributes if found[1] in loads]
    assert not re.search(r"<link|<iframe|@import|url\(", without_script(text))
    assert len(text.encode()) < 2_000_000


def test_the_policy_allows_the_page_its_own_script_alone():
    text = page(everything(), Sides([made_run()]), context=Context())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'")
    assert "unsafe-eval" not in policy


def test_the_script_is_built_from_the_sources_beside_it():
    sources = Path(__file__).parents[2] / "tools" / "charts"
    digest = hashlib.sha256()
    for name in ("build.mjs", "package-lock.json", "package.json", "report.js"):
        digest.update((sources / name).read_bytes())
    script = (Path(html.__file__).parent / "report.js").read_text(encoding="ascii")
    assert f"Sources: sha256 {digest.hexdigest()}" in script, "make charts builds it anew"


@pytest.mark.parametrize("name", [*HOSTILE.values(), "</script><script>alert(1)</script>", "<!--<script>"])
def test_a_hostile_name_is_data_of_a_chart_and_cannot_end_the_script(name):
    text = page(made_verdict((made_row(endpoint=name),)), Sides([made_run(endpoints=(name,))]), context=Context())
    assert text.count("</script>") == 2
    (data,) = re.findall(r'<script type="application/json" id="charts">(.*?)</script>', text, flags=re.DOTALL)
    assert "<" not in data
    assert {chart["kind"] for chart in json.loads(data)} == {"forest", "history", "timeline", "quantiles"}


def test_accepted_runs_stand_among_the_nights_by_their_dates():
    at = [FIRST_NIGHT + timedelta(days=day) for day in range(6)]
    row = made_row(
        history_values=(80.0, 81.0, 83.0, 84.0),
        history_at=(at[0], at[1], at[3], at[4]),
        baseline_values=(81.0, 82.0),
        baseline_at=(at[1], at[2]),
        current_values=(99.0,),
    )
    found = in_time_order(row, [at[5]])
    assert [one.kind for one in found] == [
        "night before",
        "accepted",
        "accepted",
        "night before",
        "night before",
        "now",
    ]
    assert [one.at for one in found] == at


def test_without_a_date_the_runs_keep_their_order_and_the_chart_says_so():
    row = made_row(history_values=(80.0, 81.0), history_at=())
    assert [one.kind for one in in_time_order(row, [FIRST_NIGHT])] == ["night before"] * 2 + ["accepted"] * 5 + [
        "now"
    ] * 3
    assert charts.history(row, [FIRST_NIGHT])["dated"] is False


def test_windows_lie_where_they_were_measured_beside_those_of_before():
    drawn = charts.timelines({"before": [made_run(0)], "now": [made_run(1)]}, "bootscript", "latency")
    points = drawn["latency"]["points"]
    assert len(points) == 2 * 20 * 3
    assert (points[0]["t"], points[-1]["t"], drawn["latency"]["end"]) == (135, 705, 720)
    assert {point["side"] for point in points} == {"before", "now"}
    assert "errors" not in drawn


def test_a_throughput_that_fell_is_drawn_as_worse():
    row = made_row(unit="/s", direction=Direction.HIGHER, change=made_change(-0.2, -0.3, -0.1))
    (drawn,) = charts.forest([(0, row)])["rows"]
    assert (drawn["worse"], drawn["low"], drawn["high"]) == pytest.approx((1.25, 1 / 0.9, 1 / 0.7))
    assert drawn["limit"] == pytest.approx(1.25)


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
