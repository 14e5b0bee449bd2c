"""Taking seeded objects away again, one run's or all that have expired."""

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from chamiperf_ci.adapters.chamicore import PLAIN, Chamicore
from chamiperf_ci.adapters.console import QUIET_AT_FIRST_S, Progress
from chamiperf_ci.adapters.files import read_document, write_document
from chamiperf_ci.errors import ConfigurationError, UnexpectedAnswer
from chamiperf_ci.models.dialect import drawn_at
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.steps.seed import inventory
from chamiperf_ci.steps.seed.drive import Driver, NodeRange
from chamiperf_ci.steps.seed.inventory import BEYOND, Inventory, require_of, take, take_widely

_WORTH_K6: Final = 200
"""Objects from which on k6 is faster than one connection, its start included."""
_DENSE: Final = 0.5
"""Share of a span's nodes that must exist for k6 to walk it."""
_PASSES: Final = 3
"""A sync between two deletions may make rows again for a node whose interface was still there."""
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of one run's objects."""

    run_id: str
    found: Mapping[str, int]
    left: Mapping[str, int]
    """Objects that could not be removed, by kind."""
    problems: tuple[str, ...]
    """Why, for the first of them."""
    seconds: float

    @property
    def removed(self) -> dict[str, int]:
        """Objects that are gone, by kind."""
        return {kind: count - self.left.get(kind, 0) for kind, count in self.found.items()}

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not any(self.left.values())


def remove_run(
    client: Chamicore, driver: Driver, run_id: str, found: Inventory, *, check_stop: Callable[[], None]
) -> Removal:
    """Remove what was found of a run, and what syncs make of it meanwhile.

    Args:
        client: Of the stack.
        driver: Removes the bulk.
        run_id: Whose objects go.
        found: Its objects.
        check_stop: Called now and then; raises to stop.

    Raises:
        StackUnreachable, ConfigurationError: As the client's.
        GeneratorFailed: k6 could not run.
    """
    started = time.monotonic()
    left, problems = found, []
    for _ in range(_PASSES):
        if not left.entries:
            break
        problems = _remove(client, driver, run_id, left, check_stop)
        left = take_widely(client, check_stop=check_stop, runs=(run_id,)).of_run(run_id)
    return Removal(
        run_id=run_id,
        found=found.counts(client.dialect),
        left=left.counts(client.dialect),
        problems=tuple(problems[:_NAMED]) if left.entries else (),
        seconds=time.monotonic() - started,
    )


def _remove(
    client: Chamicore, driver: Driver, run_id: str, found: Inventory, check_stop: Callable[[], None]
) -> list[str]:
    """One pass: k6 where there is much, then one by one what that left; problems of the latter."""
    of_nodes = [entry for entry in found.entries if entry.owner is not None and entry.shape not in BEYOND]
    indexes = {entry.owner.index for entry in of_nodes if entry.owner is not None}
    if len(of_nodes) >= _WORTH_K6 and len(indexes) >= _DENSE * (max(indexes) - min(indexes) + 1):
        first, nodes = min(indexes), max(indexes) - min(indexes) + 1
        driver.remove(NodeRange(run_id, client.target.network, first, nodes))
        check_stop()
        found = take_widely(client, check_stop=check_stop, runs=(run_id,)).of_run(run_id)
    problems = []
    doomed = [
        entry
        for name in (*BEYOND, *reversed(client.dialect.seed_order))
        for entry in found.entries
        if entry.shape == name
    ]
    with Progress("removing one by one:", after_s=QUIET_AT_FIRST_S) as shown:
        for number, entry in enumerate(doomed):
            check_stop()
            shape = client.dialect.objects[entry.shape]
            shown.show(shape.kind, f"{number:,} of {len(doomed):,} objects")
            try:
                client.delete(shape, entry.key)
            except UnexpectedAnswer as error:
                problems.append(str(error))
    return problems


@dataclass(frozen=True, slots=True)
class Orphans:
    """The runs found in a stack, by what is to become of them."""

    dead: Mapping[str, Inventory]
    young: tuple[str, ...]
    """Runs with an object younger than the limit: somebody may still use them."""
    undated: tuple[str, ...]
    """Runs of which it is not known when they last created an object; left alone."""


