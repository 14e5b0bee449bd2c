"""How these tests talk to a stack."""

import os
import signal

import pytest
from pydantic import TypeAdapter
from stack_api import Api, eventually

from chamicore_standin import faulting
from chamiperf_ci.models.faults import Fault


@pytest.fixture
def api():
    """Make an Api for a stack."""
    made = []

    def make(state):
        made.append(Api(state))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def faulted():
    """Set a fault by its kind; the fault as it was set."""

    def set_(state, kind, **fields):
        return faulting.set_fault(state, TypeAdapter(Fault).validate_python({"kind": kind, **fields}))

    return set_


@pytest.fixture
def cleared():
    """Clear every fault."""
    return faulting.clear_faults


@pytest.fixture
def kill():
    """Kill every process of a service."""

    def kill_(state, name):
        victims = next(service.processes for service in state.services if service.name == name)
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
        assert eventually(lambda: not any(victim.is_running() for victim in victims))

    return kill_
