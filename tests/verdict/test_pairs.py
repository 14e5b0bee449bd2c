"""Rows judged by pairs, old and new side by side; the baseline and the single runs are not looked at."""

import pytest
from verdict_numbers import KEY

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict
from chamiperf_ci.verdict.change import change_of_pairs
from chamiperf_ci.verdict.row import RowInput, decide_row


def verdict_of(row):
    decision = decide_row(row)
    return decision.verdict, decision.reason


def pairs(*ratios):
    return RowInput(KEY, pairs=tuple((80.0, 80.0 * ratio) for ratio in ratios))


def test_four_pairs_do_not_decide():
    decision = decide_row(pairs(1.3, 1.3, 1.3, 1.3))
    assert (decision.verdict, decision.reason) == (RowVerdict.INCONCLUSIVE, RowReason.TOO_FEW_PAIRS)
    assert decision.suspect


def test_four_equal_pairs_do_not_clear_what_was_suspect():
    assert verdict_of(pairs(1.0, 1.0, 1.0, 1.0)) == (RowVerdict.INCONCLUSIVE, RowReason.TOO_FEW_PAIRS)


def test_one_pair_of_five_may_go_the_other_way():
    assert verdict_of(pairs(1.3, 1.3, 1.3, 1.3, 0.97)) == (RowVerdict.REGRESSION, RowReason.SLOWER_IN_PAIRS)


def test_two_pairs_of_five_may_not():
    decision = decide_row(pairs(1.3, 1.3, 1.3, 0.99, 0.99))
    assert (decision.verdict, decision.reason) == (RowVerdict.INCONCLUSIVE, RowReason.RUNS_DISAGREE)


def test_pairs_need_a_p_below_a_thousandth():
    decision = decide_row(pairs(1.12, 1.10, 1.20, 1.04, 1.25))
    assert 0.001 < decision.change.p_worse < 0.01
    assert decision.verdict is RowVerdict.INCONCLUSIVE


def test_a_slowdown_within_tolerance_passes():
    decision = decide_row(pairs(*(1.05,) * 5))
    assert (decision.verdict, decision.reason) == (RowVerdict.PASS, RowReason.SLOWER_WITHIN_TOLERANCE)


def test_a_gain_in_pairs_is_an_improvement():
    assert verdict_of(pairs(*(0.8,) * 5)) == (RowVerdict.IMPROVEMENT, RowReason.FASTER)


def test_a_gain_below_half_the_tolerance_only_passes():
    assert verdict_of(pairs(*(0.93,) * 5)) == (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE)


def test_a_change_by_pairs_needs_a_pair():
    with pytest.raises(ValueError, match="at least one pair"):
        change_of_pairs([])
