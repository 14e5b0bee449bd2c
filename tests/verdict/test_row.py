"""The edges of a row's verdict (verdict.md section 5), where the worked examples do not reach."""

import pytest
from verdict_numbers import row

from chamiperf_ci.models.vocabulary import Direction, RowReason, RowVerdict
from chamiperf_ci.verdict.row import VERDICT_WITHOUT_JUDGEMENT, decide_row

QUIET = (100.0,) * 5


def verdict_of(row):
    decision = decide_row(row)
    return decision.verdict, decision.reason


@pytest.mark.parametrize("reason", VERDICT_WITHOUT_JUDGEMENT)
def test_a_row_with_a_reason_not_to_be_judged_is_not_judged(reason):
    decision = decide_row(row(400.0, 400.0, 400.0, reason=reason, detail="profile: quick here, full there"))
    assert (decision.verdict, decision.reason) == (VERDICT_WITHOUT_JUDGEMENT[reason], reason)
    assert (decision.change, decision.detail) == (None, "profile: quick here, full there")


def test_no_such_reason_is_a_pass():
    assert set(VERDICT_WITHOUT_JUDGEMENT.values()) == {
        RowVerdict.INVALID,
        RowVerdict.UNAVAILABLE,
        RowVerdict.INCONCLUSIVE,
    }


def test_slower_for_certain_but_within_tolerance_passes_and_says_so():
    slower = row(*(112.0,) * 3, baseline=QUIET, history=(100.0,) * 30, tolerance=0.5)
    assert verdict_of(slower) == (RowVerdict.PASS, RowReason.SLOWER_WITHIN_TOLERANCE)


def test_runs_that_lie_on_both_sides_of_half_the_tolerance_disagree():
    # centre(b) = 82, half the tolerance is 82 * sqrt(1.2) = 89.8: two runs are far above, one is below.
    decision = decide_row(row(130.0, 125.0, 84.0))
    assert (decision.verdict, decision.reason) == (RowVerdict.INCONCLUSIVE, RowReason.RUNS_DISAGREE)
    assert decision.change.p_worse < 0.01


@pytest.mark.parametrize("runs", [1, 2])
def test_fewer_than_three_runs_never_condemn_however_slow(runs):
    assert verdict_of(row(*(800.0,) * runs)) == (RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED)


def test_an_estimate_above_the_tolerance_that_is_no_regression_says_so():
    assert decide_row(row(120.0)).above_tolerance
    assert not decide_row(row(120.0, 121.0, 119.0)).above_tolerance
    assert not decide_row(row(97.0)).above_tolerance


def test_far_better_in_all_runs_is_an_improvement():
    assert verdict_of(row(60.0, 62.0, 61.0)) == (RowVerdict.IMPROVEMENT, RowReason.FASTER)


def test_far_better_in_one_run_is_an_improvement_that_says_one_run():
    assert verdict_of(row(60.0)) == (RowVerdict.IMPROVEMENT, RowReason.ONE_RUN)


def test_better_in_the_middle_but_not_in_every_run_only_passes():
    assert verdict_of(row(60.0, 62.0, 81.0)) == (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE)


def test_more_throughput_is_an_improvement_and_less_a_regression():
    rates = {"baseline": QUIET, "history": (), "direction": Direction.HIGHER}
    assert verdict_of(row(*(150.0,) * 3, **rates))[0] is RowVerdict.IMPROVEMENT
    assert verdict_of(row(*(60.0,) * 3, **rates))[0] is RowVerdict.REGRESSION


@pytest.mark.parametrize(
    ("slowest", "expected"),
    [
        pytest.param(120.01, RowReason.SLOWER_THAN_HALF_AGAIN, id="every run half as slow again"),
        pytest.param(119.99, RowReason.THIN_BASELINE, id="one run not quite"),
    ],
)
def test_a_thin_baseline_condemns_only_when_every_run_is_half_as_slow_again(slowest, expected):
    assert verdict_of(row(slowest, 160.0, 170.0, baseline=(80.0,), history=()))[1] is expected


def test_a_thin_baseline_never_condemns_by_p():
    decision = decide_row(row(110.0, 111.0, 112.0, baseline=(80.0, 80.0)))
    assert decision.change.p_worse < 0.01
    assert (decision.verdict, decision.reason) == (RowVerdict.INCONCLUSIVE, RowReason.THIN_BASELINE)


def test_a_thin_baseline_claims_no_improvement():
    assert verdict_of(row(20.0, 20.0, 20.0, baseline=(80.0,), history=()))[0] is RowVerdict.PASS


@pytest.mark.parametrize(("current", "suspect"), [(119.0, False), (121.0, True)])
def test_a_row_on_a_thin_baseline_is_suspect_from_half_again_on(current, suspect):
    assert decide_row(row(current, baseline=(80.0,), history=())).suspect is suspect
