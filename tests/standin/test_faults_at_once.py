"""Faults that are set and cleared by several commands at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chamicore_standin import faulting
from chamiperf_ci.models import faults
from chamiperf_ci.models.target import ProcessRef, StackOptions, StackState


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A stack of no processes, on which whoever writes is slower than whoever reads."""
    write = faults.write

    def slowly(folder, active):
        time.sleep(0.05)
        write(folder, active)

    monkeypatch.setattr(faults, "write", slowly)
    monkeypatch.setattr(faults, "SETTLE_S", 0)
    return StackState(
        version="1",
        commit="c",
        started_at="2026-01-01T00:00:00Z",
        boot_id="b",
        state_dir=str(tmp_path),
        options=StackOptions(),
        sizing="",
        durability="",
        supervisor=ProcessRef(pid=1, started_ticks=1),
        services=(),
    )


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def test_of_faults_that_are_set_at_once_none_is_lost(state):
    made = at_once(*[lambda: faulting.set_fault(state, faults.Errors(service="*", rate=1))] * 4)
    assert {each.id for each in faulting.list_faults(state)} == {each.id for each in made}


def test_a_fault_that_is_set_while_another_is_cleared_stays(state):
    first = faulting.set_fault(state, faults.Errors(service="*", rate=1))
    second, _ = at_once(
        lambda: faulting.set_fault(state, faults.Errors(service="*", rate=0.5)),
        lambda: faulting.clear_faults(state, first.id),
    )
    assert faulting.list_faults(state) == (second,)
