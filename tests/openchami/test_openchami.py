"""Every command against a stack with OpenCHAMI's oddities, by real k6."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from conftest import ARRIVALS, LIGHT
from made_targets import target

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import StackLocked
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps import lock as locks
from chamiperf_ci.steps.lock import Claim

pytestmark = pytest.mark.e2e

NODES = 12


def run_file(site, scenario):
    """A run as it was written."""
    return json.loads((site.folder / "out" / "runs" / f"{scenario}.json").read_text())


def left(run):
    """What a run says that it left behind, by kind."""
    return {each["kind"]: each["left"] for each in run["objects"] if each["left"]}


def failures(run):
    """Failed requests by endpoint."""
    return {each["endpoint"]: each["failed"] for each in run["traffic"] if each["failed"]}


@pytest.fixture
def seeded(site):
    """A stack with nodes in it."""
    site.done("seed", "--nodes", NODES)
    return site


def test_smoke_is_satisfied_and_names_what_it_cannot_take_away(site):
    told = site.done("smoke")
    assert re.search(r"refuse a bad token +skipped.* asks nobody for a token", told)
    assert "payloads of x9999c0s" in told
    assert "stays: the service cannot remove it" in told
    assert not site.stack.smd.endpoints | site.stack.smd.components | site.stack.smd.interfaces
    assert site.stack.bss.parameters == {}


def test_a_bad_token_is_tried_where_a_good_one_is_asked_for(site_with):
    site = site_with(token="good")
    told = site.done("smoke", CHAMICORE_TOKEN="good")
    assert re.search(r"smd +refuse a bad token +ok", told)


def test_a_service_that_answers_200_to_any_path_is_not_taken_for_ready(site):
    elsewhere = {"CHAMICORE_TEST_BSS_URL": site.stack.urls["smd"]}
    assert "not ready" in site.done("wait", "--timeout", "1s", code=3, **elsewhere)
    assert re.search(r"bss +health +failed", site.done("smoke", code=1, **elsewhere))


def test_what_needs_a_service_that_is_not_configured_is_skipped_and_says_so(site):
    alone = {"CHAMICORE_TEST_SMD_URL": "", "CHAMICORE_TEST_CLOUDINIT_URL": ""}
    told = site.done("smoke", **alone)
    assert re.search(r"serve the boot script +skipped.*bss serves no node without smd, which is not configured", told)


def test_a_dry_run_plans_nothing_that_no_such_stack_can_do(site):
    told = site.done("load", "--dry-run", "--scenario", "auth_under_load", "--profile", "demo", code=3)
    assert told.strip() == "auth_under_load: not possible on this stack: openchami has no auth"
    told = site.done("load", "--dry-run", "--scenario", "all", "--profile", "demo")
    assert "dhcp_sync_burst: not possible on this stack: openchami has no kea" in told
    assert re.search(r"^boot_storm +closed", told, re.MULTILINE)
    assert not re.search(r"^dhcp_sync_burst +\w", told, re.MULTILINE)


def test_a_seed_is_read_back_known_again_and_removed(site):
    told = site.done("seed", "--nodes", NODES)
    assert f"{NODES} nodes compared, nothing wrong" in told
    assert "seeding 0 nodes" in site.done("seed", "--nodes", NODES)
    assert all(re.fullmatch(r"x9999c0s\d+b\d+n0", name) for name in site.stack.smd.components)
    told = site.done("seed", "--remove")
    assert f"removed endpoints {NODES}, components {NODES}, interfaces {NODES}, bootparams {NODES}" in told
    assert "payloads stay: cloud-init cannot remove them" in told
    assert not site.stack.smd.endpoints | site.stack.smd.components | site.stack.smd.interfaces
    assert site.stack.bss.parameters == {}
    assert len(site.stack.cloud_init.instance_info) == NODES


def test_a_seed_that_was_interrupted_is_completed(seeded):
    document = seeded.folder / "out" / "seed.json"
    gone = next(iter(seeded.stack.smd.interfaces))
    # What is left of a node whose removal was cut off: BSS answers its duplicate with 400, SMD the endpoint's with 409.
    for mac in sorted(seeded.stack.bss.parameters)[:3]:
        del seeded.stack.bss.parameters[mac]
    del seeded.stack.smd.interfaces[gone]
    assert json.loads(document.read_text())["complete"]
    assert "nothing wrong" in seeded.done("seed", "--nodes", NODES)
    rates = {each["kind"]: each for each in json.loads(document.read_text())["rates"]}
    assert [rates[kind]["failed"] for kind in rates] == [0] * len(rates)
    assert (rates["endpoints"]["resolved"], rates["bootparams"]["resolved"]) == (NODES, NODES - 3)
    assert len(seeded.stack.bss.parameters) == len(seeded.stack.smd.interfaces) == NODES


def test_a_node_that_cloud_init_does_not_know_yet_is_asked_for_again_while_seeding(site_with):
    site = site_with(unknown_looks=2)
    assert "1 nodes compared, nothing wrong" in site.done("seed", "--nodes", 1)


def test_an_address_that_a_removed_node_had_is_asked_for_again_while_seeding(site_with):
    site = site_with(refresh_every_s=4.0)
    site.done("seed", "--nodes", 1)
    site.done("seed", "--remove")
    site.stack.cloud_init.refreshed_at = time.monotonic()
    assert "1 nodes compared, nothing wrong" in site.done("seed", "--nodes", 1)


def test_nodes_of_others_stay_and_are_looked_after(site):
    url = f"{site.stack.urls['smd']}/hsm/v2/State/Components"
    httpx.post(url, json={"Components": [{"ID": "x1000c0s1b0n0", "Type": "Node", "State": "Ready"}]}).raise_for_status()
    assert "not this run's" in site.done("seed", "--nodes", 2, code=2)
    site.done("seed", "--nodes", 2, "--shared-stack")
    site.done("seed", "--remove")
    assert set(site.stack.smd.components) == {"x1000c0s1b0n0"}


def test_a_boot_storm_checks_what_is_served_and_counts_what_it_leaves(seeded):
    told = seeded.done("load", *LIGHT)
    run = run_file(seeded, "boot_storm")
    assert failures(run) == {}
    assert run["fingerprint"]["dialect"] == "openchami"
    requests = sum(each["requests"] for each in run["traffic"])
    assert left(run) == {"rows in endpoint_access of BSS": requests}
    assert re.search(r"boot_storm leaves about \d+ rows in endpoint_access of BSS behind, for good", told)


def test_a_delay_script_fails_a_storm_although_its_status_is_200(site_with):
    site = site_with()
    site.done("seed", "--nodes", NODES)
    options = site.stack.bss.options
    site.stack.bss.options = type(options)(**{**vars(options), "refuse_scripts": 10})
    site.run("load", *LIGHT)
    run = run_file(site, "boot_storm")
    failed = sum(each["failed_by"]["content"] for each in run["traffic"])
    requests = sum(each["requests"] for each in run["traffic"])
    assert abs(failed - requests / 10) < 2


def test_a_connection_that_is_closed_without_an_answer_is_a_failure_of_its_own(site_with):
    site = site_with()
    site.done("seed", "--nodes", NODES)
    options = site.stack.bss.options
    site.stack.bss.options = type(options)(**{**vars(options), "drop_scripts": 4})
    site.run("load", *LIGHT)
    (traffic,) = run_file(site, "boot_storm")["traffic"]
    assert traffic["failed"] == traffic["failed_by"]["no_answer"] > 0


def test_a_sweep_removes_the_runs_whose_ids_are_old(seeded):
    (run,) = {json.loads((seeded.folder / "out" / "seed.json").read_text())["run_id"]}
    (seeded.folder / "out" / "seed.json").unlink()
    httpx.post(
        f"{seeded.stack.urls['smd']}/hsm/v2/State/Components",
        json={"Components": [{"ID": "x1000c0s1b0n0", "Type": "Node", "State": "Ready"}]},
    ).raise_for_status()
    assert f"left alone: {run}" in seeded.done("seed", "--sweep")
    assert len(seeded.stack.smd.endpoints) == NODES
    assert f"would remove endpoints {NODES}" in seeded.done("seed", "--sweep", "--older-than", "1ms", "--dry-run")
    assert f"removed endpoints {NODES}" in seeded.done("seed", "--sweep", "--older-than", "1ms")
    assert set(seeded.stack.smd.components) == {"x1000c0s1b0n0"}
    assert seeded.stack.bss.parameters == seeded.stack.smd.endpoints == {}


def test_a_cloud_init_storm_is_each_node_by_its_address_and_warned_of_the_refresh(seeded):
    seeded.done("load", "--scenario", "cloud_init_storm", *LIGHT)
    run = run_file(seeded, "cloud_init_storm")
    assert failures(run) == {}
    assert any("stops for a moment every 60 s" in warning for warning in run["warnings"])


def test_a_night_spans_whole_periods_of_the_stack(seeded):
    told = seeded.done("load", "--kind", "night", "--scenario", "cloud_init_storm", *LIGHT, code=2)
    assert "cloud-init stops for a moment every 60 s" in told


@pytest.mark.parametrize("scenario", ["inventory_scale", pytest.param("database_stress", marks=pytest.mark.thorough)])
def test_a_scenario_of_writes_and_reads_has_no_failure(scenario, seeded):
    # Long enough for each kind of request, one in twenty of which is a PUT.
    seeded.done("load", "--scenario", scenario, *LIGHT, "--vus", "8", "--sustained", "3s")
    run = run_file(seeded, scenario)
    assert failures(run) == {}
    assert all("rows in" in kind for kind in left(run))
    assert all(check["ok"] is not False for check in run["checks"] if check["name"] == "objects after the load")
    assert seeded.stack.conditional == []
    asked = {each["endpoint"] for each in run["traffic"] if each["requests"]}
    assert asked >= ({"component-put"} if scenario == "inventory_scale" else {"component-change", "bootparams-change"})


def test_bulk_registration_uses_the_route_that_takes_lists(seeded):
    seeded.done("load", "--scenario", "bulk_registration", "--profile", "demo", "--iterations", 20, "--settle", "0")
    run = run_file(seeded, "bulk_registration")
    assert failures(run) == {}
    assert run["unavailable"] == []
    assert len(seeded.stack.smd.components) == NODES


def test_a_mixed_boot_path_waits_for_its_script_and_takes_the_node_out(seeded):
    seeded.done("load", "--scenario", "mixed_boot_path", *ARRIVALS)
    run = run_file(seeded, "mixed_boot_path")
    assert failures(run) == {}
    assert [each["value"] for each in run["scalars"] if each["name"] == "paths not completed"] == [0]
    assert set(left(run)) >= {"payloads", "rows in endpoint_access of BSS"}
    assert len(seeded.stack.smd.components) == len(seeded.stack.bss.parameters) == NODES


@pytest.mark.parametrize(("scenario", "lacks"), [("auth_under_load", "auth"), ("dhcp_sync_burst", "kea")])
def test_what_the_stack_cannot_have_is_not_possible_on_it(scenario, lacks, seeded):
    told = seeded.done("load", "--scenario", scenario, "--profile", "demo", code=3)
    assert f"not possible on this stack: openchami has no {lacks}" in told


def test_one_boot_configuration_serves_all_nodes(site_with):
    site = site_with("openchami-shared")
    site.done("seed", "--nodes", NODES)
    (shared,) = httpx.get(f"{site.stack.urls['bss']}/boot/v1/bootparameters").json()
    assert len(shared["macs"]) == NODES
    site.done("load", *LIGHT)
    assert failures(run_file(site, "boot_storm")) == {}
    # Another node's script is no good one, although kernel and parameters are the same.
    macs = list(site.stack.bss.nodes_by_mac)
    site.stack.bss.nodes_by_mac[macs[0]] = site.stack.bss.nodes_by_mac[macs[1]]
    site.run("load", *LIGHT)
    assert failures(run_file(site, "boot_storm"))["bootscript"] > 0
    site.done("seed", "--remove")
    assert site.stack.bss.parameters == {}


def test_a_stack_behind_its_gateway_has_other_paths(site):
    behind = dict.fromkeys(("CHAMICORE_TEST_SMD_URL", "CHAMICORE_TEST_BSS_URL", "CHAMICORE_TEST_CLOUDINIT_URL"), "")
    gateway = ("--gateway", site.stack.urls["gateway"])
    site.done("smoke", *gateway, **behind)
    site.done("seed", "--nodes", 4, *gateway, **behind)
    site.done("load", "--scenario", "cloud_init_storm", *LIGHT, *gateway, **behind)
    assert failures(run_file(site, "cloud_init_storm")) == {}
    assert {path.split("/")[1] for _, service, path in site.stack.asked if service == "CloudInit"} == {"cloud-init"}


def test_the_lock_is_a_group_that_one_of_two_gets(site):
    site.done("lock", "acquire", "--lock-run", "night1")
    assert "in use: run night1" in site.done("seed", "--nodes", 2, code=3)
    site.done("lock", "acquire", "--lock-run", "night2", "--break-lock")
    assert "run night2" in site.done("lock", "show")
    site.done("lock", "release", "--lock-run", "night2")
    assert site.stack.smd.groups == {}


def test_of_two_that_take_a_stale_lock_over_at_once_one_gets_it(site):
    """Without ETags the second may remove what the first has just made, meaning the stale one."""
    here = target(services={Service.SMD: site.stack.urls["smd"]}, dialect="openchami")
    both_have_looked, first_has_it = threading.Barrier(2), threading.Event()
    with Chamicore(here) as first, Chamicore(here) as second:
        locks.acquire(first, Claim("old", "x", life=timedelta(seconds=-1)), say=str)
        _after(first, "read", lambda: both_have_looked.wait(5))
        _after(second, "read", lambda: both_have_looked.wait(5))
        _after(first, "send", first_has_it.set)
        remove, second.delete = second.delete, lambda *given: first_has_it.wait(5) and remove(*given)
        with ThreadPoolExecutor() as pool:
            tries = [
                pool.submit(locks.acquire, client, Claim(run, "x"), say=str)
                for client, run in ((first, "one"), (second, "two"))
            ]
        refused = [each.exception() for each in tries]
        assert [isinstance(error, StackLocked) for error in refused].count(True) == 1, refused
        (held,) = [each.result().run for each in tries if each.exception() is None]
        assert locks.inspect(first).run == held


def _after(client, name, then):
    """Do something once, after a client's next call of a method that follows none of it."""
    method = getattr(client, name)

    def called(*given, **more):
        answer = method(*given, **more)
        if name == "read" or (given[0] == "POST" and answer.ok):
            setattr(client, name, method)
            then()
        return answer

    setattr(client, name, called)


