"""Where slow-downs are injected, with a stack's folder instead of a stack."""

from pathlib import Path

import pytest
from made_drills import STATE

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models import faults
from chamiperf_ci.models.faults import Latency
from chamiperf_ci.models.target import ServiceState, StackKind, StackOptions, TargetOptions
from chamiperf_ci.steps.drill.measure import DEPLOYED, PLACES, Injection, find_injection
from chamiperf_ci.steps.load.request import read_profile
from chamiperf_ci.steps.targets import resolve

EMBEDDED = resolve(TargetOptions(services={"bss": "http://127.0.0.1:2"})).model_copy(
    update={"stack_kind": StackKind.EMBEDDED}
)


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """What is known of a stack that is up; faults can be set in its folder."""
    monkeypatch.setattr(faults, "SETTLE_S", 0)
    bss = ServiceState(name="bss", url="http://127.0.0.1:2", port=2, processes=())
    state = STATE.model_copy(update={"state_dir": str(tmp_path), "services": (bss,)})
    monkeypatch.setattr(files, "find_stack", lambda: state)
    return state


def set_faults(stack):
    return [(fault.service, fault.route, fault.latency_ms) for fault in faults.read(Path(stack.state_dir))]


def test_a_slow_down_is_a_share_of_the_service_time_on_the_scenarios_route(stack):
    with find_injection(EMBEDDED, "boot_storm").slowed(0.4):
        assert set_faults(stack) == [("bss", "bootscript", pytest.approx(3.2))]


def test_a_slow_down_is_taken_away_whatever_happens(stack):
    with pytest.raises(RuntimeError), find_injection(EMBEDDED, "boot_storm").slowed(0.4):
        raise RuntimeError
    assert set_faults(stack) == []


def test_a_fault_of_somebody_else_stays(stack):
    with find_injection(EMBEDDED, "boot_storm").slowed(0.4):
        faults.add(Path(stack.state_dir), Latency(service="bss", latency_ms=1))
    assert set_faults(stack) == [("bss", "*", 1)]


def test_a_fault_that_somebody_else_cleared_is_no_failure(stack):
    with find_injection(EMBEDDED, "boot_storm").slowed(0.4):
        faults.remove(Path(stack.state_dir))
    assert set_faults(stack) == []


def test_an_effect_of_none_sets_no_fault(stack):
    with find_injection(EMBEDDED, "boot_storm").slowed(0.0):
        assert set_faults(stack) == []


def test_a_deployed_stack_is_never_slowed_down(stack):
    deployed = EMBEDDED.model_copy(update={"stack_kind": StackKind.DEPLOYED})
    assert (find_injection(deployed, "boot_storm"), set_faults(stack)) == (DEPLOYED, [])


@pytest.mark.usefixtures("stack")
def test_a_scenario_without_a_declared_service_time_is_computed():
    assert "no declared service time in inventory_scale" in find_injection(EMBEDDED, "inventory_scale")


def test_a_stack_without_a_service_time_is_refused(stack, monkeypatch):
    monkeypatch.setattr(files, "find_stack", lambda: stack.model_copy(update={"options": StackOptions()}))
    with pytest.raises(ConfigurationError, match="none is declared"):
        find_injection(EMBEDDED, "boot_storm")


def test_a_stack_that_is_broken_already_is_refused(stack):
    faults.add(Path(stack.state_dir), Latency(service="bss", latency_ms=1))
    with pytest.raises(ConfigurationError, match="faults are set"):
        find_injection(EMBEDDED, "boot_storm")


@pytest.mark.parametrize("scenario", PLACES)
def test_a_place_is_of_a_scenario_that_exists(scenario):
    assert scenario in read_profile("demo").scenarios


def test_an_injection_knows_its_milliseconds():
    assert Injection(STATE, "bss", "bootscript", 8.0).milliseconds(0.05) == pytest.approx(0.4)
