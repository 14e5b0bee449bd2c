"""The stack before and after a load: its environment, gauges, and what lingers in it."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import find_stack, read_manifest
from chamiperf_ci.adapters.prometheus import Sample, Scraper, scraped
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement, ToolkitError
from chamiperf_ci.models import faults
from chamiperf_ci.models.dialect import Dialect, Identities, Route, fill
from chamiperf_ci.models.faults import in_words
from chamiperf_ci.models.run import Check, ScriptSummary
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Identity, Machine, Service, StackKind, Target
from chamiperf_ci.steps.readiness import configured, describe
from chamiperf_ci.steps.server_metrics.tracks import ACTIVE, POOL_ACTIVE

NAME = "gauges after the load"
OBJECTS = "objects after the load"
SPARE = 2.0
"""More than before by so many is nothing that lingers: the look itself is a request in flight."""
_QUANTITIES = {"active requests": ACTIVE, "connections in use": POOL_ACTIVE}
_ANSWER_S = 5.0


def read_gauges(target: Target, services: Sequence[Service]) -> dict[str, float]:
    """The gauges by service and name; one that a service does not serve is absent."""
    found: dict[str, float] = {}
    urls = scraped(target)
    with Scraper(target, timeout_s=_ANSWER_S) as scraper:
        for service in services:
            if service in urls:
                try:
                    found |= gauges_of(service, scraper.scrape(urls[service]))
                except ToolkitError:
                    continue
    return found


def gauges_of(service: str, samples: Iterable[Sample]) -> dict[str, float]:
    """What one look at a service says, added up over its labels."""
    values: dict[str, float] = {}
    for sample in samples:
        values[sample.name] = values.get(sample.name, 0.0) + sample.value
    return {
        f"{service} {what}": next(values[name] for name in quantity.names if name in values)
        for what, quantity in _QUANTITIES.items()
        if any(name in values for name in quantity.names)
    }


def compare(before: Mapping[str, float], after: Mapping[str, float]) -> Check:
    """Whether the gauges are back where they were."""
    both = sorted(before.keys() & after.keys())
    if not both:
        return Check(name=NAME, ok=None, problem="the services state no active requests and no connections in use")
    higher = [
        f"{name}: {after[name]:g}, {before[name]:g} before" for name in both if after[name] > before[name] + SPARE
    ]
    return Check(name=NAME, ok=not higher, problem="; ".join(higher))


_VERSION_KEYS = ("version", "appVersion", "tag")
_COMMIT_KEYS = ("commit", "gitCommit", "git_commit", "revision", "sha")
_IMAGE_KEYS = ("image", "imageDigest", "image_digest")
"""The contract does not state the keys of `/version`; what is not there stays empty."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Taken just before the load."""

    machine: Machine
    identities: tuple[Identity, ...]
    stack_kind: StackKind
    """By the stack's own word, so that a stand-in is never taken for the product."""
    sizing: str = ""
    """The embedded stack's; a deployed one states none."""
    faults: tuple[str, ...] = ()
    processes: tuple[int, ...] = ()
    """Process ids of the embedded stack, which share the generator's machine."""
    warnings: tuple[str, ...] = field(default=())


def inspect_stack(client: Chamicore) -> Environment:
    """Ask the machine and the stack; a service that does not say its version is a warning.

    Raises:
        StackUnreachable: A configured service does not answer.
        ConfigurationError: It is not reached as configured (certificate, redirect to a host that is not listed), or the
            stack's manifest cannot be used.
    """
    deployed = read_manifest(client.target.stack_manifest) if client.target.stack_manifest is not None else {}
    identities = []
    silent = []
    for service in configured(client.target):
        client.operational(service, "health")
        identity = _deployed(_identity(client, service), deployed.pop(service, None))
        identities.append(identity)
        if not identity.version and not identity.commit and not identity.image:
            silent.append(service)
    sizing, faults, processes = embedded(client.target)
    return Environment(
        machine=machine.machine(),
        # What has no /version of its own, such as Kea, is known by the manifest alone.
        identities=(*identities, *deployed.values()),
        stack_kind=describe(client).kind,
        sizing=sizing,
        faults=faults,
        processes=processes,
        warnings=(f"no version is known of {', '.join(silent)}",) if silent else (),
    )


