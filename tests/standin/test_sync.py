"""What SMD knows reaches BSS, Cloud-Init and Kea, and what the switches change about it."""

import pytest
from stack_api import eventually

pytestmark = pytest.mark.e2e

SMALL = ("auth", "discovery", "power", "mcp")
NO_KEA = (*SMALL, "kea")
MAC = "02:00:00:00:00:01"


def _sync(client, service, base):
    """Call for a sync and wait until it is done; what the loop then says of itself."""
    path = f"{base}/sync/status"
    before = client.get(service, path).json()["spec"]["successful_runs"]
    assert client.request("POST", service, f"{base}/sync", json={}).status_code == 202
    return eventually(
        lambda: (report := client.get(service, path).json()["spec"])["successful_runs"] > before and report
    )


def _reservations(client, style="shim"):
    arguments = {"subnet-id": 1} if style == "stock" else {}
    body = {"command": "reservation-get-all", "service": ["dhcp4"], "arguments": arguments}
    answer = client.post("kea", "/", body, token="").json()
    assert len(answer) == 1
    found = answer[0].get("arguments", {})
    return {each["hw-address"]: each for each in found.get("reservations") or found.get("hosts") or []}


def test_a_sync_that_finds_nothing_new_says_so(make_stack, api):
    client = api(make_stack(without=NO_KEA))
    client.create_component("n-1")
    assert _sync(client, "bss", "/boot/v1")["last_counts"] == {"components": 1, "interfaces": 0}
    assert _sync(client, "bss", "/boot/v1")["not_modified"] is True


def test_a_sync_status_needs_its_scope(embedded_stack, api):
    assert api(embedded_stack).get("bss", "/boot/v1/sync/status", token="").status_code == 401


def test_a_sync_reads_every_page(make_stack, api):
    client = api(make_stack(page_clamp=2, without=NO_KEA))
    for number in range(5):
        client.create_component(f"n-{number}")
    assert _sync(client, "cloud-init", "/cloud-init")["last_counts"]["components"] == 5


def test_no_rows_are_made_unless_asked_for(make_stack, api):
    client = api(make_stack(without=NO_KEA))
    client.create_component("n-1")
    client.create_interface("n-1", MAC, "198.18.0.1")
    _sync(client, "bss", "/boot/v1")
    assert client.script(MAC).status_code == 404


def test_rows_are_made_for_what_smd_has(make_stack, api):
    client = api(make_stack(auto_rows=True, without=NO_KEA))
    client.create_component("n-1", role="Compute")
    client.create_interface("n-1", MAC, "198.18.0.1")
    _sync(client, "bss", "/boot/v1")
    _sync(client, "cloud-init", "/cloud-init")
    spec = client.get("bss", "/boot/v1/bootparams?component_id=n-1").json()["items"][0]["spec"]
    assert spec == {"component_id": "n-1", "mac": MAC, "role": "Compute", "kernel_uri": "", "initrd_uri": ""}
    made = client.post("cloud-init", "/cloud-init/payloads", {"component_id": "n-1"})
    assert made.status_code == 409


def test_a_row_that_was_there_is_left_alone(make_stack, api):
    client = api(make_stack(auto_rows=True, without=NO_KEA))
    client.create_component("n-1")
    client.create_interface("n-1", MAC, "198.18.0.1")
    client.create_boot_params("n-1", MAC)
    _sync(client, "bss", "/boot/v1")
    assert "http://k/n-1" in client.script(MAC).text


@pytest.mark.parametrize(("delete_orphans", "status"), [(True, 404), (False, 200)])
def test_a_row_whose_component_is_gone_goes_only_where_asked_for(make_stack, api, delete_orphans, status):
    client = api(make_stack(delete_orphans=delete_orphans, without=NO_KEA))
    client.create_component("n-1")
    client.create_interface("n-1", MAC, "198.18.0.1")
    client.create_boot_params("n-1", MAC)
    client.create_payload("n-1")
    for gone in (False, True):
        if gone:
            client.request("DELETE", "smd", "/hsm/v2/State/Components/n-1")
        _sync(client, "bss", "/boot/v1")
        _sync(client, "cloud-init", "/cloud-init")
    assert (client.script(MAC).status_code, client.user_data("n-1").status_code) == (status, status)


def test_a_truncated_sync_takes_one_page_for_everything(make_stack, api):
    client = api(make_stack(truncate_sync=True, page_clamp=2, without=NO_KEA))
    for number in (1, 2, 3):
        client.create_component(f"n-{number}")
        client.create_payload(f"n-{number}")
    _sync(client, "cloud-init", "/cloud-init")
    assert [client.user_data(f"n-{number}").status_code for number in (1, 2, 3)] == [404, 200, 200]


