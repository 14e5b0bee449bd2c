"""Waiting for readiness."""

import pytest
from made_targets import target, target_of
from scripted_server import Reply, serving

from chamicore_standin import faulting
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import CertificateRefused, StackUnreachable
from chamiperf_ci.models.faults import SlowStart
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.readiness import wait_until_ready

READY = Reply(200, {"status": "ready"})


def _wait(services, timeout_s=10.0, said=None):
    said = [] if said is None else said
    with Chamicore(target(services=services), retry=RetryPolicy(timeout_s=1, retries=0)) as client:
        return wait_until_ready(client, timeout_s=timeout_s, say=said.append)


def test_a_stack_that_becomes_ready_is_waited_for_and_told_once():
    said = []
    unready = Reply(503, {"detail": "first sync is running"})
    with serving([unready, unready, READY]) as server:
        _wait({Service.BSS: server.url}, said=said)
    assert said == ["waiting for bss: status 503, first sync is running"]


def test_a_service_that_is_never_ready_is_named_with_its_reason():
    with serving(Reply(503, {"detail": "no database"})) as bad, serving(READY) as good:
        with pytest.raises(StackUnreachable) as failed:
            _wait({Service.SMD: good.url, Service.BSS: bad.url}, timeout_s=0.6)
        url = bad.url
    assert str(failed.value) == (
        f"not ready within 0.6 s: bss: status 503, no database ({url}). "
        "Read the services' logs, or wait longer with --timeout."
    )


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(200), "status 200, without a message"),
        (Reply(200, b"<html><title>Sign in</title></html>"), "status 200, <html>"),
        (Reply(200, {"database": "ok"}), "status 200"),
        (Reply(204), "status 204"),
    ],
)
def test_an_answer_that_is_not_what_the_dialect_promises_is_not_ready(reply, says):
    with serving(reply) as server, pytest.raises(StackUnreachable, match=says):
        _wait({Service.BSS: server.url}, timeout_s=0.5)


def test_a_service_that_hangs_does_not_hold_the_wait_up():
    with serving(Reply(hang=True)) as server, pytest.raises(StackUnreachable, match="not ready within"):
        _wait({Service.BSS: server.url}, timeout_s=0.3)


def test_a_certificate_that_is_not_trusted_ends_the_wait_at_once(embedded_stack):
    with pytest.raises(CertificateRefused):
        _wait({Service.SMD: embedded_stack.url("smd").replace("http:", "https:")}, timeout_s=60)


@pytest.mark.e2e
def test_a_stack_that_starts_slowly_is_waited_for(make_stack):
    state = make_stack(without=("cloud-init", "discovery", "power", "mcp", "kea", "kea-sync"))
    faulting.set_fault(state, SlowStart(service="bss", seconds=8))
    with pytest.raises(StackUnreachable, match="bss: status 503"):
        _wait(target_of(state).services, timeout_s=0.5)
    _wait(target_of(state).services, timeout_s=60)
