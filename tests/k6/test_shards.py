"""A load that several k6 processes share: each does its part once, and their counts add up to the whole."""

import hashlib
import json
import re
import shutil
import subprocess
import time

import pytest
from k6_runs import K6, NODES, SCRIPTS, finish, light, plan_of, start
from test_scenarios import LIGHTER

from chamiperf_ci.models.run import ScriptSummary

pytestmark = pytest.mark.e2e

BOUNDS = {2: "0,1/2,1", 3: "0,1/3,2/3,1"}
LEAD_S = 4.0
"""From the shards' start to that of their load."""


@pytest.fixture
def in_shards(whole_stack, tmp_path):
    """Run a plan in so many processes that begin together; what each came to."""
    state, _ = whole_stack

    def run(plan, shards):
        begin = time.time() + LEAD_S
        bounds = BOUNDS[shards].split(",")
        folders = [tmp_path / f"{plan['scenario']}-{index}" for index in range(shards)]
        processes = [
            start(
                folder,
                plan,
                "--execution-segment",
                f"{bounds[index]}:{bounds[index + 1]}",
                "--execution-segment-sequence",
                BOUNDS[shards],
                state=state,
                CHAMIPERF_START_AT=str(begin),
            )
            for index, folder in enumerate(folders)
        ]
        ended = [finish(process, folder) for process, folder in zip(processes, folders, strict=True)]
        assert [(each.code, each.lines("error")) for each in ended] == [(0, [])] * shards, [each.log for each in ended]
        assert [(each.sums.shard.index, each.sums.shard.of) for each in ended] == [(i, shards) for i in range(shards)]
        # When it begins is the machine's affair; that none begins before it was asked to is ours.
        assert all(each.sums.clock.start_at == begin <= each.sums.clock.began_at for each in ended)
        return ended

    return run


def total(ended, name):
    """The sum of a figure over the shards."""
    return sum(scalar.value for each in ended for scalar in each.sums.scalars if scalar.name == name)


def left(ended):
    """By kind, what all shards together created and did not remove."""
    kinds = {each.kind for each in ended[0].sums.objects}
    counts = [each for shard in ended for each in shard.sums.objects]
    return {kind: sum(each.created - each.removed for each in counts if each.kind == kind) for kind in kinds}


def test_each_node_is_booted_once_and_what_none_asked_is_counted_of_the_whole(whole_stack, in_shards):
    state, run = whole_stack
    ended = in_shards(plan_of(state, "boot_storm", light("boot_storm"), run=run, nodes=NODES), 2)
    assert (total(ended, "nodes booted"), total(ended, "nodes never served")) == (NODES, 0)
    parts = [scalar.merge for each in ended for scalar in each.sums.scalars if scalar.name == "nodes not asked"]
    assert [merge.whole - sum(each.part for each in parts) for merge in parts] == [0, 0]
    assert sum(each.sums.max_vus for each in ended) == 40


def test_every_shard_has_tokens_and_takes_its_account_away(whole_stack, in_shards):
    state, run = whole_stack
    ended = in_shards(plan_of(state, "auth_under_load", light("auth_under_load"), run=run, nodes=NODES), 3)
    assert [each.sums.unavailable for each in ended] == [(), (), ()]
    assert all(each.traffic("token", "requests") > 0 for each in ended)
    assert [each.traffic("token", "failed") for each in ended] == [0, 0, 0]
    assert left(ended) == {"service-accounts": 0}


@pytest.mark.thorough  # Accounts before it and nodes below it are shared alike.
def test_components_that_shards_register_are_all_removed_and_counted_once(whole_stack, in_shards):
    state, run = whole_stack
    load = light("bulk_registration", **LIGHTER["bulk_registration"])
    ended = in_shards(plan_of(state, "bulk_registration", load, run=run, nodes=NODES), 2)
    registered = {
        phase["name"]: phase["iterations"] * (100 if phase["name"] == "bulk" else 1) for phase in load["phases"]
    }
    found = {name: sum(each.scalar("registered", phase=name) for each in ended) for name in registered}
    assert found == registered
    assert left(ended) == {"components": 0}
    assert sum(each.sums.max_vus for each in ended) == 4
    assert all(len(each.sums.window_ends_s) == 10 and set(each.sums.progress) == set(registered) for each in ended)


@pytest.mark.thorough  # As above.
def test_clients_that_shards_drive_leave_nothing(whole_stack, in_shards):
    state, run = whole_stack
    load = light("inventory_scale", parameters={"churn": 90})
    ended = in_shards(plan_of(state, "inventory_scale", load, run=run, nodes=NODES), 2)
    assert left(ended) == {"components": 0}
    assert all(sum(each.created for each in shard.sums.objects) > 0 for shard in ended)


def test_what_one_vu_does_alone_is_not_split(whole_stack, run_k6):
    state, run = whole_stack
    load = light("dhcp_sync_burst", parameters={"changes": 4})
    segment = ("--execution-segment", "0:1/2", "--execution-segment-sequence", "0,1/2,1")
    ended = run_k6(plan_of(state, "dhcp_sync_burst", load, run=run, nodes=NODES), *segment, state=state)
    assert ended.code != 0
    assert "dhcp_sync_burst cannot be split" in ended.log


def test_a_script_runs_from_a_flat_folder_and_tells_its_summary_in_its_log(whole_stack, tmp_path):
    state, run = whole_stack
    flat = tmp_path / "flat"
    flat.mkdir()
    shutil.copy(SCRIPTS / "built" / "boot_storm.js", flat)
    quantiles = [*range(1, 90), *(90 + step / 40 for step in range(400))]
    plan = plan_of(state, "boot_storm", light("boot_storm"), run=run, nodes=NODES, quantiles=quantiles)
    (flat / "plan.json").write_text(json.dumps(plan))
    command = [K6, "run", "--no-usage-report", "--quiet", "--address", "", "boot_storm.js"]
    variables = {"CHAMIPERF_PLAN": str(flat / "plan.json"), "CHAMIPERF_SUMMARY": "-", "HOME": str(flat)}
    ended = subprocess.run(command, cwd=flat, env=variables, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line]
    told = re.fullmatch("chamiperf-summary-begin sha256:(.*?) (.*) chamiperf-summary-end", line)
    assert told is not None
    assert hashlib.sha256(told[2].encode("ascii")).hexdigest() == told[1]
    summary = ScriptSummary.model_validate_json(told[2])
    assert summary.good["sustained"] > 0
    assert len(summary.series[0].phases["sustained"].quantiles) == len(quantiles)