def test_runs_of_two_dialects_never_meet(seeded):
    seeded.done("load", *LIGHT)
    runs, baselines = seeded.folder / "out" / "runs", seeded.folder / "baselines.json"
    baselines.write_text('{"kind": "baselines", "schema_version": 1, "producer": "test"}')
    seeded.done("baselines", "init", "--runs", runs, "--link", "https://example.org/1", "--baselines", baselines)
    path = runs / "boot_storm.json"
    run = json.loads(path.read_text())
    run["fingerprint"]["dialect"] = "openchami-shared"
    path.write_text(json.dumps(run))
    seeded.run("compare", "--runs", runs, "--baselines", baselines)
    verdict = json.loads((seeded.folder / "out" / "verdict.json").read_text())
    assert all(row["baseline"] is None for row in verdict["rows"])


@pytest.mark.parametrize("arguments", [
    ("--nodes", NODES), ("--remove",),
    pytest.param(("--remove", "--dry-run"), marks=pytest.mark.thorough),
    pytest.param(("--sweep",), marks=pytest.mark.thorough),
])  # fmt: skip
def test_nodes_of_one_dialect_are_not_taken_for_those_of_another(arguments, seeded):
    for dialect in ("openchami-shared", "chamicore"):
        told = seeded.done("seed", *arguments, "--dialect", dialect, code=2)
        assert f"the file is of the dialect openchami, this target speaks {dialect}" in told
    assert "seed file is of the dialect openchami" in seeded.done(
        "load", *LIGHT, "--dialect", "openchami-shared", code=2
    )
    assert len(seeded.stack.smd.endpoints) == NODES


