"""A Prometheus and a service that drip a byte a second, and signals meanwhile: what was measured is there in time.

The cases come from a fixed seed. `make test` takes a few of them, `make test-interrupts` forty.
"""

import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from command_line import command, environment
from fronts import Front, k6_processes, until

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackOptions

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LOAD = ("--profile", "demo", "--vus", 10, "--spike", 0, "--sustained", "2s", "--settle", "1s", "--windows", 2)
IN_TIME_S = 7.0
"""Between a signal, or k6's end, and the run's file: what GitHub leaves a cancelled step."""
FEW, MANY = 3, 40


@dataclass(frozen=True)
class Trial:
    """What drips, from when on, and the signal with its instant after `anchor`."""

    dripping: str
    since: str
    number: signal.Signals | None
    anchor: str
    after_s: float

    def __str__(self):
        sent = "no signal" if self.number is None else f"{self.number.name} {self.after_s} s after {self.anchor}"
        return f"{self.dripping} drips from {self.since} on, {sent}"


def trials():
    draw = random.Random(16)  # noqa: S311 - instants, not secrets
    for number in range(MANY):
        sent = (signal.SIGTERM, signal.SIGINT, None, signal.SIGHUP)[number % 4]
        anchor = draw.choice(["the start", "k6's first request", "k6's first request", "k6's end", "k6's end"])
        trial = Trial(
            dripping=("the service", "Prometheus")[number // 4 % 2],
            since=("the load", "k6's end")[number // 8 % 2],
            number=sent,
            anchor=anchor if sent else "k6's end",
            after_s=round(draw.uniform(0.1, 4.0), 2),
        )
        yield pytest.param(trial, id=f"{number} {trial}", marks=() if number < FEW else (pytest.mark.slow,))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A stack with some nodes, and the file that says so."""
    folder = tmp_path_factory.mktemp("drips")
    without = ("discovery", "power", "mcp", "kea", "kea-sync")
    state = lifecycle.up(StackOptions(ports="ephemeral", without=without), state_dir=folder / "state")
    done = command("seed", "--target", "embedded", "--nodes", 20, cwd=folder, state=state)
    assert done.returncode == 0, done.stderr
    yield state, folder / "out" / "seed.json"
    lifecycle.down(folder / "state")


@pytest.mark.parametrize("trial", list(trials()))
def test_the_run_is_on_the_disk_in_time_and_never_looks_whole_when_it_is_not(seeded, tmp_path, trial):
    state, seed_file = seeded
    service, prometheus = Front(to=state.url("bss")), Front()
    dripping = service if trial.dripping == "the service" else prometheus
    file = tmp_path / "out" / "runs" / "boot_storm.json"
    with service.listening() as bss, prometheus.listening() as asked:
        given = {**environment(state, cwd=tmp_path), "CHAMICORE_TEST_BSS_URL": bss, "CHAMIPERF_PROMETHEUS_URL": asked}
        line = ["load", "--environment", "embedded", "--seed-file", seed_file, *LOAD]
        with subprocess.Popen(
            [sys.executable, "-m", "chamiperf_ci", *map(str, line)],
            cwd=tmp_path, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                _watch(trial, process, service, dripping, file)
            finally:
                dripping.drips.clear()
                process.kill()


def _watch(trial, process, service, dripping, file):
    """Follow a load to the trial's signal and on, and hold what is on the disk against what was measured."""
    if trial.anchor == "the start":
        time.sleep(trial.after_s)
    else:
        assert service.asked.wait(60), process.stderr.read()
        if trial.since == "the load":
            dripping.drips.set()
        if trial.anchor == "k6's end":
            # Where the service drips, the load's last requests do not end by themselves at once.
            assert until(lambda: not k6_processes(process), 60)
            dripping.drips.set()
    if trial.number is None:
        assert until(file.exists, IN_TIME_S), "no run within 7 s of k6's end"
        return
    if trial.anchor != "the start":
        time.sleep(trial.after_s)
    measured, running = service.asked.is_set(), process.poll() is None
    process.send_signal(trial.number)
    there = until(lambda: file.exists() or process.poll() is not None, IN_TIME_S)
    assert there, f"neither a run nor an end within 7 s of {trial.number.name}"
    if measured:
        assert file.exists(), process.stderr.read()
    process.wait(timeout=60)
    if file.exists():
        run = read_document(file, Run)
        # An end with 0 was there before the signal was.
        assert not running or process.returncode in (0, 3), process.stderr.read()
        assert run.complete is (process.returncode == 0 or _invalid_alone(run)), run.problems


def _invalid_alone(run):
    """Whether the load came to its end and the machine alone, or the drip, spoilt it: not the signal."""
    return not any(problem.reason == "incomplete" for problem in run.problems)


def test_a_load_that_is_refused_or_killed_before_k6_leaves_no_older_run(seeded, tmp_path):
    state, seed_file = seeded
    file = tmp_path / "out" / "runs" / "boot_storm.json"
    refusals = [
        ["--seed-file", "missing.json"],
        ["--seed-file", str(seed_file), "--profile", "missing"],
        ["--seed-file", str(seed_file), "--vus", "10", "--k6", "/missing"],
        ["--seed-file", str(seed_file), "--gateway", "http://a..b"],
        ["--seed-file", str(seed_file), "--k6-output", "missing"],
    ]
    for refusal in refusals:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("an older run", encoding="utf-8")
        done = command("load", "--target", "embedded", *refusal, cwd=tmp_path, state=state)
        assert (done.returncode, file.exists()) == (2, False), (refusal, done.stderr)
    service = Front(to=state.url("bss"))
    service.drips.set()
    file.write_text("an older run", encoding="utf-8")
    with service.listening() as bss:
        given = {**environment(state, cwd=tmp_path), "CHAMICORE_TEST_BSS_URL": bss}
        line = ["load", "--environment", "embedded", "--seed-file", str(seed_file)]
        with subprocess.Popen(
            [sys.executable, "-m", "chamiperf_ci", *line],
            cwd=tmp_path, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            assert until(lambda: not file.exists(), 60)
            process.kill()
    assert not file.exists()
