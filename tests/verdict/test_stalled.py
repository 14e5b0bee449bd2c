"""Stalled windows: counting them, and the row that compares the counts."""

import math

import pytest
from verdict_numbers import KEY

from chamiperf_ci.models.vocabulary import RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.counts import compare_stalled, count_stalled
from chamiperf_ci.verdict.row import RowInput, decide_row

PASS = (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, False)


@pytest.mark.parametrize(
    ("baseline", "current", "expected"),
    [
        pytest.param((0, 1, 0), (2, 3, 2), (RowVerdict.REGRESSION, RowReason.MORE_STALLED_WINDOWS, False), id="more"),
        pytest.param((0, 1, 2), (2, 3, 3), PASS, id="one baseline run was as bad"),
        pytest.param((0, 0, 0), (1, 3, 3), PASS, id="one run with a single one"),
        pytest.param((5, 5, 5), (0, 0, 0), PASS, id="fewer are no improvement"),
        pytest.param((0, 0, 0), (2,), (RowVerdict.INCONCLUSIVE, RowReason.SUSPECT_NOT_REPEATED, True), id="one run"),
        pytest.param((0, 0), (2,) * 3, (RowVerdict.INCONCLUSIVE, RowReason.THIN_BASELINE, False), id="thin baseline"),
        pytest.param((), (2,), (RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE, False), id="no baseline"),
        pytest.param((1,), (), (RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, False), id="not measured"),
        pytest.param((1,), (-1,), (RowVerdict.INVALID, RowReason.NOT_A_QUANTITY, False), id="a negative count"),
        pytest.param((1,), (math.nan,), (RowVerdict.INVALID, RowReason.NOT_A_QUANTITY, False), id="no number"),
    ],
)
def test_a_row_of_stalled_windows(baseline, current, expected):
    row = RowInput(KEY, kind=RowKind.STALLED_WINDOWS, baseline_stalled=baseline, current_stalled=current)
    decision = decide_row(row)
    assert (decision.verdict, decision.reason, decision.suspect) == expected


def test_a_window_is_stalled_above_twice_the_median_window():
    assert count_stalled([10.0] * 8 + [20.0, 20.1]) == 1


def test_windows_without_a_number_neither_stall_nor_count():
    assert count_stalled([math.nan, 0.0, -1.0, math.inf, 10.0, 10.0, 21.0]) == 1


def test_no_windows_no_stalls():
    assert count_stalled([]) == 0


def test_counts_are_compared_between_runs_that_there_are():
    with pytest.raises(ValueError, match="at least one run each"):
        compare_stalled([], [1])
