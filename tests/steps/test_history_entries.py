import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from made_runs import FIRST_NIGHT, accepting, made_run, shipped_baselines

from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.steps import history
from chamiperf_ci.steps.baselines.candidates import Override, from_history, from_run, nights_of
from chamiperf_ci.steps.compare.judge import NightInput, judge


@pytest.fixture
def store(tmp_path):
    return FolderHistory(tmp_path / "history")


def added(store, *runs, verdict=None):
    history.add(store, runs, verdict)
    return store


def test_a_name_says_environment_time_scenario_kind_and_run(store):
    added(store, made_run(0))
    [path] = store.names()
    assert path == "lab/2026/03/20260302T011700Z.boot_storm.night.boot0000.json"
    assert history.parse_name(path).path == path


@pytest.mark.parametrize(
    "path",
    [
        "README.json",
        "lab/2026/03/notes.json",
        "lab/2026/03/20260302T011700Z.boot_storm.nightly.x.json",
        "lab/2026/20260302T011700Z.boot_storm.night.x.json",
        "lab/2026/13/20261332T011700Z.boot_storm.night.x.json",
    ],
)
def test_another_name_is_not_that_of_a_run(path):
    assert history.parse_name(path) is None


@pytest.mark.parametrize("kind", list(RunKind))
def test_every_kind_of_run_has_a_name(kind):
    name, _ = history.entry_of(made_run(0, run_kind=kind))
    assert history.parse_name(name.path) == name


def test_what_was_added_is_read_oldest_first(store):
    added(store, made_run(2), made_run(0), made_run(1))
    assert [entry.run_id for entry in history.read(store).entries] == ["boot0000", "boot0001", "boot0002"]


class _Watched(FolderHistory):
    """A folder that tells what is read of it."""

    def read(self, names):
        opened.extend(names)
        return super().read(names)


opened: list[str] = []


def test_of_many_nights_only_the_newest_of_each_scenario_are_opened(store):
    opened.clear()
    for number in range(6):
        added(store, made_run(number), made_run(number, scenario="inventory_scale"))
    reading = history.read(_Watched(store.root), history.EntryFilter(newest=2))
    assert [(entry.fingerprint.scenario, entry.run_id[-1]) for entry in reading.entries] == [
        (scenario, night) for night in "45" for scenario in ("boot_storm", "inventory_scale")
    ]
    assert len(opened) == 4
    assert len(reading.unread) == 8


def test_of_years_one_night_in_four_weeks_is_opened_before_the_newest_half_year(store):
    opened.clear()
    # The last night of the second four weeks could not be judged; the others stand in for it.
    problem = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="late")
    added(store, *(made_run(number, problems=(problem,) if number == 55 else ()) for number in range(100)))
    reading = history.read(_Watched(store.root), history.EntryFilter(nightly_for=timedelta(days=14)))
    nights = [(entry.started_at - FIRST_NIGHT).days for entry in reading.entries]
    assert nights == [27, *range(28, 56), 83, *range(85, 100)]
    assert len(opened) == len(nights)
    assert len(reading.unread) == 100 - len(nights)


def test_of_candidates_nights_alone_are_opened(store):
    opened.clear()
    added(store, made_run(0), made_run(1, run_kind=RunKind.REPEAT), made_run(2, run_kind=RunKind.QUICK))
    found = nights_of(_Watched(store.root), history.EntryFilter(), shipped_baselines())
    assert ([each.run_id for each in found], len(opened)) == (["boot0000"], 1)


def test_days_of_nights_that_were_not_opened_count_for_the_environment(store):
    for number in range(6):
        added(store, made_run(number))
    reading = history.read(store, history.EntryFilter(newest=2))
    night = made_run(6)
    past = history.past_of(reading.entries, reading.unread)
    assert len(past.alike(night.fingerprint, night.started_at)) == 2
    assert past.count_environment(night.fingerprint, night.started_at) == 6


