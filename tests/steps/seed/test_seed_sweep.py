"""Which runs in a stack are dead."""

from datetime import UTC, datetime, timedelta

import pytest

from chamiperf_ci.models.dialect import Owner, drawn_at, new_run_id
from chamiperf_ci.steps.seed.clear import find_orphans
from chamiperf_ci.steps.seed.inventory import Inventory, StoredObject

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def _find(*objects, keep=()):
    entries = tuple(
        StoredObject(
            "component", f"{run}-{hours}", Owner(run, 0), None, None if hours is None else NOW - timedelta(hours=hours)
        )
        for run, hours in objects
    )
    foreign = StoredObject("component", "x1", None, None, NOW - 100 * DAY)
    return find_orphans(Inventory((*entries, foreign)), older_than=DAY, now=NOW, keep=keep)


@pytest.mark.parametrize(("hours", "dead"), [(23.99, False), (24, True), (25, True)])
def test_a_run_is_dead_when_its_latest_object_is_older(hours, dead):
    assert ("aaaa" in _find(("aaaa", 100), ("aaaa", hours)).dead) is dead


def test_the_run_in_use_is_never_dead():
    orphans = _find(("aaaa", 100), keep=["aaaa"])
    assert (dict(orphans.dead), orphans.young) == ({}, ("aaaa",))


def test_a_run_of_unknown_age_is_left_alone_and_named():
    orphans = _find(("aaaa", 100), ("aaaa", None))
    assert (dict(orphans.dead), orphans.undated) == ({}, ("aaaa",))


def test_objects_of_others_are_no_run_however_old():
    assert _find() == find_orphans(Inventory(()), older_than=DAY, now=NOW, keep=())


def test_a_run_from_a_clock_that_is_ahead_is_young():
    assert _find(("aaaa", -5)).young == ("aaaa",)


def test_where_objects_have_no_date_a_run_is_as_old_as_its_id():
    old, young, odd = (f"r{seconds}abcd" for seconds in ("t8l200", "t8mlk0", "!!!!!!"))
    assert drawn_at(old) < NOW - DAY < drawn_at(young) < NOW
    entries = tuple(StoredObject("component", run, Owner(run, 0), None, None) for run in (old, young, odd, "short"))
    found = find_orphans(Inventory(entries), older_than=DAY, now=NOW, keep=(), undated_objects=True)
    assert (set(found.dead), found.young, found.undated) == ({old}, (young,), (odd, "short"))


def test_an_id_tells_when_it_was_drawn():
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= drawn_at(new_run_id("w")) <= datetime.now(UTC)
