from datetime import date

import pytest
from made_runs import accepting, made_run, shipped_baselines
from said import facts_said

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import EnvironmentNote
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict
from chamiperf_ci.steps.baselines.candidates import from_history, from_run
from chamiperf_ci.steps.baselines.propose import init_baseline
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.history import entry_of

TODAY = date(2026, 3, 9)
SAID = {"who": "ada", "reason": "first nights", "link": "https://example.org/1", "today": TODAY}


def begun_with(runs, baselines=None):
    baselines = baselines or shipped_baselines()
    return init_baseline(baselines, [from_run(run, baselines) for run in runs], **SAID)


def begun_with_history(runs):
    """The same nights as the history keeps them, each with its own night's verdict."""
    baselines = shipped_baselines()
    entries = [entry_of(run, judge(NightInput(runs=[run], baselines=baselines)).verdict)[1] for run in runs]
    return init_baseline(baselines, [from_history(entry, baselines) for entry in entries], **SAID)


def test_the_first_nights_become_the_baseline():
    begun = begun_with([made_run(number) for number in range(3)])
    [entry] = begun.baselines.accepted_runs.values()
    assert [(run.run_id, run.act) for run in entry.runs] == [(f"boot000{number}", "init") for number in range(3)]
    assert begun.baselines.edited_by_hand() == ()


def test_of_many_nights_the_newest_five_are_taken():
    begun = begun_with([made_run(number) for number in range(8)])
    [entry] = begun.baselines.accepted_runs.values()
    assert [run.run_id for run in entry.runs] == [f"boot000{number}" for number in range(3, 8)]


def test_the_first_night_is_noted_so_that_learning_ends():
    begun = begun_with([made_run(number) for number in range(8)])
    assert begun.baselines.environments["lab"].first_night == date(2026, 3, 2)


def test_a_beginning_from_fewer_than_three_runs_is_called_thin():
    thin = "too few to find most slow-downs: {}; a baseline is 5 runs from 5 nights, 3 at least"
    several = [made_run(0), *(made_run(number, scenario="auth_under_load") for number in range(2))]
    assert begun_with([made_run(0)]).thin == thin.format("boot_storm (1 run)")
    assert begun_with(several).thin == thin.format("auth_under_load (2 runs), boot_storm (1 run)")
    assert begun_with([made_run(number) for number in range(3)]).thin == ""


def test_a_run_that_cannot_be_judged_is_passed_over_and_named():
    runs = [made_run(0), made_run(1, complete=False), made_run(2, run_kind=RunKind.DRILL)]
    begun = begun_with(runs)
    assert begun.skipped == (
        "run boot0001 of boot_storm is skipped: the load did not come to its planned end",
        "run boot0002 of boot_storm is skipped: it is a drill run; only nights and quick runs are candidates",
    )


def test_a_target_missed_from_the_first_day_is_acknowledged_up_to_the_worst_night():
    runs = [made_run(number, factor=factor) for number, factor in enumerate((9.0, 9.5, 9.2))]
    known = {one.metric: one for one in begun_with(runs).baselines.acknowledgements}
    assert set(known) == {"p50", "p95", "p99"}
    assert (known["p99"].extent, known["p99"].expires) == (117.8, date(2026, 6, 7))
    assert known["p99"].reason.startswith("missed from the first night: 118 ms")


def test_with_what_was_acknowledged_the_next_night_is_no_miss():
    runs = [made_run(number, factor=9.0) for number in range(5)]
    baselines = begun_with(runs).baselines
    verdict = judge(NightInput(runs=[made_run(9, factor=9.0)], baselines=baselines)).verdict
    assert {row.verdict for row in verdict.rows if row.compared} == {RowVerdict.PASS}
    assert any(row.target.verdict is TargetVerdict.MISSED for row in verdict.rows)
    assert verdict.outcome.exit_code == 0


def test_an_environment_that_has_a_baseline_is_refused_with_the_command_that_adds_to_it():
    with pytest.raises(ConfigurationError, match="already has accepted runs") as refused:
        begun_with([made_run(1)], accepting(shipped_baselines(), [made_run(0)]))
    assert "`chamiperf update-baseline propose --reason TEXT --runs out/runs`" in refused.value.remedy


def test_nights_made_otherwise_than_the_baseline_are_refused_with_the_command_that_puts_them_beside_it():
    baselines = accepting(shipped_baselines(), [made_run(0)])
    changed = from_run(made_run(1, fingerprint={"machine_class": "2c-8GiB"}), baselines)
    with pytest.raises(ConfigurationError, match="lab already has accepted runs") as refused:
        init_baseline(baselines, [changed], **SAID, options="--history nights")
    assert (
        "`chamiperf update-baseline propose --reason TEXT --overrule fingerprint --history nights --environment lab`"
    ) in refused.value.remedy


