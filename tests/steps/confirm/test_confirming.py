"""Confirming with a load that is made by arithmetic instead of being driven."""

from datetime import UTC, datetime, timedelta

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.adapters.files import read_document, write_document
from chamiperf_ci.errors import ConfigurationError, ExitCode, InvalidMeasurement
from chamiperf_ci.models.run import Run, RunKind, RunProblem
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowVerdict, RunReason
from chamiperf_ci.steps import confirm as fresh
from chamiperf_ci.steps import confirm as step
from chamiperf_ci.steps.compare import step as compare
from chamiperf_ci.steps.confirm import ConfirmOptions, confirm
from chamiperf_ci.steps.load.request import describe, read_profile
from chamiperf_ci.steps.lock import Claim

NOISE = 0.02
ENDED = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
SCENARIOS = ("boot_storm", "auth_under_load")


def fingerprint(scenario):
    return {"profile": "demo", "parameters": describe(read_profile("demo").scenarios[scenario])}


def a_run(number, scenario, factor, **changes):
    return made_run(number, noise=NOISE, factor=factor, scenario=scenario, fingerprint=fingerprint(scenario), **changes)


class Loads:
    """Writes the runs that a load would write, and remembers what it was asked for."""

    def __init__(self, factor, *, problems=(), complete=True):
        self.factor, self.problems, self.complete = factor, problems, complete
        self.asked = []

    def __call__(self, options, output):
        """Drive."""
        output.progress("driving")
        self.asked.append(options)
        (scenario,) = options.scenarios
        if options.pairs:
            for number in range(1, options.pairs + 1):
                self._write(options, scenario, f".pair-{number}.old", RunKind.PAIR_OLD, 1.0)
                self._write(options, scenario, f".pair-{number}.new", RunKind.PAIR_NEW, self.factor)
        else:
            self._write(options, scenario, options.file_ending, RunKind(options.kind), self.factor)
        return ExitCode.OK if not self.problems and self.complete else ExitCode.INVALID

    def _write(self, options, scenario, ending, kind, factor):
        started = ENDED + timedelta(minutes=15 * (len(list((options.out / "runs").glob("*.json"))) + 1))
        run = a_run(
            100 + len(list((options.out / "runs").glob("*.json"))),
            scenario,
            factor,
            run_kind=kind,
            started_at=started,
            ended_at=started + timedelta(minutes=1),
            problems=self.problems,
            complete=self.complete,
        )
        write_document(options.out / "runs" / f"{scenario}{ending}.json", run)


@pytest.fixture
def first_look(tmp_path):
    """A night with two suspect scenarios, judged."""
    accepted = shipped_baselines()
    for scenario in SCENARIOS:
        accepted = accepting(accepted, [a_run(number, scenario, 1.0) for number in range(5)])
        night = a_run(20, scenario, 1.4, started_at=ENDED - timedelta(minutes=15), ended_at=ENDED)
        write_document(tmp_path / "runs" / f"{scenario}.json", night)
    write_document(tmp_path / "baselines.json", accepted)
    compare.compare([tmp_path / "runs"], compare.CompareOptions(tmp_path / "baselines.json"), out=tmp_path)
    return tmp_path


def asking(folder, **changes):
    fields = {
        "verdict": folder / "verdict.json",
        "runs": folder / "runs",
        "baselines": folder / "baselines.json",
        "history": None,
        "target": TargetOptions(),
        "claim": Claim("run", "owner"),
        "by": "repeats",
        "scenarios": (),
        "max_scenarios": 2,
        "min_gap_s": 0.0,
        "seed_file": None,
        "redeploy": None,
        "redeploy_timeout_s": 60.0,
        "redeploy_env": (),
        "against": None,
        "against_seed_file": None,
        "k6": None,
        "say": lambda _text: None,
    }
    return ConfirmOptions(**(fields | changes))


def decided(folder):
    return read_document(folder / "verdict.json", Verdict)


def test_a_slow_down_that_repeats_is_a_regression(first_look):
    assert confirm(asking(first_look), Loads(1.4)) is ExitCode.VERDICT_NO
    verdict = decided(first_look)
    assert (verdict.stage, verdict.outcome.word, verdict.confirmed_by) == ("confirmed", "regression", "repeats")
    assert verdict.first_look.stage == "first look"


def test_a_slow_down_that_does_not_repeat_is_none(first_look):
    assert confirm(asking(first_look), Loads(1.0)) is ExitCode.OK
    assert RowVerdict.REGRESSION not in {row.verdict for row in decided(first_look).rows}


def test_each_suspect_is_repeated_twice_all_once_before_any_twice(first_look):
    loads = Loads(1.4)
    confirm(asking(first_look), loads)
    order = [(options.scenarios[0], options.file_ending) for options in loads.asked]
    suspects = decided(first_look).first_look.suspect_scenarios
    assert order == [(name, f".repeat-{number}") for number in (1, 2) for name in suspects]


