"""What a request costs k6 on this machine: measured, kept, and used where a plan is sized."""

import http.client
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from command_line import command

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.adapters.machine import _PIECE, Cost, _used_s, keep, kept_costs, this_machine
from chamiperf_ci.errors import ConfigurationError, GeneratorFailed
from chamiperf_ci.models.dialect import Identities, fill
from chamiperf_ci.steps import calibrate
from chamiperf_ci.steps.calibrate import _endpoint, _requests, _Trial, _vus, calibrated, can_calibrate, measure
from chamiperf_ci.steps.load.plan import MachineLimits, assign
from chamiperf_ci.steps.load.request import LoadOptions, read_profile
from chamiperf_ci.steps.load.sizing import size

ROOMY = MachineLimits(available_mb=64_000, open_files=1_000_000, local_ports=60_000)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "chamiperf" / "calibration.jsonl"


def cost(ms, scenario="boot_storm", here="", stack="", stack_ms=None):
    return Cost(
        scenario=scenario, machine=here or this_machine(), k6="1.1.0", ms_per_request=ms, requests=100,
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
    for each in (cost(0.2), cost(0.9, here="64c-512GiB Model Z"), cost(0.3, "cloud_init_storm"), cost(0.25)):
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
    unknown = "the extra cost of VUs that start is not known"
    assert alone.beside == f"measured with 1,000 VUs, not with 20,000; {unknown}"
    known = costs["boot_storm"].model_copy(update={"vus": 20_000, "ms_per_start": 0.0})
    assert not size(plan, cores=4, limits=ROOMY, costs={"boot_storm": known}).beside
    few = assign(read_profile("demo"), "boot_storm", LoadOptions())
    assert size(few, cores=4, limits=ROOMY, costs=costs).beside == unknown
    assert "of 0.40 ms a request the stack on this machine takes 0.20" in shared.text
    assert "other work takes 1.4 of 4 cores now" in busy.text
    assert busy.times == pytest.approx(4)
    unknown = size(plan, cores=4, limits=replace(ROOMY, stack_here=True), costs={"boot_storm": cost(0.2)})
    assert "how much it takes is not known" in unknown.text


@pytest.mark.parametrize(
    ("shape", "starts_per_s"),
    [
        # 10,000 VUs join at the spike's first instant, and each first sends at a random point of its interval of 1 s.
        ({}, 10_000),
        ({"spike_vus": 10_000}, 10_000 / 120),
        ({"spike_vus": 10_000, "durations_s": {"ramp-up": 20.0}}, 10_000 / 20),
        ({"spike_vus": 10_000, "durations_s": {"ramp-up": 20.0}, "pace": 50.0}, 10_000 / 50),
        ({"spike_vus": 10_000, "durations_s": {"ramp-up": 0.0}, "pace": 50.0}, 10_000 / 50),
        # Nothing spreads VUs without a pace.
        ({"spike_vus": 10_000, "durations_s": {"ramp-up": 0.0}, "pace": 0.0}, 0),
    ],
)
def test_vus_that_start_cost_more_than_those_that_go_on(shape, starts_per_s):
    plan = assign(read_profile("full"), "boot_storm", LoadOptions(**shape))
    dear = cost(0.2).model_copy(update={"ms_per_start": 0.4, "vus": 20_000})
    sized = size(plan, cores=4, limits=ROOMY, costs={"boot_storm": dear})
    peak = sum(plan.peak_requests_per_s.values())
    each_ms = 0.2 + 0.4 * (starts_per_s / peak if peak else 0)
    assert sized.ceiling_per_s == pytest.approx((4 * 0.6 * 1000 / each_ms,) * 2)
    assert sized.cores == pytest.approx((peak * each_ms / 1000 / 0.6,) * 2)
    assert ("ramp up slowly" in sized.found) is (each_ms > 0.2 / 0.95)


@pytest.mark.parametrize(("sustained_s", "says"), [(60.0, False), (240.0, False), (300.0, True), (900.0, True)])
def test_a_load_that_must_collect_garbage_beside_many_vus_does_not_fit(monkeypatch, sustained_s, says):
    """10,000 VUs in each of two processes, on two cores with 24 GB."""
    monkeypatch.setattr(machine, "available_mb", lambda: 24_000.0)
    monkeypatch.setattr(machine, "most_open_files", lambda: 20_000)
    durations = {"spike": 0.0, "cooldown": 0.0, "ramp-up": 0.0, "sustained": sustained_s}
    plan = assign(
        read_profile("full"),
        "boot_storm",
        LoadOptions(vus=20_000, pace=12.0, durations_s=durations, scenarios=("boot_storm",)),
    )
    sized = size(plan, cores=2, limits=replace(ROOMY, available_mb=24_000))
    assert plan.segments == 2
    assert sized.fits is not says
    assert ("k6 collects the garbage of 20,000 VUs during the load" in sized.found) is says
    if sustained_s == 900:
        # 200 MB, 8,000 of the VUs, and 31 kB for each of 1,500,000 requests: three machines have room for it, but two
        # have few enough VUs a core.
        assert "with less than 54.7 GB" in sized.found
        assert sized.times == 2
    if sustained_s == 300:
        assert sized.times == pytest.approx(23_700 / (24_000 * 0.9))
    assert size(plan, cores=4, limits=replace(ROOMY, available_mb=24_000)).fits


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


def test_a_figure_of_an_earlier_version_was_measured_with_1000_vus(cache):
    keep(cost(0.2))
    known = json.loads(cache.read_text())
    cache.write_text(json.dumps({name: known[name] for name in known.keys() - {"vus", "ms_per_start"}}))
    assert (kept_costs()["boot_storm"].vus, kept_costs()["boot_storm"].ms_per_start) == (1_000, None)


@pytest.mark.parametrize(
    ("cores", "room_mb", "files", "vus"),
    [
        (2, 20_000.0, 20_000, 3_000),
        (64, 20_000.0, 20_000, 10_000),
        (64, 20_000.0, 4_096, 4_096 - 500),
        (64, 700.5, 20_000, 700),
        (64, 0.0, 100, 1),
    ],
)
def test_so_many_vus_are_measured_as_the_plan_the_processors_memory_and_files_allow(
    monkeypatch, cores, room_mb, files, vus
):
    monkeypatch.setattr(calibrate, "cores", lambda: cores)
    monkeypatch.setattr(calibrate, "available_mb", lambda: room_mb)
    monkeypatch.setattr(calibrate, "most_open_files", lambda: files)
    assert _vus(assign(read_profile("full"), "boot_storm", LoadOptions())) == vus
    assert _vus(assign(read_profile("demo"), "boot_storm", LoadOptions(vus=7, spike_vus=7))) == min(7, vus)


@dataclass
class _Vitals:
    at_s: float
    cpu_percent: float
    rss_mb: float


@dataclass
class _Outcome:
    """What k6 left: two seconds of making VUs, then a look every second."""

    vitals: tuple[_Vitals, ...]
    load_began_s: float = 2.0
    text: str = ""


def _of(*traffic):
    return SimpleNamespace(
        traffic=[SimpleNamespace(phase=name, requests=count, failed=bad) for name, count, bad in traffic]
    )


def test_what_vus_cost_that_start_is_told_from_what_they_cost_later(monkeypatch):
    """3,000 VUs send once in 5 s at 0.9 of a core, then once more at 0.6; making them took 2 cores."""
    vitals = [_Vitals(at, 200, 50) for at in (1.1, 2.1)]
    vitals += [_Vitals(2.1 + second, 90 if second <= 5 else 60, 100 + 60 * second) for second in range(1, 11)]
    # Looks at 3.1 ... 6.1 lie within the first span of 2 to 7, that at 7.1 saw both.
    trial = _Trial(
        assign(read_profile("full"), "boot_storm", LoadOptions()), find_k6(), "chamicore", "http://127.0.0.1:1", 0.0,
        vus=3_000, fresh_ms_per_mb=0.5,
    )  # fmt: skip
    summary = _of(("ramp-up", 3_000, 0), ("sustained", 2_950, 0))
    monkeypatch.setattr(_Trial, "_outcome", lambda _self, _per_s, _stop: (_Outcome(vitals), summary))
    found = trial.first(None)
    assert (trial.least_per_s, found.requests, found.vus) == (600, 2_950, 3_000)
    # Its memory grows by 60 MB a second, which would be fresh in a large load: 0.5 ms each.
    assert found.ms_per_request == pytest.approx((600 + 30) * 5 / 2_950, abs=1e-4)
    assert found.ms_per_start == pytest.approx((900 + 30) * 5 / 3_000 - found.ms_per_request, abs=1e-4)


def test_a_start_that_does_not_show_is_unknown_and_not_free(monkeypatch):
    """The stack was busy with something else in the second span."""
    vitals = [_Vitals(2.1 + second, 60 if second <= 5 else 90, 100) for second in range(11)]
    trial = _Trial(
        assign(read_profile("full"), "boot_storm", LoadOptions()), find_k6(), "chamicore", "http://127.0.0.1:1", 0.0,
        vus=3_000, fresh_ms_per_mb=0.0,
    )  # fmt: skip
    summary = _of(("ramp-up", 3_000, 0), ("sustained", 3_000, 0))
    monkeypatch.setattr(_Trial, "_outcome", lambda _self, _per_s, _stop: (_Outcome(vitals), summary))
    assert trial.first(None).ms_per_start is None


@pytest.mark.e2e
def test_a_signal_ends_a_calibration_and_keeps_nothing(tmp_path, cache):
    asked = [
        sys.executable,
        "-m",
        "chamiperf_ci",
        "doctor",
        "--scenario",
        "boot_storm",
        "--profile",
        "demo",
        "--calibrate",
    ]
    with subprocess.Popen(asked, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        for line in running.stderr:
            if "calibrating" in line:
                running.send_signal(signal.SIGINT)
                break
        said = running.stderr.read()
    assert running.returncode == 3
    assert "interrupted by SIGINT, and nothing was kept" in said
    assert not cache.exists()


def test_a_request_that_fails_in_a_trial_is_no_measurement():
    with pytest.raises(GeneratorFailed, match="1 of 3,000 requests failed"):
        _requests(_of(("ramp-up", 3_000, 1)), "boot_storm", "ramp-up")


def test_memory_costs_nothing_more_where_the_second_look_takes_as_long(monkeypatch):
    seconds = iter([0.010, 0.040, 0.030, 0.010])
    monkeypatch.setattr(machine, "_touched_s", lambda _memory: next(seconds))
    monkeypatch.setattr(machine, "_LOOKED_AT", 3 * _PIECE)
    assert machine.fresh_memory_ms_per_mb() == pytest.approx(30 / (_PIECE / 1e6))
    seconds = iter([0.010, 0.010, 0.009, 0.011])
    assert machine.fresh_memory_ms_per_mb() == 0


def test_real_memory_is_looked_at(monkeypatch):
    monkeypatch.setattr(machine, "_LOOKED_AT", 2 * _PIECE)
    assert 0 <= machine.fresh_memory_ms_per_mb() < 100


def test_the_stack_itself_is_no_other_work(monkeypatch):
    """60 % of two processors are busy for 2 s; two processes took 0.5 s of that each, and one has ended."""
    used = {1: iter([7.0, 7.5]), 2: iter([1.0, 1.5]), 3: iter([4.0, 0.0])}
    monkeypatch.setattr(machine.psutil, "cpu_percent", lambda _seconds: 60.0)
    monkeypatch.setattr(machine.psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(machine, "_used_s", lambda pid: next(used[pid]))
    assert machine.busy_cores(2.0) == pytest.approx(1.2)
    assert machine.busy_cores(2.0, without=[1, 2, 3]) == pytest.approx(0.7)


def test_a_process_that_has_ended_has_used_nothing():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert _used_s(ended.pid) == 0
    assert _used_s(os.getpid()) > 0


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
