"""A stack over TLS, and a stack behind one port."""

import httpx
import pytest

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e

NODE = ("gw-1", "02:00:0c:00:00:01")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """The whole stack over TLS with a gateway."""
    folder = tmp_path_factory.mktemp("tls") / "state"
    yield lifecycle.up(StackOptions(ports="ephemeral", tls=True, gateway=True, sync_interval_s=0.2), state_dir=folder)
    lifecycle.down(folder)


def test_who_knows_the_private_ca_is_answered(secured, api):
    assert secured.url("bss").startswith("https://")
    assert api(secured).get("bss", "/health").status_code == 200


def test_who_does_not_know_the_private_ca_refuses(secured):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{secured.url('bss')}/health")


def test_the_loops_run_over_tls_too(secured, api):
    assert api(secured).get("bss", "/boot/v1/sync/status").json()["spec"]["ready"] is True


@pytest.mark.parametrize("service", ["auth", "smd", "bss", "cloud-init", "discovery", "power", "mcp"])
@pytest.mark.parametrize("probe", ["health", "readiness"])
def test_the_gateway_passes_probes_on(secured, api, service, probe):
    assert api(secured).get("gateway", f"/_ops/{service}/{probe}", token="").status_code == 200


@pytest.mark.parametrize("name", ["health", "readiness", "version"])
def test_the_gateway_says_that_it_is_a_stand_in(secured, api, name):
    assert api(secured).get("gateway", f"/_ops/bss/{name}", token="").headers["x-chamiperf-kind"] == "embedded"


@pytest.mark.parametrize(
    "path", ["/_ops/nobody/health", "/_ops/bss/metrics", "/_ops/bss/version", "/metrics", "/.well-known/jwks.json"]
)
def test_the_gateway_does_not_pass_on_what_is_not_stated(secured, api, path):
    assert api(secured).get("gateway", path).status_code == 404


def test_a_nodes_whole_way_leads_through_the_gateway(secured, api):
    client, (ident, mac) = api(secured), NODE
    posts = [
        ("/hsm/v2/State/Components", {"id": ident, "type": "Node"}),
        ("/hsm/v2/Inventory/EthernetInterfaces", {"componentId": ident, "macAddr": mac, "ipAddrs": ["198.18.3.1"]}),
        ("/boot/v1/bootparams", {"component_id": ident, "mac": mac, "kernel_uri": "http://k/gw", "initrd_uri": "i"}),
        ("/cloud-init/payloads", {"component_id": ident, "user_data": "#cloud-config\n"}),
    ]
    assert [client.post("gateway", path, body).status_code for path, body in posts] == [201] * 4
    script = client.get("gateway", f"/boot/v1/bootscript?mac={mac.replace(':', '%3A')}", token="")
    assert "kernel http://k/gw" in script.text
    assert script.headers["content-type"].startswith("text/plain")
    assert client.get("gateway", f"/cloud-init/{ident}/user-data", token="").text == "#cloud-config\n"


def test_a_refusal_comes_through_the_gateway_unchanged(secured, api):
    client = api(secured)
    assert client.get("gateway", "/hsm/v2/State/Components", token="").status_code == 401
    assert client.request("POST", "gateway", "/hsm/v2/State/Components", content="{}").status_code == 415
    answer = client.get("gateway", "/hsm/v2/State/Components/absent")
    assert (answer.status_code, answer.headers["api-version"]) == (404, "hsm/v2")


def test_an_unchanged_list_is_not_sent_again_through_the_gateway(secured, api):
    client = api(secured)
    first = client.get("gateway", "/power/v1/transitions")
    again = client.get("gateway", "/power/v1/transitions", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_boot_artefacts_are_served(secured, api):
    client = api(secured)
    assert [client.get("gateway", f"/pxe/{name}", token="").status_code for name in ("vmlinuz", "initrd.img")] == [
        200
    ] * 2


def test_a_service_that_is_gone_is_a_bad_gateway(make_stack, api, kill):
    state = make_stack(gateway=True, without=("auth", "smd", "cloud-init", "discovery", "power", "kea"))
    kill(state, "bss")
    client = api(state)
    assert client.get("gateway", "/boot/v1/bootparams").status_code == 502
    assert client.get("gateway", "/_ops/bss/health").status_code == 502