@pytest.mark.parametrize(
    ("name", "arguments", "wrong"),
    [
        ("smoke", ("--dialect", "opencami"), "there is no dialect 'opencami'"),
        ("smoke", ("--dialect", "../chamicore"), "there is no dialect '../chamicore'"),
        ("smoke", ("--discovery-url", "http://127.0.0.1:1"), "has no discovery"),
        ("smoke", ("--kea-url", "http://127.0.0.1:1"), "has no kea"),
        ("smoke", ("--credential", "dev-mode"), "issues tokens"),
        ("smoke", ("--target", "embedded"), "embedded stack"),
        ("load", ("--scenario", "boot_storm", "--dry-run", "--dialect", "x"), "there is no dialect 'x'"),
    ],
)
def test_what_the_dialect_does_not_have_is_one_clear_line(name, arguments, wrong, site):
    told = site.done(name, *arguments, code=2)
    assert wrong in told
    assert "Traceback" not in told


def test_a_boot_service_makes_its_keys_itself_and_answers_200_for_a_node_it_does_not_know(site_with):
    site = site_with("openchami-fabrica")
    assert "7 ok, 1 skipped" in site.done("smoke")
    site.done("seed", "--nodes", NODES)
    site.done("load", *LIGHT)
    assert failures(run_file(site, "boot_storm")) == {}
    told = site.done("load", "--scenario", "mixed_boot_path", "--profile", "demo", code=3)
    assert "not possible on this stack: its metadata-service is not described yet" in told
    del site.stack.boot_service.configurations[0]
    site.run("load", *LIGHT)
    assert failures(run_file(site, "boot_storm"))["bootscript"] > 0
    site.done("seed", "--remove")
    assert (site.stack.boot_service.nodes, site.stack.boot_service.configurations) == ({}, [])


def test_the_metadata_service_is_not_described_yet(site_with):
    site = site_with("openchami-fabrica")
    told = site.done("smoke", "--cloud-init-url", "http://127.0.0.1:1", code=2)
    assert "metadata-service is not described yet" in told
