"""Which scenarios are run again, in which order."""

import math

from verdict_numbers import key, row

from chamiperf_ci.models.vocabulary import RowKind
from chamiperf_ci.verdict.night import judge_night, suspect_scenarios

STALLED = {"kind": RowKind.STALLED_WINDOWS, "baseline_stalled": (0, 0, 0), "current_stalled": (3,)}


def order(*rows):
    return [suspect.scenario for suspect in judge_night(rows).suspects]


def test_the_smallest_p_comes_first():
    assert order(row(97.0, key=key("mild")), row(120.0, key=key("grave")), row(105.0, key=key("middling"))) == [
        "grave",
        "middling",
        "mild",
    ]


def test_a_scenario_is_as_urgent_as_its_gravest_row():
    mixed = (row(97.0, key=key("mixed", metric="p50")), row(120.0, key=key("mixed")))
    assert order(row(105.0, key=key("middling")), *mixed) == ["mixed", "middling"]


def test_stalled_windows_come_after_everything_with_a_p():
    assert order(row(key=key("stalls"), **STALLED), row(97.0, key=key("mild"))) == ["mild", "stalls"]


def test_of_equals_the_name_decides():
    assert order(row(97.0, key=key("b")), row(97.0, key=key("a"))) == ["a", "b"]


def test_rows_that_pass_are_no_suspects():
    assert order(row(83.0, key=key("fine"))) == []


def test_a_suspect_scenario_names_its_rows_and_its_smallest_p():
    night = judge_night(
        [row(97.0, key=key(metric="p99")), row(120.0, key=key(metric="p50")), row(82.0, key=key("fine"))]
    )
    (suspect,) = suspect_scenarios(night.decisions)
    assert suspect.rows == (key(metric="p50"), key(metric="p99"))
    assert suspect.p_worse == night.decisions[1].change.p_worse


def test_counts_have_no_p():
    (suspect,) = judge_night([row(key=key("stalls"), **STALLED)]).suspects
    assert suspect.p_worse == math.inf
