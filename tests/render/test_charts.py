import pytest
from made_runs import made_run

from chamiperf_ci.models.run import Course
from chamiperf_ci.render.charts import beside, sparkline, split
from chamiperf_ci.render.tables import TimeSplit


@pytest.mark.parametrize(
    ("values", "blocks"),
    [
        pytest.param([1.0, 2.0, 3.0], "▁▅█", id="the lowest block for the smallest, the highest for the largest"),
        pytest.param([5.0, 5.0], "▄▄", id="no change"),
    ],
)
def test_a_sparkline_has_one_block_a_value(values, blocks):
    assert sparkline(values) == blocks


def test_what_ran_beside_the_requests_is_one_chart_a_quantity_with_a_line_each():
    courses = [
        Course(of=of, what="processor time", unit="cores", points=((0.0, 0.1), (10.0, 0.4))) for of in ("bss", "smd")
    ]
    waited = Course(of="generator", what="lateness", unit="ms", points=((5.0, 1.0),))
    run = made_run(courses=(*courses, waited))
    charts = beside({"before": [], "now": [run]})
    assert set(charts) == {"processor time, cores", "lateness, ms"}
    drawn = charts["processor time, cores"]
    assert (drawn["lines"], drawn["end"]) == (["bss", "smd"], 720)
    assert next((point["line"], point["t"], point["value"]) for point in drawn["points"]) == ("bss", 0.0, 0.1)


def test_more_services_than_dashes_leave_the_busiest():
    courses = [Course(of=f"s{n}", what="cpu", unit="cores", points=((0.0, float(n)),)) for n in range(9)]
    (drawn,) = beside({"before": [], "now": [made_run(courses=tuple(courses))]}).values()
    assert drawn["lines"] == ["s8", "s7", "s6", "s5", "s4", "s3"]


def test_the_parts_of_an_endpoints_time_leave_out_what_is_not_known():
    one = TimeSplit("boot_storm", "bootscript", seen=12.0, database=None, service=4.0, front=8.0, generator=0.2)
    drawn = split([], [one])
    assert [(point["part"], point["side"]) for point in drawn["points"]] == [
        ("service", "now"),
        ("in front", "now"),
        ("generator", "now"),
    ]
