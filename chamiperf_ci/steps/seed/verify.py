"""Reads back what was seeded: all of it by counting, a random sample object by object and as it is served."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from chamiperf_ci.adapters.answers import Resource
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import UnexpectedAnswer
from chamiperf_ci.models.dialect import fill
from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.seed import Verification
from chamiperf_ci.steps.seed import inventory

MOST_NAMED: Final = 20
"""Wrong samples that are written out; of more, only how many."""
_SERVED: Final = ("bootscript", "user-data", "meta-data", "vendor-data")


def verify(
    client: Chamicore,
    identities: Identities,
    *,
    nodes: int,
    others: Mapping[str, int],
    sample: int,
    look: Callable[[], None],
) -> Verification:
    """Count the run's objects and read `sample` random nodes back.

    Args:
        client: Of the stack.
        identities: Of the run.
        nodes: How many there should be, from index 0.
        others: Objects of others, by kind, before the run.
        sample: Nodes to read; at most all.
        look: Called now and then; raises to stop.

    Raises:
        StackUnreachable, ConfigurationError: As the client's.
    """
    counted = _count(client, identities.run_id, nodes=nodes, others=others, look=look)
    wrong = [f"{count:,} {kind} instead of {nodes:,}" for kind, count in counted.items() if count != nodes]
    indexes = sorted(random.sample(range(nodes), min(sample, nodes)))
    for index in indexes:
        look()
        wrong.extend(_wrong_with(client, identities, index))
    named = wrong[:MOST_NAMED]
    if len(wrong) > MOST_NAMED:
        named.append(f"and {len(wrong) - MOST_NAMED:,} more")
    return Verification(counted=counted, sampled=len(indexes), wrong=tuple(named))


def _count(
    client: Chamicore, run_id: str, *, nodes: int, others: Mapping[str, int], look: Callable[[], None]
) -> dict[str, int]:
    """The run's objects by kind: from the lists' totals where those say it all, else one by one."""
    totals = inventory.counts(client)
    if all(total == others.get(kind, 0) + nodes for kind, total in totals.items()):
        return dict.fromkeys(totals, nodes)
    return inventory.take(client, look=look).of_run(run_id).counts(client.dialect)


def _wrong_with(client: Chamicore, identities: Identities, index: int) -> Iterator[str]:
    """Sentences on one node's objects and on what is served of them."""
    values = identities.values(index)
    for name in client.dialect.seed_order:
        shape = client.dialect.objects[name]
        try:
            found = client.find(shape, values)
        except UnexpectedAnswer as error:
            yield f"{name} of {values['id']}: {error.wrong}"
            continue
        sent = fill(shape.body, values)
        if not any(_agrees(resource, sent) for resource in found):
            yield f"{name} of {values['id']} is {'different' if found else 'missing'}"
    for name in _SERVED:
        route = client.dialect.routes[name]
        answer = client.send(route.method, route.service, fill(route.path, values), authorised=not route.open)
        if not answer.ok or not all(text.encode() in answer.content for text in fill(route.contains, values)):
            yield f"{name} of {values['id']} is not served as it was written (status {answer.status})"


def _agrees(resource: Resource, sent: Mapping[str, Any]) -> bool:
    """Whether an object has what was sent; it may have more, and leave out what is its default."""
    return all(resource.spec.get(field, value) == value for field, value in sent.items())
