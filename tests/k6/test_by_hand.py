"""Each scenario by plain `k6 run` from its source, with nothing but variables."""

import pytest
from k6_runs import NODES, SCENARIOS, light, plan_of, urls_of

pytestmark = pytest.mark.e2e

BY_HAND = ("bulk_registration",)
"""One that reads and writes; `make test-thorough` runs the others."""

QUICK = {"QUICK": "1", "QUICK_VUS": "10", "QUICK_DURATION": "3s"}
DEMO = {"CHAMIPERF_PROFILE": "demo"}
VARIABLES = {
    "boot_storm": QUICK,
    "cloud_init_storm": QUICK,
    "inventory_scale": {**QUICK, "CHAMIPERF_SET": "churn=50", "CHAMIPERF_PACE": "200ms"},
    "auth_under_load": {**DEMO, "CHAMIPERF_CREDENTIAL": "internal-token"},
    "dhcp_sync_burst": {**DEMO, "CHAMIPERF_SET": "changes=40"},
}


@pytest.fixture
def variables(whole_stack):
    """The stack by Chamicore's own names, and the nodes that are in it."""
    state, run = whole_stack
    urls = {f"CHAMICORE_TEST_{name.upper().replace('-', '')}_URL": url for name, url in urls_of(state).items()}
    seeded = {"CHAMIPERF_SEED_RUN_ID": run, "CHAMIPERF_SEED_NODES": str(NODES)}
    return {"CHAMIPERF_PLAN": "", "CHAMIPERF_KEA_URL": urls.pop("CHAMICORE_TEST_KEA_URL"), **urls, **seeded}


# Of the sources; what is built from them is driven in test_scenarios.
@pytest.mark.parametrize(
    "scenario",
    [pytest.param(name, marks=() if name in BY_HAND else pytest.mark.thorough) for name in SCENARIOS],
)
def test_a_scenario_runs_by_hand_on_nodes_that_are_there(scenario, whole_stack, run_k6, variables):
    state, _ = whole_stack
    more = {"CHAMIPERF_WRITTEN_RUN_ID": f"hand{SCENARIOS.index(scenario)}", **VARIABLES.get(scenario, DEMO)}
    ended = run_k6(plan_of(state, scenario, light(scenario)), state=state, built=False, **variables, **more)
    assert (ended.code, ended.lines("error")) == (0, []), ended.log
    assert sum(row.requests for row in ended.sums.traffic) > 0
    assert sum(row.failed_by["content"] for row in ended.sums.traffic) == 0
