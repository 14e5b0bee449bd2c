"""Each fault does what it says, reaches every worker, and ends when it is cleared."""

import contextlib
import time
from pathlib import Path

import httpx
import pytest
from stack_api import Api, eventually

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models import faults
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e

MAC = "02:00:00:00:00:01"
SMALL = ("auth", "smd", "discovery", "power", "mcp", "kea")


def _with_two_nodes(client):
    for number in (1, 2):
        client.create_boot_params(f"n-{number}", f"02:00:00:00:00:0{number}")
        client.create_payload(f"n-{number}")
    return client


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """BSS and Cloud-Init with two nodes."""
    folder = tmp_path_factory.mktemp("faults") / "state"
    state = lifecycle.up(StackOptions(ports="ephemeral", without=SMALL), state_dir=folder)
    with contextlib.closing(_with_two_nodes(Api(state))):
        yield state
    lifecycle.down(folder)


@pytest.fixture
def stack(shared, api, cleared):
    """The state of the stack that these tests share, and a client; no fault is left on it."""
    yield shared, api(shared)
    cleared(shared)


@pytest.fixture
def own_stack(make_stack, api):
    """The same for a test that restarts it, fills it, or adds nodes."""
    state = make_stack(without=SMALL)
    return state, _with_two_nodes(api(state))


def _family(client, service, name):
    """The lines of a metric family."""
    text = client.get(service, "/metrics").text
    return [line for line in text.splitlines() if line.startswith(name)]


def _value(client, service, name):
    return float(_family(client, service, name)[0].split()[-1])


def _seconds(client, name, labels):
    """The sum of a histogram's series whose labels contain a text."""
    lines = [line for line in _family(client, "bss", f"{name}_sum") if labels in line]
    return sum(float(line.split()[-1]) for line in lines)


@pytest.mark.parametrize(
    ("layer", "request_sees_it", "query_sees_it"),
    [("front", False, False), ("service", True, False), ("database", True, True)],
)
def test_latency_is_seen_by_what_lies_outside_of_it(stack, faulted, layer, request_sees_it, query_sees_it):
    state, client = stack

    def said():
        return (
            _seconds(client, "http_server_request_duration_seconds", 'route="/boot/v1/bootscript"'),
            _seconds(client, "db_query_duration_seconds", 'db_operation="select"'),
        )

    client.script(MAC)
    before = said()
    faulted(state, "latency", service="bss", route="bootscript", latency_ms=1500, layer=layer)
    assert client.script(MAC).elapsed.total_seconds() > 1.4
    seen, query = (now - then > 1.4 for now, then in zip(said(), before, strict=True))
    assert (seen, query) == (request_sees_it, query_sees_it)


def test_latency_lies_only_on_the_route_that_is_named(stack, faulted):
    state, client = stack
    faulted(state, "latency", service="bss", route="bootscript", latency_ms=60_000)
    assert client.get("bss", "/boot/v1/bootparams").status_code == 200


def test_a_fault_on_every_route_leaves_the_operational_ones_alone(stack, faulted):
    state, client = stack
    faulted(state, "errors", service="*", rate=1)
    statuses = [client.get("bss", path).status_code for path in ("/health", "/readiness", "/metrics", "/version")]
    assert statuses == [200] * 4
    assert (client.script(MAC).status_code, client.user_data("n-1").status_code) == (503, 503)


@pytest.mark.parametrize(
    ("error", "status", "content_type"),
    [
        ("503", 503, "application/problem+json"),
        ("429", 429, "application/problem+json"),
        ("500", 500, "text/plain; charset=utf-8"),
    ],
)
def test_an_error_has_the_form_of_its_kind(stack, faulted, error, status, content_type):
    state, client = stack
    faulted(state, "errors", service="bss", rate=1, error=error, retry_after_s=7)
    answer = client.script(MAC)
    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
    assert answer.headers["retry-after"] == "7"


def test_a_429_need_not_say_when_to_come_back(stack, faulted):
    state, client = stack
    faulted(state, "errors", service="bss", rate=1, error="429")
    assert "retry-after" not in client.script(MAC).headers


def test_a_reset_tears_the_connection_down(stack, faulted):
    state, client = stack
    faulted(state, "errors", service="bss", rate=1, error="reset")
    with pytest.raises(httpx.ReadError, match="reset"):
        client.script(MAC)


def test_an_error_rate_is_a_share(stack, faulted):
    state, client = stack
    faulted(state, "errors", service="bss", rate=0.5)
    statuses = [client.script(MAC).status_code for _ in range(60)]
    assert set(statuses) == {200, 503}


