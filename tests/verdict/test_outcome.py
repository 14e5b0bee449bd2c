"""The night's exit code, a test a row of its table (verdict.md section 5)."""

from dataclasses import replace

import pytest
from verdict_numbers import row

from chamiperf_ci.models.vocabulary import DEFAULT_FAIL_ON, FailOn, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.verdict.night import night_outcome
from chamiperf_ci.verdict.row import decide_row

PASSES = decide_row(row(82.0))


def decided(verdict, reason=RowReason.NOISY):
    return replace(PASSES, verdict=verdict, reason=reason)


REGRESSION = decided(RowVerdict.REGRESSION, RowReason.SLOWER_IN_ALL_RUNS)
INCONCLUSIVE = decided(RowVerdict.INCONCLUSIVE)
INVALID = decided(RowVerdict.INVALID, RowReason.ERROR_BURST)
VANISHED = decided(RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED)
NO_BASELINE = decided(RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE)
MISMATCH = decided(RowVerdict.INVALID, RowReason.FINGERPRINT_MISMATCH)
COARSE = decided(RowVerdict.UNAVAILABLE, RowReason.RESOLUTION)
IMPROVEMENT = decided(RowVerdict.IMPROVEMENT, RowReason.FASTER)
MISSED = {"targets": [TargetVerdict.MET, TargetVerdict.MISSED]}
BROKEN_RUN = {"run_reasons": [RunReason.GENERATOR_SATURATED]}


@pytest.mark.parametrize(
    ("rows", "more", "expected"),
    [
        pytest.param([PASSES, IMPROVEMENT], {}, (0, "pass"), id="all pass or improve"),
        pytest.param([], {}, (3, "invalid"), id="nothing compared"),
        pytest.param([PASSES, REGRESSION], {}, (1, "regression"), id="a regression"),
        pytest.param([PASSES], MISSED, (1, "target missed"), id="a missed target"),
        pytest.param([REGRESSION, INVALID], BROKEN_RUN, (1, "regression"), id="a regression outweighs the invalid"),
        pytest.param([PASSES], BROKEN_RUN, (3, "invalid"), id="an invalid run"),
        pytest.param([PASSES, INVALID], {}, (3, "invalid"), id="an invalid row"),
        pytest.param([PASSES], {"targets": [TargetVerdict.INVALID]}, (3, "invalid"), id="an invalid target"),
        pytest.param([PASSES, VANISHED], {}, (3, "invalid"), id="a baselined metric was not measured"),
        pytest.param([PASSES, NO_BASELINE], {}, (3, "invalid"), id="a measured metric without baseline"),
        pytest.param([PASSES, MISMATCH], {}, (3, "invalid"), id="a baseline of another fingerprint"),
        pytest.param([PASSES, COARSE], {}, (0, "pass"), id="too coarse to compare costs nothing"),
        pytest.param([PASSES, INCONCLUSIVE], {}, (0, "inconclusive"), id="inconclusive is a warning"),
        pytest.param([PASSES], {"drifts": 1}, (0, "drift"), id="drift is a warning"),
        pytest.param([PASSES], {"targets": [TargetVerdict.AT_THE_LIMIT]}, (0, "pass"), id="at the limit counts as met"),
        pytest.param([PASSES], {"targets": [TargetVerdict.UNAVAILABLE]}, (0, "pass"), id="an unavailable target"),
        pytest.param(
            [NO_BASELINE, MISMATCH], {"environment_nights": 21}, (0, "learning"), id="learning until night 21"
        ),
        pytest.param([NO_BASELINE], {"environment_nights": 22}, (3, "invalid"), id="no grace from night 22 on"),
        pytest.param(
            [NO_BASELINE, VANISHED],
            {"environment_nights": 3},
            (3, "invalid"),
            id="learning, yet vanished",
        ),
        pytest.param([INVALID], {"environment_nights": 3}, (3, "invalid"), id="learning forgives no invalid row"),
        pytest.param(
            [NO_BASELINE],
            {"environment_nights": 3, **MISSED},
            (1, "target missed"),
            id="learning, yet missed",
        ),
    ],
)
def test_a_night_ends_as_the_table_says(rows, more, expected):
    outcome = night_outcome(rows, **more)
    assert (outcome.exit_code, outcome.word) == expected


@pytest.mark.parametrize(
    ("rows", "more", "fail_on", "code"),
    [
        pytest.param([INCONCLUSIVE], {}, DEFAULT_FAIL_ON | {FailOn.INCONCLUSIVE}, 1, id="inconclusive, if asked for"),
        pytest.param([PASSES], {"drifts": 1}, DEFAULT_FAIL_ON | {FailOn.DRIFT}, 1, id="drift, if asked for"),
        pytest.param([REGRESSION], {}, set(), 0, id="nothing, if asked for"),
        pytest.param([REGRESSION, INVALID], {}, {FailOn.INVALID}, 3, id="only the invalid"),
        pytest.param([PASSES], MISSED, {FailOn.REGRESSION}, 0, id="no targets"),
    ],
)
def test_fail_on_moves_the_line(rows, more, fail_on, code):
    assert night_outcome(rows, fail_on=fail_on, **more).exit_code == code


def test_the_word_says_the_gravest_thing_even_where_it_does_not_fail_the_night():
    assert night_outcome([REGRESSION], fail_on=set()).word == "regression"


def test_the_outcome_counts_what_it_saw():
    outcome = night_outcome(
        [REGRESSION, INVALID, VANISHED, NO_BASELINE, INCONCLUSIVE, INCONCLUSIVE],
        **MISSED,
        **BROKEN_RUN,
        drifts=2,
        environment_nights=1,
    )
    assert (outcome.regressions, outcome.missed_targets, outcome.invalid) == (1, 1, 3)
    assert (outcome.inconclusive, outcome.drifts, outcome.learning) == (2, 2, 1)
