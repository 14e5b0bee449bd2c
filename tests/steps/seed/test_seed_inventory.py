"""Whose objects are in a stack, told by the formula alone."""

from datetime import UTC, datetime

import pytest
from made_targets import target, target_of
from scripted_server import Reply, envelope, listing, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.dialect import Owner
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.seed.inventory import Inventory, StoredObject, counts, in_words, take

SHAPES = dialect().seed_order


def _node(run_id, index, shapes=SHAPES, created_at=None):
    return [StoredObject(shape, f"{shape}-{index}", Owner(run_id, index), None, created_at) for shape in shapes]


FOREIGN = StoredObject("component", "x1", None, None, None)


def test_a_run_has_its_own_objects_and_no_other():
    inventory = Inventory((*_node("aaaa", 0), *_node("bbbb", 0), FOREIGN))
    assert inventory.of_run("aaaa").entries == tuple(_node("aaaa", 0))


def test_others_are_everything_else_earlier_runs_among_it():
    inventory = Inventory((*_node("aaaa", 0), *_node("bbbb", 0), FOREIGN))
    assert inventory.of_others("aaaa").entries == (*_node("bbbb", 0), FOREIGN)


def test_counts_name_kinds_without_objects_too():
    counted = Inventory((FOREIGN,)).counts(dialect())
    assert counted == {"components": 1, "interfaces": 0, "bootparams": 0, "payloads": 0}


def test_a_node_is_complete_with_one_object_of_every_kind():
    twice_params = [*_node("aaaa", 1, ("component", "interface", "bootparams")), *_node("aaaa", 1, ("bootparams",))]
    inventory = Inventory((*_node("aaaa", 0), *twice_params))
    assert inventory.complete_nodes(dialect()) == {0}


def test_the_highest_index_of_nothing_is_below_zero():
    assert (Inventory(()).highest(), Inventory(tuple(_node("aaaa", 7))).highest()) == (-1, 7)


@pytest.mark.parametrize(
    ("moments", "newest"),
    [
        pytest.param([], None, id="no objects"),
        pytest.param([1, 3, 2], 3, id="the latest"),
        pytest.param([1, None], None, id="one that does not say"),
    ],
)
def test_a_run_is_as_young_as_its_latest_object(moments, newest):
    days = [None if day is None else datetime(2026, 1, day, tzinfo=UTC) for day in moments]
    entries = tuple(entry for day in days for entry in _node("aaaa", 0, ("component",), day))
    expected = None if newest is None else datetime(2026, 1, newest, tzinfo=UTC)
    assert Inventory(entries).newest() == expected


def test_counts_in_words_leave_out_what_is_not_there():
    assert in_words({"components": 2000, "payloads": 0}) == "components 2,000"
    assert in_words({"components": 0}) == "nothing"


def test_an_object_that_a_growing_list_shows_twice_counts_once():
    def answer(asked):
        items = [envelope("n-1", {"id": "n-1"})] if "Components" in asked.path else []
        return Reply(200, listing(items * 2))

    with serving(answer) as server:
        services = dict.fromkeys((Service.SMD, Service.BSS, Service.CLOUD_INIT), server.url)
        with Chamicore(target(services=services)) as client:
            assert len(take(client, check_stop=lambda: None).entries) == 1


@pytest.mark.e2e
def test_what_is_in_a_real_stack_is_found_with_owner_mac_and_time(make_stack):
    with Chamicore(target_of(make_stack())) as client:
        values = {"id": "chamiperf-aaaa-3", "mac": "02:00:00:00:00:0A", "ip": "198.18.0.1"}
        for name in SHAPES:
            client.create(client.dialect.objects[name], values)
        found = take(client, check_stop=lambda: None)
        totals = counts(client)
    assert [(entry.shape, entry.owner) for entry in found.entries] == [(name, Owner("aaaa", 3)) for name in SHAPES]
    assert {entry.mac for entry in found.entries} == {None, "02:00:00:00:00:0a"}
    assert found.newest() is not None
    assert set(totals.values()) == {1}
