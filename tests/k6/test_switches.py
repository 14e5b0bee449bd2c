"""What a stack can be told to do otherwise is seen by the scenario that meets it."""

import time

import httpx
import pytest
from k6_runs import light, plan_of, urls_of

from chamicore_standin import lifecycle

pytestmark = pytest.mark.e2e

FEW = ("discovery", "power", "mcp", "kea", "kea-sync")
KEA_ONLY = ("bss", "cloud-init", "discovery", "power", "mcp")
BURST = light("dhcp_sync_burst", parameters={"changes": 40, "settle_s": 20, "wait_s": 10, "poll_s": 0.2})
PASS = {
    "model": "closed",
    "pace_s": 0.1,
    "phases": [{"name": "sustained", "duration_s": 3, "from_vus": 10, "to_vus": 10}],
    "parameters": {},
}


def rows_left(state):
    """How many boot parameters BSS has, once its syncs leave them alone."""
    url = f"{urls_of(state)['bss']}/boot/v1/bootparams?limit=1"
    headers = {"Authorization": f"Bearer {lifecycle.internal_token(state)}"}
    seen = [-1]
    while len(seen) < 100 and (seen[-1] > 100 or seen[-5:] != [seen[-1]] * 5):
        time.sleep(0.2)
        seen.append(httpx.get(url, headers=headers).json()["metadata"]["total"])
    return seen[-1]


def test_nodes_that_a_truncated_sync_evicts_are_counted_exactly(make_stack, seeded, run_k6):
    state = make_stack(without=FEW, truncate_sync=True, delete_orphans=True, page_clamp=100, sync_interval_s=0.2)
    run = seeded(state, 150)
    left = rows_left(state)
    ended = run_k6(plan_of(state, "boot_storm", PASS, run=run, nodes=150), state=state)
    found = [ended.scalar(f"nodes {what}") for what in ("booted", "never served", "not asked")]
    assert found == [left, 150 - left, 0]
    assert 0 < left <= 100


def test_a_delayed_sync_shows_in_the_propagation(make_stack, run_k6):
    state = make_stack(without=KEA_ONLY, sync_interval_s=0.2, sync_delay_s=1.5)
    ended = run_k6(plan_of(state, "dhcp_sync_burst", BURST), state=state)
    (propagation,) = [series for series in ended.sums.series if series.metric == "propagation to Kea"]
    assert propagation.phases["sustained"].count == 40
    assert propagation.phases["sustained"].min >= 1500


def test_the_stock_answers_of_kea_are_understood(make_stack, run_k6):
    state = make_stack(without=KEA_ONLY, sync_interval_s=0.2, kea_style="stock")
    ended = run_k6(plan_of(state, "dhcp_sync_burst", BURST), state=state)
    assert (ended.scalar("changes seen"), ended.scalar("changes never seen")) == (40, 0)


@pytest.mark.thorough  # The same leg is driven on an OpenCHAMI, in tests/openchami.
def test_waiting_for_a_script_is_a_leg_of_its_own(make_stack, run_k6, fault):
    state = make_stack(without=FEW)
    fault(state, "errors", service="bss", route="bootscript", rate=0.5)
    ended = run_k6(plan_of(state, "mixed_boot_path", light("mixed_boot_path")), state=state)
    legs = {series.metric: series.phases["sustained"] for series in ended.sums.series if series.metric != "latency"}
    assert legs["wait for sync"].min >= 100
    assert legs["boot path"].count > legs["wait for sync"].count > 0
    assert ended.scalar("paths not completed") == 0
    assert {each.left for each in ended.sums.objects} == {0}
