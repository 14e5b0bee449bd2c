"""Power's transitions and status, and discovery's scans."""

import uuid

import pytest
from stack_api import Api, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def mapped(embedded_stack):
    """A node whose BMC power knows, and the client that made it."""
    client, ident = Api(embedded_stack), uuid.uuid4().hex
    bmc, node = f"{ident}-bmc", f"{ident}-node"
    client.post("smd", "/hsm/v2/State/Components", {"id": bmc, "type": "BMC"})
    client.create_component(node, parentId=bmc)
    client.create_interface(bmc, "0a:" + ":".join(ident[at : at + 2] for at in range(0, 10, 2)), "198.18.0.7")
    client.post("smd", "/hsm/v2/groups", {"name": ident, "members": [node]})
    assert client.post("power", "/power/v1/admin/mappings/sync", {}).status_code == 202
    yield client, node, ident
    client.close()


def _start(client, **body):
    return client.post("power", "/power/v1/transitions", body)


def test_a_dry_run_of_a_mapped_node_is_planned(mapped):
    client, node, _ = mapped
    answer = _start(client, operation="On", nodes=[node], dryRun=True)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/power/v1/transitions/{answer.json()['metadata']['id']}"
    assert answer.json()["spec"]["state"] == "planned"
    assert [task["state"] for task in answer.json()["spec"]["tasks"]] == ["planned"]


def test_a_dry_run_of_an_unmapped_node_is_planned_although_its_task_failed(mapped):
    answer = _start(mapped[0], operation="On", nodes=["nobody"], dryRun=True)
    assert answer.json()["spec"]["state"] == "planned"
    assert [task["state"] for task in answer.json()["spec"]["tasks"]] == ["failed"]


def test_a_transition_that_is_no_dry_run_ends_and_leaves_its_power_state(mapped):
    client, node, _ = mapped
    place = client.post("power", "/power/v1/actions/off", {"nodes": [node]}).headers["location"]
    assert eventually(lambda: client.get("power", place).json()["spec"]["state"] == "completed")
    status = client.get("power", f"/power/v1/power-status?nodes={node}").json()["spec"]["nodeStatuses"]
    assert [(each["nodeID"], each["powerState"], each["state"]) for each in status] == [(node, "Off", "succeeded")]


def test_a_group_stands_for_its_members(mapped):
    client, node, group = mapped
    answer = _start(client, operation="graceful-shutdown", groups=[group], dryRun=True)
    assert [task["nodeID"] for task in answer.json()["spec"]["tasks"]] == [node]
    assert answer.json()["spec"]["operation"] == "GracefulShutdown"


def test_a_list_of_transitions_shows_no_tasks(mapped):
    client, node, _ = mapped
    _start(client, operation="On", nodes=[node], dryRun=True)
    items = client.get("power", "/power/v1/transitions?limit=1").json()["items"]
    assert [("tasks" in item["spec"], item["kind"]) for item in items] == [(False, "Transition")]


def test_a_transition_that_has_not_ended_can_be_cancelled(mapped):
    client, node, _ = mapped
    place = _start(client, operation="On", nodes=[node]).headers["location"]
    answer = client.request("DELETE", "power", place)
    assert (answer.status_code, answer.json()["spec"]["state"]) == (202, "canceled")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"operation": "Explode", "nodes": ["n"]}, 400, id="an unknown operation"),
        pytest.param({"operation": "On"}, 400, id="no node"),
        pytest.param({"operation": "On", "nodes": [f"n-{each}" for each in range(21)]}, 400, id="more than 20 nodes"),
        pytest.param({"operation": "On", "groups": ["absent"]}, 404, id="an unknown group"),
        pytest.param({"operation": "On", "nodes": ["n"], "surprise": 1}, 400, id="an unknown key"),
    ],
)
def test_a_transition_that_makes_no_sense_is_refused(mapped, body, status):
    assert _start(mapped[0], **body).status_code == status


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?nodes=a,b&node=c", 200), ("?groups=absent", 404)])
def test_a_power_status_needs_somebody_to_be_of(mapped, query, status):
    answer = mapped[0].get("power", f"/power/v1/power-status{query}")
    assert answer.status_code == status


