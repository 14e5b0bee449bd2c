"""A slower number beside other work on the generator's machine is not held against the service."""

from datetime import timedelta

import pytest
from made_runs import accepting, made_run, shipped_baselines
from said import facts_said

from chamiperf_ci.models.baselines import Rules, ScenarioRules
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import SLOW_QUARTER, RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.steps.compare.judge import NightInput, judge

P99 = RowKey(scenario="boot_storm", endpoint="bootscript", metric="p99")
QUIET, BUSY = 1.5, 30.0


def _run(number, foreign, factor=1.0, **changes):
    machine = made_run().machine.model_copy(update={"foreign_cpu_percent": foreign})
    return made_run(number, noise=0.02, factor=factor, machine=machine, **changes)


def _baselines(*foreign):
    return accepting(shipped_baselines(), [_run(number, each) for number, each in enumerate(foreign)])


def _night(foreign, factor, **changes):
    """A night's run and two repeats, all of them slower by a factor."""
    kinds = (RunKind.NIGHT, RunKind.REPEAT, RunKind.REPEAT)
    start = made_run(20).started_at
    return [
        _run(20 + each, foreign, factor, run_kind=kind, started_at=start + timedelta(hours=each),
             ended_at=start + timedelta(hours=each, minutes=15), **changes)
        for each, kind in enumerate(kinds)
    ]  # fmt: skip


def _judged(runs, baselines):
    return judge(NightInput(runs=runs, baselines=baselines)).verdict


def _p99(verdict):
    return next(row for row in verdict.rows if row.key == P99)


def test_a_slow_down_on_a_machine_as_quiet_as_before_is_a_regression():
    verdict = _judged(_night(QUIET, 1.6), _baselines(*[QUIET] * 5))
    assert (_p99(verdict).verdict, verdict.outcome.exit_code) == (RowVerdict.REGRESSION, 1)


def test_a_slow_down_on_a_machine_that_was_busier_is_not_judged_and_no_pass():
    verdict = _judged(_night(BUSY, 1.35), _baselines(*[QUIET] * 5))
    row = _p99(verdict)
    assert (row.verdict, row.reason) == (RowVerdict.INVALID, RowReason.MACHINE_BUSY)
    assert "Other work took 30 % of the generator's machine, at most 2 % in the accepted runs." in facts_said(row.notes)
    assert verdict.outcome.exit_code == 3


def test_a_slow_down_beyond_what_the_other_work_can_explain_is_a_regression():
    # 98.5 % of the machine were left before, 70 % now: what shares it takes 1.41 times as long.
    assert _p99(_judged(_night(BUSY, 2.0), _baselines(*[QUIET] * 5))).verdict is RowVerdict.REGRESSION


def test_a_busy_machine_is_no_excuse_where_the_baseline_was_made_on_one():
    verdict = _judged(_night(BUSY, 1.6), _baselines(QUIET, QUIET, QUIET, QUIET, BUSY))
    assert _p99(verdict).verdict is RowVerdict.REGRESSION


def test_what_is_no_slower_on_a_busier_machine_passes():
    verdict = _judged(_night(BUSY, 1.0), _baselines(*[QUIET] * 5))
    assert _p99(verdict).verdict is RowVerdict.PASS
    assert verdict.outcome.exit_code == 0


def test_the_middle_of_the_runs_decides_whether_the_machine_was_busier():
    first, *repeats = _night(QUIET, 1.6)
    busy_once = [first.model_copy(update={"machine": _night(BUSY, 1.6)[0].machine}), *repeats]
    assert _p99(_judged(busy_once, _baselines(*[QUIET] * 5))).verdict is RowVerdict.REGRESSION


def test_a_run_that_nobody_watched_gives_no_excuse():
    assert _p99(_judged(_night(None, 1.6), _baselines(*[QUIET] * 5))).verdict is RowVerdict.REGRESSION
    assert _p99(_judged(_night(BUSY, 1.6), _baselines(*[None] * 5))).verdict is RowVerdict.REGRESSION


def test_a_target_missed_on_a_busier_machine_is_not_judged():
    quiet, busy, far = (
        _judged(_night(foreign, factor), _baselines(*[QUIET] * 5))
        for foreign, factor in ((QUIET, 10.0), (BUSY, 10.0), (BUSY, 60.0))
    )
    assert [_p99(each).target.verdict for each in (quiet, far)] == [TargetVerdict.MISSED] * 2
    assert (_p99(busy).target.verdict, _p99(busy).target.reason) == (TargetVerdict.INVALID, RowReason.MACHINE_BUSY)


