"""What a gate can see: the closed form of a needed slowdown against the rules themselves, and the drill's table."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdict_numbers import KEY, row

from chamiperf_ci.models.vocabulary import Direction, MetricClass, RowVerdict, Statistic
from chamiperf_ci.verdict.change import smallest_found
from chamiperf_ci.verdict.night import confirm_night, judge_night
from chamiperf_ci.verdict.power import gate_power, needed_slowdown
from chamiperf_ci.verdict.row import RowInput, RowName, decide_row

near = st.floats(min_value=90, max_value=115)
EPSILON = 1e-6


def slowed(given_row, log_slowdown):
    factor = float(np.exp(log_slowdown))
    return replace(
        given_row,
        current=tuple(factor * value for value in given_row.current),
        pairs=tuple((old, factor * new) for old, new in given_row.pairs),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(baseline=st.lists(near, min_size=1, max_size=6), current=st.lists(near, min_size=3, max_size=4))
def test_the_needed_slowdown_is_where_a_row_becomes_a_regression(baseline, current):
    start = RowInput(KEY, baseline=tuple(baseline), current=tuple(current))
    _, needed = needed_slowdown(decide_row(start))
    below, above = (decide_row(slowed(start, needed + step)).verdict for step in (-EPSILON, EPSILON))
    assert (below is RowVerdict.REGRESSION, above is RowVerdict.REGRESSION) == (False, True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(baseline=st.lists(near, min_size=1, max_size=6), current=near)
def test_the_needed_slowdown_is_where_a_row_becomes_suspect(baseline, current):
    start = RowInput(KEY, baseline=tuple(baseline), current=(current,))
    needed, _ = needed_slowdown(decide_row(start))
    below, above = (decide_row(slowed(start, needed + step)).suspect for step in (-EPSILON, EPSILON))
    assert (below, above) == (False, True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(near, near), min_size=5, max_size=7))
def test_the_needed_slowdown_holds_for_pairs(pairs):
    start = RowInput(KEY, pairs=tuple(pairs))
    _, needed = needed_slowdown(decide_row(start))
    below, above = (decide_row(slowed(start, needed + step)).verdict for step in (-EPSILON, EPSILON))
    assert (below is RowVerdict.REGRESSION, above is RowVerdict.REGRESSION) == (False, True)


def test_a_row_without_a_change_needs_no_slowdown():
    with pytest.raises(ValueError, match="no change"):
        needed_slowdown(decide_row(row()))


def noisy(spread, count=10, **more):
    values = np.exp(np.random.default_rng(5).normal(0, spread, count)) * 80
    return RowInput(KEY, current=tuple(values.tolist()), **more)


@pytest.fixture(scope="module")
def quiet():
    return gate_power([noisy(0.01, metric_class=MetricClass.P50)], [0.0, 0.05, 0.10, 0.20, 0.40])


def test_power_grows_with_the_slowdown(quiet):
    confirmed = [effect.confirmed for effect in quiet.rows[0].effects]
    assert confirmed == sorted(confirmed)
    assert (confirmed[0], confirmed[-1]) == (0, 1)


def test_the_computed_power_is_what_the_rules_say_of_slowed_runs():
    # A first run of 100 among repeats of 110 needs 10.9 % to be suspect, 9.6 % to be condemned: at 10 % it passes.
    runs, effect, trials = (100.0,) * 6 + (110.0,) * 2, 0.10, 100
    given_row = RowInput(KEY, metric_class=MetricClass.P50, current=runs)
    (computed,) = gate_power([given_row], [effect], trials=trials, seed=1).rows[0].effects
    draws, found = np.random.default_rng(1), 0
    for _ in range(trials):
        drawn = [runs[place] for place in draws.permutation(len(runs))]
        full = replace(given_row, baseline=tuple(drawn[:5]), current=tuple((1 + effect) * value for value in drawn[5:]))
        first = judge_night([replace(full, current=full.current[:1])])
        found += confirm_night(first, [full]).decisions[0].verdict is RowVerdict.REGRESSION
    assert computed.confirmed == found / trials


def test_the_smallest_visible_slowdown_is_seen_in_four_fifths_of_trials(quiet):
    smallest = quiet.rows[0].smallest_confirmed
    (at_smallest,) = gate_power([noisy(0.01, metric_class=MetricClass.P50)], [smallest + EPSILON]).rows[0].effects
    assert at_smallest.confirmed >= 0.8


def test_a_noisier_set_up_sees_less(quiet):
    assert gate_power([noisy(0.10)], []).rows[0].smallest_confirmed > quiet.rows[0].smallest_confirmed


def test_unchanged_runs_raise_no_alarm_yet_prove_no_zero(quiet):
    # Wilson's upper bound of 0 in 200 is 1.884 %, of 30 nights 0.57.
    assert quiet.false_alarms_a_month == 0
    assert quiet.false_alarms_a_month_at_most == pytest.approx(0.565, abs=0.001)


def test_the_loss_of_a_rate_stays_below_all_of_it():
    power = gate_power([noisy(0.10, direction=Direction.HIGHER)], [0.2])
    assert 0 < power.rows[0].smallest_confirmed < 1


def test_the_same_runs_give_the_same_power(quiet):
    assert quiet == gate_power([noisy(0.01, metric_class=MetricClass.P50)], [0.0, 0.05, 0.10, 0.20, 0.40])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no row"),
        pytest.param([noisy(0.1, count=4)], id="four runs"),
        pytest.param([noisy(0.1), noisy(0.1, count=9)], id="different numbers of runs"),
    ],
)
def test_power_needs_five_runs_of_every_row(rows):
    with pytest.raises(ValueError, match="at least five"):
        gate_power(rows, [0.2])


@pytest.mark.parametrize("spread", [0.02, 0.05, 0.12])
def test_a_claimed_slow_down_is_found_in_about_four_of_five_cases(spread):
    draws = np.random.default_rng(3)
    found = []
    for _ in range(400):
        runs = np.exp(draws.standard_t(4, 38) * spread)
        baseline, before, now = runs[:5], runs[5:35], runs[35:]
        blank = RowInput(
            RowName("s", "e", "p95"),
            metric_class=MetricClass.P95,
            baseline=tuple(baseline),
            history=tuple(before),
            current=tuple(now),
        )
        claim = smallest_found(decide_row(blank).change, math.log(1.2))
        slowed = replace(blank, current=tuple(now * math.exp(claim)))
        found.append(decide_row(slowed).verdict is RowVerdict.REGRESSION)
    assert np.mean(found) >= 0.75
    if spread > 0.07:  # the prior of a p95: below it the claim errs to the safe side
        assert np.mean(found) <= 0.92


def test_a_claim_is_never_below_what_the_rule_asks_of_a_slow_down():
    quiet = RowInput(
        RowName("s", "e", "p50"), metric_class=MetricClass.P50, baseline=(100.0,) * 5, current=(100.0,) * 3
    )
    claim = smallest_found(decide_row(quiet).change, math.log(1.2))
    just_below = replace(quiet, current=(100.0 * math.exp(claim) * 0.93,) * 3)
    assert decide_row(just_below).verdict is not RowVerdict.REGRESSION


def test_one_baseline_run_of_a_pooled_p99_asks_for_twice_as_much():
    pooled = RowInput(
        RowName("s", "e", "p99"), statistic=Statistic.POOLED, baseline=(100.0,), current=(180.0, 185.0, 190.0)
    )
    assert decide_row(replace(pooled, statistic=Statistic.MEDIAN_OF_WINDOWS)).verdict is RowVerdict.REGRESSION
    assert decide_row(pooled).verdict is RowVerdict.INCONCLUSIVE
    assert decide_row(replace(pooled, current=(230.0, 240.0, 250.0))).verdict is RowVerdict.REGRESSION
