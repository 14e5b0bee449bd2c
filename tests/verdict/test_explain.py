"""The steps behind a verdict, with their numbers."""

import pytest
from verdict_numbers import KEY, row

from chamiperf_ci.models.vocabulary import RowKind, RowReason
from chamiperf_ci.verdict.counts import Failures
from chamiperf_ci.verdict.explain import explain
from chamiperf_ci.verdict.row import RowInput, decide_row


def steps(given_row):
    return {step.name: step.value for step in explain(decide_row(given_row))}


def test_a_change_is_explained_from_prior_to_verdict():
    assert list(steps(row(97.0, 101.0, 99.0))) == [
        *("s0", "n, k", "centre(b)", "c - centre(b)", "L", "SS", "s_h", "m", "nu", "spread", "sigma"),
        *("d", "q", "se", "t", "[L95, U95]", "p_worse", "p_better", "change shown", "interval shown"),
        *("minimal detectable change shown", "theta", "verdict"),
    ]


def test_the_steps_lead_to_each_other():
    found = steps(row(97.0, 101.0, 99.0))
    low, high = found["[L95, U95]"]
    assert found["se"] == pytest.approx(found["sigma"] * found["q"] ** 0.5)
    assert (low, high) == pytest.approx((found["d"] - found["t"] * found["se"], found["d"] + found["t"] * found["se"]))
    assert found["nu"] == pytest.approx(4 + 4 + 0.3 * found["m"])


def test_without_history_the_steps_say_so():
    assert steps(row(97.0, history=()))["s_h"] == "no history"


def test_the_factor_of_a_thin_baseline_shows():
    found = steps(row(97.0, baseline=(80.0,), history=()))
    assert found["sigma"] == 2 * found["spread"]


def test_pairs_are_explained_by_their_differences():
    found = steps(RowInput(KEY, pairs=((80.0, 96.0),) * 5))
    assert found["se"] == pytest.approx(found["sigma"] * found["q"] ** 0.5)
    assert "centre(b)" not in found


def test_counts_are_explained_by_the_counts():
    stalled = RowInput(KEY, kind=RowKind.STALLED_WINDOWS, baseline_stalled=(0, 1, 0), current_stalled=(2, 3, 2))
    assert steps(stalled)["stalled windows, now"] == (2, 3, 2)


def test_error_rates_are_explained_by_their_intervals():
    errors = RowInput(
        KEY, kind=RowKind.ERRORS, baseline_failures=(Failures(0, 9),), current_failures=((Failures(5, 10),),)
    )
    share, low, high = steps(errors)["errors, run 1"]
    assert low < share == 0.5 < high


def test_a_row_that_was_not_judged_says_why():
    (step,) = explain(decide_row(row(reason=RowReason.RESOLUTION)))
    assert (step.name, step.formula, step.value) == ("verdict", "resolution", "unavailable")
