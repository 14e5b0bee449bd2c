"""A change beyond the worked examples: what of history counts."""

import pytest
from verdict_numbers import B, H

from chamiperf_ci.verdict.change import change

S0 = 0.08


def test_of_history_the_newest_thirty_nights_count():
    wild = (400.0, 40.0) * 15
    assert change(B, [83.0], history=(*wild, *H), prior_sd=S0) == change(B, [83.0], history=H, prior_sd=S0)


@pytest.mark.parametrize(("nights", "steps"), [(9, 0), (10, 9), (30, 29)])
def test_history_counts_from_ten_nights_on(nights, steps):
    assert change(B, [83.0], history=H[:nights], prior_sd=S0).history_steps == steps


def test_a_slow_climb_of_history_does_not_widen_the_interval():
    climb = tuple(80.0 * 1.001**night for night in range(30))
    flat = (80.0,) * 30
    wide, narrow = (change(B, [83.0], history=history, prior_sd=S0).se for history in (climb, flat))
    assert wide == pytest.approx(narrow, rel=1e-3)


def test_one_wild_baseline_run_is_cut_to_what_the_others_allow():
    wild, wilder = (change((*B[:4], last), [83.0], prior_sd=S0).se for last in (800.0, 8_000.0))
    assert wild == wilder
