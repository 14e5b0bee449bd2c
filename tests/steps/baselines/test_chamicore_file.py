import json
from pathlib import Path

import pytest
from made_runs import shipped_baselines

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.steps.baselines.file import SOURCE, import_targets

# As contract 7.5 describes Chamicore's tests/load/baselines.json.
THEIRS = json.loads((Path(__file__).parent / "chamicore-baselines.json").read_text())


def target(baselines, scenario, endpoint, metric, stack_kind=StackKind.DEPLOYED):
    found = baselines.policy(scenario, endpoint, metric, stack_kind=stack_kind).target
    return found.limit, found.source


def test_targets_are_taken_over_per_scenario():
    theirs = json.loads(json.dumps(THEIRS))
    theirs["boot_storm"]["http_req_duration_p99_ms"] = 80
    imported = import_targets(shipped_baselines(), theirs, where="theirs.json").baselines
    assert target(imported, "boot_storm", "bootscript", "p99") == (80, SOURCE)


def test_the_shipped_file_has_the_inventory_targets_already():
    imported = import_targets(shipped_baselines(), THEIRS, where="theirs.json").baselines
    for metric, limit in (("p50", 5), ("p95", 8), ("p99", 10)):
        assert target(imported, "inventory_scale", "component-get", metric)[0] == limit
        assert target(shipped_baselines(), "inventory_scale", "component-get", metric)[0] == limit


def test_an_equal_target_keeps_its_other_limit_for_the_embedded_stack():
    imported = import_targets(shipped_baselines(), THEIRS, where="theirs.json").baselines
    assert target(imported, "inventory_scale", "component-get", "p99", StackKind.EMBEDDED) == (100, "ADR-012")


def test_importing_twice_changes_nothing_more():
    once = import_targets(shipped_baselines(), THEIRS, where="theirs.json").baselines
    assert import_targets(once, THEIRS, where="theirs.json").baselines == once


def test_what_was_taken_and_what_was_left_is_named():
    imported = import_targets(shipped_baselines(), THEIRS, where="theirs.json")
    assert "boot_storm / bootscript p99: at most 100 ms" in imported.taken
    assert "cloud_init_storm / user-data errors: at most 0.001 share" in imported.taken
    assert {"quick_mode", "boot_storm.target_vus", "inventory_scale.seed_components"} <= set(imported.left)


@pytest.mark.parametrize("data", [[], {}, {"kind": "baselines"}], ids=["a list", "empty", "our own"])
def test_another_file_is_refused(data):
    with pytest.raises(ConfigurationError, match="none of the scenarios"):
        import_targets(shipped_baselines(), data, where="theirs.json")


@pytest.mark.parametrize("limit", ["100", None, 0, -1, True])
def test_a_limit_that_is_no_positive_number_is_refused(limit):
    with pytest.raises(ConfigurationError, match=r"http_req_duration_p99_ms is .*, not a positive number"):
        import_targets(shipped_baselines(), {"boot_storm": {"http_req_duration_p99_ms": limit}}, where="theirs.json")
