"""The error rate against the baseline; against its target it is `test_targets`' business."""

import pytest
from verdict_numbers import KEY

from chamiperf_ci.models.vocabulary import RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.counts import Failures, compare_errors
from chamiperf_ci.verdict.row import RowInput, decide_row

FEW = (1, 50_000)
MANY = (50, 10_000)
PASS = (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE)


@pytest.mark.parametrize(
    ("baseline", "current", "expected"),
    [
        pytest.param(FEW, (MANY,) * 3, (RowVerdict.REGRESSION, RowReason.MORE_ERRORS), id="more in all three runs"),
        pytest.param(FEW, (MANY, MANY, (1, 10_000)), PASS, id="not in the last"),
        pytest.param(FEW, (MANY,), (RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED), id="one run"),
        # Wilson's lower bound of 6 in 10,000 is 0.0275 %: far above the baseline's, below 0.05 %.
        pytest.param((0, 500_000), ((6, 10_000),) * 3, PASS, id="not above a twentieth of a percent"),
        pytest.param((0, 0), ((1, 100),), (RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE), id="no baseline"),
        pytest.param(FEW, ((0, 0),), (RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED), id="no requests"),
        pytest.param(FEW, (), (RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED), id="no run"),
        pytest.param(FEW, ((3, 2),), (RowVerdict.INVALID, RowReason.NOT_A_QUANTITY), id="more than were requested"),
    ],
)
def test_a_row_of_errors(baseline, current, expected):
    row = RowInput(
        KEY,
        kind=RowKind.ERRORS,
        baseline_failures=(Failures(*baseline),),
        current_failures=tuple((Failures(*run),) for run in current),
    )
    decision = decide_row(row)
    assert (decision.verdict, decision.reason) == expected
    assert decision.suspect is (decision.reason is RowReason.SUSPECT_NOT_REPEATED)


def test_error_rates_are_compared_between_runs_that_made_requests():
    with pytest.raises(ValueError, match="made requests"):
        compare_errors([Failures(0, 0)], [[Failures(0, 1)]])
