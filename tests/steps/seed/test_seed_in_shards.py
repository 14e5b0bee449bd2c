"""Many nodes are written and removed by several k6 processes, each node by one of them."""

import re

import pytest
from made_targets import target_of

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.seed import drive
from chamiperf_ci.steps.seed.drive import Driver, NodeRange

NODES = 120
STRETCH = NodeRange(run_id="r9shard", network="198.18.0.0/15", first=7, nodes=NODES)


@pytest.fixture
def processes(monkeypatch):
    """How many k6 processes a call was given."""
    monkeypatch.setattr(drive, "_NODES_A_PROCESS", NODES // 3)
    monkeypatch.setattr(drive.machine, "cores", lambda: 3)
    seen = []
    run_k6 = drive.run_k6

    def watched(runs, *arguments, **more):
        seen.append(len(runs))
        return run_k6(runs, *arguments, **more)

    monkeypatch.setattr(drive, "run_k6", watched)
    return seen


@pytest.mark.e2e
def test_nodes_are_written_and_removed_once_each_by_several_processes(embedded_stack, processes):
    target = target_of(embedded_stack)
    with StopRequest() as stop, Chamicore(target) as client:
        driver = Driver(target, dialect(target.dialect), find_k6(), stop)
        shape = client.dialect.objects["component"]
        before = client.count(shape)
        written = driver.write(STRETCH)
        assert processes == [3]
        assert [(each.created, each.resolved, each.failed) for each in written.tallies] == [(NODES, 0, 0)] * 4
        assert client.count(shape) == before + NODES
        again = driver.write(STRETCH)
        assert [(each.created, each.resolved, each.failed) for each in again.tallies] == [(0, NODES, 0)] * 4
        removed = driver.remove(STRETCH)
        assert sum(each.removed for each in removed.tallies if each.kind == shape.kind) == NODES
        assert client.count(shape) == before


BULK = re.compile(
    r'^http_server_request_duration_seconds_count\{.*route="[^"]*/bulk",status="207"\} (\d+)', re.MULTILINE
)


def asked_by_bulk(client):
    """How many requests of the bulk route the stack has answered, as it says itself."""
    return sum(map(int, BULK.findall(client.send("GET", Service.SMD, "/metrics").content.decode())))


@pytest.mark.e2e
@pytest.mark.parametrize("bulk", [True, False])
def test_many_nodes_are_written_by_the_bulk_route_where_the_stack_has_one(make_stack, monkeypatch, bulk):
    monkeypatch.setattr(drive, "_FEWEST_TO_GROUP", NODES)
    state = make_stack(bulk=bulk, without=("discovery", "power", "mcp", "kea", "kea-sync"))
    target = target_of(state)
    with StopRequest() as stop, Chamicore(target) as client:
        driver = Driver(target, dialect(target.dialect), find_k6(), stop)
        written = driver.write(STRETCH)
        # Three groups, the last of them not whole, and the question whether there is a bulk route.
        assert asked_by_bulk(client) == (4 if bulk else 0)
        assert [(each.created, each.resolved, each.failed) for each in written.tallies] == [(NODES, 0, 0)] * 4
        assert client.count(client.dialect.objects["component"]) == NODES
        # What is there already is settled node by node.
        again = driver.write(STRETCH)
        assert [(each.created, each.resolved, each.failed) for each in again.tallies] == [(0, NODES, 0)] * 4
        removed = driver.remove(STRETCH)
        assert all(each.removed == NODES for each in removed.tallies)
