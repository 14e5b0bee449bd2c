"""All rows of a night: what survives together, and the one decision after the repeats (verdict.md sections 6 and 7)."""

from dataclasses import replace

import pytest
from verdict_numbers import key, row

from chamiperf_ci.models.vocabulary import MetricClass, RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.night import confirm_night, judge_night
from chamiperf_ci.verdict.row import RowInput, RowName, decide_row, settle

SLOWER = (97.0, 101.0, 99.0)  # worked example 3: p 0.001034
SAME = (82.0, 82.5, 81.5)


def verdicts(night):
    return [decision.verdict for decision in night.decisions]


def many(count, *current):
    return [row(*current, key=key(endpoint=f"e{place}")) for place in range(count)]


def test_a_row_alone_is_judged_by_its_own_p():
    assert verdicts(judge_night([row(*SLOWER)])) == [RowVerdict.REGRESSION]


def test_among_many_unchanged_rows_the_same_p_no_longer_suffices():
    # Benjamini-Hochberg: the smallest of m is rejected at 0.05 / m; 0.001034 survives up to m = 48.
    survives, lost = (judge_night([row(*SLOWER), *many(others, *SAME)]).decisions[0].verdict for others in (47, 48))
    assert (survives, lost) == (RowVerdict.REGRESSION, RowVerdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    "outsider",
    [
        pytest.param(row(*SAME, key=key("other"), pairs=((82.0, 82.0),) * 5), id="pairs"),
        pytest.param(row(*SAME, key=key("other"), baseline=(82.0,)), id="thin baseline"),
        pytest.param(
            row(key=key("other"), kind=RowKind.STALLED_WINDOWS, baseline_stalled=(0,) * 3, current_stalled=(0,)),
            id="stalled windows",
        ),
        pytest.param(row(key=key("other"), reason=RowReason.RESOLUTION), id="not judged"),
    ],
)
def test_rows_outside_the_family_do_not_count(outsider):
    rows = [row(*SLOWER), *many(47, *SAME), outsider]
    assert judge_night(rows).decisions[0].verdict is RowVerdict.REGRESSION


def test_rows_of_pairs_keep_their_own_rule_among_many():
    slow = row(key=key("other"), pairs=tuple((80.0, 97.0 + step) for step in range(5)))
    assert judge_night([slow, *many(100, *SAME)]).decisions[0].verdict is RowVerdict.REGRESSION


def test_improvements_survive_by_a_procedure_of_their_own():
    rows = [row(*SLOWER), row(68.0, 69.0, 67.0, key=key("other"))]
    assert verdicts(judge_night(rows)) == [RowVerdict.REGRESSION, RowVerdict.IMPROVEMENT]


def test_decisions_stand_in_the_order_of_the_rows():
    rows = [row(*SAME, key=key(metric=metric)) for metric in ("p99", "p50", "p95")]
    assert [decision.key.metric for decision in judge_night(rows).decisions] == ["p99", "p50", "p95"]


def test_a_night_without_rows_has_no_decisions():
    assert judge_night([]).decisions == ()


def test_two_rows_of_one_key_are_refused():
    with pytest.raises(ValueError, match="same key"):
        judge_night([row(*SAME), row(*SLOWER)])


def test_only_a_row_with_a_change_can_be_settled():
    with pytest.raises(ValueError, match="no change"):
        settle(decide_row(row()), worse_survives=True, better_survives=True)


class Confirming:
    """The first look's rows: one suspect, one that passes, one suspect in another scenario."""

    rows = (
        row(97.0, key=key("boot_storm")),
        row(82.0, key=key("boot_storm", metric="p50")),
        row(98.0, key=key("auth")),
    )

    def again(self, *currents):
        """The same rows with more current runs; None leaves a row out."""
        return [
            replace(first, current=current)
            for first, current in zip(self.rows, currents, strict=True)
            if current is not None
        ]


@pytest.fixture
def confirming():
    return Confirming()


def test_a_suspect_that_is_slow_again_is_a_regression(confirming):
    night = confirm_night(judge_night(confirming.rows), confirming.again(SLOWER, None, None))
    assert (night.decisions[0].verdict, night.decisions[0].repeated) == (RowVerdict.REGRESSION, True)


