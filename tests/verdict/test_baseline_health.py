"""A baseline that no longer describes the stack."""

import math

import pytest
from verdict_numbers import KEY, row

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.night import is_old, outlying_runs, stale_baseline
from chamiperf_ci.verdict.row import RowInput, decide_row


def stale(given_row):
    decision = decide_row(given_row)
    return stale_baseline(decision.change, decision.theta)


def test_a_run_far_better_than_its_baseline_hides_more_than_the_tolerance():
    found = stale(row(55.0))
    assert found.unseen > 0.2


def test_a_slowdown_of_what_is_hidden_is_where_the_row_stops_passing():
    better = row(55.0)
    factor = 1 + stale(better).unseen
    below, above = (decide_row(row(55.0 * factor * step)).change.high for step in (0.9999, 1.0001))
    assert below < math.log(1.2) < above


def test_a_little_better_is_not_stale():
    assert stale(row(76.0)) is None


def test_far_better_on_a_baseline_too_thin_to_tell_is_not_stale():
    assert stale(row(60.0, baseline=(80.0,), history=())) is None


def test_more_throughput_hides_a_loss_below_all_of_it():
    found = stale(RowInput(KEY, direction=Direction.HIGHER, baseline=(100.0,) * 5, current=(200.0,)))
    assert 0.2 < found.unseen < 1


@pytest.mark.parametrize(("nights", "old"), [(60, False), (61, True)])
def test_a_baseline_is_old_after_sixty_nights(nights, old):
    assert is_old(nights) is old


def test_a_run_unlike_the_others_is_named_by_its_place():
    assert outlying_runs([80.0, 82.0, 140.0, 81.0, 79.0], prior_sd=0.08) == (2,)


def test_runs_alike_have_no_outlier():
    assert outlying_runs([80.0, 84.0, 78.0, 82.0, 90.0], prior_sd=0.08) == ()


def test_of_two_runs_neither_is_the_odd_one():
    assert outlying_runs([80.0, 400.0], prior_sd=0.08) == ()
