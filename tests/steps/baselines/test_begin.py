from datetime import date

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict
from chamiperf_ci.steps.baselines.begin import begin
from chamiperf_ci.steps.compare.judge import Question, judge

TODAY = date(2026, 3, 9)
SAID = {"who": "ada", "reason": "first nights", "link": "https://example.org/1", "today": TODAY}


def test_the_first_nights_become_the_baseline():
    begun = begin(shipped_baselines(), [made_run(number) for number in range(3)], **SAID)
    [entry] = begun.baselines.accepted_runs.values()
    assert [(run.run_id, run.act) for run in entry.runs] == [(f"boot000{number}", "init") for number in range(3)]
    assert begun.baselines.edited_by_hand() == ()


def test_of_many_nights_the_newest_five_are_taken():
    begun = begin(shipped_baselines(), [made_run(number) for number in range(8)], **SAID)
    [entry] = begun.baselines.accepted_runs.values()
    assert [run.run_id for run in entry.runs] == [f"boot000{number}" for number in range(3, 8)]


def test_the_first_night_is_noted_so_that_learning_ends():
    begun = begin(shipped_baselines(), [made_run(number) for number in range(8)], **SAID)
    assert begun.baselines.environments["lab"].first_night == date(2026, 3, 2)


def test_a_run_that_cannot_be_judged_is_passed_over_and_named():
    runs = [made_run(0), made_run(1, complete=False), made_run(2, run_kind=RunKind.DRILL)]
    begun = begin(shipped_baselines(), runs, **SAID)
    assert begun.passed_over == (
        "run boot0001 of boot_storm is passed over: the load did not come to its planned end",
        "run boot0002 of boot_storm is passed over: it is a drill run; only nights and quick runs are candidates",
    )


def test_a_target_missed_from_the_first_day_is_acknowledged_up_to_the_worst_night():
    runs = [made_run(number, factor=factor) for number, factor in enumerate((9.0, 9.5, 9.2))]
    known = {one.metric: one for one in begin(shipped_baselines(), runs, **SAID).baselines.acknowledgements}
    assert set(known) == {"p50", "p95", "p99"}
    assert (known["p99"].extent, known["p99"].expires) == (117.8, date(2026, 6, 7))
    assert known["p99"].reason.startswith("missed from the first night: 118 ms")


def test_with_what_was_acknowledged_the_next_night_is_no_miss():
    runs = [made_run(number, factor=9.0) for number in range(5)]
    baselines = begin(shipped_baselines(), runs, **SAID).baselines
    verdict = judge(Question(runs=[made_run(9, factor=9.0)], baselines=baselines)).verdict
    assert {row.verdict for row in verdict.rows if row.compared} == {RowVerdict.PASS}
    assert any(row.target.verdict is TargetVerdict.MISSED for row in verdict.rows)
    assert verdict.outcome.exit_code == 0


def test_an_environment_that_has_a_baseline_is_refused():
    with pytest.raises(ConfigurationError, match="has accepted runs already"):
        begin(accepting(shipped_baselines(), [made_run(0)]), [made_run(1)], **SAID)


def test_nights_of_which_none_is_valid_are_refused():
    with pytest.raises(ConfigurationError, match="there is no run to accept"):
        begin(shipped_baselines(), [made_run(0, complete=False)], **SAID)


@pytest.mark.parametrize(
    ("factor", "night", "exit_code"),
    [
        pytest.param(9.0, date(2026, 6, 7), 0, id="the last day"),
        pytest.param(9.0, date(2026, 6, 8), 1, id="expired"),
        pytest.param(12.0, date(2026, 6, 7), 1, id="grown beyond its extent"),
    ],
)
def test_an_acknowledgement_that_expired_or_was_outgrown_turns_the_night_red(factor, night, exit_code):
    baselines = begin(shipped_baselines(), [made_run(number, factor=9.0) for number in range(5)], **SAID).baselines
    run = made_run(9, factor=factor)
    that_night = run.model_copy(update={"started_at": run.started_at.replace(month=night.month, day=night.day)})
    assert judge(Question(runs=[that_night], baselines=baselines)).verdict.outcome.exit_code == exit_code


def test_an_acknowledgement_that_no_longer_applies_is_named_for_removal():
    baselines = begin(shipped_baselines(), [made_run(number, factor=9.0) for number in range(5)], **SAID).baselines
    warnings = judge(Question(runs=[made_run(9)], baselines=baselines)).verdict.warnings
    assert any("boot_storm / bootscript p95 no longer applies: remove it" in text for text in warnings)
