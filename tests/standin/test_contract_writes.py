"""How strict the services are with what is written: the table of contract section 3.2 and 3.10, service by service."""

import contextlib
import http.client
import itertools
import json

import pytest

pytestmark = pytest.mark.e2e

_COUNT = itertools.count(1)


@pytest.fixture
def fresh():
    """A number that no other test has used: for ids and MACs that must not collide."""
    return next(_COUNT)


def _mac(number):
    return f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


@pytest.fixture
def bodies(fresh):
    """A good body for each resource, by service and path."""
    ident = f"n-{fresh}"
    return {
        ("smd", "/hsm/v2/State/Components"): {"id": ident, "type": "Node", "state": "Ready", "slot": 0, "subSlot": 0},
        ("smd", "/hsm/v2/groups"): {"name": f"g-{fresh}", "members": []},
        ("smd", "/hsm/v2/partitions"): {"name": f"p-{fresh}", "members": []},
        ("bss", "/boot/v1/bootparams"): {
            "component_id": ident,
            "mac": _mac(fresh),
            "kernel_uri": "http://x/k",
            "initrd_uri": "http://x/i",
        },
        ("cloud-init", "/cloud-init/payloads"): {"component_id": ident, "user_data": "#cloud-config\n"},
        ("discovery", "/discovery/v1/targets"): {"name": ident, "driver": "redfish", "addresses": ["198.18.0.1"]},
        ("auth", "/auth/v1/service-accounts"): {"name": ident, "scopes": ["read:components"]},
        ("auth", "/auth/v1/credentials"): {"name": ident, "secret": "s"},
        ("auth", "/auth/v1/policies"): {"subject": ident, "object": "o", "action": "a"},
    }


RESOURCES = [
    ("smd", "/hsm/v2/State/Components"),
    ("smd", "/hsm/v2/groups"),
    ("smd", "/hsm/v2/partitions"),
    ("bss", "/boot/v1/bootparams"),
    ("cloud-init", "/cloud-init/payloads"),
    ("discovery", "/discovery/v1/targets"),
    ("auth", "/auth/v1/service-accounts"),
    ("auth", "/auth/v1/credentials"),
    ("auth", "/auth/v1/policies"),
]
REPLACEABLE = [each for each in RESOURCES if each[1] not in ("/auth/v1/service-accounts", "/auth/v1/policies")]
every_resource = pytest.mark.parametrize(("service", "path"), RESOURCES)
every_replaceable = pytest.mark.parametrize(("service", "path"), REPLACEABLE)


@every_resource
def test_a_create_answers_with_its_place_and_tag(embedded_stack, api, bodies, service, path):
    answer = api(embedded_stack).post(service, path, bodies[service, path])
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{path}/{answer.json()['metadata']['id']}"
    assert answer.headers["etag"] == answer.json()["metadata"]["etag"]
    assert answer.headers["cache-control"] == "no-store"


@every_resource
def test_what_was_created_is_read_back(embedded_stack, api, bodies, service, path):
    client, body = api(embedded_stack), bodies[service, path]
    created = client.post(service, path, body)
    if path == "/auth/v1/policies":
        items = client.get(service, path).json()["items"]
        found = next(item for item in items if item["metadata"]["id"] == created.json()["metadata"]["id"])
    else:
        found = client.get(service, created.headers["location"]).json()
    assert {key: found["spec"].get(key) for key in body} == body


@every_resource
def test_the_same_again_is_a_conflict(embedded_stack, api, bodies, service, path):
    client, body = api(embedded_stack), bodies[service, path]
    client.post(service, path, body)
    answer = client.post(service, path, body)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert {key: answer.json()[key] for key in ("type", "title", "status", "instance")} == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "instance": path,
    }


@every_resource
def test_an_unknown_key_is_malformed(embedded_stack, api, bodies, service, path):
    answer = api(embedded_stack).post(service, path, {**bodies[service, path], "surprise": 1})
    assert (answer.status_code, "surprise" in answer.json()["detail"]) == (400, True)


@every_resource
def test_a_missing_key_is_named(embedded_stack, api, service, path):
    answer = api(embedded_stack).post(service, path, {})
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert all(each["message"] == "is required" for each in answer.json()["errors"])


@every_resource
def test_a_write_that_is_not_json_is_refused(embedded_stack, api, bodies, service, path):
    answer = api(embedded_stack).request("POST", service, path, content=json.dumps(bodies[service, path]))
    assert answer.status_code == 415


@every_resource
def test_a_write_without_a_token_is_refused(embedded_stack, api, bodies, service, path):
    answer = api(embedded_stack).post(service, path, bodies[service, path], token="")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@every_resource
