"""How a number is formed follows from the plan, not from a few requests more or less."""

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import FactWord, MetricClass, RowReason, RowVerdict, Statistic
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.verdict.statistic import planned_statistic

MEDIAN, POOLED = Statistic.MEDIAN_OF_WINDOWS, Statistic.POOLED


@pytest.mark.parametrize(
    ("a_window", "windows", "how"),
    [(1300, 20, MEDIAN), (1299, 20, POOLED), (5000, 9, POOLED), (250, 20, POOLED), (249, 20, None), (0, 0, None)],
)
def test_a_p99_is_planned_by_the_requests_of_a_window(a_window, windows, how):
    assert planned_statistic(MetricClass.P99, a_window, windows) is how


def counted(a_window, number=0, *, planned=None, factor=1.0, kind=RunKind.NIGHT):
    """A run with so many requests in each window; `planned`: how its plan has the p99 formed."""
    run = made_run(number, factor=factor)
    series = run.series[0]
    windows = tuple(window.model_copy(update={"count": a_window}) for window in series.windows)
    whole = series.phases["sustained"].model_copy(update={"count": 20 * a_window})
    statistics = {} if planned is None else {"bootscript": {"p50": MEDIAN, "p95": MEDIAN, **planned}}
    return run.model_copy(
        update={
            "run_id": f"{run.run_id}{kind}{a_window}",
            "run_kind": kind,
            "series": (series.model_copy(update={"windows": windows, "phases": {"sustained": whole}}),),
            "traffic": (run.traffic[0].model_copy(update={"requests": 20 * a_window}),),
            "plan": run.plan.model_copy(update={"statistics": statistics}),
        }
    )


def p99(runs, baselines, metric="p99"):
    rows = judge(NightInput(runs=runs, baselines=baselines)).verdict.rows
    [row] = [each for each in rows if each.key.metric == metric]
    return row


def accepted(runs, *, pooled_kept=True) -> Baselines:
    baselines = accepting(shipped_baselines(), runs)
    if pooled_kept:
        return baselines
    entries = {
        key: entry.model_copy(
            update={
                "runs": tuple(
                    run.model_copy(update={"rows": tuple(row.model_copy(update={"pooled": None}) for row in run.rows)})
                    for run in entry.runs
                )
            }
        )
        for key, entry in baselines.accepted_runs.items()
    }
    return baselines.model_copy(update={"accepted_runs": entries})


@pytest.mark.parametrize("a_window", [980, 1000, 1020])
def test_a_few_requests_more_or_less_change_nothing(a_window):
    plan = {"p99": POOLED}
    baselines = accepted([counted(990 + 5 * night, night, planned=plan) for night in range(5)])
    row = p99([counted(a_window, 9, planned=plan)], baselines)
    assert (row.statistic, row.change is not None) == (POOLED, True)


@pytest.mark.parametrize(("pooled_kept", "how"), [(True, POOLED), (False, MEDIAN)])
def test_entries_of_the_old_rule_stay_comparable(pooled_kept, how):
    baselines = accepted([counted(1100, night) for night in range(5)], pooled_kept=pooled_kept)
    row = p99([counted(1100, 9, planned={"p99": POOLED})], baselines)
    assert (row.statistic, row.change is not None) == (how, True)


def test_old_entries_without_either_are_a_mismatch():
    baselines = accepted([counted(1100, night) for night in range(5)], pooled_kept=False)
    assert p99([counted(990, 9, planned={"p99": POOLED})], baselines).reason is RowReason.STATISTIC_MISMATCH


def test_a_repeat_with_thinner_windows_takes_all_to_the_whole_phase():
    baselines = accepted([counted(2000, night) for night in range(5)])
    kinds = ((2000, RunKind.NIGHT), (2000, RunKind.REPEAT), (900, RunKind.REPEAT))
    runs = [counted(count, 9 + n, factor=2.5, kind=kind) for n, (count, kind) in enumerate(kinds)]
    row = p99(runs, baselines)
    assert (row.statistic, len(row.current_values), row.verdict) == (POOLED, 3, RowVerdict.REGRESSION)


def test_what_the_plan_never_judges_is_shown_and_costs_nothing():
    plan = {"p99": None}
    baselines = accepted([counted(240, night, planned=plan) for night in range(5)])
    verdict = judge(NightInput(runs=[counted(260, 9, planned=plan)], baselines=baselines)).verdict
    row = next(row for row in verdict.rows if row.key.metric == "p99")
    assert (row.compared, row.reason, verdict.outcome.exit_code) == (False, RowReason.NOT_COMPARED, 0)
    assert FactWord.NEVER_JUDGED in {note.word for note in row.notes}


def test_what_the_plan_never_judges_stays_judged_where_it_was_accepted():
    baselines = accepted([counted(251, night) for night in range(5)])
    row = p99([counted(251, 9, planned={"p99": None}, factor=1.01)], baselines)
    assert (row.statistic, row.change is not None) == (POOLED, True)


def test_rows_of_windows_of_the_old_rule_are_no_missing_metric():
    baselines = accepted([counted(1100, night) for night in range(5)])
    verdict = judge(NightInput(runs=[counted(980, 9, planned={"p99": POOLED})], baselines=baselines)).verdict
    assert not [row.key.metric for row in verdict.rows if row.reason is RowReason.NOT_MEASURED]
    assert verdict.outcome.exit_code == 0
