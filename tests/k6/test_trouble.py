"""What is wrong with a stack is seen by the scenario that is meant to see it, and named."""

import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from k6_runs import finish, light, plan_of, seed, start
from scripted_server import Reply, serving

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e

BOOT_ONLY = ("discovery", "power", "mcp", "kea", "kea-sync")
NODES = 300


SHORT = {
    "model": "closed",
    "pace_s": 0.1,
    "phases": [
        {"name": "ramp-up", "duration_s": 0.2, "from_vus": 0, "to_vus": 30},
        {"name": "sustained", "duration_s": 3, "from_vus": 30, "to_vus": 30},
    ],
    "parameters": {},
}


@pytest.fixture(scope="module")
def boot_path(tmp_path_factory):
    """A stack with the services of the boot path and 300 nodes; its state and their run id."""
    folder = tmp_path_factory.mktemp("stack")
    state = lifecycle.up(StackOptions(ports="ephemeral", without=BOOT_ONLY), state_dir=folder / "state")
    yield state, seed(folder / "seed", state, NODES)
    lifecycle.down(folder / "state")


@pytest.fixture
def boot_stack(boot_path):
    """The same, healed afterwards."""
    yield boot_path
    faulting.clear_faults(boot_path[0])


@pytest.fixture
def drive(boot_stack, run_k6):
    """Run a scenario on it."""
    state, run = boot_stack

    def drive_(scenario, load=SHORT, *, urls=None, **more):
        plan = plan_of(state, scenario, load, run=run, nodes=NODES)
        plan["urls"].update(urls or {})
        return run_k6(plan, state=state, **more)

    return drive_


def test_nodes_whose_data_was_lost_are_counted_exactly(boot_stack, drive, fault):
    state, _ = boot_stack
    draw = random.SystemRandom()
    lost = draw.randint(0, 200)
    fault(state, "lose-sync", service="bss", count=lost, seed=draw.randint(1, 10**6), secret=True)
    ended = drive("boot_storm")
    found = [ended.scalar(f"nodes {what}") for what in ("never served", "booted", "not asked")]
    assert found == [lost, NODES - lost, 0]


def test_nodes_that_are_served_at_a_later_attempt_count_as_booted(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "errors", service="bss", route="bootscript", rate=0.3)
    ended = drive("boot_storm")
    assert ended.scalar("nodes never served") < 0.25 * NODES
    assert ended.traffic("bootscript", "failed") > 0.2 * ended.traffic("bootscript", "requests")


def test_another_nodes_script_with_status_200_is_an_error(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "swap-scripts", service="bss")
    ended = drive("boot_storm")
    assert ended.why("bootscript", "content") == ended.traffic("bootscript", "requests") > 0
    assert any("wrong content" in line for line in ended.lines("warning"))


def test_another_nodes_user_data_with_status_200_is_an_error(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "swap-scripts", service="cloud-init")
    ended = drive("cloud_init_storm")
    assert ended.why("user-data", "content") == ended.traffic("user-data", "requests") > 0


def test_throttled_answers_are_counted_apart_from_failures(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "errors", service="bss", route="bootscript", rate=1, error="429")
    ended = drive("boot_storm")
    assert ended.traffic("bootscript", "throttled") == ended.traffic("bootscript", "requests") > 0
    assert ended.traffic("bootscript", "failed") == 0


def test_failures_are_counted_per_window(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "errors", service="bss", route="bootscript", rate=1, error="500")
    ended = drive("boot_storm")
    (series,) = ended.sums.series
    assert [window.failed for window in series.windows] == [window.count for window in series.windows]


def test_connections_that_are_reset_are_failures_without_an_answer(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "errors", service="bss", route="bootscript", rate=1, error="reset")
    assert drive("boot_storm").why("bootscript", "no_answer") > 0


def test_a_failure_is_logged_with_its_body_once_a_vu(boot_stack, drive, fault):
    state, _ = boot_stack
    fault(state, "errors", service="bss", route="bootscript", rate=1)
    samples = [line for line in drive("boot_storm").lines("warning") if "chamiperf-failure" in line]
    assert 0 < len(samples) <= 40
    assert '\\"endpoint\\":\\"bootscript\\"' in samples[0]


def test_a_refused_credential_is_counted_as_refused(drive):
    ended = drive("inventory_scale", CHAMICORE_INTERNAL_TOKEN="not-the-token")
    assert ended.traffic("component-get", "refused") == ended.traffic("component-get", "failed") > 0


def test_schemas_whose_services_are_absent_are_named_and_the_others_measured(drive):
    ended = drive("database_stress", light("database_stress"))
    assert {each.what for each in ended.sums.unavailable} == {"discovery", "power"}
    assert ended.traffic("component-create", "requests") > 0
    assert ended.unwell() == []