def test_a_body_over_a_megabyte_is_too_large(embedded_stack, api, service, path):
    answer = api(embedded_stack).post(service, path, {"name": "x" * (1 << 20)})
    assert answer.status_code == 413


@pytest.mark.parametrize("size", [(1 << 20) + 1, 24 << 20])
def test_a_client_that_sends_all_of_a_body_that_is_too_large_reads_why(embedded_stack, api, size):
    body = b'{"name": "' + b"x" * size + b'"}'
    headers = {"Content-Type": "application/json", **api(embedded_stack).bearer}
    port = next(service.port for service in embedded_stack.services if service.name == "bss")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/boot/v1/bootparams", body, headers)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["title"]) == (413, "Request Entity Too Large")


def test_what_makes_no_sense_is_titled_as_the_services_title_it(embedded_stack, api):
    answer = api(embedded_stack).post("smd", "/hsm/v2/State/Components", {"type": "Toaster"})
    assert (answer.status_code, answer.json()["title"]) == (422, "Unprocessable Entity")


@every_resource
def test_what_is_deleted_is_gone(embedded_stack, api, bodies, service, path):
    client = api(embedded_stack)
    place = client.post(service, path, bodies[service, path]).headers["location"]
    assert client.request("DELETE", service, place).status_code == 204
    assert client.request("DELETE", service, place).status_code == 404


@every_replaceable
def test_a_put_must_name_the_version_it_replaces(embedded_stack, api, bodies, service, path):
    client, body = api(embedded_stack), bodies[service, path]
    place = client.post(service, path, body).headers["location"]
    assert client.request("PUT", service, place, json=body).status_code == 428


@every_replaceable
def test_a_put_over_a_version_that_is_no_longer_there_fails(embedded_stack, api, bodies, service, path):
    client, body = api(embedded_stack), bodies[service, path]
    place = client.post(service, path, body).headers["location"]
    answer = client.request("PUT", service, place, json=body, headers={"If-Match": 'W/"of-another-time"'})
    assert answer.status_code == 412


@every_replaceable
def test_a_put_that_names_the_version_replaces_it(embedded_stack, api, bodies, service, path):
    client, body = api(embedded_stack), bodies[service, path]
    created = client.post(service, path, body)
    answer = client.request(
        "PUT", service, created.headers["location"], json=body, headers={"If-Match": created.headers["etag"]}
    )
    assert answer.status_code == 200
    assert answer.headers["etag"] != created.headers["etag"]


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (("smd", "/hsm/v2/State/Components"), {"state": "Off"}),
        (("bss", "/boot/v1/bootparams"), {"cmdline": "quiet"}),
        (("cloud-init", "/cloud-init/payloads"), {"vendor_data": "v"}),
        (("discovery", "/discovery/v1/targets"), {"enabled": False}),
    ],
)
def test_a_patch_changes_what_it_names_and_nothing_else(embedded_stack, api, bodies, place, change):
    client, (service, path) = api(embedded_stack), place
    created = client.post(service, path, bodies[place]).headers["location"]
    assert client.request("PATCH", service, created, json=change).status_code == 200
    spec = client.get(service, created).json()["spec"]
    expected = {**bodies[place], **change}
    assert {key: spec.get(key) for key in expected} == expected


def test_a_patch_with_null_removes(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.create_component(f"n-{fresh}", role="Compute")
    answer = client.request("PATCH", "smd", f"/hsm/v2/State/Components/n-{fresh}", json={"role": None})
    assert "role" not in answer.json()["spec"]


def test_a_patch_over_a_stale_version_fails_where_one_is_named(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.create_component(f"n-{fresh}")
    answer = client.request(
        "PATCH", "smd", f"/hsm/v2/State/Components/n-{fresh}", json={"state": "Off"}, headers={"If-Match": 'W/"old"'}
    )
    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"id": "x", "type": "Node"}, 422, id="an id of one character"),
        pytest.param({"id": "-x", "type": "Node"}, 422, id="an id that starts with a dash"),
        pytest.param({"id": "n-x", "type": "Toaster"}, 422, id="an unknown type"),
        pytest.param({"id": "n-x", "type": "Node", "role": "King"}, 422, id="an unknown role"),
        pytest.param({"id": "n-x", "type": "Node", "state": "Odd"}, 422, id="an unknown state"),
        pytest.param({"id": "n-x", "type": "Node", "parentId": "absent"}, 422, id="a parent that does not exist"),
        pytest.param({"id": "n-x", "type": "Node", "slot": "0"}, 400, id="a text for a number"),
        pytest.param({"id": "n-x", "type": "Node", "slot": True}, 400, id="a flag for a number"),
        pytest.param(["n-x"], 400, id="an array"),
    ],
)
def test_a_component_that_makes_no_sense_is_refused(embedded_stack, api, body, status):
    assert api(embedded_stack).post("smd", "/hsm/v2/State/Components", body).status_code == status


