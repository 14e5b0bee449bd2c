"""Clears a stack of nodes: a run's own ones, or the orphans of dead runs; others' objects are looked after."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import read_document, write_document
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Target
from chamiperf_ci.steps.seed import neighbours
from chamiperf_ci.steps.seed.drive import Driver
from chamiperf_ci.steps.seed.inventory import Inventory, take, take_widely
from chamiperf_ci.steps.seed.remove import Removal, remove_run
from chamiperf_ci.steps.seed.sweep import Orphans, find_orphans


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run whose objects are to go, and what they are."""

    run_id: str
    objects: Inventory
    seed: Seed | None
    """The file that names the run; None when an option does, or when it is an orphan."""


def choose_own(client: Chamicore, driver: Driver, path: Path, run_id: str | None) -> Doomed:
    """The run that `seed.json` or `--run-id` names, and its objects in the stack.

    Raises:
        ConfigurationError: Neither names one, `run_id` is none, or the file is damaged or of another environment.
        StackUnreachable: A service does not answer.
    """
    rule = client.dialect.identity.run_id
    if run_id is not None and re.fullmatch(rule, run_id) is None:
        raise ConfigurationError(
            f"{run_id!r} is no run id: they match {rule}",
            where="--run-id",
            remedy="seed.json and the nodes' ids name it.",
        )
    seed = None
    if run_id is None or path.exists():
        seed = read_document(path, Seed, remedy="Name the folder of the seeding with --out, or its run with --run-id.")
        if run_id is not None and seed.run_id != run_id:
            seed = None
    if seed is not None:
        _require_same_environment(seed, client.target, path)
    chosen = run_id or (seed.run_id if seed else "")
    found = take_widely(client, look=_look(driver))
    return Doomed(chosen, found.of_run(chosen), seed)


def remove_own(client: Chamicore, driver: Driver, path: Path, doomed: Doomed) -> tuple[Removal, list[str]]:
    """Remove the run's objects and note that in `seed.json`.

    Returns:
        What was removed, and sentences on objects of others that are not as they were before the seeding.

    Raises:
        StackUnreachable, GeneratorFailed, Interrupted: Part of it may be left; `seed.json` still names the run.
    """
    look = _look(driver)
    removal = remove_run(client, driver, doomed.run_id, doomed.objects, look=look)
    changed: list[str] = []
    if doomed.seed is None:
        return removal, changed
    if doomed.seed.shared is not None:
        others = take(client, look=look).of_others(doomed.run_id)
        changed = neighbours.differences(client, doomed.seed.shared, others)
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
    found = take_widely(client, look=_look(driver))
    return find_orphans(found, older_than=older_than, now=datetime.now(UTC), keep=keep)


def remove_orphans(client: Chamicore, driver: Driver, orphans: Orphans) -> list[Removal]:
    """Remove the objects of dead runs, run by run.

    Raises:
        StackUnreachable, GeneratorFailed, Interrupted: The rest is left for the next sweep.
    """
    look = _look(driver)
    return [remove_run(client, driver, run_id, objects, look=look) for run_id, objects in orphans.dead.items()]


def _look(driver: Driver) -> Callable[[], None]:
    return partial(driver.stop.check, "removing nodes")


def _require_same_environment(seed: Seed, target: Target, path: Path) -> None:
    if seed.environment != target.environment:
        raise ConfigurationError(
            f"the file is of the environment {seed.environment}, this is {target.environment}",
            where=str(path),
            remedy="Give the target that was seeded.",
        )