def test_a_stack_without_a_bulk_route_says_so_and_registers_one_by_one(drive):
    ended = drive("bulk_registration", light("bulk_registration"))
    assert [(each.what, each.reason) for each in ended.sums.unavailable] == [("bulk route", "answers 405")]
    # A busy machine does not get all thousand done in the phase's time.
    made = sum(row.requests - row.failed for row in ended.sums.traffic if row.endpoint == "component-create")
    assert 0 < ended.scalar("registered", phase="sustained") <= 1000
    assert sum(each.value for each in ended.sums.scalars if each.name == "registered") == made


def test_without_kea_a_dhcp_burst_says_what_is_missing(drive):
    ended = drive("dhcp_sync_burst", light("dhcp_sync_burst"))
    assert [(each.what, each.reason) for each in ended.sums.unavailable] == [("Kea", "no URL is given")]


@pytest.fixture
def kea_stack(make_stack):
    """A stack that syncs to Kea every three seconds."""
    return make_stack(sync_interval_s=3, without=("bss", "cloud-init", "discovery", "power", "mcp"))


BURST = light("dhcp_sync_burst", parameters={"changes": 40, "settle_s": 45, "wait_s": 6, "poll_s": 0.2})


def reservations(state):
    """How many reservations the stack's Kea has."""
    url = next(service.url for service in state.services if service.name == "kea")
    answer = httpx.post(url, json={"command": "reservation-get-all", "service": ["dhcp4"]}).json()
    return len(answer[0].get("arguments", {}).get("reservations", []))


def lost_in_a_burst(state, folder, set_fault):
    """A burst whose changes Kea never gets: stopped when it knows the nodes, and before it is told of the changes.

    On a busy machine that instant is missed: the setup was still looking, or the changes were there already. Such a
    burst says nothing, and is driven again.
    """
    for attempt in range(5):
        process = start(folder / str(attempt), plan_of(state, "dhcp_sync_burst", BURST), state=state)
        while reservations(state) < 30 and process.poll() is None:
            time.sleep(0.05)
        set_fault()
        ended = finish(process, folder / str(attempt))
        if not ended.sums.unavailable and ended.scalar("changes seen") == 0:
            break
        faulting.clear_faults(state)
        while reservations(state):
            time.sleep(0.1)
    return ended


@pytest.mark.timeout(480)
@pytest.mark.parametrize(("kind", "service"), [("sync-stop", "kea-sync"), ("kea-stop", "kea")])
def test_changes_that_never_reach_kea_are_counted(kind, service, kea_stack, fault, tmp_path):
    ended = lost_in_a_burst(kea_stack, tmp_path, lambda: fault(kea_stack, kind, service=service))
    assert (ended.scalar("changes seen"), ended.scalar("changes never seen")) == (0, 40)
    assert (ended.why("kea-read", "content") > 0) is (service == "kea")


def test_a_kea_that_is_down_is_named(kea_stack, run_k6, fault):
    fault(kea_stack, "kea-stop", service="kea")
    ended = run_k6(plan_of(kea_stack, "dhcp_sync_burst", BURST), state=kea_stack)
    assert [each.what for each in ended.sums.unavailable] == ["Kea"]


@pytest.fixture
def page():
    """The URL of what answers everything with 200 and a page, as a proxy's login does."""
    with serving(Reply(200, b"<html>Log in</html>")) as server:
        yield server.url


@pytest.mark.parametrize(
    ("scenario", "service", "seen"),
    [
        ("mixed_boot_path", "smd", lambda ended: ended.why("interface-create", "content") > 0),
        pytest.param(
            "database_stress", "auth", lambda ended: ended.why("service-account-create", "content") > 0,
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "auth_under_load", "auth", lambda ended: ended.sums.unavailable != (), marks=pytest.mark.thorough
        ),
    ],
)  # fmt: skip
def test_a_page_in_place_of_json_is_no_exception_of_the_script(scenario, service, seen, drive, page):
    ended = drive(scenario, light(scenario), urls={service: page})
    assert (ended.code, ended.lines("error")) == (0, [])
    assert seen(ended)


def test_a_token_that_is_none_is_refused_by_the_services_and_no_exception_of_the_script(boot_stack, page, run_k6):
    state, run = boot_stack
    plan = plan_of(state, "inventory_scale", light("inventory_scale"), run=run, nodes=NODES, credential="dev-mode")
    plan["urls"]["auth"] = page
    ended = run_k6(plan)
    assert (ended.code, ended.lines("error")) == (0, [])
    assert ended.traffic("component-get", "refused") == ended.traffic("component-get", "requests") > 0


class Elsewhere(BaseHTTPRequestHandler):
    """Sends every request to another host, and counts those that arrive there."""

    arrived = 0

    def do_GET(self):
        """Redirect."""
        type(self).arrived += "/elsewhere" in self.path
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_a_redirect_is_a_failure_and_is_not_followed(drive):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    ended = drive("boot_storm", urls={"bss": f"http://127.0.0.1:{server.server_port}"})
    server.shutdown()
    server.server_close()
    assert Elsewhere.arrived == 0
    assert ended.why("bootscript", "status") == ended.traffic("bootscript", "requests") > 0
