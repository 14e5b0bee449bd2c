"""A drill on a stack made by arithmetic."""

import signal

import pytest
from made_drills import World

from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted, StackUnreachable
from chamiperf_ci.models.drill import Drill
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.target import TargetOptions
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.drill import judge
from chamiperf_ci.steps.drill.measure import DEPLOYED
from chamiperf_ci.steps.load.request import LoadOptions

URLS = {"smd": "http://127.0.0.1:1", "bss": "http://127.0.0.1:2", "cloud-init": "http://127.0.0.1:3"}


@pytest.fixture
def drills(tmp_path):
    """Drill a world; the exit code and the document."""

    def run(world, finds=None, scenario="boot_storm", **changes):
        load = LoadOptions(
            target=TargetOptions(services=URLS),
            out=tmp_path / "drill",
            scenarios=(scenario,),
            profile="demo",
            kind=RunKind.DRILL,
        )
        fields = {
            "load": load,
            "baselines": None,
            "runs": 8,
            "comparisons": 2,
            "effects": (0.4, 0.05),
            "most_s": 100_000.0,
            "say": lambda _text: None,
        }
        code = judge.drill(judge.DrillOptions(**(fields | changes)), tmp_path, world.drives, finds or world.injection)
        return code, read_document(tmp_path / "drill.json", Drill)

    return run


def deployed(*_):
    return DEPLOYED


def test_the_drill_is_handed_over_as_it_is_written(drills):
    handed = []
    _, found = drills(World(), document=handed.append)
    assert handed == [found]


def effect(document, size):
    return next(each for each in document.effects if each.effect == size)


def test_a_gate_that_catches_the_largest_slow_down_and_nothing_else_is_proved(drills):
    code, found = drills(World())
    assert (code, found.word, found.method) == (ExitCode.OK, "proved", "injected")
    assert (effect(found, 0.4).comparisons, effect(found, 0.4).caught) == (2, 2)
    assert (found.unchanged.comparisons, found.unchanged.caught) == (1, 0)


def test_a_slow_down_that_does_not_reach_the_measurement_is_missed_and_not_proved(drills):
    code, found = drills(World(strength=0.0))
    assert (code, effect(found, 0.4).missed) == (ExitCode.VERDICT_NO, 2)


def test_a_false_alarm_on_unchanged_code_is_not_proved(drills):
    code, found = drills(World(level=lambda number: 1.5 if number in (6, 7, 8) else 1.0))
    assert (code, found.unchanged.caught, effect(found, 0.4).caught) == (ExitCode.VERDICT_NO, 1, 2)


def test_what_is_injected_is_a_share_of_the_declared_service_time(drills):
    assert effect(drills(World())[1], 0.4).injected_ms == pytest.approx(3.2)


def test_the_measured_change_stands_beside_the_injected_one(drills):
    assert effect(drills(World(noise=0.0))[1], 0.4).measured == pytest.approx(0.4, abs=0.02)


def test_no_run_is_used_twice_and_none_of_the_baseline_as_current(drills):
    world = World()
    _, found = drills(world)
    assert len({run.run_id for run in found.runs}) == len(found.runs) == len(world.asked)
    assert [run.purpose for run in found.runs[:5]] == ["baseline"] * 5
    assert sum(run.purpose == "baseline" for run in found.runs) == 5


def test_only_a_suspect_slow_down_is_repeated(drills):
    _, found = drills(World(), effects=(0.01, 0.4), comparisons=1)
    counts = {size: sum(run.effect == size for run in found.runs) for size in (0.01, 0.4)}
    assert counts == {0.01: 1, 0.4: 3}


def test_every_run_is_of_the_kind_drill(drills):
    world = World()
    drills(world)
    assert {options.kind for options in world.asked} == {"drill"}


def test_an_invalid_run_is_made_again_and_stays_on_record(drills):
    _, found = drills(World(invalid={2, 7}), comparisons=1)
    assert (found.unchanged_runs, found.unchanged.comparisons) == (8, 1)
    assert [bool(run.problems) for run in found.runs[:7]] == [False, True, False, False, False, False, True]


def test_a_run_that_no_repetition_would_mend_ends_the_drill(drills):
    thrown = RunProblem(reason=RunReason.SCRIPT_FAILED, text="TypeError: items is not iterable")
    world = World(invalid=range(1, 100), problems=(thrown,))
    code, found = drills(world)
    assert (code, len(world.asked)) == (ExitCode.INVALID, 1)
    assert "script-failed: TypeError: items is not iterable" in found.ended_early


def test_too_few_valid_runs_prove_nothing(drills):
    code, found = drills(World(invalid=range(1, 100)))
    assert (code, found.word, found.fingerprint) == (ExitCode.INVALID, "too few runs", None)
    assert found.ended_early == "10 runs in a row were invalid"


def test_a_drill_ends_when_its_time_is_used_up(drills):
    world = World()
    code, found = drills(world, most_s=1.0)
    assert (code, world.asked) == (ExitCode.INVALID, [])
    assert "time is used up" in found.ended_early


def test_a_run_that_is_cut_off_ends_the_drill_and_leaves_what_was_measured(drills, tmp_path):
    world = World(cut_off=7)
    with pytest.raises(Interrupted):
        drills(world)
    assert read_document(tmp_path / "drill.json", Drill).unchanged_runs == 6
    assert len(world.asked) == 7


def test_a_slow_down_is_put_back_when_the_load_fails(drills):
    world = World()
    driven = world.drives

    def drives(options, output):
        if world.effect:
            raise StackUnreachable("gone", where="bss", remedy="Look.")
        return driven(options, output)

    world.drives = drives
    with pytest.raises(StackUnreachable):
        drills(world)
    assert (world.slowed_by, world.effect) == ([0.05], 0.0)


def test_on_a_deployed_stack_the_power_is_computed_and_says_so(drills):
    world = World()
    code, found = drills(world, deployed)
    assert (code, found.method, found.method_reason) == (ExitCode.OK, "computed", DEPLOYED)
    assert (len(world.asked), effect(found, 0.4).comparisons, effect(found, 0.4).caught) == (8, 200, 200)
    assert effect(found, 0.4).injected_ms is None


def test_the_smallest_change_of_each_row_is_computed_from_the_unchanged_runs(drills):
    _, found = drills(World(), deployed)
    assert [row.key.metric for row in found.rows] == ["p50", "p95", "p99", "slow-quarter p50", "slow-quarter p95"]
    assert all(0 < row.smallest_confirmed < 0.4 for row in found.rows)


def test_a_noisier_stack_sees_less(drills):
    quiet, noisy = (drills(World(noise=noise), deployed)[1].rows[0] for noise in (0.01, 0.2))
    assert quiet.smallest_confirmed < noisy.smallest_confirmed


def test_the_table_stands_in_the_job_summary(drills, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    drills(World(), deployed)
    assert "computed, not injected" in (tmp_path / "summary.md").read_text()


def test_a_drill_repeats_one_scenario(drills):
    with pytest.raises(ConfigurationError, match="a drill repeats one"):
        drills(World(), scenario="all")


@pytest.fixture
def signals():
    """What a signal does is as before, afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_signal_between_two_loads_ends_the_drill(drills, tmp_path):
    world = World()
    driven = world.drives

    def drives(options, output):
        code = driven(options, output)
        if world.effect:
            signal.raise_signal(signal.SIGTERM)
        return code

    world.drives = drives
    with pytest.raises(Interrupted, match="interrupted by SIGTERM"):
        drills(world)
    assert (len(world.asked), world.effect) == (9, 0.0)
    assert read_document(tmp_path / "drill.json", Drill).unchanged.comparisons == 1
