"""What the services show: operational endpoints, envelopes, paging, tags, and what is not routed."""

import uuid

import pytest
import yaml
from stack_api import Api

pytestmark = pytest.mark.e2e

SERVICES = ["auth", "smd", "bss", "cloud-init", "discovery", "power", "mcp"]
VERSIONS = {
    "auth": "auth/v1",
    "smd": "hsm/v2",
    "bss": "boot/v1",
    "cloud-init": "cloud-init/v1",
    "discovery": "discovery/v1",
    "power": "power/v1",
    "mcp": "mcp/v1",
}
every_service = pytest.mark.parametrize("service", SERVICES)
LISTS = [
    ("smd", "/hsm/v2/State/Components"),
    ("smd", "/hsm/v2/Inventory/EthernetInterfaces"),
    ("bss", "/boot/v1/bootparams"),
    ("cloud-init", "/cloud-init/payloads"),
    ("discovery", "/discovery/v1/targets"),
    ("power", "/power/v1/transitions"),
    ("auth", "/auth/v1/service-accounts"),
]


@every_service
def test_health_needs_no_token(embedded_stack, api, service):
    answer = api(embedded_stack).get(service, "/health", token="")
    assert (answer.status_code, answer.text) == (200, '{"status":"ok"}\n')


@every_service
def test_readiness_needs_no_token(embedded_stack, api, service):
    answer = api(embedded_stack).get(service, "/readiness", token="")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@every_service
def test_a_service_says_that_it_is_a_stand_in(embedded_stack, api, service):
    version = api(embedded_stack).get(service, "/version", token="").json()
    assert (version["service"], version["kind"]) == (service, "embedded")
    assert "stand-in" in version["notice"]
    assert {"version", "commit", "buildDate", "sizing", "durability"} <= version.keys()


@every_service
def test_every_answer_carries_the_operational_headers(embedded_stack, api, service):
    headers = api(embedded_stack).get(service, "/health", headers={"X-Request-ID": "mine"}).headers
    assert headers["x-request-id"] == "mine"
    assert headers["api-version"] == VERSIONS[service]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-cache"


def test_a_request_without_an_id_gets_one(embedded_stack, api):
    given = api(embedded_stack).get("bss", "/health").headers["x-request-id"]
    assert uuid.UUID(given).version == 4


def test_two_services_do_not_give_the_same_request_ids(embedded_stack, api):
    client = api(embedded_stack)
    ids = {client.get(service, "/health").headers["x-request-id"] for service in SERVICES for _ in range(5)}
    assert len(ids) == 5 * len(SERVICES)


@every_service
def test_an_unknown_path_is_answered_in_plain_text(embedded_stack, api, service):
    answer = api(embedded_stack).get(service, "/nowhere")
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["content-type"].startswith("text/plain")


@every_service
@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_another_method_on_a_known_path_is_answered_with_nothing(embedded_stack, api, service, method):
    answer = api(embedded_stack).request(method, service, "/health")
    assert (answer.status_code, answer.content) == (405, b"")


@pytest.mark.parametrize(("service", "path"), LISTS)
def test_a_list_without_a_token_is_refused(embedded_stack, api, service, path):
    answer = api(embedded_stack).get(service, path, token="")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == path


@pytest.mark.parametrize(("service", "path"), LISTS)
def test_a_wrong_token_is_refused(embedded_stack, api, service, path):
    assert api(embedded_stack).get(service, path, token="not.a.jwt").status_code == 401


@pytest.mark.parametrize(("service", "path"), LISTS)
def test_a_list_says_how_much_there_is(embedded_stack, api, service, path):
    answer = api(embedded_stack).get(service, f"{path}?limit=3&offset=1").json()
    assert answer["kind"].endswith("List")
    assert answer["apiVersion"] == VERSIONS[service]
    assert (answer["metadata"]["limit"], answer["metadata"]["offset"]) == (3, 1)
    assert isinstance(answer["items"], list)


@pytest.mark.parametrize(("service", "path"), LISTS)
@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=many", "offset=-1", "offset=x"])
def test_a_page_that_makes_no_sense_is_refused(embedded_stack, api, service, path, query):
    assert api(embedded_stack).get(service, f"{path}?{query}").status_code == 400


@pytest.fixture(scope="module")
def three_nodes(embedded_stack):
    """Three components of a rack of their own, oldest first."""
    client, rack = Api(embedded_stack), uuid.uuid4().hex
    idents = [f"{rack}-{each}" for each in (1, 2, 3)]
    for ident in idents:
        client.create_component(ident, rack=rack, role="Compute")
    client.close()
    return rack, idents


def _ids(answer):
    return [item["metadata"]["id"] for item in answer.json()["items"]]


def test_the_newest_come_first(embedded_stack, api, three_nodes):
    rack, idents = three_nodes
    assert _ids(api(embedded_stack).get("smd", f"/hsm/v2/State/Components?rack={rack}")) == idents[::-1]