@pytest.mark.parametrize("ask", [history.names, lambda store, _: history.content(store, "boot0003")])
def test_what_names_tell_opens_no_night_and_what_is_shown_opens_its_own(store, ask):
    opened.clear()
    for number in range(6):
        added(store, made_run(number))
    ask(_Watched(store.root), history.EntryFilter())
    assert all("boot0003" in path for path in opened)


def test_an_entry_holds_what_its_target_was_held_against(store):
    run = made_run(0, factor=9.5)
    added(store, run, verdict=judge(NightInput(runs=[run], baselines=shipped_baselines())).verdict)
    [entry] = history.read(store).entries
    rows = {row.metric: row for row in entry.rows if row.endpoint == "bootscript"}
    assert (rows["p99"].target, rows["p99"].target_value) == (TargetVerdict.MISSED, 117.8)
    assert rows["stalled-windows"].target_value is None
    [(_, content)] = store.read(store.names())
    assert b'["bootscript", "stalled-windows", 0.0, "windows", 20, "value", true, "unavailable", null]' in content


def test_an_entry_holds_the_numbers_that_compare_uses(store):
    run = made_run(0)
    accepted = accepting(shipped_baselines(), [run]).accepted(run.fingerprint)
    [entry] = history.read(added(store, run)).entries
    stored = {(row.endpoint, row.metric): (row.value, row.statistic) for row in entry.rows}
    compared = {(row.endpoint, row.metric): (row.value, row.statistic) for row in accepted.runs[0].rows}
    assert compared
    assert compared.items() <= stored.items()


def test_an_entry_says_what_was_said_that_night(store):
    run = made_run(0, failed=60_000)
    verdict = judge(NightInput(runs=[run], baselines=accepting(shipped_baselines(), [made_run(1)]))).verdict
    [entry] = history.read(added(store, run, verdict=verdict)).entries
    said = {row.metric: (row.verdict, row.target) for row in entry.rows}
    assert said["errors"] == (RowVerdict.INCONCLUSIVE, TargetVerdict.MISSED)
    assert (entry.word, entry.exit_code) == (verdict.outcome.word, 1)


def test_a_verdict_of_other_runs_is_not_taken_for_this_one(store):
    verdict = judge(NightInput(runs=[made_run(1)], baselines=shipped_baselines())).verdict
    [entry] = history.read(added(store, made_run(0), verdict=verdict)).entries
    assert (entry.word, entry.exit_code) == ("", None)


def test_an_invalid_run_is_kept_with_its_reason_and_without_numbers(store):
    problem = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %")
    [entry] = history.read(added(store, made_run(0, problems=(problem,)))).entries
    assert (entry.valid, entry.problems, entry.rows) == (False, ("generator-saturated: CPU 97 %",), ())


NIGHT, QUICK = made_run(0), made_run(1, run_kind=RunKind.QUICK)
OTHER = made_run(2, scenario="cloud_init_storm", fingerprint={"environment": "prod"})


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({}, [NIGHT, QUICK, OTHER], id="all"),
        pytest.param({"environment": "lab"}, [NIGHT, QUICK], id="environment"),
        pytest.param({"scenarios": ("cloud_init_storm",)}, [OTHER], id="scenario"),
        pytest.param({"kinds": (RunKind.QUICK,)}, [QUICK], id="kind"),
        pytest.param({"since": QUICK.started_at}, [QUICK, OTHER], id="since, itself included"),
        pytest.param({"until": QUICK.started_at}, [NIGHT], id="until, itself left out"),
    ],
)
def test_only_what_is_wanted_is_read(store, wanted, found):
    reading = history.read(added(store, NIGHT, QUICK, OTHER), history.EntryFilter(**wanted))
    assert [entry.run_id for entry in reading.entries] == [run.run_id for run in found]


