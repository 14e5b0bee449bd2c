"""Each scenario, built and from its source, against a whole stack in good health."""

import json
from pathlib import Path

import httpx
import psycopg
import pytest
from database_stack import needs_postgres
from k6_runs import NODES, SCENARIOS, light, plan_of, seed, seeding, urls_of

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import StackOptions

pytestmark = pytest.mark.e2e

LIGHTER = {
    "bulk_registration": {
        "phases": [
            {"name": "concurrency-2", "duration_s": 6, "from_vus": 2, "to_vus": 2, "iterations": 50},
            {"name": "sustained", "duration_s": 6, "from_vus": 4, "to_vus": 4, "iterations": 200},
            {"name": "bulk", "duration_s": 6, "from_vus": 2, "to_vus": 2, "iterations": 4},
        ]
    },
    "dhcp_sync_burst": {"parameters": {"changes": 40}},
}
LEFT = {"database_stress": {"transitions"}}
"""What a scenario says that it leaves behind."""


@pytest.mark.parametrize(
    "built", [pytest.param(True, id="built"), pytest.param(False, id="source", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_runs_without_an_error_and_leaves_what_it_says(scenario, built, whole_stack, run_k6):
    state, run = whole_stack
    plan = plan_of(state, scenario, light(scenario, **LIGHTER.get(scenario, {})), run=run, nodes=NODES)
    ended = run_k6(plan, state=state, built=built)
    assert (ended.code, ended.lines("error", "warning")) == (0, [])
    assert (ended.sums.unavailable, ended.unwell()) == ((), [])
    measured = {row.endpoint for row in ended.sums.traffic}
    asked = {row.endpoint for row in ended.sums.traffic if row.requests}
    assert asked == measured
    assert {each.kind for each in ended.sums.objects if each.left} == LEFT.get(scenario, set())


@needs_postgres
@pytest.mark.thorough  # tests/standin/test_postgres.py asks a stack on PostgreSQL, this scenario one on SQLite.
def test_database_stress_runs_on_postgresql_without_an_error(make_stack, run_k6, tmp_path):
    state = make_stack(database="postgres", database_connections=4, sync_interval_s=1.0, password_cost=6)
    run = seed(tmp_path / "seed", state, NODES)
    plan = plan_of(state, "database_stress", light("database_stress"), run=run, nodes=NODES)
    ended = run_k6(plan, state=state)
    assert (ended.code, ended.lines("error", "warning")) == (0, [])
    assert (ended.sums.unavailable, ended.unwell()) == ((), [])
    assert {each.kind for each in ended.sums.objects if each.left} == LEFT["database_stress"]
    with psycopg.connect(Path(state.postgres_dsn_file).read_text()) as reader:
        asked = reader.execute("SELECT query FROM pg_stat_statements WHERE calls > 10").fetchall()
    tables = ("boot_params", "payloads", "components", "ethernet_interfaces", "targets", "service_accounts")
    assert [table for table in tables if not any(f"INSERT INTO {table} " in query for (query,) in asked)] == []


@pytest.mark.parametrize("nodes", [20, NODES])
def test_time_series_are_bounded_whatever_the_number_of_nodes(nodes, whole_stack, run_k6, tmp_path):
    state, run = whole_stack
    samples = tmp_path / "samples.json"
    plan = plan_of(state, "boot_storm", light("boot_storm"), run=run, nodes=nodes)
    ended = run_k6(plan, f"--out=json={samples}", state=state)
    points = [json.loads(line) for line in samples.read_text().splitlines() if '"type":"Point"' in line]
    series = {(point["metric"], *sorted((point["data"]["tags"] or {}).items())) for point in points}
    assert ended.scalar("nodes booted") == nodes
    assert 0 < len(series) <= ended.sums.time_series < 400
    assert [each for each in series if run in str(each)] == []


def test_vus_are_counted_however_soon_their_iterations_are_done(whole_stack, run_k6):
    state, run = whole_stack
    phases = [
        {"name": name, "duration_s": 3, "from_vus": vus, "to_vus": vus, "iterations": vus}
        for name, vus in (("concurrency-2", 2), ("sustained", 4), ("bulk", 2))
    ]
    plan = plan_of(state, "bulk_registration", light("bulk_registration", phases=phases), run=run, nodes=NODES)
    assert run_k6(plan, state=state).sums.max_vus == 4


def test_windows_add_up_to_the_sustained_phase(whole_stack, run_k6):
    state, run = whole_stack
    ended = run_k6(plan_of(state, "boot_storm", light("boot_storm"), run=run, nodes=NODES), state=state)
    (series,) = ended.sums.series
    assert len(series.windows) == 10
    assert sum(window.count for window in series.windows) == series.phases["sustained"].count


def test_a_herd_starts_every_vu_in_the_first_instant_of_its_phase(whole_stack, run_k6):
    state, run = whole_stack
    load = {"model": "closed", "pace_s": 4, "parameters": {}, "phases": [
        {"name": "ramp-up", "duration_s": 1, "from_vus": 0, "to_vus": 20},
        {"name": "sustained", "duration_s": 4, "from_vus": 20, "to_vus": 20, "herd": True},
    ]}  # fmt: skip
    ended = run_k6(plan_of(state, "boot_storm", load, run=run, nodes=NODES), state=state)
    first, *_ = ended.sums.series[0].windows
    # A VU's next turn is drawn at random, so a few more may fall into the same window; without the herd it has two.
    assert first.count >= 20


def test_a_second_seed_settles_what_is_there_and_unseed_takes_it_out(whole_stack, run_k6):
    state, _ = whole_stack
    names = {"run": "settled1", "nodes": 10}
    outcomes = []
    for script in ("seed", "seed", "unseed", "unseed"):
        ended = run_k6(plan_of(state, script, seeding(script, 10), **names), state=state)
        assert ended.lines("error", "warning") == []
        outcomes.append({(each.created, each.resolved, each.removed) for each in ended.sums.objects})
    assert outcomes == [{(10, 0, 0)}, {(0, 10, 0)}, {(0, 0, 10)}, {(0, 0, 0)}]


@pytest.fixture(scope="module")
def dev_stack(tmp_path_factory):
    """A stack of auth, SMD and BSS in dev mode with 20 nodes, and their run id; passwords are cheap."""
    folder = tmp_path_factory.mktemp("dev")
    few = ("discovery", "power", "mcp", "kea", "kea-sync")
    options = StackOptions(ports="ephemeral", dev_mode=True, password_cost=4, without=few)
    state = lifecycle.up(options, state_dir=folder / "state")
    yield state, seed(folder / "seed", state, 20)
    lifecycle.down(folder / "state")


@pytest.mark.parametrize(
    ("grant", "variables"),
    [
        ("dev-mode", ()),
        ("client-credentials", ("CHAMIPERF_CLIENT_ID", "CHAMIPERF_CLIENT_SECRET")),
        ("token-exchange", ("CHAMIPERF_SUBJECT_TOKEN",)),
    ],
)
def test_tokens_come_by_the_grant_that_is_asked_for(grant, variables, dev_stack, run_k6):
    state, run = dev_stack
    url = urls_of(state)["auth"]
    headers = {"Authorization": f"Bearer {lifecycle.internal_token(state)}"}
    body = {"name": grant, "scopes": ["read:components"]}
    account = httpx.post(f"{url}/auth/v1/service-accounts", json=body, headers=headers).json()["spec"]
    own = {"client_id": account["clientId"], "client_secret": account["clientSecret"]}
    token = httpx.post(f"{url}/auth/v1/token", json={"grant_type": "client_credentials", **own}).json()["access_token"]
    known = {f"CHAMIPERF_{name.upper()}": value for name, value in {**own, "subject_token": token}.items()}
    load = light("auth_under_load", parameters={"grant": grant})
    for phase in load["phases"]:
        phase["duration_s"] = min(phase["duration_s"], 2)
    plan = plan_of(state, "auth_under_load", load, run=run, nodes=20)
    ended = run_k6(plan, state=state, **{name: known[name] for name in variables})
    assert (ended.lines("error", "warning"), ended.unwell()) == ([], [])
    assert ended.traffic("token", "requests") > 20
    assert [(each.kind, each.created) for each in ended.sums.objects] == [("service-accounts", 0)]


def test_a_token_that_was_refused_is_no_throughput(whole_stack, run_k6):
    state, run = whole_stack
    load = light("auth_under_load", parameters={"grant": "dev-mode"})
    ended = run_k6(plan_of(state, "auth_under_load", load, run=run, nodes=NODES), state=state)
    assert ended.traffic("token", "failed") == ended.traffic("token", "requests") > 20
    assert ended.scalar("tokens") == 0


@pytest.mark.parametrize(("given", "stated"), [(0, []), (1, [1.0])])
def test_an_unknown_sync_interval_is_warned_of_and_is_no_figure(given, stated, whole_stack, run_k6):
    state, run = whole_stack
    load = light("dhcp_sync_burst", parameters={"changes": 4, "sync_interval_s": given})
    ended = run_k6(plan_of(state, "dhcp_sync_burst", load, run=run, nodes=NODES), state=state)
    assert [each.value for each in ended.sums.scalars if each.name == "sync interval"] == stated
    assert (ended.sums.warnings == ()) is bool(stated)