def test_of_two_environments_the_one_that_has_no_baseline_is_named():
    baselines = accepting(shipped_baselines(), [made_run(0, fingerprint={"environment": "embedded"})])
    runs = [made_run(1, fingerprint={"environment": "embedded"}), made_run(2)]
    with pytest.raises(ConfigurationError, match="several environments") as refused:
        begun_with(runs, baselines)
    assert "of a history `--environment lab` chooses them" in refused.value.remedy


def test_a_first_night_that_is_committed_is_never_moved_forward():
    noted = EnvironmentNote(first_night=date(2026, 2, 1))
    baselines = shipped_baselines().model_copy(update={"environments": {"lab": noted}})
    assert begun_with([made_run(0)], baselines).baselines.environments == {"lab": noted}


def test_a_first_night_that_is_committed_too_late_is_moved_back():
    noted = EnvironmentNote(first_night=date(2026, 4, 1))
    baselines = shipped_baselines().model_copy(update={"environments": {"lab": noted}})
    assert begun_with([made_run(0)], baselines).baselines.environments["lab"].first_night == date(2026, 3, 2)


def test_nights_of_the_history_become_the_same_baseline_as_their_files():
    runs = [made_run(number, factor=9.0 + number / 10, noise=0.02) for number in range(7)]
    from_files, from_kept = begun_with(runs).baselines, begun_with_history(runs).baselines
    rows = [
        [
            # What a history does not keep beside a median of windows is the quantile over the whole phase.
            (run.run_id, tuple(row.model_copy(update={"pooled": None}) for row in run.rows))
            for entry in each.accepted_runs.values()
            for run in entry.runs
        ]
        for each in (from_files, from_kept)
    ]
    assert rows[0] == rows[1]
    assert from_kept.acknowledgements == from_files.acknowledgements
    assert from_kept.environments == from_files.environments


def test_an_entry_that_does_not_hold_what_its_target_was_held_against_is_covered_as_far_as_its_own_value():
    run = made_run(0, factor=9.5)
    baselines = shipped_baselines()
    entry = entry_of(run, judge(NightInput(runs=[run], baselines=baselines)).verdict)[1]
    older = entry.model_copy(update={"rows": tuple(row._replace(target_value=None) for row in entry.rows)})
    known = init_baseline(baselines, [from_history(older, baselines)], **SAID).baselines.acknowledgements
    values = {row.metric: row.value for row in older.rows if row.endpoint == "bootscript"}
    assert {one.metric: one.extent for one in known} == {name: values[name] for name in ("p50", "p95", "p99")}


def test_nights_of_which_none_is_valid_are_refused():
    with pytest.raises(ConfigurationError, match="there is no run to accept"):
        begun_with([made_run(0, complete=False)])


@pytest.mark.parametrize(
    ("factor", "night", "exit_code"),
    [
        pytest.param(9.0, date(2026, 6, 7), 0, id="the last day"),
        pytest.param(9.0, date(2026, 6, 8), 1, id="expired"),
        pytest.param(12.0, date(2026, 6, 7), 1, id="grown beyond its extent"),
    ],
)
def test_an_acknowledgement_that_expired_or_was_outgrown_turns_the_night_red(factor, night, exit_code):
    baselines = begun_with([made_run(number, factor=9.0) for number in range(5)]).baselines
    run = made_run(9, factor=factor)
    that_night = run.model_copy(update={"started_at": run.started_at.replace(month=night.month, day=night.day)})
    assert judge(NightInput(runs=[that_night], baselines=baselines)).verdict.outcome.exit_code == exit_code


def test_an_acknowledgement_that_no_longer_applies_is_named_for_removal():
    baselines = begun_with([made_run(number, factor=9.0) for number in range(5)]).baselines
    warnings = judge(NightInput(runs=[made_run(9)], baselines=baselines)).verdict.warnings
    assert any("boot_storm / bootscript p95 no longer applies: remove it" in text for text in facts_said(warnings))


@pytest.mark.parametrize("link", ["URL", "example.org/1", "https://", "https:// x"])
def test_a_link_that_is_no_address_is_refused(link):
    baselines = shipped_baselines()
    with pytest.raises(ConfigurationError, match="is not a URL"):
        init_baseline(baselines, [from_run(made_run(0), baselines)], **(SAID | {"link": link}))
