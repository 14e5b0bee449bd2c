"""When a run or a row is not judged: the table of verdict.md section 2, a row a case, each just inside and outside."""

from dataclasses import replace

import pytest

from chamiperf_ci.models.vocabulary import RowReason, RunReason, Statistic
from chamiperf_ci.verdict.statistic import RunStatistic
from chamiperf_ci.verdict.validity import Limits, RowFacts, RunFacts, is_offered, row_reason, run_reasons

HEALTHY = RunFacts(
    saturated=False,
    generator_healthy=True,
    arrival_rate=False,
    planned_iterations=10_000,
    dropped_iterations=0,
    planned_rate=1_000.0,
    achieved_rate=1_000.0,
    planned_vus=200,
    reached_vus=200,
    ended_early=False,
    planned_windows=20,
    windows_with_data=20,
)
MEASURED = RunStatistic(100.0, Statistic.MEDIAN_OF_WINDOWS, None, 20)
COMPARABLE = RowFacts(run_valid=True, current=MEASURED, baseline_statistics=(Statistic.MEDIAN_OF_WINDOWS,) * 5)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, (), id="healthy"),
        pytest.param({"saturated": True}, (RunReason.GENERATOR_SATURATED,), id="saturated"),
        pytest.param({"arrival_rate": True, "dropped_iterations": 10}, (), id="a thousandth dropped"),
        pytest.param(
            {"arrival_rate": True, "dropped_iterations": 11}, (RunReason.DROPPED_ITERATIONS,), id="more dropped"
        ),
        pytest.param({"dropped_iterations": 11}, (), id="VUs drop nothing"),
        pytest.param({"reached_vus": 190}, (), id="95 % of VUs"),
        pytest.param({"reached_vus": 189}, (RunReason.LOAD_NOT_REACHED,), id="VUs missing"),
        pytest.param({"achieved_rate": 900.0}, (), id="a slow server is judged"),
        pytest.param(
            {"achieved_rate": 949.0, "generator_healthy": False},
            (RunReason.LOAD_NOT_REACHED,),
            id="a slow server, or a slow generator",
        ),
        pytest.param({"achieved_rate": 950.0, "generator_healthy": False}, (), id="95 % of the rate"),
        pytest.param({"achieved_rate": 5.0, "planned_rate": 0.0, "generator_healthy": False}, (), id="no fixed rate"),
        pytest.param({"ended_early": True}, (RunReason.INCOMPLETE,), id="k6 ended early"),
        pytest.param({"windows_with_data": 10}, (), id="half of the windows"),
        pytest.param({"windows_with_data": 9}, (RunReason.INCOMPLETE,), id="fewer windows"),
        pytest.param(
            {"saturated": True, "ended_early": True},
            (RunReason.GENERATOR_SATURATED, RunReason.INCOMPLETE),
            id="every reason is named",
        ),
    ],
)
def test_a_run_is_invalid_for_the_reasons_of_the_table(facts, expected):
    assert run_reasons(replace(HEALTHY, **facts)) == expected


def test_limits_can_be_moved():
    assert run_reasons(replace(HEALTHY, reached_vus=180), Limits(reached=0.9)) == ()


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
