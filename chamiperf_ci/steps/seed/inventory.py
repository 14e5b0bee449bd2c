"""What is seeded: its record, the check for other runs' objects, and the proof that it is there."""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from chamiperf_ci.adapters.chamicore import PLAIN, Chamicore
from chamiperf_ci.adapters.console import QUIET_AT_FIRST_S, Progress
from chamiperf_ci.adapters.files import PRODUCER, read_document
from chamiperf_ci.adapters.http_client import Resource
from chamiperf_ci.errors import ConfigurationError, CredentialRefused, StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.dialect import (
    Dialect,
    Identities,
    IdentityRules,
    Owner,
    Owners,
    Shape,
    field_of,
    fill,
    owner_of,
)
from chamiperf_ci.models.seed import NameFormula, Seed, SharedStack, Verification
from chamiperf_ci.models.target import StackKind, Target


def previous(path: Path, target: Target) -> Seed | None:
    """What an earlier call has put, or begun to put, into this stack; None if nothing is said to be there.

    Raises:
        ConfigurationError: The file is damaged, or is of another environment, whose nodes it would forget.
    """
    if not path.exists():
        return None
    seed = read_document(path, Seed, remedy="Name another folder with --out, or move the file away.")
    if seed.removed_at is not None:
        return None
    require_of(
        target,
        seed,
        path,
        remedy="Name another folder with --out, or remove those nodes first (chamiperf seed --remove).",
    )
    return seed


def require_of(target: Target, seed: Seed, path: Path, *, remedy: str) -> None:
    """Refuse the file of other nodes than a target can have.

    Raises:
        ConfigurationError: It is of another environment, or its nodes have the names of another dialect.
    """
    wrong = ""
    if seed.dialect != target.dialect:
        wrong = f"the file is of the dialect {seed.dialect}, this target speaks {target.dialect}"
    elif seed.environment != target.environment:
        wrong = f"the file is of the environment {seed.environment}, this is {target.environment}"
    if wrong:
        raise ConfigurationError(wrong, where=str(path), remedy=remedy)


def begun(
    target: Target,
    dialect: Dialect,
    *,
    run_id: str,
    nodes: int,
    kind: StackKind,
    durability: str,
    created_at: datetime,
    dhcp_allowed: bool,
    shared: SharedStack | None,
) -> Seed:
    """The document of a seeding of which nothing is known to be there yet."""
    return Seed(
        producer=PRODUCER,
        run_id=run_id,
        environment=target.environment,
        dialect=target.dialect,
        stack_kind=kind,
        nodes=nodes,
        counts={dialect.objects[name].kind: 0 for name in dialect.listed},
        formula=NameFormula(id=dialect.identity.id, mac=dialect.identity.mac, ip=dialect.identity.ip),
        network=target.network,
        created_at=created_at,
        seconds=0.0,
        objects_per_s=0.0,
        durability=durability,
        rates=(),
        verification=unverified({}, "nothing was read back yet"),
        complete=False,
        dhcp_allowed=dhcp_allowed,
        shared=shared,
    )


def unverified(counted: Mapping[str, int], why: str) -> Verification:
    """A verification that did not take place."""
    return Verification(counted=dict(counted), sampled=0, wrong=(why,))


BEYOND: Final = ("target", "service-account")
"""Kinds that no node is made of, but that scenarios create under a run's names."""
_LOOK_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
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

    entries: tuple[StoredObject, ...]

    def of_run(self, run_id: str) -> "Inventory":
        """The objects of one run."""
        return Inventory(tuple(entry for entry in self.entries if entry.owner and entry.owner.run_id == run_id))

    def of_others(self, run_id: str) -> "Inventory":
        """Everything else, objects of other runs among it."""
        return Inventory(tuple(entry for entry in self.entries if not entry.owner or entry.owner.run_id != run_id))

    def runs(self) -> dict[str, "Inventory"]:
        """The objects of each run that the formula knows."""
        runs: dict[str, list[StoredObject]] = {}
        for entry in self.entries:
            if entry.owner is not None:
                runs.setdefault(entry.owner.run_id, []).append(entry)
        return {run_id: Inventory(tuple(entries)) for run_id, entries in runs.items()}

    def counts(self, dialect: Dialect) -> dict[str, int]:
        """Objects by kind, also of seeded kinds that have none."""
        found = Counter(entry.shape for entry in self.entries)
        beyond = sorted(set(found) - set(dialect.listed))
        return {dialect.objects[name].kind: found[name] for name in (*dialect.listed, *beyond)}

    def complete_nodes(self, dialect: Dialect) -> frozenset[int]:
        """Indexes of the nodes that have an object of every kind."""
        seen = Counter({(entry.owner.index, entry.shape) for entry in self.entries if entry.owner is not None})
        per_node = Counter(index for index, _ in seen)
        return frozenset(index for index, kinds in per_node.items() if kinds == len(dialect.listed))

    def highest(self) -> int:
        """The highest index among the objects; -1 if there is none."""
        return max((entry.owner.index for entry in self.entries if entry.owner is not None), default=-1)

    def newest(self) -> datetime | None:
        """When the latest object was created; None if one of them does not say."""
        moments = [entry.created_at for entry in self.entries]
        known = [moment for moment in moments if moment is not None]
        return max(known) if known and len(known) == len(moments) else None