def test_each_repeat_asks_for_the_stacks_lock_as_the_night_did(first_look):
    loads = Loads(1.4)
    asked = asking(first_look, claim=Claim("4711-1", "octo/stack"))
    confirm(asked, loads)
    assert {options.claim for options in loads.asked} == {asked.claim}


def test_at_most_as_many_scenarios_are_repeated_as_allowed(first_look):
    loads = Loads(1.4)
    confirm(asking(first_look, max_scenarios=1), loads)
    assert len({options.scenarios for options in loads.asked}) == 1


def test_pairs_are_driven_against_the_old_target_and_decide(first_look):
    loads = Loads(1.4)
    assert confirm(asking(first_look, by="pairs", against="previous"), loads) is ExitCode.VERDICT_NO
    assert [(options.pairs, options.against) for options in loads.asked] == [(5, "previous")] * 2
    assert decided(first_look).confirmed_by == "pairs"


def test_comparing_again_after_confirming_gives_the_same_bytes(first_look):
    confirm(asking(first_look), Loads(1.4))
    before = (first_look / "verdict.json").read_bytes()
    compare.compare([first_look / "runs"], compare.CompareOptions(first_look / "baselines.json"), out=first_look)
    assert (first_look / "verdict.json").read_bytes() == before


def test_there_is_no_third_round(first_look):
    confirm(asking(first_look), Loads(1.0))
    with pytest.raises(ConfigurationError, match="confirmed once"):
        confirm(asking(first_look), Loads(1.0))


THROTTLED = (RunProblem(reason=RunReason.THROTTLED, text="429 in 3 % of answers"),)


def test_a_repeat_that_cannot_be_judged_ends_its_scenario_and_the_night_is_not_valid(first_look):
    loads = Loads(1.4, problems=THROTTLED)
    assert confirm(asking(first_look), loads) is ExitCode.INVALID
    assert len(loads.asked) == 2
    assert decided(first_look).outcome.word == "invalid"


def test_a_repeat_that_was_cut_off_ends_everything(first_look):
    loads = Loads(1.4, complete=False)
    confirm(asking(first_look), loads)
    assert len(loads.asked) == 1


class Waits:
    """Stands for the wait between runs: takes no time, and remembers how long it was."""

    def __init__(self, waited):
        self.waited = waited

    def __enter__(self):
        return self

    def __exit__(self, *_ended):
        return None

    def wait(self, seconds):
        """Nobody asks to stop."""
        self.waited.append(seconds)
        return False


@pytest.fixture
def waited(monkeypatch):
    """The seconds that `confirm` would have waited between runs."""
    made = []
    monkeypatch.setattr(step, "StopRequest", lambda: Waits(made))
    return made


def night_that_ended(folder, ended):
    """A suspect night of one scenario that ended then, judged."""
    (folder / "runs" / "auth_under_load.json").unlink()
    night = a_run(20, "boot_storm", 1.4, started_at=ended - timedelta(minutes=15), ended_at=ended)
    write_document(folder / "runs" / "boot_storm.json", night)
    compare.compare([folder / "runs"], compare.CompareOptions(folder / "baselines.json"), out=folder)


def test_a_clock_that_the_gap_makes_up_for_is_named_and_lengthens_no_wait_beyond_it(first_look, waited):
    night_that_ended(first_look, datetime.now(UTC) + timedelta(minutes=5))
    said = []
    confirm(asking(first_look, min_gap_s=600.0, say=said.append), Loads(1.4))
    assert [round(each / 60) for each in waited] == [10, 10]
    assert any("behind the end of boot_storm" in each for each in said)


def test_a_clock_set_back_by_more_than_the_gap_ends_it_before_anything_is_waited_for_or_driven(first_look, waited):
    night_that_ended(first_look, datetime.now(UTC) + timedelta(hours=1))
    loads = Loads(1.4)
    with pytest.raises(InvalidMeasurement, match=r"clock is 2\d+ s behind the start .*run `chamiperf load` again"):
        confirm(asking(first_look, min_gap_s=600.0), loads)
    assert (waited, loads.asked) == ([], [])


def test_a_clock_set_back_by_less_than_the_run_took_ends_nothing(first_look, waited):
    night_that_ended(first_look, datetime.now(UTC) + timedelta(minutes=5))
    loads = Loads(1.4)
    confirm(asking(first_look, min_gap_s=0.0), loads)
    assert (waited, len(loads.asked)) == ([], 2)


def test_of_the_gap_only_what_is_left_is_waited(first_look, waited):
    night_that_ended(first_look, datetime.now(UTC) - timedelta(minutes=4))
    confirm(asking(first_look, min_gap_s=600.0), Loads(1.4))
    assert [round(each / 60) for each in waited] == [6, 10]


def test_what_an_earlier_night_left_behind_is_removed_first(first_look):
    stale = first_look / "runs" / "boot_storm.repeat-7.json"
    write_document(stale, a_run(9, "boot_storm", 1.4, run_kind=RunKind.REPEAT))
    confirm(asking(first_look), Loads(1.4))
    assert not stale.exists()