def test_the_oldest_come_first_where_they_are_asked_for(embedded_stack, api, three_nodes):
    rack, idents = three_nodes
    answer = api(embedded_stack).get("smd", f"/hsm/v2/State/Components?rack={rack}&sort=created_at")
    assert _ids(answer) == idents


def test_pages_add_up_to_the_whole(embedded_stack, api, three_nodes):
    rack, idents = three_nodes
    client = api(embedded_stack)
    pages = [client.get("smd", f"/hsm/v2/State/Components?rack={rack}&limit=2&offset={at}") for at in (0, 2)]
    assert [_ids(page) for page in pages] == [idents[:0:-1], idents[:1]]
    assert {page.json()["metadata"]["total"] for page in pages} == {3}


def test_a_list_shows_only_the_fields_that_are_asked_for(embedded_stack, api, three_nodes):
    rack, idents = three_nodes
    answer = api(embedded_stack).get("smd", f"/hsm/v2/State/Components?rack={rack}&fields=id,role&limit=1")
    assert answer.json()["items"][0]["spec"] == {"id": idents[-1], "role": "Compute"}


def test_an_unchanged_list_is_not_sent_again(embedded_stack, api, three_nodes):
    rack, _ = three_nodes
    client, path = api(embedded_stack), f"/hsm/v2/State/Components?rack={rack}&limit=2"
    first = client.get("smd", path)
    again = client.get("smd", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_changed_list_is_sent_again(embedded_stack, api, three_nodes):
    rack, idents = three_nodes
    client, path = api(embedded_stack), f"/hsm/v2/State/Components?rack={rack}"
    first = client.get("smd", path)
    client.request("PATCH", "smd", f"/hsm/v2/State/Components/{idents[0]}", json={"nid": uuid.uuid4().int % 10**9})
    again = client.get("smd", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.headers["etag"] != first.headers["etag"]) == (200, True)


def test_a_longer_page_than_allowed_is_cut_silently(make_stack, api):
    client = api(make_stack(page_clamp=2, without=("auth", "bss", "cloud-init", "discovery", "power", "mcp", "kea")))
    for ident in ("n-1", "n-2", "n-3"):
        client.create_component(ident)
    answer = client.get("smd", "/hsm/v2/State/Components?limit=10000").json()
    assert (answer["metadata"], len(answer["items"])) == ({"total": 3, "limit": 2, "offset": 0}, 2)


def test_a_single_resource_that_the_client_has_is_not_sent_again(embedded_stack, api, three_nodes):
    client, path = api(embedded_stack), f"/hsm/v2/State/Components/{three_nodes[1][1]}"
    first = client.get("smd", path)
    assert client.get("smd", path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_json_is_compact_and_ends_with_a_line_break(embedded_stack, api, three_nodes):
    ident = three_nodes[1][0]
    text = api(embedded_stack).get("smd", f"/hsm/v2/State/Components/{ident}").text
    assert f'"id":"{ident}"' in text
    assert text.endswith("}\n")


def test_what_does_not_exist_is_a_problem(embedded_stack, api):
    answer = api(embedded_stack).get("smd", "/hsm/v2/State/Components/absent?x=1")
    assert answer.status_code == 404
    assert answer.json()["instance"] == "/hsm/v2/State/Components/absent?x=1"


def test_in_dev_mode_nobody_needs_a_token(make_stack, api):
    client = api(make_stack(dev_mode=True, without=("bss", "cloud-init", "discovery", "power", "mcp", "kea")))
    assert client.get("smd", "/hsm/v2/State/Components", token="").status_code == 200


@every_service
def test_a_service_describes_its_interface(embedded_stack, api, service):
    client = api(embedded_stack)
    described = client.get(service, "/api/openapi.yaml", token="")
    assert described.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(described.text)["openapi"] == "3.1.0"
    assert client.get(service, "/api/docs", token="").headers["content-type"].startswith("text/html")


def test_a_described_route_names_its_scope(embedded_stack, api):
    paths = yaml.safe_load(api(embedded_stack).get("smd", "/api/openapi.yaml").text)["paths"]
    assert paths["/hsm/v2/State/Components/{id}"]["patch"]["security"] == [{"bearer": ["write:components"]}]


@pytest.mark.parametrize("query", ["type=Cabinet&type=PDU", "type=Cabinet,PDU"])
def test_a_repeated_filter_and_one_with_commas_give_either(embedded_stack, api, query):
    client, ident = api(embedded_stack), uuid.uuid4().hex
    for kind in ("Cabinet", "PDU", "Switch"):
        body = {"id": f"{ident}-{kind}", "type": kind, "rack": ident}
        assert client.post("smd", "/hsm/v2/State/Components", body).status_code == 201
    answer = client.get("smd", f"/hsm/v2/State/Components?{query}&rack={ident}").json()
    assert {item["spec"]["type"] for item in answer["items"]} == {"Cabinet", "PDU"}
    assert answer["metadata"]["total"] == 2