def test_a_suspect_that_was_only_unlucky_passes(confirming):
    night = confirm_night(judge_night(confirming.rows), confirming.again((97.0, 81.0, 82.0), None, None))
    assert night.decisions[0].verdict is RowVerdict.PASS


def test_a_row_that_passed_keeps_its_verdict_however_its_repeats_look(confirming):
    first = judge_night(confirming.rows)
    night = confirm_night(first, confirming.again(SLOWER, (82.0, 400.0, 400.0), None))
    assert night.decisions[1] == first.decisions[1]


def test_a_gain_that_did_not_survive_the_first_look_is_not_raised_by_the_second():
    # p_better of 64.7 is 0.0015: above 0.05 / 48, and below 0.05 * 2 / 48 once the repeated row became much faster.
    first = judge_night([row(97.0), row(64.7, key=key("auth")), *many(46, 82.0)])
    night = confirm_night(first, [row(97.0, 62.0, 61.0)])
    assert (first.decisions[1].verdict, night.decisions[1].verdict) == (RowVerdict.PASS, RowVerdict.PASS)
    assert 0.05 / 48 < first.decisions[1].change.p_better < 0.1 / 48


def test_a_suspect_that_was_not_repeated_stays_so(confirming):
    first = judge_night(confirming.rows)
    night = confirm_night(first, confirming.again(SLOWER, None, None))
    assert night.decisions[2] == first.decisions[2]
    assert night.decisions[2].reason is RowReason.SUSPECT_NOT_REPEATED


def test_a_suspect_is_decided_by_pairs_alone(confirming):
    by_pairs = replace(confirming.rows[0], pairs=tuple(zip((80, 95, 82, 79, 84), (82, 96, 83, 83, 84), strict=True)))
    night = confirm_night(judge_night(confirming.rows), [by_pairs])
    assert (night.decisions[0].verdict, night.decisions[0].change.by_pairs) == (RowVerdict.PASS, True)


def test_the_final_decision_counts_the_first_p_of_the_rows_that_were_not_repeated():
    # 48 rows at the first look: with the suspect's final p of 0.001034 it is rejected at 0.05 / 48; with 49 it is not.
    verdict = {}
    for others in (47, 48):
        first = judge_night([row(97.0), *many(others, *SAME[:1])])
        verdict[others] = confirm_night(first, [row(*SLOWER)]).decisions[0].verdict
    assert verdict == {47: RowVerdict.REGRESSION, 48: RowVerdict.INCONCLUSIVE}


def test_after_the_repeats_nothing_is_left_to_repeat(confirming):
    assert confirm_night(judge_night(confirming.rows), []).suspects == ()


def many_nights(baseline, nights, current, **changes):
    return RowInput(
        RowName("s", "e", "p95"),
        metric_class=MetricClass.P95,
        baseline=baseline,
        history=nights,
        current=current,
        **changes,
    )


LUCKY, USUAL = (80.0, 81.0, 79.0, 80.0, 80.5), tuple(97.0 + place % 3 for place in range(30))


def test_a_regression_that_the_nights_before_had_is_no_new_one_and_stays_red():
    [decision] = judge_night([many_nights(LUCKY, USUAL, (98.0, 97.5, 98.5))]).decisions
    assert (decision.verdict, decision.already_there) == (RowVerdict.REGRESSION, True)


def test_a_regression_beyond_what_the_nights_before_had_is_new():
    [decision] = judge_night([many_nights(LUCKY, USUAL, (130.0, 131.0, 129.0))]).decisions
    assert (decision.verdict, decision.already_there) == (RowVerdict.REGRESSION, False)


def test_a_row_that_the_nights_clear_passes_and_a_slow_night_does_not():
    noisy = (70.0, 90.0, 80.0, 76.0, 85.0)
    level = tuple(80.0 + place % 5 for place in range(30))
    calm, slow = many_nights(noisy, level, (85.0,)), many_nights(noisy, level, (104.0,))
    assert decide_row(calm).verdict is RowVerdict.INCONCLUSIVE
    assert [judge_night([row]).decisions[0].reason for row in (calm, slow)] == [
        RowReason.WITHIN_OVER_NIGHTS,
        RowReason.SUSPECT_NOT_REPEATED,
    ]