def test_failures_are_the_services_however_busy_the_machine_is():
    baselines = _baselines(*[QUIET] * 5)
    verdict = _judged(_night(BUSY, 1.0, failed=4000), baselines)
    errors = next(row for row in verdict.rows if row.key.metric == "errors")
    assert (errors.verdict, errors.reason) == (RowVerdict.REGRESSION, RowReason.MORE_ERRORS)


def _beside_a_burst(runs, burst):
    """Runs beside other work that came in a quarter of each run, and is that quarter's share on average."""
    share = {"foreign_cpu_percent": QUIET + burst / 4, "foreign_cpu_percent_busiest_quarter": QUIET + burst}
    return [run.model_copy(update={"machine": run.machine.model_copy(update=share)}) for run in runs]


def _slow_in_a_quarter(run, factor):
    """The run with the first quarter of each endpoint's windows slower."""
    series = tuple(
        each.model_copy(update={"windows": tuple(
            window.model_copy(update={"quantiles": {name: value * factor for name, value in window.quantiles.items()}})
            if number < len(each.windows) // 4 else window
            for number, window in enumerate(each.windows)
        )}) if each.metric == "latency" else each
        for each in run.series
    )  # fmt: skip
    return run.model_copy(update={"series": series})


@pytest.mark.parametrize(
    ("burst", "expected"), [(0.0, RowVerdict.REGRESSION), (70.0, RowVerdict.INVALID), (30.0, RowVerdict.REGRESSION)]
)
def test_a_burst_of_other_work_is_held_against_the_quarter_that_it_filled(burst, expected):
    accepted = accepting(shipped_baselines(), _beside_a_burst([_run(each, QUIET) for each in range(5)], 0.0))
    night = _beside_a_burst([_slow_in_a_quarter(run, 2.0) for run in _night(QUIET, 1.0)], burst)
    verdict = _judged(night, accepted)
    key = RowKey(scenario="boot_storm", endpoint="bootscript", metric=f"{SLOW_QUARTER}p95")
    row = next(row for row in verdict.rows if row.key == key)
    assert row.verdict is expected
    assert (row.reason is RowReason.MACHINE_BUSY) == (expected is RowVerdict.INVALID)


@pytest.mark.parametrize(("tolerance", "foreign"), [(0.05, 5.0), (0.1, 7.0), (0.2, 12.0), (0.3, 16.0)])
def test_other_work_is_named_from_where_it_can_move_a_row_by_half_its_tolerance(tolerance, foreign):
    rules = Rules(scenarios={"boot_storm": ScenarioRules(tolerance=tolerance)})
    factor = 1 + 1.5 * tolerance
    said = {}
    for share in (foreign, 2.0):
        baselines = _baselines(*[QUIET] * 5).model_copy(update={"rules": rules})
        verdict = _judged(_night(share, factor), baselines)
        said[share] = [_p99(verdict), facts_said(_p99(verdict).notes)]
    assert any("Other work took" in each for each in said[foreign][1])
    assert not any("Other work took" in each for each in said[2.0][1])


@pytest.mark.parametrize("tolerance", [0.05, 0.08, 0.1, 0.2])
@pytest.mark.parametrize(("foreign", "named"), [(15.0, True), (2.0, False)])
def test_a_row_that_passes_though_other_work_may_have_moved_it_by_half_is_named(tolerance, foreign, named):
    rules = Rules(scenarios={"boot_storm": ScenarioRules(tolerance=tolerance)})
    baselines = _baselines(*[QUIET] * 5).model_copy(update={"rules": rules})
    verdict = _judged(_night(foreign, 1 + 0.6 * tolerance), baselines)
    said = facts_said([*verdict.scenarios[0].warnings, *(note for row in verdict.rows for note in row.notes)])
    assert any("Other work took" in each for each in said) == named


@pytest.mark.parametrize(("foreign", "factor", "named"), [(30.0, 1.18, True), (30.0, 1.03, False), (3.0, 1.18, False)])
def test_a_pass_beside_other_work_that_may_have_moved_it_by_half_is_no_silent_one(foreign, factor, named):
    rules = Rules(scenarios={"boot_storm": ScenarioRules(tolerance=0.3)})
    baselines = _baselines(*[QUIET] * 5).model_copy(update={"rules": rules})
    verdict = _judged(_night(foreign, factor), baselines)
    median = next(row for row in verdict.rows if row.key.metric == "p50" and row.key.endpoint == "bootscript")
    assert median.verdict is RowVerdict.PASS
    assert any("Other work took" in each for each in facts_said(verdict.scenarios[0].warnings)) == named


def test_other_work_beside_rows_that_did_not_move_is_not_worth_a_word():
    verdict = _judged(_night(BUSY, 1.0), _baselines(*[QUIET] * 5))
    said = facts_said([*verdict.scenarios[0].warnings, *(note for row in verdict.rows for note in row.notes)])
    assert not any("Other work" in each for each in said)