def find_orphans(
    found: Inventory, *, older_than: timedelta, now: datetime, keep: Collection[str], undated_objects: bool = False
) -> Orphans:
    """Sort the runs in a stack into dead, young and undated ones.

    Args:
        found: Everything in the stack.
        older_than: A run is dead when its latest object is older.
        now: The time, with its zone.
        keep: Run ids that are left alone whatever their age, such as the one that is in use.
        undated_objects: The stack does not say when objects were created; a run is then as old as its id. What still
            adds to a run holds the stack's lock, and so does the sweep.
    """
    dead: dict[str, Inventory] = {}
    young: list[str] = []
    undated: list[str] = []
    for run_id, objects in sorted(found.runs().items()):
        newest = drawn_at(run_id) if undated_objects else objects.newest()
        if newest is None:
            undated.append(run_id)
        elif run_id in keep or now - newest < older_than:
            young.append(run_id)
        else:
            dead[run_id] = objects
    return Orphans(dead, tuple(young), tuple(undated))


@dataclass(frozen=True, slots=True)
class RunToRemove:
    """A run whose objects are to go, and what they are."""

    run_id: str
    objects: Inventory
    seed: Seed | None
    """The file that names the run; None when an option does, or when it is an orphan."""


def choose_own(client: Chamicore, driver: Driver, path: Path, run_id: str | None) -> RunToRemove:
    """The run that `seed.json` or `--run-id` names, and its objects in the stack.

    Raises:
        ConfigurationError: Neither names one, `run_id` is none, or the file is damaged or of another environment.
        StackUnreachable: A service does not answer.
    """
    rule = client.dialect.identity.run_id
    if run_id is not None and re.fullmatch(rule, run_id) is None:
        raise ConfigurationError(
            f"{run_id!r} is not a run id: one matches {rule}",
            where="--run-id",
            remedy="seed.json and the nodes' ids name it.",
        )
    seed = None
    if run_id is None or path.exists():
        seed = read_document(path, Seed, remedy="Name the folder of the seeding with --out, or its run with --run-id.")
        if run_id is not None and seed.run_id != run_id:
            seed = None
    if seed is not None:
        require_of(client.target, seed, path, remedy="Give the target that was seeded.")
    chosen = run_id or (seed.run_id if seed else "")
    found = take_widely(client, check_stop=_stop_check(driver), runs=(chosen,))
    return RunToRemove(chosen, found.of_run(chosen), seed)


def remove_own(client: Chamicore, driver: Driver, path: Path, doomed: RunToRemove) -> tuple[Removal, list[str]]:
    """Remove the run's objects and note that in `seed.json`.

    Returns:
        What was removed, and sentences on objects of others that are not as they were before the seeding.

    Raises:
        StackUnreachable, GeneratorFailed, Interrupted: Part of it may be left; `seed.json` still names the run.
    """
    check_stop = _stop_check(driver)
    removal = remove_run(client, driver, doomed.run_id, doomed.objects, check_stop=check_stop)
    changed: list[str] = []
    if doomed.seed is None:
        return removal, changed
    if doomed.seed.shared is not None:
        others = take(client, check_stop=check_stop, runs=(doomed.run_id,)).of_others(doomed.run_id)
        changed = inventory.differences(client, doomed.seed.shared, others)
    noted = {
        "complete": False,
        "counts": dict(removal.left),
        "removed_at": datetime.now(UTC).replace(microsecond=0) if removal.clean else None,
        "warnings": (*doomed.seed.warnings, *changed, *removal.problems),
    }
    write_document(path, doomed.seed.model_copy(update=noted))
    return removal, changed


def choose_orphans(client: Chamicore, driver: Driver, older_than: timedelta, keep: Collection[str]) -> Orphans:
    """Runs in the stack that nobody has added to for `older_than`.

    Raises:
        StackUnreachable: A service does not answer.
    """
    found = take_widely(client, check_stop=_stop_check(driver))
    undated = client.dialect.envelope == PLAIN
    return find_orphans(found, older_than=older_than, now=datetime.now(UTC), keep=keep, undated_objects=undated)


def remove_orphans(client: Chamicore, driver: Driver, orphans: Orphans) -> list[Removal]:
    """Remove the objects of dead runs, run by run.

    Raises:
        StackUnreachable, GeneratorFailed, Interrupted: The rest is left for the next sweep.
    """
    check_stop = _stop_check(driver)
    return [
        remove_run(client, driver, run_id, objects, check_stop=check_stop) for run_id, objects in orphans.dead.items()
    ]


def _stop_check(driver: Driver) -> Callable[[], None]:
    return partial(driver.stop.check, "removing nodes")
