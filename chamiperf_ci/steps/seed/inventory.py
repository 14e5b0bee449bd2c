"""What is in the stack: whose objects, of which kind, told apart by the formula and by nothing else."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from chamiperf_ci.adapters.answers import Resource
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import CredentialRefused, StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.dialect import Dialect, IdentityRules, Shape
from chamiperf_ci.models.identities import Owner, owner_of

BEYOND: Final = ("target", "service-account")
"""Kinds that no node is made of, but that scenarios create under a run's names."""
_LOOK_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One object in the stack."""

    shape: str
    """The dialect's name of its kind."""
    key: str
    owner: Owner | None
    """The run and node it belongs to; None for an object of others."""
    mac: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """All objects of the kinds that are seeded."""

    entries: tuple[Entry, ...]

    def of_run(self, run_id: str) -> "Inventory":
        """The objects of one run."""
        return Inventory(tuple(entry for entry in self.entries if entry.owner and entry.owner.run_id == run_id))

    def of_others(self, run_id: str) -> "Inventory":
        """Everything else, objects of other runs among it."""
        return Inventory(tuple(entry for entry in self.entries if not entry.owner or entry.owner.run_id != run_id))

    def runs(self) -> dict[str, "Inventory"]:
        """The objects of each run that the formula knows."""
        runs: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.owner is not None:
                runs.setdefault(entry.owner.run_id, []).append(entry)
        return {run_id: Inventory(tuple(entries)) for run_id, entries in runs.items()}

    def counts(self, dialect: Dialect) -> dict[str, int]:
        """Objects by kind, also of seeded kinds that have none."""
        found = Counter(entry.shape for entry in self.entries)
        beyond = sorted(set(found) - set(dialect.seed_order))
        return {dialect.objects[name].kind: found[name] for name in (*dialect.seed_order, *beyond)}

    def complete_nodes(self, dialect: Dialect) -> frozenset[int]:
        """Indexes of the nodes that have an object of every kind."""
        seen = Counter({(entry.owner.index, entry.shape) for entry in self.entries if entry.owner is not None})
        per_node = Counter(index for index, _ in seen)
        return frozenset(index for index, kinds in per_node.items() if kinds == len(dialect.seed_order))

    def highest(self) -> int:
        """The highest index among the objects; -1 if there is none."""
        return max((entry.owner.index for entry in self.entries if entry.owner is not None), default=-1)

    def newest(self) -> datetime | None:
        """When the latest object was created; None if one of them does not say."""
        moments = [entry.created_at for entry in self.entries]
        known = [moment for moment in moments if moment is not None]
        return max(known) if known and len(known) == len(moments) else None


def take(client: Chamicore, *, look: Callable[[], None]) -> Inventory:
    """List every object of the kinds that are seeded.

    Args:
        client: Of the stack.
        look: Called now and then; raises to stop.

    Raises:
        StackUnreachable, UnexpectedAnswer, ConfigurationError: As `Chamicore.items`.
    """
    return Inventory(tuple(entry for name in client.dialect.seed_order for entry in _entries(client, name, look)))


def take_widely(client: Chamicore, *, look: Callable[[], None]) -> Inventory:
    """As `take`, and also what scenarios create elsewhere, where the stack has such services and shows their objects.

    Raises:
        StackUnreachable, UnexpectedAnswer, ConfigurationError: As `take`.
    """
    entries = list(take(client, look=look).entries)
    for name in BEYOND:
        if client.target.url(client.dialect.objects[name].service) is not None:
            with suppress(UnexpectedAnswer, CredentialRefused, StackUnreachable):
                entries.extend(_entries(client, name, look))
    return Inventory(tuple(entries))


def counts(client: Chamicore) -> dict[str, int]:
    """How many objects of each kind there are, ours and others'."""
    shapes = [client.dialect.objects[name] for name in client.dialect.seed_order]
    return {shape.kind: client.count(shape) for shape in shapes}


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by kind for people: `components 2,000, interfaces 2,000`; kinds without objects are left out."""
    return ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count) or "nothing"


def _entries(client: Chamicore, name: str, look: Callable[[], None]) -> Iterator[Entry]:
    shape = client.dialect.objects[name]
    named = {template: field for field, template in shape.body.items() if isinstance(template, str)}
    seen: set[str] = set()
    for number, resource in enumerate(client.items(shape)):
        if number % _LOOK_EVERY == 0:
            look()
        # A list that grows while it is paged through may show an object twice.
        if resource.key not in seen:
            seen.add(resource.key)
            yield _entry(name, resource, named, shape, client.dialect.identity)


def _entry(name: str, resource: Resource, named: dict[str, str], shape: Shape, rules: IdentityRules) -> Entry:
    component = resource.key if shape.key == "{id}" else _text(resource.spec.get(named["{id}"]))
    mac = _text(resource.spec.get(named["{mac}"])) if "{mac}" in named else ""
    return Entry(name, resource.key, owner_of(component, rules), mac.lower() or None, resource.created_at)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever the service sent
    return value if isinstance(value, str) else ""