def test_a_fault_ends_when_it_is_cleared(stack, faulted, cleared):
    state, client = stack
    faulted(state, "errors", service="bss", rate=1)
    cleared(state)
    assert client.script(MAC).status_code == 200


def test_one_of_several_faults_can_be_cleared(stack, faulted):
    state, client = stack
    first = faulted(state, "errors", service="bss", rate=1)
    second = faulted(state, "errors", service="cloud-init", rate=1)
    assert faulting.clear_faults(state, first.id) == 1
    assert [fault.id for fault in faulting.list_faults(state)] == [second.id]
    assert (client.script(MAC).status_code, client.user_data("n-1").status_code) == (200, 503)


def test_a_fault_that_is_not_set_cannot_be_cleared(stack):
    with pytest.raises(ConfigurationError, match="no fault nope"):
        faulting.clear_faults(stack[0], "nope")


def test_a_fault_reaches_every_worker(make_stack, api, faulted):
    state = make_stack(workers=2, without=SMALL)
    api(state).create_boot_params("n-1", MAC)
    faulted(state, "errors", service="bss", rate=1)
    assert {api(state).script(MAC).status_code for _ in range(30)} == {503}


def test_a_fault_outlives_a_restart(own_stack, api, faulted):
    state, _ = own_stack
    faulted(state, "errors", service="bss", rate=1)
    again = lifecycle.restart(Path(state.state_dir))
    assert api(again).script(MAC).status_code == 503


def test_a_stall_holds_what_comes_in(stack, faulted):
    state, client = stack
    faulted(state, "stall", service="bss", route="bootscript", stall_s=1.5, every_s=60)
    assert client.script(MAC).elapsed.total_seconds() > 0.5
    assert client.script(MAC).status_code == 200


def test_readiness_goes_and_comes_back_while_scripts_are_served(stack, faulted):
    state, client = stack
    faulted(state, "readiness-down", service="bss", seconds=1.5)
    answer = client.get("bss", "/readiness")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert client.script(MAC).status_code == 200
    assert eventually(lambda: client.get("bss", "/readiness").status_code == 200)


def test_a_slow_start_is_felt_at_the_next_restart(own_stack, faulted):
    state, client = own_stack
    faulted(state, "slow-start", service="bss", seconds=1.5)
    assert client.get("bss", "/readiness").status_code == 503
    begun = time.monotonic()
    lifecycle.restart(Path(state.state_dir))
    assert time.monotonic() - begun > 1.5


def test_a_leak_makes_resident_memory_grow(own_stack, faulted):
    state, client = own_stack
    before = _value(client, "bss", "process_resident_memory_bytes ")
    faulted(state, "leak", service="bss", mb_per_s=50)
    grown = eventually(lambda: _value(client, "bss", "process_resident_memory_bytes ") > before + 20e6)
    assert grown


def test_an_exhausted_pool_is_in_use_and_is_waited_for(stack, faulted):
    state, client = stack
    waited = _value(client, "bss", "db_pool_wait_duration_seconds_count ")
    faulted(state, "pool-exhaustion", service="bss", wait_ms=50)
    assert client.script(MAC).status_code == 200
    assert _value(client, "bss", "db_pool_connections_active ") == _value(client, "bss", "db_pool_connections_max ")
    assert _value(client, "bss", "db_pool_connections_idle ") == 0
    assert _value(client, "bss", "db_pool_wait_duration_seconds_count ") == waited + 1


def test_a_swapped_script_is_another_nodes_with_200(stack, faulted):
    state, client = stack
    faulted(state, "swap-scripts", service="bss")
    answers = [client.script(f"02:00:00:00:00:0{number}") for number in (1, 2)]
    assert [("http://k/n-1" in each.text, "http://k/n-2" in each.text) for each in answers] == [
        (False, True),
        (True, False),
    ]
    assert {each.status_code for each in answers} == {200}


def test_swapped_user_data_is_another_nodes_with_200(stack, faulted):
    state, client = stack
    faulted(state, "swap-scripts", service="cloud-init")
    assert "hostname: n-2" in client.user_data("n-1").text


