"""`chamiperf load --shard` on as many machines as there are processes here, and `chamiperf merge` of what they left.

Nothing here asserts that a generator was healthy: tests share their machine.
"""

import re
import subprocess
import sys
import time

import pytest
from command_line import GENERATOR, command, environment, k6_of

from chamicore_standin import lifecycle
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.models.vocabulary import RunReason

FEW = ("discovery", "power", "mcp", "kea", "kea-sync")
NODES = 300
LOAD = ("--profile", "demo", "--vus", 30, "--pace", "0.2s", "--spike", 0, "--sustained", "5s", "--settle", "0.2s")


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A stack with some nodes, and the file that says so."""
    folder = tmp_path_factory.mktemp("shared")
    state = lifecycle.up(StackOptions(ports="ephemeral", without=FEW), state_dir=folder / "state")
    done = command("seed", "--target", "embedded", "--nodes", NODES, cwd=folder, state=state)
    assert done.returncode == 0, done.stderr
    yield state, folder / "out" / "seed.json"
    lifecycle.down(folder / "state")


@pytest.fixture
def shards(seeded, tmp_path):
    """Start a shard of three in a folder of the test's own."""
    state, seed = seeded
    started = []

    def start(number, *more):
        options = ("--target", "embedded", "--seed-file", seed, "--shard", f"{number}/3", "--rendezvous", "90s")
        arguments = [sys.executable, "-m", "chamiperf_ci.commands.load", *map(str, (*options, *LOAD, *more))]
        started.append(
            subprocess.Popen(
                arguments,
                cwd=tmp_path,
                env=environment(state, cwd=tmp_path),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _merged(folder):
    done = command("merge", cwd=folder)
    return done, Run.model_validate_json((folder / "out" / "runs" / "boot_storm.json").read_bytes())


@pytest.mark.e2e
def test_three_machines_make_one_load(shards, tmp_path):
    processes = [shards(number) for number in (1, 2, 3)]
    said = [process.communicate(timeout=120) for process in processes]
    done, run = _merged(tmp_path)
    assert [each.reason for each in run.problems if each.reason not in GENERATOR] == [], said
    assert done.returncode == (0 if run.valid else 3), done.stderr
    assert (run.complete, run.fingerprint.shards, run.plan.segments) == (True, 3, 3)
    booted = {each.name: each.value for each in run.scalars}
    assert (booted["nodes booted"], booted["nodes never served"]) == (NODES, 0)
    # 30 VUs at five requests a second for 5 s, less what a busy machine does not get done.
    sustained = sum(each.requests for each in run.traffic if each.phase == "sustained")
    assert 500 < sustained <= 780
    assert sum(window.count for window in run.series[0].windows) <= sustained
    assert sorted(path.name for path in (tmp_path / "out" / "shards").iterdir()) == [
        f"boot_storm.shard-{number}-of-3.json" for number in (1, 2, 3)
    ]


@pytest.mark.e2e
@pytest.mark.thorough  # Forty seconds of waiting; tests/steps/load/test_gathering_shards.py judges each such file.
def test_a_machine_that_dies_and_one_of_another_plan_are_named(shards, tmp_path):
    processes = [shards(1), shards(2), shards(3, "--pace", "0.4s")]
    k6_of(processes[1]).kill()
    said = [process.communicate(timeout=120) for process in processes]
    done, run = _merged(tmp_path)
    assert done.returncode == 3, said
    lost = [each.text for each in run.problems if each.reason is RunReason.SHARD_MISSING]
    assert [text.split(":")[0] for text in lost] == [
        "shard 2 of 3 measured nothing",
        "shard 3 of 3 is of another plan",
    ]
    assert "load.pace_s is 0.4, and 0.2 in the others" in lost[1]
    # A third of what all three would have sent: nothing is scaled up.
    assert sum(each.requests for each in run.traffic if each.phase == "sustained") <= 260
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 3


@pytest.mark.e2e
def test_of_processes_of_which_one_dies_the_figures_of_the_others_are_kept(seeded, tmp_path):
    state, seed = seeded
    load = [sys.executable, "-m", "chamiperf_ci.commands.load", "--target", "embedded", "--seed-file", seed, *LOAD]
    process = subprocess.Popen(
        [*map(str, load), "--shards", "3"],
        cwd=tmp_path,
        env=environment(state, cwd=tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        one = k6_of(process)
        # Its VUs have asked for something.
        time.sleep(4)
        one.kill()
        said = process.communicate(timeout=120)
    run = Run.model_validate_json((tmp_path / "out" / "runs" / "boot_storm.json").read_bytes())
    assert (process.returncode, run.complete) == (3, False), said
    died = next(each.text for each in run.problems if each.reason is RunReason.GENERATOR_DIED)
    assert re.match(r"k6 exit code -9 of process [123] of 3, killed", died), run.problems
    assert any("left no summary: the figures are the others'" in text for text in run.warnings), run.warnings
    assert sum(each.requests for each in run.traffic) > 0
    assert run.fingerprint.shards == 3


@pytest.mark.e2e
def test_a_machine_that_comes_late_leaves_a_file_that_says_so(shards, tmp_path):
    late = shards(2, "--start-at", int(time.time()) - 5)
    said = late.communicate(timeout=60)
    assert late.returncode == 3, said
    done, run = _merged(tmp_path)
    assert done.returncode == 3
    lost = [each.text for each in run.problems if each.reason is RunReason.SHARD_MISSING]
    assert lost[:2] == [
        "shard 1 of 3 is missing: it left no file",
        "shard 3 of 3 is missing: it left no file",
    ]
    assert lost[2].startswith("shard 2 of 3 measured nothing: shard 2 of 3 came ")
    assert " late for the common start" in lost[2]
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 1


@pytest.mark.e2e
@pytest.mark.thorough
def test_machines_share_several_scenarios_one_after_the_other(shards, tmp_path):
    both = ("--scenario", "boot_storm", "--scenario", "cloud_init_storm", "--pause", "0.2s")
    processes = [shards(number, *both) for number in (1, 2, 3)]
    said = [process.communicate(timeout=180) for process in processes]
    command("merge", cwd=tmp_path)
    for scenario in ("boot_storm", "cloud_init_storm"):
        run = Run.model_validate_json((tmp_path / "out" / "runs" / f"{scenario}.json").read_bytes())
        assert [each.reason for each in run.problems if each.reason not in GENERATOR] == [], said
        assert (run.complete, run.fingerprint.shards) == (True, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--shard", "4/3"), "'4/3' is not K/N with K from 1 to N"),
        (("--shard", "0/3"), "'0/3' is not K/N"),
        (("--shard", "1/257"), "'1/257' is not K/N"),
        (("--shard", "second"), "'second' is not K/N"),
        (("--shard", "1/3", "--start-at", "2026-03-01T02:00:00"), "is not a time with a zone"),
        (("--shard", "1/3", "--start-at", "soon"), "is not a time with a zone"),
        (
            ("--shard", "1/3", "--scenario", "boot_storm", "--scenario", "mixed_realistic", "--start-at", "2999999999"),
            "--shard does not go with several scenarios with --start-at",
        ),
        (("--shard", "1/3", "--shards", "2"), "--shard does not go with --shards"),
        (("--shard", "1/3", "--pairs", "2", "--against", "embedded"), "--shard does not go with --pairs"),
        (("--start-at", "2026-03-01T02:00:00Z"), "a common start is for a load that several machines share"),
    ],
)
def test_what_machines_cannot_share_is_refused(tmp_path, arguments, text):
    done = command("load", *arguments, "--dry-run", cwd=tmp_path)
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr


def test_nothing_to_merge_is_refused(tmp_path):
    done = command("merge", cwd=tmp_path)
    assert (done.returncode, "there are no shard files (out/shards)" in done.stderr) == (2, True), done.stderr
