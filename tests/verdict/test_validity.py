"""When a row is not judged: the table of verdict.md section 2, a row a case, each just inside and outside."""

from dataclasses import replace

import pytest

from chamiperf_ci.models.vocabulary import RowReason, Statistic
from chamiperf_ci.verdict.statistic import RunStatistic
from chamiperf_ci.verdict.target import RowFacts, RowLimits, is_offered, row_reason

MEASURED = RunStatistic(100.0, Statistic.MEDIAN_OF_WINDOWS, None, 20)
COMPARABLE = RowFacts(run_valid=True, current=MEASURED, baseline_statistics=(Statistic.MEDIAN_OF_WINDOWS,) * 5)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, None, id="comparable"),
        pytest.param({"run_valid": False, "current": None}, RowReason.RUN_INVALID, id="the run is invalid"),
        pytest.param({"current": None}, RowReason.NOT_MEASURED, id="vanished"),
        pytest.param(
            {"baseline_statistics": (), "other_fingerprints": True}, RowReason.FINGERPRINT_MISMATCH, id="mismatch"
        ),
        pytest.param({"other_fingerprints": True}, None, id="other fingerprints beside the right one"),
        pytest.param(
            {"current": RunStatistic(None, Statistic.MEDIAN_OF_WINDOWS, RowReason.ERROR_BURST, 3)},
            RowReason.ERROR_BURST,
            id="the statistic's own reason",
        ),
        pytest.param({"step": 5.0}, None, id="twenty steps"),
        pytest.param({"step": 5.01}, RowReason.RESOLUTION, id="too coarse"),
        pytest.param({"baseline_statistics": ()}, RowReason.NO_BASELINE, id="no baseline"),
        pytest.param(
            {"baseline_statistics": (Statistic.MEDIAN_OF_WINDOWS, Statistic.POOLED)},
            RowReason.STATISTIC_MISMATCH,
            id="another statistic",
        ),
        pytest.param({"simulated": True}, RowReason.SIMULATED, id="a stand-in's number"),
    ],
)
def test_a_row_is_not_judged_for_the_reasons_of_the_table(facts, expected):
    assert row_reason(replace(COMPARABLE, **facts)) is expected


@pytest.mark.parametrize(("offered", "expected"), [(1_200.0, True), (1_199.0, False)])
def test_a_rate_shows_only_where_a_fifth_more_is_offered(offered, expected):
    assert is_offered(offered, 1_000.0) is expected


def test_limits_can_be_moved():
    assert row_reason(replace(COMPARABLE, step=9.0), RowLimits(steps=10)) is None