def take(client: Chamicore, *, check_stop: Callable[[], None], runs: Collection[str] = ()) -> Inventory:
    """List every object of the kinds that are seeded.

    Args:
        client: Of the stack.
        check_stop: Called now and then; raises to stop.
        runs: Run ids that are known; an object whose MAC alone says whose it is may be of one of them.

    Raises:
        StackUnreachable, UnexpectedAnswer, ConfigurationError: As `Chamicore.items`.
    """
    entries: list[StoredObject] = []
    for name in client.dialect.listed:
        known = {*runs, *(entry.owner.run_id for entry in entries if entry.owner is not None)}
        entries.extend(_entries(client, name, check_stop, known))
    return Inventory(tuple(entries))


def take_widely(client: Chamicore, *, check_stop: Callable[[], None], runs: Collection[str] = ()) -> Inventory:
    """As `take`, and also what scenarios create elsewhere, where the stack has such services and shows their objects.

    Raises:
        StackUnreachable, UnexpectedAnswer, ConfigurationError: As `take`.
    """
    entries = list(take(client, check_stop=check_stop, runs=runs).entries)
    for name in BEYOND:
        shape = client.dialect.objects.get(name)
        if shape is not None and client.target.url(shape.service) is not None:
            with suppress(UnexpectedAnswer, CredentialRefused, StackUnreachable):
                entries.extend(_entries(client, name, check_stop, set()))
    return Inventory(tuple(entries))


def counts(client: Chamicore) -> dict[str, int]:
    """How many objects of each kind there are, ours and others'."""
    shapes = [client.dialect.objects[name] for name in client.dialect.listed]
    return {shape.kind: client.count(shape) for shape in shapes}


def in_words(counts: Mapping[str, int]) -> str:
    """Counts by kind for people: `components 2,000, interfaces 2,000`; kinds without objects are left out."""
    return ", ".join(f"{kind} {count:,}" for kind, count in counts.items() if count) or "nothing"


def _entries(
    client: Chamicore, name: str, check_stop: Callable[[], None], runs: Collection[str]
) -> Iterator[StoredObject]:
    shape = client.dialect.objects[name]
    owners = Owners(client.dialect.identity, runs)
    seen: set[str] = set()
    with Progress("looking at what is there:", after_s=QUIET_AT_FIRST_S) as shown:
        for number, resource in enumerate(client.items(shape)):
            if number % _LOOK_EVERY == 0:
                check_stop()
                shown.show(shape.kind, f"{number:,}")
            # A list that grows while it is paged through may show an object twice.
            if resource.key not in seen:
                seen.add(resource.key)
                if client.dialect.envelope == PLAIN:
                    yield _plain_entry(name, resource, shape, owners)
                else:
                    yield _entry(name, resource, shape, client.dialect.identity)


def _plain_entry(name: str, resource: Resource, shape: Shape, owners: Owners) -> StoredObject:
    mac = _text(field_of(resource.spec, shape.mac_field)) if shape.mac_field else ""
    named = shape.owner_of(resource.key, resource.spec)
    mac = named if shape.owner == "{mac}" else mac
    owner = owners.of(shape.owner, named)
    return StoredObject(name, resource.key, owner, mac.lower() or None, resource.created_at)


def _entry(name: str, resource: Resource, shape: Shape, rules: IdentityRules) -> StoredObject:
    named = {template: field for field, template in shape.body.items() if isinstance(template, str)}
    component = resource.key if shape.key == "{id}" else _text(resource.spec.get(named["{id}"]))
    mac = _text(resource.spec.get(named["{mac}"])) if "{mac}" in named else ""
    return StoredObject(name, resource.key, owner_of(component, rules), mac.lower() or None, resource.created_at)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever the service sent
    return value if isinstance(value, str) else ""


SAMPLE: Final = 50
_NAMED: Final = 3
"""Changed boot scripts whose MAC is told; of more, only how many."""
_UNSERVED: Final = "not served"


def record(client: Chamicore, others: Inventory) -> SharedStack:
    """Count the objects of others and digest the boot scripts of up to 50 of their MACs, drawn at random."""
    macs = sorted({entry.mac for entry in others.entries if entry.shape == "bootparams" and entry.mac is not None})
    drawn = sorted(random.sample(macs, min(SAMPLE, len(macs))))
    return SharedStack(counts=others.counts(client.dialect), bootscripts={mac: _digest(client, mac) for mac in drawn})