@pytest.mark.parametrize("kept", [0, 1, 200, 0.99], ids=["empty", "one byte", "200 bytes", "nearly all"])
def test_a_truncated_file_is_named_and_loses_no_other(store, kept):
    added(store, made_run(0), made_run(1))
    file = store.root / store.names()[0]
    text = file.read_text()
    file.write_text(text[: int(kept * len(text)) if isinstance(kept, float) else kept])
    reading = history.read(store)
    assert [entry.run_id for entry in reading.entries] == ["boot0001"]
    assert reading.problems[0].startswith(f"{store.names()[0]} is skipped: ")


def test_a_file_with_a_field_too_many_is_named_with_those_that_there_are(store):
    added(store, made_run(0))
    file = store.root / store.names()[0]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"row": []}))
    (problem,) = history.read(store).problems
    assert problem.startswith(f"{store.names()[0]} is skipped: unknown field row; there are ")


def test_a_truncated_file_is_completed_when_its_run_is_added_again(store):
    added(store, made_run(0))
    file = store.root / store.names()[0]
    file.write_text(file.read_text()[:100])
    assert history.add(store, [made_run(0)]) == store.names()
    assert history.read(store).problems == ()


def test_a_file_of_a_newer_version_stops_with_what_to_install(store):
    added(store, made_run(0))
    file = store.root / store.names()[0]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"schema_version": 2, "more": True}))
    with pytest.raises(ConfigurationError, match=r"schema version 2 is not known.*Install the version that wrote it"):
        history.read(store)


def test_only_valid_nights_count_for_drift(store):
    invalid = made_run(3, complete=False)
    runs = [made_run(0), made_run(1, run_kind=RunKind.QUICK), made_run(2, run_kind=RunKind.REPEAT), invalid]
    past = history.past_of(history.read(added(store, *runs)).entries)
    assert [night.run_id for night in past.nights] == ["boot0000"]


def test_ten_nights_of_history_reach_the_verdict(store):
    added(store, *(made_run(number, noise=0.02) for number in range(12)))
    baselines = accepting(shipped_baselines(), [made_run(number, noise=0.02) for number in range(5)])
    past = history.past_of(history.read(store).entries)
    verdict = judge(NightInput(runs=[made_run(20)], baselines=baselines, past=past)).verdict
    assert {row.history_nights for row in verdict.rows if row.key.metric == "p99" and row.compared} == {12}


def test_an_entry_is_a_candidate_for_a_baseline_as_its_run_was(store):
    run, baselines = made_run(0), shipped_baselines()
    [entry] = history.read(added(store, run)).entries
    kept, measured = from_history(entry, baselines), from_run(run, baselines)
    # The history keeps one value a row; the quantile over the whole phase stands in the run's own file alone.
    rows = tuple(row.model_copy(update={"pooled": None}) for row in measured.rows)
    assert kept == replace(measured, rows=rows)


def test_of_the_history_a_night_that_missed_a_target_is_objected_to(store):
    run, baselines = made_run(0, failed=60_000), shipped_baselines()
    verdict = judge(NightInput(runs=[run], baselines=baselines)).verdict
    [entry] = history.read(added(store, run, verdict=verdict)).entries
    assert from_history(entry, baselines).objections == (
        (Override.MISSED_TARGET, "boot_storm / bootscript errors missed its target that night"),
    )


def test_a_name_is_in_utc():
    local = datetime.fromisoformat("2026-03-02T23:30:00-05:00")
    name, _ = history.entry_of(made_run(0).model_copy(update={"started_at": local}))
    assert replace(history.parse_name(name.path), started_at=None) == replace(name, started_at=None)
    assert history.parse_name(name.path).started_at == datetime(2026, 3, 3, 4, 30, tzinfo=UTC)


def test_a_night_that_is_still_to_come_is_passed_over_and_named(store):
    added(store, made_run(0), made_run(10_000))
    reading = history.read(store)
    assert [entry.run_id for entry in reading.entries] == [made_run(0).run_id]
    assert ["which is still to come" in problem for problem in reading.problems] == [True]