def require_seeded(client: Chamicore, seed: Seed, stack_kind: StackKind) -> None:
    """Stop unless the seed file belongs to this stack: its environment, and its first and last node.

    Raises:
        ConfigurationError: It belongs to another one, seeding did not end, or the nodes are not there.
        CredentialRefused: The stack does not take the credential.
        StackUnreachable: SMD does not answer.
    """
    remedy = "Run `chamiperf seed` again, and give its file with --seed-file."
    target = client.target
    if seed.dialect != target.dialect:
        raise ConfigurationError(
            f"the seed file is of the dialect {seed.dialect}",
            where=f"the target speaks {target.dialect}",
            remedy=remedy,
        )
    if (seed.environment, seed.stack_kind) != (target.environment, stack_kind):
        raise ConfigurationError(
            f"the seed file is of {seed.environment} ({seed.stack_kind})",
            where=f"the target is {target.environment} ({stack_kind})",
            remedy=remedy,
        )
    if seed.removed_at is not None:
        raise ConfigurationError(
            f"the seeded nodes were removed at {seed.removed_at:%Y-%m-%d %H:%M:%S} UTC",
            where=f"run id {seed.run_id}",
            remedy=remedy,
        )
    if not seed.complete:
        raise ConfigurationError("seeding did not finish", where=f"run id {seed.run_id}", remedy=remedy)
    if target.url(Service.SMD) is None:
        return
    shape = client.dialect.objects["component"]
    names = Identities(client.dialect.identity, seed.run_id, seed.network)
    for index in {0, seed.nodes - 1}:
        if not client.find(shape, names.values(index)):
            raise ConfigurationError(
                f"the seeded node {names.id(index)} is not in the stack",
                where=f"smd at {target.url(Service.SMD)}",
                remedy=remedy,
            )


def _identity(client: Chamicore, service: Service) -> Identity:
    try:
        said = client.version(service, client.operational(service, "version"))
    except InvalidMeasurement:
        said = {}
    return Identity(
        service=service,
        version=_first(said, _VERSION_KEYS),
        commit=_first(said, _COMMIT_KEYS),
        image=_first(said, _IMAGE_KEYS),
    )


def _deployed(said: Identity, written: Identity | None) -> Identity:
    """What a service says of itself, with the build that was written down in place of its own."""
    return said if written is None else written.model_copy(update={"version": said.version})


def _first(said: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((str(said[key]) for key in keys if isinstance(said.get(key), str)), "")


def embedded(target: Target) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """The embedded stack's sizing, the faults that are set on it, in words, and its processes."""
    if target.stack_kind is not StackKind.EMBEDDED:
        return "", (), ()
    state = find_stack()
    if state is None:
        return "", (), ()
    pids = tuple(process.pid for service in state.services for process in service.processes)
    return state.sizing, tuple(in_words(each) for each in faults.read(Path(state.state_dir))), pids


_GET = "-get"
_OF_A_NODE = ("id", "bmc", "mac", "mac_encoded", "mac_plain", "ip")
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
    whole: bool = True,
    over: Callable[[], bool],
) -> tuple[Check, ...]:
    """Look again after the load, and compare.

    Args:
        client: Of the target.
        seed: What is in the stack.
        before: The first look.
        summary: What was measured under load.
        services: Those that were loaded.
        whole: Whether the summary is of the whole load; one of several machines knows what it made alone.
        over: Whether there is no time left for it.
    """
    return (
        probe(client, seed, summary, over=over),
        count(client, seed, before.objects, summary)
        if whole
        else Check(name=OBJECTS, ok=None, problem="several machines made the load, and each knows its own objects"),
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
        route = Route(service=shape.service, method="GET", path=shape.path_of(shape.key))
    if route is None or route.method != "GET":
        return None
    return None if _PLACEHOLDER.search(fill(route.path, dict.fromkeys(_OF_A_NODE, ""))) else route


def count(client: Chamicore, seed: Seed, before: Mapping[str, int], summary: ScriptSummary) -> Check:
    """Compare the objects in the stack with those before the load plus what the scenario says that it left."""
    name = OBJECTS
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
        if client.target.url(shape.service) is None or not shape.listed:
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
            answer = client.serve(route, values)
        except ToolkitError:
            took.append(None)
            continue
        ms = (time.monotonic() - started) * 1000
        body = answer.content.decode("utf-8", "replace")
        took.append(ms if answer.ok and all(fill(text, values) in body for text in route.contains) else None)
    return took
