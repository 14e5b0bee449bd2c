"""After the load: are there lingering issues? Requests are asked and timed again, and objects counted."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import InvalidMeasurement, ToolkitError
from chamiperf_ci.models.dialect import Dialect, Route, fill
from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.run import Check
from chamiperf_ci.models.script_summary import ScriptSummary
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.gauges import compare, read_gauges

_GET = "-get"
_OF_A_NODE = ("id", "mac", "mac_encoded", "ip")
_PLACEHOLDER = re.compile(r"\{\w+\}")
PROBES = 100
MOST_FAILED = 1
"""Of the probes; 100 requests say nothing finer."""
LONGEST_S = 30.0
"""For all probes; of a stack that is slow by seconds fewer of them say enough."""
FIRST_WINDOWS = 3
SLOWER_SHARE = 0.5
"""A p95 up to this much above that of the first windows is at their level ..."""
SLOWER_MS = 10.0
"""... and so is one this much above it: the probes run from Python, not from k6."""


@dataclass(frozen=True, slots=True)
class Before:
    """The stack before the load; what it does not state is absent, and not checked after the load."""

    objects: Mapping[str, int]
    """By kind."""
    gauges: Mapping[str, float]
    """By service and name."""


def look(client: Chamicore, seed: Seed, services: Sequence[Service]) -> Before:
    """Look at the stack before a load."""
    try:
        objects = counts(client, seed)
    except InvalidMeasurement:
        objects = {}
    return Before(objects, read_gauges(client.target, services))


def check(
    client: Chamicore,
    seed: Seed,
    before: Before,
    summary: ScriptSummary,
    services: Sequence[Service],
    *,
    over: Callable[[], bool],
) -> tuple[Check, ...]:
    """Look again after the load, and compare.

    Args:
        client: Of the target.
        seed: What is in the stack.
        before: The first look.
        summary: What was measured under load.
        services: Those that were loaded.
        over: Whether there is no time left for it.
    """
    return (
        probe(client, seed, summary, over=over),
        count(client, seed, before.objects, summary),
        compare(before.gauges, read_gauges(client.target, services)),
    )


def probe(client: Chamicore, seed: Seed, summary: ScriptSummary, *, over: Callable[[], bool]) -> Check:
    """Ask 100 times for what the scenario asked, of nodes all over the seeded ones, one after the other.

    Args:
        client: Of the target.
        seed: What is in the stack.
        summary: What was measured under load.
        over: Whether there is no time left for it.
    """
    name = "requests after the load"
    known = ((series.endpoint, route_again(client.dialect, series.endpoint)) for series in summary.series)
    endpoint, route = next(((name, route) for name, route in known if route is not None), ("", None))
    if route is None:
        return Check(name=name, ok=None, problem="the scenario has no GET that could be asked again")
    asked = _ask(client, seed, route, over)
    if asked is None:
        return Check(name=name, ok=None, problem="interrupted")
    failed = sum(ms is None for ms in asked)
    if failed > MOST_FAILED:
        return Check(name=name, ok=False, problem=f"{failed} of {len(asked)} requests for {endpoint} failed")
    p95 = float(np.percentile([ms for ms in asked if ms is not None], 95))
    before = _first_windows(summary, endpoint)
    if before is None:
        return Check(name=name, ok=None, problem=f"no window of {endpoint} to compare with")
    if p95 > max(before * (1 + SLOWER_SHARE), before + SLOWER_MS):
        return Check(name=name, ok=False, problem=f"p95 of {endpoint} is {p95:.1f} ms; it was {before:.1f} ms at first")
    return Check(name=name, ok=True)


def route_again(dialect: Dialect, endpoint: str) -> Route | None:
    """How an endpoint is asked for a seeded node, by nothing but the node's names; None if it cannot be."""
    route = dialect.routes.get(endpoint)
    shape = dialect.objects.get(endpoint.removesuffix(_GET))
    if route is None and shape is not None and endpoint.endswith(_GET):
        route = Route(service=shape.service, method="GET", path=f"{shape.path}/{shape.key}")
    if route is None or route.method != "GET":
        return None
    return None if _PLACEHOLDER.search(fill(route.path, dict.fromkeys(_OF_A_NODE, ""))) else route


def count(client: Chamicore, seed: Seed, before: Mapping[str, int], summary: ScriptSummary) -> Check:
    """Compare the objects in the stack with those before the load plus what the scenario says that it left."""
    name = "objects after the load"
    left = {each.kind: each.left for each in summary.objects}
    try:
        after = counts(client, seed)
    except ToolkitError as error:
        return Check(name=name, ok=None, problem=str(error))
    wrong = [
        f"{kind}: {after[kind]:,} instead of {expected:,}"
        for kind, had in before.items()
        if kind in after
        and (kind in seed.counts or kind in left)
        and after[kind] != (expected := had + left.get(kind, 0))
    ]
    return Check(name=name, ok=not wrong, problem="; ".join(wrong))


def counts(client: Chamicore, seed: Seed) -> dict[str, int]:
    """How many objects of each kind the stack has, ours and others'; absent: a kind that it does not count for us.

    Raises:
        InvalidMeasurement: A list of a seeded kind cannot be read, or has no total.
    """
    found = {}
    for shape in client.dialect.objects.values():
        if client.target.url(shape.service) is None:
            continue
        try:
            found[shape.kind] = client.count(shape)
        except ToolkitError:
            if shape.kind in seed.counts:
                raise
    return found


def _first_windows(summary: ScriptSummary, endpoint: str) -> float | None:
    """Median p95 of the first windows with data, ms."""
    values = [
        window.quantiles["p95"]
        for series in summary.series
        if series.endpoint == endpoint and series.metric == "latency"
        for window in series.windows
        if window.count
    ]
    return float(np.median(values[:FIRST_WINDOWS])) if values else None


def _ask(client: Chamicore, seed: Seed, route: Route, over: Callable[[], bool]) -> list[float | None] | None:
    """Milliseconds of each request, None for a failed one; None instead of a list when there is no time left.

    Ends early when enough has failed, or when the stack takes too long: each request may wait for seconds.
    """
    names = Identities(client.dialect.identity, seed.run_id, seed.network)
    took: list[float | None] = []
    end = time.monotonic() + LONGEST_S
    for number in range(PROBES):
        if over():
            return None
        if took.count(None) > MOST_FAILED or time.monotonic() > end:
            return took
        values = names.values(number * seed.nodes // PROBES)
        started = time.monotonic()
        try:
            answer = client.send("GET", route.service, fill(route.path, values), authorised=not route.open)
        except ToolkitError:
            took.append(None)
            continue
        ms = (time.monotonic() - started) * 1000
        body = answer.content.decode("utf-8", "replace")
        took.append(ms if answer.ok and all(fill(text, values) in body for text in route.contains) else None)
    return took
