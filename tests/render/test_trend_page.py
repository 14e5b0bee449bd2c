import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import golden
import pytest
from test_escaping import HOSTILE
from test_page import Balance

from chamiperf_ci.models.history import Drifting, Line, MarkedNight, MetricTrend, Point, ScenarioTrend, TrendStep
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render.trend import NOTHING, trend_markdown, trend_page

GOLDEN = Path(__file__).parent / "golden"
FIRST = datetime(2026, 3, 2, 1, 17, tzinfo=UTC)


def night(number):
    return FIRST + timedelta(days=number)


def points(*values, start=0):
    return tuple(Point(night(start + place), value) for place, value in enumerate(values))


def made_metric(**changes):
    line = Line(points(12.0, 12.4, 11.9, 14.0), accepted=12.1, accepted_runs=5)
    fields = {
        "endpoint": "bootscript",
        "metric": "p99",
        "unit": "ms",
        "direction": Direction.LOWER,
        "lines": (line,),
        "newest": Point(night(3), 14.0),
        "recent": (12.0, 12.4, 11.9, 14.0),
    }
    return MetricTrend(**(fields | changes))


def made_trend(*metrics, **changes):
    fields = {
        "environment": "lab",
        "scenario": "boot_storm",
        "stack": "deployed, profile full",
        "first": night(0),
        "last": night(3),
        "valid": 4,
        "invalid": (),
        "missing": (),
        "breaks": (),
        "weeks_before": None,
        "unread": 0,
        "metrics": metrics or (made_metric(),),
    }
    return ScenarioTrend(**(fields | changes))


def everything():
    """Two scenarios, in the first of which everything happened once."""
    throughput = made_metric(
        metric="throughput", unit="/s", direction=Direction.HIGHER,
        lines=(Line(points(900.0), 890.0, 3), Line(points(1000.0, 800.0, start=12), 1000.0, 5)),
        newest=Point(night(13), 800.0), recent=(1000.0, 800.0), drifting=Drifting(-0.2, None),
    )  # fmt: skip
    errors = made_metric(
        metric="errors", unit="share", lines=(Line(points(0.0, 0.0002), 0.0001, 5),),
        newest=Point(night(1), 0.0002), recent=(0.0, 0.0002),
    )  # fmt: skip
    stalled = made_metric(
        metric="stalled-windows", unit="windows", lines=(Line(points(0.0, 0.0)),),
        newest=Point(night(1), 0.0), recent=(0.0, 0.0),
    )  # fmt: skip
    drifting = made_metric(drifting=Drifting(0.157, night(2)))
    storm = made_trend(
        drifting, throughput, errors, stalled,
        last=night(13), valid=6, weeks_before=night(1), unread=4,
        invalid=(MarkedNight(night(4), "generator-saturated"),), missing=tuple(map(night, range(5, 12))),
        breaks=(MarkedNight(night(12), "k6_version: 1.1.0 here, 1.0.0 there"),),
    )  # fmt: skip
    return storm, made_trend(scenario="auth_under_load")


def page(*trends):
    return trend_page(trends, producer="chamiperf 0.1.0")


def test_the_page_of_nights_in_which_everything_happened():
    golden.check(GOLDEN / "trend.html", page(*everything()))


def test_the_tables_of_nights_in_which_everything_happened():
    golden.check(GOLDEN / "trend.md", trend_markdown(everything()))


def test_a_history_without_nights_says_so():
    assert f"<p>{NOTHING}</p>" in page()
    assert trend_markdown(()) == f"{NOTHING}\n"


def test_one_night_is_a_dash_and_no_line():
    only = points(12.0)
    metric = made_metric(lines=(Line(only),), newest=only[0], recent=(12.0,))
    text = page(made_trend(metric, last=night(0), valid=1))
    assert re.search(r'class="nights" d="M[\d.]+ [\d.]+m-2 0h4"', text)
    assert "bootscript p99: 12.0 ms on 2026-03-02, nothing is accepted." in text
    assert "1 night was judged from 2026-03-02 to 2026-03-02, 0 could not be, 0 are missing." in text