def test_a_body_that_is_not_json_is_malformed(embedded_stack, api):
    answer = api(embedded_stack).request(
        "POST", "smd", "/hsm/v2/State/Components", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


def test_a_component_without_an_id_gets_one(embedded_stack, api):
    answer = api(embedded_stack).post("smd", "/hsm/v2/State/Components", {"type": "Node"})
    assert answer.json()["spec"]["id"] == answer.json()["metadata"]["id"]
    assert answer.json()["spec"]["id"].startswith("node-")


def test_a_component_with_children_cannot_go_before_them(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.post("smd", "/hsm/v2/State/Components", {"id": f"bmc-{fresh}", "type": "BMC"})
    client.create_component(f"n-{fresh}", parentId=f"bmc-{fresh}")
    assert client.request("DELETE", "smd", f"/hsm/v2/State/Components/bmc-{fresh}").status_code == 409


def test_a_component_takes_its_interfaces_and_memberships_along(embedded_stack, api, fresh):
    client, ident = api(embedded_stack), f"n-{fresh}"
    client.create_component(ident)
    client.post("smd", "/hsm/v2/Inventory/EthernetInterfaces", {"componentId": ident, "macAddr": _mac(fresh)})
    client.post("smd", "/hsm/v2/groups", {"name": f"g-{fresh}", "members": [ident]})
    client.request("DELETE", "smd", f"/hsm/v2/State/Components/{ident}")
    left = client.get("smd", f"/hsm/v2/Inventory/EthernetInterfaces?component_id={ident}").json()["metadata"]["total"]
    assert left == 0
    assert client.get("smd", f"/hsm/v2/groups/g-{fresh}").json()["spec"]["members"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"componentId": "absent", "macAddr": "02:00:00:ff:00:01"}, 422, id="of no component"),
        pytest.param({"componentId": "absent", "macAddr": "02-00-00-ff-00-01"}, 422, id="with a malformed MAC"),
        pytest.param({"componentId": "absent"}, 422, id="without a MAC"),
    ],
)
def test_an_interface_that_makes_no_sense_is_refused(embedded_stack, api, body, status):
    assert api(embedded_stack).post("smd", "/hsm/v2/Inventory/EthernetInterfaces", body).status_code == status


def test_a_mac_belongs_to_one_interface_whatever_its_case(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.create_component(f"n-{fresh}")
    first = {"componentId": f"n-{fresh}", "macAddr": f"AA:BB:CC:00:00:{fresh % 256:02X}"}
    path = "/hsm/v2/Inventory/EthernetInterfaces"
    assert client.post("smd", path, first).status_code == 201
    assert client.post("smd", path, {**first, "macAddr": first["macAddr"].lower()}).status_code == 409


def test_a_component_belongs_to_one_partition(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.create_component(f"n-{fresh}")
    bodies = [{"name": f"p-{fresh}-{each}", "members": [f"n-{fresh}"]} for each in (1, 2)]
    statuses = [client.post("smd", "/hsm/v2/partitions", body).status_code for body in bodies]
    assert statuses == [201, 409]


def test_several_boot_parameters_may_belong_to_one_component(embedded_stack, api, fresh):
    client = api(embedded_stack)
    client.create_boot_params(f"n-{fresh}", f"02:00:01:00:{fresh >> 8 & 255:02x}:{fresh & 255:02x}")
    client.create_boot_params(f"n-{fresh}", f"02:00:02:00:{fresh >> 8 & 255:02x}:{fresh & 255:02x}")
    assert client.get("bss", f"/boot/v1/bootparams?component_id=n-{fresh}").json()["metadata"]["total"] == 2


def test_the_bulk_route_is_absent_unless_asked_for(embedded_stack, api):
    assert api(embedded_stack).post("smd", "/hsm/v2/State/Components/bulk", []).status_code == 405


def test_the_bulk_route_judges_each_item_alone(make_stack, api):
    client = api(make_stack(bulk=True, without=("auth", "bss", "cloud-init", "discovery", "power", "mcp", "kea")))
    bodies = [{"id": "n-1", "type": "Node"}, {"id": "n-1", "type": "Node"}, {"id": "n-2", "type": "Toaster"}]
    answer = client.post("smd", "/hsm/v2/State/Components/bulk", bodies)
    assert answer.status_code == 207
    assert [item["status"] for item in answer.json()["items"]] == [201, 409, 422]
    assert answer.json()["metadata"] == {"total": 3, "succeeded": 1, "failed": 2}