def differences(client: Chamicore, before: SharedStack, others: Inventory) -> list[str]:
    """Sentences on what is not as it was before; empty when all is well."""
    now = others.counts(client.dialect)
    found = [
        f"others have {now.get(kind, 0):,} {kind}, they had {count:,}"
        for kind, count in before.counts.items()
        if now.get(kind, 0) != count
    ]
    changed = [mac for mac, digest in before.bootscripts.items() if _digest(client, mac) != digest]
    return found + _mac_warning(changed)


def _mac_warning(changed: list[str]) -> list[str]:
    """At most one sentence on the MACs whose boot script is another one."""
    if len(changed) <= 1:
        return [f"the boot script of {mac}, which is not ours, is another one now" for mac in changed]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return [f"{len(changed)} boot scripts, which are not ours, are others now: {', '.join(changed[:_NAMED])}{more}"]


def _digest(client: Chamicore, mac: str) -> str:
    """SHA-256 of the boot script that a MAC gets, or that it gets none."""
    route = client.dialect.routes["bootscript"]
    path = fill(route.path, {"mac": mac, "mac_encoded": mac.replace(":", "%3A")})
    answer = client.send(route.method, route.service, path, authorised=not route.open)
    if not answer.ok or route.is_not_yet(answer.status, answer.content):
        return _UNSERVED
    return hashlib.sha256(answer.content).hexdigest()


MOST_NAMED: Final = 20
"""Wrong samples that are written out; of more, only how many."""
_AGAIN_S: Final = 1.0
"""Between two looks at what a service does not know yet."""


def verify(
    client: Chamicore,
    identities: Identities,
    *,
    nodes: int,
    others: Mapping[str, int],
    sample: int,
    check_stop: Callable[[], None],
) -> Verification:
    """Count the run's objects and read `sample` random nodes back.

    Args:
        client: Of the stack.
        identities: Of the run.
        nodes: How many there should be, from index 0.
        others: Objects of others, by kind, before the run.
        sample: Nodes to read; at most all.
        check_stop: Called now and then; raises to stop.

    Raises:
        StackUnreachable, ConfigurationError: As the client's.
    """
    counted = _count(client, identities.run_id, nodes=nodes, others=others, check_stop=check_stop)
    wrong = [f"{count:,} {kind} instead of {nodes:,}" for kind, count in counted.items() if count != nodes]
    indexes = sorted(random.sample(range(nodes), min(sample, nodes)))
    settled_at = time.monotonic() + client.dialect.settle_s
    for index in indexes:
        check_stop()
        wrong.extend(_object_problems(client, identities, index, settled_at, check_stop))
    named = wrong[:MOST_NAMED]
    if len(wrong) > MOST_NAMED:
        named.append(f"and {len(wrong) - MOST_NAMED:,} more")
    return Verification(counted=counted, sampled=len(indexes), wrong=tuple(named))


def _count(
    client: Chamicore, run_id: str, *, nodes: int, others: Mapping[str, int], check_stop: Callable[[], None]
) -> dict[str, int]:
    """The run's objects by kind: from the lists' totals where those say it all, else one by one."""
    totals = counts(client)
    if all(total == others.get(kind, 0) + nodes for kind, total in totals.items()):
        return dict.fromkeys(totals, nodes)
    return take(client, check_stop=check_stop, runs=(run_id,)).of_run(run_id).counts(client.dialect)


def _object_problems(
    client: Chamicore, identities: Identities, index: int, settled_at: float, check_stop: Callable[[], None]
) -> Iterator[str]:
    """Sentences on one node's objects and on what is served of them."""
    values = identities.values(index)
    for name in client.dialect.listed:
        shape = client.dialect.objects[name]
        try:
            found = client.find(shape, values)
        except UnexpectedAnswer as error:
            yield f"{name} of {values['id']}: {error.wrong}"
            continue
        sent = fill(shape.body if shape.shows is None else shape.shows, values)
        if not any(_agrees(resource, sent) for resource in found):
            yield f"{name} of {values['id']} is {'different' if found else 'missing'}"
    for name in client.dialect.served:
        route = client.dialect.routes[name]
        answer = client.serve(route, values)
        # A service that does not know the node yet says so with a status of success, or has a status for it.
        while route.is_not_yet(answer.status, answer.content) and time.monotonic() < settled_at:
            check_stop()
            time.sleep(_AGAIN_S)
            answer = client.serve(route, values)
        if not answer.ok or not all(text.encode() in answer.content for text in fill(route.contains, values)):
            yield f"{name} of {values['id']} is not served as it was written (status {answer.status})"


def _agrees(resource: Resource, sent: Mapping[str, Any]) -> bool:
    """Whether an object has what was sent; it may have more, and leave out what is its default."""
    return all(resource.spec.get(field, value) == value for field, value in sent.items())
