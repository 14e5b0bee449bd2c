"""What a load may do to a stack, and what has to be allowed."""

import json
from pathlib import Path

import pytest
from made_targets import target

from chamiperf_ci.adapters.k6 import K6Binary
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.steps.load.plan import assign, require_possible
from chamiperf_ci.steps.load.request import Job, LoadOptions, read_profile

SEED = Seed.model_validate(
    json.loads((Path(__file__).parents[2] / "golden/v1/seed.json").read_text())
    | {"stack_kind": "deployed", "dhcp_allowed": False}
)
KEA = "http://127.0.0.1:8000"


def _require(scenario="database_stress", *, kea=None, many=False, seed=None, **changes):
    options = LoadOptions(many_objects=many, **changes)
    profile = read_profile("demo")
    job = Job(
        options,
        target=target(kea=kea),
        seed=SEED.model_copy(update=seed or {}),
        profile=profile,
        k6=K6Binary(Path("k6"), "1.1.0"),
    )
    require_possible(job, assign(profile, scenario, options))


# A cycle a second of 20 VUs at half a second creates 280 objects: 1,071 s of it are just below 300,000.
LONG = {"ramp-up": 0.0, "spike": 0.0, "cooldown": 0.0, "sustained": 1071.0}


def test_three_hundred_thousand_objects_may_be_created():
    _require(durations_s=LONG)


def test_more_are_refused_with_their_number_and_the_option_that_allows_them():
    with pytest.raises(ConfigurationError, match=r"would create 300,160 objects.*--many-objects"):
        _require(durations_s={**LONG, "sustained": 1072.0})


def test_more_may_be_created_where_somebody_wants_that():
    _require(durations_s={**LONG, "sustained": 1072.0}, many=True)


@pytest.mark.parametrize("scenario", ["dhcp_sync_burst", "mixed_boot_path", "database_stress"])
def test_a_deployed_kea_is_filled_only_with_leave(scenario):
    with pytest.raises(ConfigurationError, match=r"DHCP server .*seed --allow-dhcp"):
        _require(scenario, kea=KEA)
    _require(scenario, kea=KEA, seed={"dhcp_allowed": True})


def test_what_writes_no_interface_needs_no_leave():
    _require("bulk_registration", kea=KEA)


def test_a_stand_ins_kea_is_nobodys_network():
    _require("dhcp_sync_burst", kea=KEA, seed={"stack_kind": StackKind.EMBEDDED})


@pytest.mark.parametrize(("asked", "cores", "shards"), [(None, 4, 1), (0, 4, 4), (3, 4, 3), (1, 4, 1)])
def test_a_load_is_split_into_as_many_processes_as_are_asked_for(monkeypatch, asked, cores, shards):
    monkeypatch.setattr("chamiperf_ci.adapters.machine.cores", lambda: cores)
    planned = assign(read_profile("demo"), "boot_storm", LoadOptions(shards=asked))
    assert planned.segments == shards


def test_a_load_has_no_more_processes_than_vus():
    assert assign(read_profile("demo"), "boot_storm", LoadOptions(shards=16, vus=3, spike_vus=3)).segments == 3


def test_what_cannot_be_split_is_refused_by_number_and_left_whole_by_local(monkeypatch):
    monkeypatch.setattr("chamiperf_ci.adapters.machine.cores", lambda: 4)
    profile = read_profile("demo")
    assert assign(profile, "dhcp_sync_burst", LoadOptions(shards=0)).segments == 1
    with pytest.raises(ConfigurationError, match="dhcp_sync_burst cannot be split over 2 processes"):
        assign(profile, "dhcp_sync_burst", LoadOptions(shards=2, vus=2))