@pytest.mark.parametrize(("service", "fetch"), [("bss", "script"), ("cloud-init", "user_data")])
def test_as_many_nodes_are_lost_as_the_fault_says_and_found_again(own_stack, faulted, cleared, service, fetch):
    state, client = own_stack
    for number in range(3, 10):
        client.create_boot_params(f"n-{number}", f"02:00:00:00:00:0{number}")
        client.create_payload(f"n-{number}")
    key = "02:00:00:00:00:0{}" if service == "bss" else "n-{}"

    def lost():
        return sum(getattr(client, fetch)(key.format(number)).status_code == 404 for number in range(1, 10))

    faulted(state, "lose-sync", service=service, count=4, seed=3)
    assert lost() == 4
    cleared(state)
    assert lost() == 0


def test_a_lost_node_is_not_in_the_list_either(stack, faulted):
    state, client = stack
    faulted(state, "lose-sync", service="bss", count=1)
    assert client.get("bss", "/boot/v1/bootparams").json()["metadata"]["total"] == 1


def test_nodes_that_come_later_are_lost_until_there_are_enough(own_stack, faulted):
    state, client = own_stack
    faulted(state, "lose-sync", service="bss", count=3)
    client.create_boot_params("n-3", "02:00:00:00:00:03")
    assert eventually(lambda: client.script("02:00:00:00:00:03").status_code == 404)


def test_changes_that_kea_sync_lost_never_reach_kea(make_stack, api, faulted):
    state = make_stack(sync_interval_s=0.1, without=("auth", "discovery", "power", "mcp", "cloud-init", "bss"))
    client = api(state)
    faulted(state, "lose-sync", service="kea-sync", count=2)
    client.create_component("n-1")
    for number in range(5):
        client.create_interface("n-1", f"02:00:00:00:00:0{number}", f"198.18.0.{number + 1}")

    def there():
        body = {"command": "reservation-get-all", "service": ["dhcp4"]}
        return len(client.post("kea", "/", body).json()[0]["arguments"]["reservations"])

    assert eventually(lambda: there() == 3)
    runs = _value(client, "kea-sync", "sync_not_modified_total ")
    assert eventually(lambda: _value(client, "kea-sync", "sync_not_modified_total ") > runs)
    assert there() == 3


def test_a_missing_family_is_not_there_and_the_others_are(stack, faulted):
    state, client = stack
    faulted(state, "metrics-missing", service="bss", families=("db_query_duration_seconds",))
    assert _family(client, "bss", "db_query_duration_seconds") == []
    assert _family(client, "bss", "db_pool_connections_active")


def test_a_missing_endpoint_is_not_found(stack, faulted):
    state, client = stack
    faulted(state, "metrics-missing", service="bss")
    assert client.get("bss", "/metrics").status_code == 404


@pytest.mark.parametrize(
    ("style", "spelling"),
    [
        ("short", 'method="GET",route="/health",status="200"'),
        ("http", 'http_method="GET",http_route="/health",http_status_code="200"'),
        ("semconv", 'http_request_method="GET",http_route="/health",http_response_status_code="200"'),
        ("code", 'method="GET",route="/health",code="200"'),
    ],
)
def test_labels_are_spelt_in_the_style_that_is_asked_for(stack, faulted, style, spelling):
    state, client = stack
    client.get("bss", "/health")
    faulted(state, "metric-label-style", service="bss", style=style)
    assert f"http_server_requests_total{{{spelling}}} " in client.get("bss", "/metrics").text


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(faults.Errors(service="nope", rate=1), "errors cannot lie on nope", id="no such service"),
        pytest.param(faults.Errors(service="smd", rate=1), "errors cannot lie on smd", id="a service left out"),
        pytest.param(faults.KeaStop(service="bss"), "kea-stop cannot lie on bss", id="a service it makes no sense on"),
        pytest.param(faults.Errors(service="bss", route="nope", rate=1), "bss has no route nope", id="no such route"),
        pytest.param(
            faults.Errors(service="*", route="bootscript", rate=1), "belongs to one service", id="any service"
        ),
    ],
)
def test_a_fault_that_would_do_nothing_is_refused(stack, fault, message):
    with pytest.raises(ConfigurationError, match=message):
        faulting.set_fault(stack[0], fault)


@pytest.mark.parametrize(
    ("service", "message"),
    [("gateway", "cannot lie on gateway"), ("mcp", "mcp has no routes that latency could lie on")],
)
def test_latency_is_refused_where_no_request_would_feel_it(make_stack, service, message):
    state = make_stack(gateway=True, without=("auth", "smd", "bss", "cloud-init", "discovery", "power", "kea"))
    with pytest.raises(ConfigurationError, match=message):
        faulting.set_fault(state, faults.Latency(service=service, latency_ms=1))
