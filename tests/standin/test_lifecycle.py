"""A stack is found again, recognised when it is stale, and leaves nothing behind."""

import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from chamicore_standin import catalogue, lifecycle
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e


def _everyone(state):
    return [state.supervisor, *(ref for service in state.services for ref in service.processes)]


def _gone(refs, within_s=10.0):
    deadline = time.monotonic() + within_s
    while any(ref.is_running() for ref in refs) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(ref.is_running() for ref in refs)


def test_a_stack_that_is_up_is_found_again(embedded_stack):
    assert lifecycle.find(Path(embedded_stack.state_dir)) == embedded_stack


def test_where_no_stack_was_started_none_is_found(tmp_path):
    assert lifecycle.find(tmp_path) is None


def test_down_leaves_no_process_and_no_file(make_stack, faulted, tmp_path):
    state = make_stack(tls=True, workers=2)
    faulted(state, "errors", service="bss", rate=0.5)
    assert lifecycle.down(Path(state.state_dir)) is True
    assert _gone(_everyone(state))
    assert list(tmp_path.iterdir()) == []


def test_down_says_that_there_was_nothing(tmp_path):
    assert lifecycle.down(tmp_path / "absent") is False


def test_down_removes_nothing_that_is_not_a_stacks(make_stack):
    state = make_stack()
    mine = Path(state.state_dir) / "mine.txt"
    mine.write_text("kept", encoding="utf-8")
    lifecycle.down(Path(state.state_dir))
    assert mine.read_text(encoding="utf-8") == "kept"


def test_the_services_die_with_a_supervisor_that_is_killed(make_stack):
    state = make_stack()
    os.kill(state.supervisor.pid, signal.SIGKILL)
    assert _gone(_everyone(state))


def test_what_a_killed_stack_left_is_not_taken_for_a_stack(make_stack):
    state = make_stack()
    os.kill(state.supervisor.pid, signal.SIGKILL)
    assert _gone(_everyone(state))
    assert lifecycle.find(Path(state.state_dir)) is None


def test_a_new_stack_clears_what_a_killed_one_left(make_stack):
    state = make_stack()
    os.kill(state.supervisor.pid, signal.SIGKILL)
    assert _gone(_everyone(state))
    again = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=Path(state.state_dir))
    assert lifecycle.find(Path(state.state_dir)) == again


def test_a_recycled_pid_is_not_taken_for_the_supervisor(make_stack):
    state = make_stack()
    stranger = state.supervisor.model_copy(update={"pid": os.getpid()})
    assert state.model_copy(update={"supervisor": stranger}).is_up() is False


def test_a_second_stack_in_the_same_folder_is_refused(embedded_stack):
    with pytest.raises(ConfigurationError, match="a stack is already up"):
        lifecycle.up(StackOptions(ports="ephemeral"), state_dir=Path(embedded_stack.state_dir))


@pytest.mark.parametrize("shared", [False, True], ids=["held for itself", "held by another stack"])
def test_a_taken_port_is_named_with_its_holder_and_the_way_out(tmp_path, monkeypatch, shared):
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setattr("chamicore_standin.catalogue.wanted_ports", lambda _options: {"smd": port})
        with pytest.raises(ConfigurationError) as caught:
            lifecycle.up(StackOptions(), state_dir=tmp_path / "state")
    assert f"port {port} of smd is taken by " in caught.value.wrong
    assert f"(pid {os.getpid()})" in caught.value.wrong
    assert "--ports ephemeral" in caught.value.remedy


def test_the_token_is_readable_by_its_owner_only_and_on_no_command_line(make_stack, monkeypatch):
    monkeypatch.setenv(lifecycle.TOKEN_VARIABLE, "0123456789abcdef")
    state = make_stack(internal_token="0123456789abcdef")
    token_file = Path(state.state_dir) / catalogue.TOKEN_FILE
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert lifecycle.internal_token(state) == "0123456789abcdef"
    seen = [(Path(state.state_dir) / catalogue.STATE_FILE).read_bytes()]
    for ref in _everyone(state):
        seen += [Path(f"/proc/{ref.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    assert [text for text in seen if b"0123456789abcdef" in text] == []


def test_no_process_of_a_stack_inherits_what_is_secret(make_stack, monkeypatch):
    secrets = ("GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_SECRET_ACCESS_KEY", "CHAMIPERF_WEBHOOK_URL", "X")
    for name in secrets:
        monkeypatch.setenv(name, f"canary-{name}")
    monkeypatch.setenv("LC_MEASUREMENT", "C")
    inherited = [Path(f"/proc/{ref.pid}/environ").read_bytes() for ref in _everyone(make_stack())]
    assert [text for text in inherited if b"canary" in text] == []
    assert all(b"PATH=" in text and b"LC_MEASUREMENT=C" in text for text in inherited)


def test_a_restart_keeps_ports_and_data(make_stack, api):
    state = make_stack()
    api(state).create_component("n-1")
    again = lifecycle.restart(Path(state.state_dir))
    assert [service.url for service in again.services] == [service.url for service in state.services]
    assert api(again).get("smd", "/hsm/v2/State/Components/n-1").status_code == 200


def test_data_that_was_kept_is_there_for_the_next_stack(make_stack, api):
    state = make_stack()
    api(state).create_component("n-1")
    lifecycle.down(Path(state.state_dir), keep_data=True)
    again = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=Path(state.state_dir), keep_data=True)
    assert api(again).get("smd", "/hsm/v2/State/Components/n-1").status_code == 200


def test_without_keep_data_a_new_stack_is_empty(make_stack, api):
    state = make_stack()
    api(state).create_component("n-1")
    lifecycle.down(Path(state.state_dir), keep_data=True)
    again = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=Path(state.state_dir))
    assert api(again).get("smd", "/hsm/v2/State/Components/n-1").status_code == 404


def test_a_service_that_dies_is_not_healed_and_its_port_refuses(make_stack):
    state = make_stack()
    victim, _ = next(service.processes for service in state.services if service.name == "bss")
    os.kill(victim.pid, signal.SIGKILL)
    assert _gone([victim])
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{state.url('bss')}/health", timeout=5)  # noqa: S310 - loopback


def test_a_service_left_out_is_not_served(make_stack):
    assert [service.name for service in make_stack(without=("smd", "auth")).services][:2] == ["bss", "cloud-init"]


def test_an_unknown_service_cannot_be_left_out(tmp_path):
    with pytest.raises(ConfigurationError, match="no such service: nope"):
        lifecycle.up(StackOptions(without=("nope",)), state_dir=tmp_path / "state")
