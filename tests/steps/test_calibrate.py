"""What a request costs k6 on this machine: measured, kept, and used where a plan is sized."""

import http.client
import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from command_line import command

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.adapters.machine import Cost, keep, kept_costs, this_machine
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Identities, fill
from chamiperf_ci.steps.calibrate import _endpoint, calibrated, can_calibrate, measure
from chamiperf_ci.steps.load.plan import MachineLimits, assign, size
from chamiperf_ci.steps.load.request import LoadOptions, read_profile

ROOMY = MachineLimits(available_mb=64_000, open_files=1_000_000, local_ports=60_000)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "chamiperf" / "calibration.jsonl"


def cost(ms, scenario="boot_storm", machine="", stack="", stack_ms=None):
    return Cost(
        scenario=scenario, machine=machine or this_machine(), k6="1.1.0", ms_per_request=ms, requests=100,
        stack=stack, stack_ms_per_request=stack_ms,
    )  # fmt: skip


def kept_ms(stack=""):
    return {name: each.ms_per_request for name, each in kept_costs(stack).items()}


def test_a_plan_is_sized_by_what_was_measured_here():
    plan = assign(read_profile("full"), "boot_storm", LoadOptions())
    keep(cost(0.1))
    sized = size(plan, cores=2, limits=ROOMY, costs=kept_costs())
    assert sized.ceiling_per_s == pytest.approx((12_000, 12_000))
    assert sized.cores == pytest.approx((20_000 * 0.0001 / 0.6,) * 2)
    assert "makes about 12,000 requests/s" in sized.text
    assert "share it over 2 machines like this one" in sized.text


def test_the_newest_figure_of_a_scenario_counts_and_those_of_other_machines_are_kept_and_not_used(cache):
    for each in (cost(0.2), cost(0.9, machine="64c-512GiB Model Z"), cost(0.3, "cloud_init_storm"), cost(0.25)):
        keep(each)
    assert kept_ms() == {"boot_storm": 0.25, "cloud_init_storm": 0.3}
    assert len(cache.read_text().splitlines()) == 3


def test_what_was_measured_with_a_stack_on_this_machine_counts_for_that_stack_alone(cache):
    for each in (cost(0.2), cost(0.3, stack="here", stack_ms=0.25), cost(0.9, stack="other", stack_ms=0.1)):
        keep(each)
    assert kept_ms() == kept_ms("elsewhere") == {"boot_storm": 0.2}
    assert kept_ms("here") == {"boot_storm": 0.3}
    assert len(cache.read_text().splitlines()) == 3


@pytest.mark.parametrize(("vus", "says"), [(14_116, False), (14_117, True)])
def test_connections_past_half_of_the_local_ports_are_said_to_be_dear(vus, says):
    plan = assign(read_profile("full"), "boot_storm", LoadOptions(vus=vus, spike_vus=vus))
    found = size(plan, cores=4, limits=replace(ROOMY, local_ports=28_232)).found
    assert ("beyond 14,116 connections to one address" in found) is says


def test_a_stack_on_this_machine_and_other_work_lower_what_it_makes():
    plan = assign(read_profile("full"), "boot_storm", LoadOptions())
    costs = {"boot_storm": cost(0.2, stack="here", stack_ms=0.2)}
    alone = size(plan, cores=4, limits=ROOMY, costs=costs)
    shared = size(plan, cores=4, limits=replace(ROOMY, stack_here=True), costs=costs)
    busy = size(plan, cores=4, limits=replace(ROOMY, stack_here=True, busy_cores=1.4), costs=costs)
    assert alone.ceiling_per_s == pytest.approx((12_000, 12_000))
    assert shared.ceiling_per_s == pytest.approx((8_500, 8_500))
    assert busy.ceiling_per_s == pytest.approx((5_000, 5_000))
    assert alone.beside == "measured with 1,000 VUs, not with 20,000"
    few = assign(read_profile("demo"), "boot_storm", LoadOptions())
    assert not size(few, cores=4, limits=ROOMY, costs=costs).beside
    assert "of 0.40 ms a request the stack on this machine takes 0.20" in shared.text
    assert "other work takes 1.4 of 4 cores now" in busy.text
    assert busy.times == pytest.approx(4)
    unknown = size(plan, cores=4, limits=replace(ROOMY, stack_here=True), costs={"boot_storm": cost(0.2)})
    assert "how much it takes is not known" in unknown.text


def test_a_machine_that_others_keep_busy_makes_nothing():
    plan = assign(read_profile("full"), "boot_storm", LoadOptions())
    sized = size(plan, cores=2, limits=replace(ROOMY, busy_cores=2.0))
    assert sized.ceiling_per_s == (0, 0)
    assert not sized.fits