def test_without_suspects_nothing_is_driven_and_the_first_look_stands(first_look):
    before = (first_look / "verdict.json").read_bytes()
    loads = Loads(1.4)
    assert confirm(asking(first_look, max_scenarios=0), loads) is ExitCode.OK
    assert (loads.asked, (first_look / "verdict.json").read_bytes()) == ([], before)


def test_a_scenario_asked_for_is_repeated_although_nothing_is_suspect(first_look):
    write_document(
        first_look / "runs" / "boot_storm.json",
        a_run(20, "boot_storm", 1.0, started_at=ENDED - timedelta(minutes=15), ended_at=ENDED),
    )
    compare.compare([first_look / "runs"], compare.CompareOptions(first_look / "baselines.json"), out=first_look)
    loads = Loads(1.4)
    confirm(asking(first_look, scenarios=("boot_storm",)), loads)
    assert [options.scenarios for options in loads.asked] == [("boot_storm",)] * 2
    rows = [row for row in decided(first_look).rows if row.key.scenario == "boot_storm" and row.compared]
    assert {row.verdict for row in rows} == {RowVerdict.PASS}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"by": "pairs"}, "pairs need the old build", id="pairs without an old side"),
        pytest.param({"verdict": "missing.json"}, "does not exist", id="no verdict"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_driven(first_look, changes, why):
    changed = {name: first_look / value if name == "verdict" else value for name, value in changes.items()}
    loads = Loads(1.4)
    with pytest.raises(ConfigurationError, match=why):
        confirm(asking(first_look, **changed), loads)
    assert loads.asked == []


def test_changed_baselines_are_refused(first_look):
    write_document(first_look / "baselines.json", shipped_baselines())
    with pytest.raises(ConfigurationError, match=r"baselines\.json has changed"):
        confirm(asking(first_look), Loads(1.4))


def test_another_run_than_the_one_judged_is_refused(first_look):
    write_document(first_look / "runs" / "boot_storm.json", a_run(30, "boot_storm", 1.0))
    with pytest.raises(ConfigurationError, match="not the one that the verdict judged"):
        confirm(asking(first_look), Loads(1.4))


def test_a_repeat_has_the_kind_and_the_load_of_the_run(first_look):
    confirm(asking(first_look), Loads(1.4))
    repeat = read_document(first_look / "runs" / "boot_storm.repeat-1.json", Run)
    assert (repeat.run_kind, repeat.fingerprint.profile) == (RunKind.REPEAT, "demo")


def script(folder, text):
    path = folder / "deploy"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_stack_is_deployed_anew_before_each_repeat(first_look, monkeypatch):
    ready = []
    monkeypatch.setattr(fresh, "ready_and_seeded", lambda *arguments: ready.append(arguments[1]))
    deploys = script(first_look, f'echo "$1" >> {first_look}/deploys')
    confirm(asking(first_look, redeploy=deploys), Loads(1.4))
    assert (first_look / "deploys").read_text(encoding="utf-8") == "head\nhead\n"
    assert ready == [first_look / "seed.json"] * 2


def test_a_deployment_gets_no_credential_but_the_variables_that_were_named(first_look, monkeypatch):
    monkeypatch.setattr(fresh, "ready_and_seeded", lambda *_: None)
    secrets = (
        "CHAMICORE_INTERNAL_TOKEN", "CHAMICORE_TOKEN", "CHAMIPERF_CLIENT_SECRET", "CHAMIPERF_POSTGRES_DSN",
        "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_ENV", "SOME_PASSWORD", "HTTPS_PROXY",
    )  # fmt: skip
    for name in secrets:
        monkeypatch.setenv(name, f"canary of {name}")
    monkeypatch.setenv("RUNNER_TEMP", "/runner")
    deploys = script(first_look, f"env > {first_look}/got")
    confirm(asking(first_look, redeploy=deploys, redeploy_env=("CHAMICORE_INTERNAL_TOKEN", "NOT_SET")), Loads(1.4))
    got = (first_look / "got").read_text(encoding="utf-8")
    assert [name for name in secrets if f"canary of {name}" in got] == ["CHAMICORE_INTERNAL_TOKEN"]
    assert "RUNNER_TEMP=/runner\n" in got
    assert "NOT_SET" not in got


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        pytest.param("exit 3", InvalidMeasurement, "failed: exit code 3", id="it fails"),
        pytest.param("sleep 5", InvalidMeasurement, "not ready after 0.1 s", id="it hangs"),
    ],
)
def test_a_deployment_that_does_not_come_up_leaves_nothing_to_measure(tmp_path, text, error, why):
    with pytest.raises(error, match=why):
        fresh.run_script(script(tmp_path, text), timeout_s=0.1 if "sleep" in text else 30.0)


def test_a_script_that_is_not_there_is_a_wrong_option(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be run"):
        fresh.run_script(tmp_path / "missing", timeout_s=1.0)