def test_a_stopped_loop_does_nothing(make_stack, api, faulted):
    state = make_stack(auto_rows=True, without=NO_KEA)
    client = api(state)
    faulted(state, "sync-stop", service="bss")
    client.create_component("n-1")
    client.create_interface("n-1", MAC, "198.18.0.1")
    client.request("POST", "bss", "/boot/v1/sync", json={})
    _sync(client, "cloud-init", "/cloud-init")
    assert client.script(MAC).status_code == 404


def test_booting_goes_on_when_smd_is_gone(make_stack, api, kill):
    state = make_stack(sync_interval_s=0.2, without=NO_KEA)
    client = api(state)
    client.create_boot_params("n-1", MAC)
    kill(state, "smd")
    # On a busy machine a sync may have failed before SMD was up; that error is gone by now.
    report = eventually(
        lambda: (spec := client.get("bss", "/boot/v1/sync/status").json()["spec"])["last_error"] and spec
    )
    assert report["failed_runs"] > 0
    assert client.script(MAC).status_code == 200
    assert client.get("bss", "/readiness").status_code == 200


@pytest.mark.parametrize("style", ["shim", "stock"])
def test_an_interface_becomes_a_reservation_and_follows_its_changes(make_stack, api, style):
    client = api(make_stack(kea_style=style, sync_interval_s=0.1, without=SMALL))
    client.create_component("n-1")
    place = client.create_interface("n-1", MAC, "198.18.0.1").headers["location"]
    found = eventually(lambda: _reservations(client, style))
    assert {key: found[MAC][key] for key in ("ip-address", "hostname")} == {
        "ip-address": "198.18.0.1",
        "hostname": "n-1",
    }
    assert found[MAC]["boot-file-name"].endswith(f"/boot/v1/bootscript?mac={MAC}")
    client.request("PATCH", "smd", place, json={"ipAddrs": ["198.18.0.2"]})
    assert eventually(lambda: _reservations(client, style).get(MAC, {}).get("ip-address") == "198.18.0.2")
    client.request("DELETE", "smd", place)
    assert eventually(lambda: not _reservations(client, style))


def test_two_interfaces_may_exchange_their_addresses(make_stack, api):
    client = api(make_stack(sync_interval_s=0.1, without=SMALL))
    client.create_component("n-1")
    addresses = {MAC: "198.18.0.1", "02:00:00:00:00:02": "198.18.0.2"}
    places = [client.create_interface("n-1", mac, ip).headers["location"] for mac, ip in addresses.items()]
    assert eventually(lambda: len(_reservations(client)) == 2)
    for place, ip in zip(places, reversed(addresses.values()), strict=True):
        client.request("PATCH", "smd", place, json={"ipAddrs": [ip]})
    expected = dict(zip(addresses, reversed(addresses.values()), strict=True))
    assert eventually(lambda: {mac: each["ip-address"] for mac, each in _reservations(client).items()} == expected)


def test_an_interface_without_an_address_gets_no_reservation(make_stack, api):
    client = api(make_stack(sync_interval_s=0.1, without=SMALL))
    client.create_component("n-1")
    client.create_interface("n-1", "02:00:00:00:00:02")
    client.create_interface("n-1", MAC, "198.18.0.1")
    assert list(eventually(lambda: _reservations(client))) == [MAC]


def test_a_kea_that_stops_says_so_and_gets_what_it_missed(make_stack, api, faulted, cleared):
    state = make_stack(sync_interval_s=0.1, without=SMALL)
    client = api(state)
    faulted(state, "kea-stop", service="kea")
    answer = client.post("kea", "/", {"command": "reservation-get-all", "service": ["dhcp4"]}, token="").json()
    assert (answer[0]["result"], "unable to forward" in answer[0]["text"]) == (1, True)
    client.create_component("n-1")
    client.create_interface("n-1", MAC, "198.18.0.1")
    cleared(state)
    assert eventually(lambda: MAC in _reservations(client))


@pytest.mark.parametrize(
    ("body", "result"),
    [
        pytest.param({"command": "list-commands"}, 0, id="list-commands"),
        pytest.param({"command": "lease4-get-all", "service": ["dhcp4"]}, 3, id="no leases"),
        pytest.param({"command": "explode"}, 2, id="an unknown command"),
        pytest.param({"command": "reservation-add", "arguments": {}}, 1, id="a reservation left out"),
        pytest.param(
            {"command": "reservation-del", "arguments": {"identifier-type": "hw-address", "identifier": "02:ff"}},
            3,
            id="a reservation that is not there",
        ),
    ],
)
def test_kea_says_in_its_result_how_a_command_went(embedded_stack, api, body, result):
    answer = api(embedded_stack).post("kea", "/", body, token="")
    assert (answer.status_code, answer.json()[0]["result"]) == (200, result)
