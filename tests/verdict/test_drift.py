"""Slow drift beyond the worked examples: when it is looked for, and where it is said to have begun."""

import math

import pytest
from verdict_numbers import B

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.drift import find_drift

WOBBLE = (0.0, 0.01, -0.01, 0.005, -0.005, 0.012, -0.008)
S0 = 0.08


def nights(count, level=82.0):
    return tuple(level * math.exp(WOBBLE[night % len(WOBBLE)]) for night in range(count))


SLOWER = nights(20) + nights(20, level=82.0 * 1.15)


def test_six_nights_are_not_compared():
    assert find_drift(B, nights(6, level=200.0), prior_sd=S0).change is None


def test_without_a_baseline_nothing_drifts():
    assert find_drift((), SLOWER, prior_sd=S0).alarm is False


def test_unchanged_nights_raise_no_alarm_and_name_no_beginning():
    drift = find_drift(B, nights(40), prior_sd=S0)
    assert (drift.alarm, drift.began) == (False, None)


def test_an_alarm_names_the_night_in_which_it_began():
    drift = find_drift(B, SLOWER, prior_sd=S0)
    assert (drift.alarm, drift.began.place) == (True, 20)


def test_nights_before_the_baseline_are_not_searched_for_a_beginning():
    drift = find_drift(B, SLOWER, prior_sd=S0, since=25)
    assert (drift.alarm, drift.began) == (True, None)


def test_with_fewer_than_fourteen_nights_since_the_baseline_it_is_not_located():
    drift = find_drift(B, SLOWER, prior_sd=S0, since=27)
    assert (drift.alarm, drift.began) == (True, None)


def test_a_slowdown_below_ten_percent_is_no_drift_however_certain():
    drift = find_drift((82.0,) * 5, nights(30) + nights(7, level=82.0 * 1.09), prior_sd=0.01)
    assert drift.change.p_worse < 0.01
    assert drift.alarm is False


def test_less_throughput_drifts_too():
    rates = tuple(1e6 / value for value in SLOWER)
    drift = find_drift([1e6 / value for value in B], rates, prior_sd=S0, direction=Direction.HIGHER)
    assert (drift.alarm, drift.began.place) == (True, 20)


@pytest.mark.parametrize("flaw", [math.nan, 0.0])
def test_a_night_that_is_no_number_is_refused_among_the_last_seven(flaw):
    with pytest.raises(ValueError, match="positive and finite"):
        find_drift(B, (*SLOWER, flaw), prior_sd=S0)
