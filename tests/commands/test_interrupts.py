"""Ctrl-C, SIGTERM and SIGKILL at random instants of seed and load: nothing half-written, nothing left running.

The instants come from a fixed seed. `make test` takes a few of them, `make test-interrupts` twenty.
"""

import json
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from command_line import command, environment
from counted_requests import counted_requests

from chamicore_standin import lifecycle
from chamiperf_ci.models.plan import ScriptPlan
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
LOAD = ("--profile", "demo", "--vus", 20, "--spike", 0, "--sustained", "4s", "--settle", "1s")
LONGEST_S = 9.0
FEW = 2
MANY = 20
QUIET_AFTER_S = 5.0
_MODELS = {"seed": Seed, "run": Run}


def _instants():
    """Which command gets which signal after how many seconds; the first few need no mark."""
    draw = random.Random(20_260)  # noqa: S311 - instants, not secrets
    for number in range(MANY):
        name = ("load", "seed")[number % 2]
        case = (name, SIGNALS[number % 3], round(draw.uniform(0.1, LONGEST_S), 2))
        marks = () if number < FEW else (pytest.mark.slow,)
        yield pytest.param(*case, id=f"{number} {name} {case[1].name} after {case[2]} s", marks=marks)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A stack with some nodes, and the file that says so."""
    folder = tmp_path_factory.mktemp("interrupted")
    without = ("discovery", "power", "mcp", "kea", "kea-sync")
    # No sync within the test: its requests would look like ours.
    options = StackOptions(ports="ephemeral", without=without, sync_interval_s=3600)
    state = lifecycle.up(options, state_dir=folder / "state")
    done = command("seed", "--target", "embedded", "--nodes", 200, cwd=folder, state=state)
    assert done.returncode == 0, done.stderr
    yield state, folder / "out" / "seed.json"
    lifecycle.down(folder / "state")


@pytest.mark.parametrize(("name", "number", "after_s"), list(_instants()))
def test_an_interruption_leaves_whole_files_no_process_and_no_request(seeded, tmp_path, *, name, number, after_s):
    state, seed_file = seeded
    options = ("--seed-file", seed_file, *LOAD) if name == "load" else ("--nodes", 50_000, "--shared-stack")
    family = _interrupted(name, options, folder=tmp_path, state=state, number=number, after_s=after_s)
    time.sleep(QUIET_AFTER_S)
    before = counted_requests(state)
    assert [process for process in family if process.is_running()] == []
    time.sleep(2.0)
    assert counted_requests(state) == before
    for path in tmp_path.rglob("*.json"):
        _require_whole(path)


def _interrupted(name, options, *, folder, state, number, after_s):
    """Start a command, send it a signal, wait for its end; every process that it had started meanwhile."""
    family = set()
    with subprocess.Popen(
        [sys.executable, "-m", f"chamiperf_ci.commands.{name}", "--target", "embedded", *map(str, options)],
        cwd=folder, env=environment(state, cwd=folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        due = time.monotonic() + after_s
        while (now := time.monotonic()) < due:
            family |= _descendants(process.pid)
            time.sleep(min(0.05, due - now))
        family |= _descendants(process.pid)
        process.send_signal(number)
        process.wait(timeout=20)
    return family


def _descendants(pid):
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def _require_whole(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") == "chamiperf-plan":
        ScriptPlan.model_validate(content)
    else:
        _MODELS[content["kind"]].model_validate(content)
