"""What must hold for any numbers (verdict.md section 12), searched by hypothesis from a fixed seed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdict_numbers import KEY

from chamiperf_ci.models.vocabulary import Direction, MetricClass, RowReason, RowVerdict
from chamiperf_ci.verdict.change import change
from chamiperf_ci.verdict.night import judge_night
from chamiperf_ci.verdict.row import RowInput, RowName, decide_row
from chamiperf_ci.verdict.statistic import WindowQuantile, quantile_statistic

searched = settings(max_examples=60, deadline=None, derandomize=True)

values = st.floats(min_value=1, max_value=1e4)
runs = st.lists(values, min_size=1, max_size=7).map(tuple)
three_runs = st.lists(values, min_size=3, max_size=7).map(tuple)
near = st.floats(min_value=85, max_value=130)
near_runs = st.lists(near, min_size=1, max_size=6).map(tuple)
histories = st.one_of(st.just(()), st.lists(near, min_size=10, max_size=12).map(tuple))
flaws = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0])
S0 = 0.08


def _numbers(found):
    return (found.d, found.se, found.low, found.high, found.p_worse, found.p_better)


@searched
@given(baseline=near_runs, current=near_runs, history=histories, factor=st.sampled_from([1e-3, 0.5, 60.0, 1e6]))
def test_a_change_of_unit_changes_nothing(baseline, current, history, factor):
    before = change(baseline, current, history=history, prior_sd=S0)
    scaled = [tuple(factor * value for value in side) for side in (baseline, current, history)]
    after = change(scaled[0], scaled[1], history=scaled[2], prior_sd=S0)
    assert _numbers(after) == pytest.approx(_numbers(before), rel=1e-9, abs=1e-12)


@searched
@given(baseline=near_runs, current=near_runs, history=histories)
def test_a_rate_is_judged_like_the_time_it_is_the_reciprocal_of(baseline, current, history):
    times = change(baseline, current, history=history, prior_sd=S0)
    inverse = [tuple(1 / value for value in side) for side in (baseline, current, history)]
    rates = change(inverse[0], inverse[1], history=inverse[2], prior_sd=S0, direction=Direction.HIGHER)
    assert _numbers(rates) == pytest.approx(_numbers(times), rel=1e-9, abs=1e-12)


@searched
@given(sides=st.integers(3, 6).flatmap(lambda n: st.tuples(*[st.lists(values, min_size=n, max_size=n)] * 2)))
def test_exchanging_baseline_and_current_turns_the_sign(sides):
    left, right = sides
    assert change(left, right, prior_sd=S0).d == -change(right, left, prior_sd=S0).d


@searched
@given(baseline=three_runs, current=three_runs, factor=st.floats(1, 3))
def test_slower_runs_never_lower_the_change_nor_turn_a_regression_into_a_pass(baseline, current, factor):
    row = RowInput(KEY, baseline=baseline, current=current)
    before, after = decide_row(row), decide_row(replace(row, current=tuple(factor * value for value in current)))
    assert after.change.d >= before.change.d
    if before.verdict is RowVerdict.REGRESSION:
        assert after.verdict is RowVerdict.REGRESSION


@searched
@given(baseline=three_runs, current=three_runs, data=st.data())
def test_the_order_of_runs_is_irrelevant(baseline, current, data):
    shuffled = data.draw(st.tuples(st.permutations(baseline), st.permutations(current)))
    assert change(*shuffled, prior_sd=S0) == change(baseline, current, prior_sd=S0)


@searched
@given(pairs=st.lists(st.tuples(values, values), min_size=1, max_size=7), data=st.data())
def test_the_order_of_pairs_is_irrelevant(pairs, data):
    shuffled = data.draw(st.permutations(pairs))
    assert decide_row(RowInput(KEY, pairs=tuple(shuffled))) == decide_row(RowInput(KEY, pairs=tuple(pairs)))


@searched
@given(windows=st.lists(values, min_size=10, max_size=14), data=st.data())
def test_the_order_of_windows_is_irrelevant(windows, data):
    shuffled = data.draw(st.permutations(windows))
    before, after = (
        quantile_statistic([WindowQuantile(value, 5_000) for value in order], MetricClass.P99)
        for order in (windows, shuffled)
    )
    assert before == after


@searched
@given(currents=st.lists(near_runs, min_size=2, max_size=8), data=st.data())
def test_the_order_of_rows_is_irrelevant(currents, data):
    rows = [
        RowInput(RowName("s", str(place), "p99"), baseline=(100.0, 101.0, 99.0), current=current)
        for place, current in enumerate(currents)
    ]
    shuffled = data.draw(st.permutations(rows))
    before, after = judge_night(rows), judge_night(shuffled)
    assert {decision.key: decision for decision in before.decisions} == {
        decision.key: decision for decision in after.decisions
    }
    assert before.suspects == after.suspects


@searched
@given(mine=near_runs, others=st.lists(near_runs, max_size=5))
def test_a_rows_change_does_not_depend_on_other_rows(mine, others):
    rows = [
        RowInput(RowName("s", str(place), "p99"), baseline=(100.0, 101.0, 99.0), current=current)
        for place, current in enumerate([mine, *others])
    ]
    assert judge_night(rows).decisions[0].change == decide_row(rows[0]).change


@searched
@given(size=st.integers(1, 12), runs_now=st.integers(1, 12))
def test_with_constant_data_one_more_run_never_widens_the_interval(size, runs_now):
    def width(n, k):
        found = change([100.0] * n, [110.0] * k, prior_sd=S0)
        return found.high - found.low

    assert width(size + 1, runs_now) <= width(size, runs_now)
    assert width(size, runs_now + 1) <= width(size, runs_now)


@searched
@given(baseline=runs, current=three_runs, tolerances=st.tuples(st.floats(0.01, 0.9), st.floats(0.01, 0.9)))
def test_a_larger_tolerance_never_makes_a_row_a_regression(baseline, current, tolerances):
    small, large = (
        decide_row(RowInput(KEY, baseline=baseline, current=current, tolerance=tolerance))
        for tolerance in sorted(tolerances)
    )
    if large.verdict is RowVerdict.REGRESSION:
        assert small.verdict is RowVerdict.REGRESSION


@searched
@given(value=values, n=st.integers(1, 6), k=st.integers(1, 6), nights=st.sampled_from([0, 10, 30]))
def test_constant_data_gives_finite_numbers_and_an_interval_of_some_width(value, n, k, nights):
    found = change([value] * n, [value] * k, history=[value] * nights, prior_sd=S0)
    assert all(map(math.isfinite, (*_numbers(found), found.minimal_detectable, *found.shown_interval)))
    assert found.low < 0 < found.high


@searched
@given(
    good=st.lists(values, max_size=4),
    flaw=flaws,
    place=st.integers(0, 4),
    side=st.sampled_from(["baseline", "current"]),
)
def test_a_number_that_is_none_gives_a_reason_and_no_verdict(good, flaw, place, side):
    flawed = (*good[:place], flaw, *good[place:])
    row = replace(RowInput(KEY, baseline=(100.0,), current=(100.0,)), **{side: flawed})
    decision = decide_row(row)
    assert (decision.verdict, decision.reason) == (RowVerdict.INVALID, RowReason.NOT_A_QUANTITY)


@searched
@given(flaw=flaws, pair=st.sampled_from([0, 1]))
def test_a_pair_with_a_number_that_is_none_gives_a_reason_and_no_verdict(flaw, pair):
    sides = [100.0, 100.0]
    sides[pair] = flaw
    decision = decide_row(RowInput(KEY, pairs=((90.0, 91.0), tuple(sides))))
    assert (decision.verdict, decision.reason) == (RowVerdict.INVALID, RowReason.NOT_A_QUANTITY)


@searched
@given(baseline=near_runs, current=near_runs, history=st.lists(near, min_size=9, max_size=9), flaw=flaws)
def test_a_night_whose_number_is_none_is_no_night_of_history(baseline, current, history, flaw):
    with_flaw = change(baseline, current, history=(*history, flaw), prior_sd=S0)
    assert with_flaw == change(baseline, current, prior_sd=S0)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(RowInput(KEY, baseline=(100.0,)), RowReason.NOT_MEASURED, id="only in the baseline"),
        pytest.param(RowInput(KEY, current=(100.0,)), RowReason.NO_BASELINE, id="only in the run"),
    ],
)
def test_a_metric_on_one_side_only_is_unavailable(row, reason):
    decision = decide_row(row)
    assert (decision.verdict, decision.reason) == (RowVerdict.UNAVAILABLE, reason)


@searched
@given(baseline=near_runs, current=near_runs, history=histories)
def test_the_same_inputs_give_the_same_bytes(baseline, current, history):
    row = RowInput(KEY, baseline=baseline, current=current, history=history)
    assert repr(judge_night([row])) == repr(judge_night([row]))


@searched
@given(baseline=st.lists(near, min_size=3, max_size=6), current=st.lists(near, min_size=3, max_size=6))
def test_a_regression_always_excludes_no_change(baseline, current):
    decision = decide_row(RowInput(KEY, baseline=tuple(baseline), current=tuple(1.3 * value for value in current)))
    assert decision.verdict is not RowVerdict.REGRESSION or decision.change.low > 0
