"""What other processes use of the machine is told apart from what the experiment uses."""

import subprocess
import sys
import time

import pytest

from chamiperf_ci.adapters.k6.process import ResourceSampler

SPIN = "while True: pass"


@pytest.fixture
def spinning():
    """A process that uses a core for itself."""
    with subprocess.Popen([sys.executable, "-c", SPIN]) as process:
        yield process.pid
        process.kill()


def test_the_same_work_is_foreign_unless_it_belongs_to_the_experiment(spinning):
    foreign, beside = _look(ResourceSampler([])), _look(ResourceSampler([], own_pids=[spinning]))
    assert foreign.foreign_cpu_percent == foreign.machine_cpu_percent > 0
    assert beside.foreign_cpu_percent < beside.machine_cpu_percent


def _look(pulse):
    time.sleep(0.5)
    return pulse.sample()


def test_a_process_that_is_gone_counts_as_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert ResourceSampler([process.pid], own_pids=[process.pid]).sample().cpu_percent == 0.0