def test_missing_nights_break_the_line():
    apart = Line((*points(12.0, 12.1), *points(12.2, 12.3, start=9)), 12.0, 5)
    [path] = re.findall(r'class="nights" d="([^"]+)"', page(made_trend(made_metric(lines=(apart,)), last=night(10))))
    assert re.sub(r"[\d. ]+", "", path) == "MLML"


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_cannot_leave_its_place_in_a_trend(name):
    marked = (MarkedNight(night(1), name),)
    metric = made_metric(endpoint=name, metric=name, unit=name)
    trend = made_trend(metric, environment=name, scenario=name, stack=name, invalid=marked, breaks=marked)
    balance = Balance(page(trend, trend))
    assert (balance.open, balance.wrong) == ([], [])
    assert not [tag for tag, attribute, _ in balance.attributes if attribute.startswith("on")]


def test_the_trend_asks_nobody_for_anything():
    text = page(*everything())
    balance = Balance(text)
    loads = {"src", "srcset", "data", "poster", "background", "action"}
    assert not [found for found in balance.attributes if found[1] in loads]
    assert not [value for _, name, value in balance.attributes if name == "href" and not value.startswith("#")]
    assert not re.search(r"<script|<link|<iframe|@import|url\(", text)
    assert "default-src 'none'" in text


def test_every_mark_that_a_chart_uses_is_on_the_page():
    text = page(*everything())
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))


@pytest.mark.parametrize("values", [(0.0, 0.0), (5.0, 5.0), (1e-9, 1e9)])
def test_a_trend_of_equal_or_extreme_values_has_finite_coordinates(values):
    shown = points(*values)
    metric = made_metric(lines=(Line(shown),), newest=shown[-1], recent=values)
    assert not re.search(r"[\" ](nan|inf|-\d)", page(made_trend(metric)).split("</style>")[1])


def _trend(*metrics):
    return ScenarioTrend(
        "lab",
        "boot_storm",
        "deployed, profile full",
        FIRST,
        FIRST + timedelta(days=29),
        30,
        (),
        (),
        (),
        None,
        0,
        metrics,
    )


def _metric(name, *, accepted=None, values=(3.0, 3.0), steps=(), drifting=None):
    points = tuple(Point(FIRST + timedelta(days=n), value) for n, value in enumerate(values))
    return MetricTrend(
        "bootscript",
        name,
        "ms",
        Direction.LOWER,
        (Line(points, accepted, 5 if accepted else 0),),
        points[-1],
        values,
        drifting,
        steps,
    )


def test_without_a_baseline_nothing_is_said_to_be_free_of_drift():
    said = trend_markdown([_trend(_metric("p50"))])
    assert said.startswith("No baseline: drift not judged.")
    assert "no baseline: not judged" in said
    assert "None" not in said


def test_with_a_baseline_for_some_the_others_are_counted_as_not_judged():
    said = trend_markdown([_trend(_metric("p50", accepted=3.0), _metric("p95"))])
    assert said.startswith("None of 1 compared metric with a baseline drift. 1 have none: their drift is not judged.")


def test_a_lasting_step_is_said_first_and_a_recovered_one_is_said_to_be_over():
    up = TrendStep(FIRST + timedelta(days=10), 3.0, 6.0)
    down = TrendStep(FIRST + timedelta(days=20), 6.0, 3.1)
    said = trend_markdown([_trend(_metric("p50", steps=(up,)), _metric("p95", steps=(up, down)))])
    assert "boot_storm bootscript p50 is 100 % slower since" in said.splitlines()[0]
    assert "bootscript p95: back since" in said
    assert "stepped." not in said.splitlines()[0]


def test_what_moved_most_comes_first_and_zeros_are_one_line():
    up = TrendStep(FIRST + timedelta(days=10), 3.0, 6.0)
    calm, zero, moved = _metric("p50"), _metric("errors", values=(0.0, 0.0)), _metric("p99", steps=(up,))
    said = trend_markdown([_trend(calm, zero, moved)])
    assert said.index("<code>bootscript p99</code>") < said.index("<code>bootscript p50</code>")
    assert "Zero in every night: bootscript errors." in said
    assert "<code>bootscript errors</code>" not in said