@pytest.mark.parametrize("damage", ["", "{", '{"scenario": "boot_storm"}', "[]", "\x00"])
def test_a_damaged_figure_is_passed_over(cache, damage):
    keep(cost(0.2))
    cache.write_text(f"{damage}\n{cache.read_text()}")
    assert kept_ms() == {"boot_storm": 0.2}


def test_nothing_was_measured_yet():
    assert kept_costs() == {}


def test_what_changes_a_stack_cannot_be_calibrated_without_one():
    spoken = dialect()
    assert [name for name in read_profile("demo").scenarios if can_calibrate(name, spoken)] == [
        "boot_storm",
        "cloud_init_storm",
    ]
    plan = assign(read_profile("demo"), "bulk_registration", LoadOptions())
    assert list(calibrated([plan], None, "chamicore")) == [
        "bulk_registration cannot be calibrated: it asks for more than documents, which needs a stack"
    ]


def test_without_a_scenario_there_is_nothing_to_calibrate():
    with pytest.raises(ConfigurationError, match="nothing to calibrate"):
        list(calibrated([], None, "chamicore"))


@pytest.mark.parametrize("route", ["bootscript", "user-data", "meta-data"])
def test_the_endpoint_serves_each_node_what_the_script_checks_for(route):
    spoken = dialect()
    values = Identities(spoken.identity, "calibrate", "198.18.0.0/15").values(4711)
    with _endpoint(spoken) as url:
        client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        client.request("GET", fill(spoken.routes[route].path, values))
        answer = client.getresponse()
        body = answer.read().decode()
        client.request("GET", "/nowhere")
        assert client.getresponse().status == 404
        client.close()
    assert answer.status == 200
    assert all(fill(text, values) in body for text in spoken.routes[route].contains)


@pytest.mark.e2e
@pytest.mark.parametrize("scenario", ["boot_storm", pytest.param("cloud_init_storm", marks=pytest.mark.thorough)])
def test_a_request_is_measured_with_real_k6(scenario):
    plan = assign(read_profile("demo"), scenario, LoadOptions(vus=20, spike_vus=20))
    with StopRequest() as stop:
        found = measure(plan, find_k6(), "chamicore", stop)
    assert found.requests > 50
    assert found.ms_per_request > 0


@pytest.mark.e2e
@pytest.mark.thorough  # Two calibrations; the one without a stack is above.
def test_a_stack_on_this_machine_is_asked_for_its_own_nodes_and_measured_as_well(make_stack, tmp_path, cache):
    state = make_stack(without=("discovery", "power", "mcp", "kea", "kea-sync"), sync_interval_s=3600)
    assert command("seed", "--target", "embedded", "--nodes", 20, cwd=tmp_path, state=state).returncode == 0
    asked = ("--target", "embedded", "--scenario", "boot_storm", "--profile", "demo", "--calibrate")
    done = command("doctor", *asked, cwd=tmp_path, state=state)
    assert done.returncode in (0, 3), done.stderr
    (kept,) = (Cost.model_validate_json(line) for line in cache.read_text().splitlines())
    assert kept.stack == "embedded"
    # A boot script costs the stack some 0.2 ms.
    assert 0.02 < kept.stack_ms_per_request < 5
    assert "the stack on this machine takes" in " ".join(done.stdout.split())


@pytest.mark.e2e
def test_a_seed_file_whose_nodes_are_gone_is_named_and_nothing_is_measured(make_stack, tmp_path, cache):
    state = make_stack(without=("discovery", "power", "mcp", "kea", "kea-sync"), sync_interval_s=3600)
    assert command("seed", "--target", "embedded", "--nodes", 20, cwd=tmp_path, state=state).returncode == 0
    assert command("seed", "--target", "embedded", "--remove", cwd=tmp_path, state=state).returncode == 0
    asked = ("--target", "embedded", "--scenario", "boot_storm", "--profile", "demo", "--calibrate")
    done = command("doctor", *asked, "--seed-file", "out/seed.json", cwd=tmp_path, state=state)
    assert done.returncode == 2
    assert "the seeded nodes were removed at " in done.stderr
    seed = json.loads((tmp_path / "out" / "seed.json").read_text())
    (tmp_path / "out" / "seed.json").write_text(json.dumps(seed | {"removed_at": None, "complete": True}))
    done = command("doctor", *asked, cwd=tmp_path, state=state)
    assert done.returncode == 2
    assert "is not in the stack" in done.stderr
    assert not cache.exists()
