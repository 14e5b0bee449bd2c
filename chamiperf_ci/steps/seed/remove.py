"""Takes a run's objects away again: exactly its own, in the opposite order, and counts what stays."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import UnexpectedAnswer
from chamiperf_ci.steps.seed.drive import Driver, Stretch
from chamiperf_ci.steps.seed.inventory import BEYOND, Inventory, take_widely

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
    client: Chamicore, driver: Driver, run_id: str, found: Inventory, *, look: Callable[[], None]
) -> Removal:
    """Remove what was found of a run, and what syncs make of it meanwhile.

    Args:
        client: Of the stack.
        driver: Removes the bulk.
        run_id: Whose objects go.
        found: Its objects.
        look: Called now and then; raises to stop.

    Raises:
        StackUnreachable, ConfigurationError: As the client's.
        GeneratorFailed: k6 could not run.
    """
    started = time.monotonic()
    left, problems = found, []
    for _ in range(_PASSES):
        if not left.entries:
            break
        problems = _remove(client, driver, run_id, left, look)
        left = take_widely(client, look=look).of_run(run_id)
    return Removal(
        run_id=run_id,
        found=found.counts(client.dialect),
        left=left.counts(client.dialect),
        problems=tuple(problems[:_NAMED]) if left.entries else (),
        seconds=time.monotonic() - started,
    )


def _remove(client: Chamicore, driver: Driver, run_id: str, found: Inventory, look: Callable[[], None]) -> list[str]:
    """One pass: k6 where there is much, then one by one what that left; problems of the latter."""
    of_nodes = [entry for entry in found.entries if entry.owner is not None and entry.shape not in BEYOND]
    indexes = {entry.owner.index for entry in of_nodes if entry.owner is not None}
    if len(of_nodes) >= _WORTH_K6 and len(indexes) >= _DENSE * (max(indexes) - min(indexes) + 1):
        first, nodes = min(indexes), max(indexes) - min(indexes) + 1
        driver.remove(Stretch(run_id, client.target.network, first, nodes))
        look()
        found = take_widely(client, look=look).of_run(run_id)
    problems = []
    for name in (*BEYOND, *reversed(client.dialect.seed_order)):
        for entry in found.entries:
            if entry.shape == name:
                look()
                try:
                    client.delete(client.dialect.objects[name], entry.key)
                except UnexpectedAnswer as error:
                    problems.append(str(error))
    return problems