def test_the_power_of_an_unmapped_node_is_unresolved(mapped):
    answer = mapped[0].get("power", "/power/v1/power-status?nodes=a,b&node=c").json()["spec"]
    assert [each["state"] for each in answer["nodeStatuses"]] == ["unresolved"] * 3
    assert answer["total"] == 3


def test_a_scan_of_a_target_runs_and_completes(embedded_stack, api):
    client = api(embedded_stack)
    body = {"name": uuid.uuid4().hex, "driver": "redfish", "addresses": ["198.18.0.1"]}
    target = client.post("discovery", "/discovery/v1/targets", body).headers["location"]
    scan = client.post("discovery", f"{target}/scan", {})
    assert scan.status_code == 202
    place = scan.headers["location"]
    assert eventually(lambda: client.get("discovery", place).json()["spec"]["state"] == "completed")


def test_a_scan_that_has_not_ended_can_be_cancelled(embedded_stack, api):
    client = api(embedded_stack)
    place = client.post("discovery", "/discovery/v1/scans", {"driver": "redfish"}).headers["location"]
    assert client.request("DELETE", "discovery", place).json()["spec"]["state"] == "cancelled"


def test_the_drivers_are_listed(embedded_stack, api):
    answer = api(embedded_stack).get("discovery", "/discovery/v1/drivers").json()
    assert answer["kind"] == "DriverList"
    assert "redfish" in [item["spec"]["name"] for item in answer["items"]]


def test_a_dry_run_counts_no_success_and_every_node_without_a_mapping_as_failed(mapped):
    client, node, _ = mapped
    spec = _start(client, operation="On", nodes=[node, "nobody"], dryRun=True).json()["spec"]
    counts = {key: spec[key] for key in ("targetCount", "successCount", "failureCount")}
    assert counts == {"targetCount": 2, "successCount": 0, "failureCount": 1}
    assert ("startedAt" in spec, spec["completedAt"]) == (False, spec["queuedAt"])


def test_a_transition_is_pending_when_it_is_created_then_runs(mapped):
    client, node, _ = mapped
    created = _start(client, operation="On", nodes=[node, "nobody"])
    spec = created.json()["spec"]
    assert (spec["state"], "startedAt" in spec, "completedAt" in spec) == ("pending", False, False)
    assert [task["attemptCount"] for task in spec["tasks"]] == [0, 0]
    assert eventually(lambda: "completedAt" in client.get("power", created.headers["location"]).json()["spec"])
    ended = client.get("power", created.headers["location"]).json()["spec"]
    assert (ended["state"], ended["successCount"], ended["failureCount"]) == ("partial", 1, 1)
    assert ended["queuedAt"] < ended["startedAt"] < ended["completedAt"]


def test_a_transition_of_unmapped_nodes_alone_has_failed_when_it_is_created(mapped):
    spec = _start(mapped[0], operation="On", nodes=["nobody", "noone"]).json()["spec"]
    assert (spec["state"], spec["failureCount"]) == ("failed", 2)


def test_an_action_takes_no_operation_and_a_reset_needs_one(mapped):
    client, node, _ = mapped
    given = {"nodes": [node], "dryRun": True, "operation": "On"}
    assert client.post("power", "/power/v1/actions/off", given).status_code == 400
    assert client.post("power", "/power/v1/actions/reset", given).json()["spec"]["operation"] == "On"
    del given["operation"]
    assert client.post("power", "/power/v1/actions/reset", given).status_code == 400


def test_what_is_not_known_of_a_nodes_power_is_left_out(mapped):
    answer = mapped[0].get("power", "/power/v1/power-status?nodes=stranger").json()["spec"]
    assert answer["nodeStatuses"] == [{"nodeID": "stranger", "state": "unresolved"}]


def test_a_mapping_sync_is_answered_with_metadata(mapped):
    answer = mapped[0].post("power", "/power/v1/admin/mappings/sync", {}).json()
    assert (answer["metadata"]["id"], answer["spec"]) == ("power-mapping-sync", {"status": "accepted"})
