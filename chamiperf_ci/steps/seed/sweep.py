"""Finds orphans: objects of runs that ended without removing them, known by the formula and their age alone."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chamiperf_ci.steps.seed.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Orphans:
    """The runs found in a stack, by what is to become of them."""

    dead: Mapping[str, Inventory]
    young: tuple[str, ...]
    """Runs with an object younger than the limit: somebody may still use them."""
    undated: tuple[str, ...]
    """Runs with an object that does not say when it was created; left alone."""


def find_orphans(found: Inventory, *, older_than: timedelta, now: datetime, keep: Collection[str]) -> Orphans:
    """Sort the runs in a stack into dead, young and undated ones.

    Args:
        found: Everything in the stack.
        older_than: A run is dead when its latest object is older.
        now: The time, with its zone.
        keep: Run ids that are left alone whatever their age, such as the one that is in use.
    """
    dead: dict[str, Inventory] = {}
    young: list[str] = []
    undated: list[str] = []
    for run_id, objects in sorted(found.runs().items()):
        newest = objects.newest()
        if newest is None:
            undated.append(run_id)
        elif run_id in keep or now - newest < older_than:
            young.append(run_id)
        else:
            dead[run_id] = objects
    return Orphans(dead, tuple(young), tuple(undated))
