"""What a booting node gets: its script, and its cloud-init documents."""

import itertools

import pytest
from stack_api import eventually

pytestmark = pytest.mark.e2e

_COUNT = itertools.count(1)
SMALL = ("auth", "discovery", "power", "mcp", "kea")


@pytest.fixture
def node():
    """An id and a MAC that no other test has used."""
    number = next(_COUNT)
    return f"boot-{number}", f"02:00:0b:00:{number >> 8 & 255:02x}:{number & 255:02x}"


def test_a_script_names_the_nodes_own_kernel_initrd_and_command_line(embedded_stack, api, node):
    ident, mac = node
    client = api(embedded_stack)
    client.create_boot_params(ident, mac, initrd_uri="http://i/1", cmdline="console=ttyS0")
    answer = client.script(mac)
    assert answer.status_code == 200
    assert answer.text == f"#!ipxe\nkernel http://k/{ident} console=ttyS0\ninitrd http://i/1\nboot\n"
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_script_is_found_whatever_the_case_of_the_mac(embedded_stack, api, node):
    ident, mac = node
    client = api(embedded_stack)
    client.create_boot_params(ident, mac.upper())
    assert client.script(mac.upper().replace(":", "%3A")).text == client.script(mac).text
    assert f"http://k/{ident}" in client.script(mac).text


def test_a_mac_that_nobody_has_gets_no_script(embedded_stack, api):
    assert api(embedded_stack).script("02:ff:ff:ff:ff:ff").status_code == 404


def test_a_malformed_mac_is_refused(embedded_stack, api):
    assert api(embedded_stack).script("zz").status_code == 400


def test_a_node_without_a_row_gets_the_script_of_the_role_it_names(embedded_stack, api, node):
    client, role = api(embedded_stack), f"role-of-{node[0]}"
    client.create_boot_params("any", None, role=role)
    assert "http://k/any" in client.script(f"02:ff:ff:ff:ff:fe&role={role}").text


def test_a_node_without_a_row_gets_the_script_of_the_role_that_smd_knows(make_stack, api):
    client = api(make_stack(without=SMALL))
    client.create_component("n-1", role="Storage")
    client.create_interface("n-1", "02:00:00:00:00:01", "198.18.0.1")
    client.create_boot_params("any", None, role="Storage")
    assert client.request("POST", "bss", "/boot/v1/sync", json={}).status_code == 202
    assert eventually(lambda: client.script("02:00:00:00:00:01").status_code == 200)


def test_a_patched_row_changes_the_script(embedded_stack, api, node):
    ident, mac = node
    client = api(embedded_stack)
    place = client.create_boot_params(ident, mac).headers["location"]
    client.request("PATCH", "bss", place, json={"kernel_uri": "http://other/k"})
    assert "kernel http://other/k" in client.script(mac).text


def test_user_data_is_what_was_stored_byte_for_byte(embedded_stack, api, node):
    client, text = api(embedded_stack), "#cloud-config\nhostname: ünïcode\n\n\ttrailing "
    client.create_payload(node[0], user_data=text)
    assert client.user_data(node[0]).content == text.encode()


def test_meta_data_and_vendor_data_are_served(embedded_stack, api, node):
    client = api(embedded_stack)
    client.create_payload(node[0], meta_data={"instance-id": node[0]}, vendor_data="v")
    assert client.get("cloud-init", f"/cloud-init/{node[0]}/meta-data", token="").json() == {"instance-id": node[0]}
    assert client.get("cloud-init", f"/cloud-init/{node[0]}/vendor-data", token="").text == "v"


def test_markers_in_a_payload_are_filled_in(embedded_stack, api, node):
    client = api(embedded_stack)
    client.create_payload(node[0], role="Compute", user_data="role={{ .Role }} id={{.ID}}")
    assert client.user_data(node[0]).text == f"role=Compute id={node[0]}"


def test_a_node_without_a_payload_gets_none(embedded_stack, api):
    assert api(embedded_stack).user_data("nobody").status_code == 404


def test_the_declared_service_time_is_spent_on_scripts_and_documents_only(make_stack, api):
    client = api(make_stack(service_time_ms=150, without=SMALL))
    client.create_boot_params("n-1", "02:00:00:00:00:01")
    assert client.script("02:00:00:00:00:01").elapsed.total_seconds() > 0.05
    version = client.get("bss", "/version").json()
    assert "150 ms (seed 1)" in version["sizing"]
    assert client.state.sizing == version["sizing"]


def test_workers_share_what_is_written(make_stack, api):
    state = make_stack(workers=2, without=SMALL)
    api(state).create_boot_params("n-1", "02:00:00:00:00:01")
    pids, scripts = set(), set()
    for _ in range(40):
        client = api(state)
        pids.add(client.get("bss", "/version").json()["pid"])
        scripts.add(client.script("02:00:00:00:00:01").text)
    assert (len(pids), len(scripts)) == (2, 1)
