"""What other processes use of the machine is told apart from what the experiment uses."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chamiperf_ci.adapters.k6 import process as process_module
from chamiperf_ci.adapters.k6.process import ResourceSampler
from chamiperf_ci.adapters.machine import Allowance

SPIN = "while True: pass"


@pytest.fixture
def spinning():
    """A process that uses a core for itself."""
    with subprocess.Popen([sys.executable, "-c", SPIN]) as process:
        yield process.pid
        process.kill()


def test_the_same_work_is_foreign_unless_it_belongs_to_the_experiment(spinning):
    foreign, beside = _look(ResourceSampler()), _look(ResourceSampler([spinning]))
    assert foreign.foreign_cpu_percent == foreign.machine_cpu_percent > 0
    assert beside.foreign_cpu_percent < beside.machine_cpu_percent


def _look(sampler, *pids):
    time.sleep(0.5)
    return sampler.sample(pids)


def test_a_process_that_is_gone_counts_as_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    seen = ResourceSampler([process.pid]).sample([process.pid])
    assert (seen.cpu_percent, seen.used_share, seen.rss_mb, seen.usable_cores) == (0.0, 0.0, 0.0, math.inf)


def test_the_share_of_what_it_may_use_is_told_from_the_share_of_the_machine(spinning):
    os.sched_setaffinity(spinning, [min(os.sched_getaffinity(0))])
    sampler = ResourceSampler()
    sampler.sample([spinning])
    seen = _look(sampler, spinning)
    assert seen.usable_cores == 1
    assert seen.used_share == pytest.approx(seen.cpu_percent / 100)
    assert seen.used_share > 0


def test_each_process_is_held_against_what_it_may_use_itself(spinning, monkeypatch):
    with subprocess.Popen(["sleep", "60"]) as idle:
        kept = Allowance(frozenset(range(4)), {Path("half"): 0.5})
        allowed = {spinning: kept, idle.pid: Allowance(frozenset(range(4)), {})}
        monkeypatch.setattr(process_module, "allowances", lambda _pids: allowed)
        sampler = ResourceSampler()
        sampler.sample([spinning, idle.pid])
        seen = _look(sampler, spinning, idle.pid)
        idle.kill()
    assert seen.used_share == pytest.approx(seen.cpu_percent / 100 / 0.5)
    assert seen.used_share > 0
    # It always runs or waits: one processor of the four.
    assert seen.wanted_share < 0.5


def test_a_process_that_waits_for_its_processor_is_told_from_one_that_sleeps(spinning):
    core = [min(os.sched_getaffinity(0))]
    crowd = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(4)]
    idle = subprocess.Popen(["sleep", "60"])
    try:
        for pid in (spinning, *(each.pid for each in crowd)):
            os.sched_setaffinity(pid, core)
        sampler = ResourceSampler()
        for each, waits in ((spinning, True), (idle.pid, False)):
            sampler.sample([each])
            assert (_look(sampler, each).wanted_share > 0.3) is waits
    finally:
        for each in (*crowd, idle):
            each.kill()
            each.wait()


def test_a_process_that_is_stopped_is_seen(spinning):
    sampler = ResourceSampler()
    sampler.look([spinning])
    os.kill(spinning, signal.SIGSTOP)
    # Until it is seen to be: the signal takes a while to arrive.
    deadline = time.monotonic() + 30
    while sampler.sample([spinning]).stopped_share == 0 and time.monotonic() < deadline:
        sampler.look([spinning])
    for _ in range(4):
        sampler.look([spinning])
    assert sampler.sample([spinning]).stopped_share == 1.0
    os.kill(spinning, signal.SIGCONT)
