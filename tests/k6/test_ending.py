"""How a script ends when it is stopped, and how it keeps its credential good until then."""

import json
import os
import signal
import time

import httpx
import pytest
from k6_runs import NODES, finish, light, plan_of, start

from chamicore_standin import lifecycle

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_a_load_that_is_stopped_still_writes_its_summary(stop, whole_stack, tmp_path):
    state, run = whole_stack
    load = light("boot_storm")
    load["phases"][1]["duration_s"] = 60
    process = start(tmp_path / "stopped", plan_of(state, "boot_storm", load, run=run, nodes=NODES), state=state)
    time.sleep(3)
    os.kill(process.pid, stop)
    ended = finish(process, tmp_path / "stopped")
    assert ended.code == 105
    assert ended.traffic("bootscript", "requests") > 0


def test_a_token_is_renewed_before_it_expires(make_stack, run_k6):
    state = make_stack(token_lifetime_s=3, password_cost=4, without=("discovery", "power", "mcp", "kea", "kea-sync"))
    url = next(service.url for service in state.services if service.name == "auth")
    account = httpx.post(
        f"{url}/auth/v1/service-accounts",
        json={"name": "load", "scopes": ["admin", "read:components", "write:components"]},
        headers={"Authorization": f"Bearer {lifecycle.internal_token(state)}"},
    ).json()["spec"]
    load = light("inventory_scale")
    load["parameters"] = {"get": 0, "list": 1, "put": 0, "patch": 0, "churn": 1}
    plan = plan_of(state, "inventory_scale", load, credential="client-credentials")
    ended = run_k6(plan, CHAMIPERF_CLIENT_ID=account["clientId"], CHAMIPERF_CLIENT_SECRET=account["clientSecret"])
    assert ended.unwell() == []
    assert ended.traffic("component-list", "requests") > 100


@pytest.mark.parametrize(("connections", "connects"), [("keep", False), ("fresh", True)])
def test_connections_are_kept_or_opened_for_every_request(connections, connects, whole_stack, run_k6):
    state, run = whole_stack
    plan = plan_of(state, "boot_storm", light("boot_storm"), run=run, nodes=NODES, connections=connections)
    (row,) = [row for row in run_k6(plan, state=state).sums.traffic if row.phase == "sustained"]
    assert (row.connecting_ms.quantiles["p10"] > 0) == connects


def test_a_plan_for_another_scenario_is_refused_in_one_line(run_k6, whole_stack, tmp_path):
    state, _ = whole_stack
    plan = plan_of(state, "seed", light("boot_storm"))
    (tmp_path / "other.json").write_text(json.dumps({**plan, "scenario": "boot_storm"}))
    ended = run_k6(plan, CHAMIPERF_PLAN=str(tmp_path / "other.json"))
    assert ended.code != 0
    assert "is for boot_storm, this is seed" in ended.log


def test_by_hand_a_script_seeds_what_it_needs_and_removes_it(whole_stack, run_k6):
    state, _ = whole_stack
    plan = plan_of(state, "boot_storm", light("boot_storm"))
    urls = {f"CHAMICORE_TEST_{name.upper().replace('-', '')}_URL": url for name, url in plan["urls"].items()}
    quick = {"QUICK": "1", "QUICK_VUS": "10", "QUICK_DURATION": "5s", "BOOT_SEED_COUNT": "30"}
    ended = run_k6(plan, state=state, built=False, CHAMIPERF_PLAN="", **urls, **quick)
    assert (ended.scalar("nodes booted"), ended.unwell()) == (30, [])
    assert {(each.created, each.left) for each in ended.sums.objects} == {(30, 0)}
