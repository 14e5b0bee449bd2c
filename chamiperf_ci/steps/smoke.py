"""Smoke tests: each service is there, and one operation of it works."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.console import QUIET_AT_FIRST_S, Progress, clock
from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.adapters.http_client import Answer, Resource
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, Interrupted, ToolkitError
from chamiperf_ci.models.dialect import Dialect, Identities, Shape, SmokeStep, fill
from chamiperf_ci.models.seed import Smoke, SmokeCheck
from chamiperf_ci.models.target import CredentialKind, Service
from chamiperf_ci.steps.readiness import configured, side_by_side


class NotChecked(Exception):
    """An operation that cannot be checked on this stack, and why."""


@dataclass(slots=True)
class CreatedObject:
    """An object that the smoke test made, or may have made."""

    shape: Shape
    key: str | None = None
    """The server's id; None while the answer is still out."""


@dataclass(slots=True)
class SmokeContext:
    """One smoke test's state; its lists are appended to from several threads, which Python makes safe."""

    client: Chamicore
    values: Mapping[str, str]
    """Of the one node that all operations are about."""
    made: list[CreatedObject] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    node_settled: threading.Event = field(default_factory=threading.Event)
    """Set when SMD has the node, or will not have it: a sync may remove boot parameters of a node that SMD lacks."""

    def shape(self, name: str) -> Shape:
        """The shape of an object by the dialect's name."""
        return self.client.dialect.objects[name]

    def create(self, name: str) -> Resource:
        """Create the node's object of a kind, noted before it is asked for.

        Raises:
            ToolkitError: As `Chamicore.create`.
        """
        made = CreatedObject(self.shape(name))
        self.made.append(made)
        try:
            resource = self.client.create(made.shape, self.values)
        except ConfigurationError:
            # A refused credential or certificate: nothing was created.
            self.made.remove(made)
            raise
        made.key = resource.key
        return resource

    def note_implied(self) -> None:
        """Note the objects that have come with the node, so that they are read back and taken away."""
        dialect = self.client.dialect
        for name in dialect.seed_order:
            shape = dialect.objects[name]
            if shape.implied:
                self.made.append(CreatedObject(shape, fill(shape.key, self.values)))

    def made_by(self, service: Service) -> list[CreatedObject]:
        """What was made in a service, the latest first."""
        return [made for made in reversed(self.made) if made.shape.service is service]


_NODE_WAIT_S: Final = 2.0
_LOOKS_AGAIN: Final = 5
_AGAIN_S: Final = 0.4
_BAD_TOKEN: Final = "not-a-token-of-this-stack"  # noqa: S105 - meant to be refused
PUBLISHED_TOKEN: Final = "0123456789abcdef" * 4
"""The internal token that Chamicore's own tests use by default (contract 2.1); everybody knows it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A named thing that a service must be able to do."""

    name: str
    run: Callable[[SmokeContext], None]


def operations_of(dialect: Dialect, service: Service) -> tuple[Operation, ...]:
    """What is checked of a service, in order; after a failure the rest of the service's are not looked at."""
    return tuple(
        Operation(step.name, partial(_STRATEGIES[step.do], service, step)) for step in dialect.smoke.get(service, ())
    )


def _health(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    del step
    answer = context.client.operational(service, "health")
    if not context.client.is_good(service, "health", answer):
        raise answer.unexpected("not healthy")


def _create_node(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    del service
    try:
        for name in step.objects:
            _equal(context, context.create(name), name)
        context.note_implied()
    finally:
        context.node_settled.set()


def _create(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    del service
    if context.client.target.url(Service.SMD) is not None:
        context.node_settled.wait(_NODE_WAIT_S)
    for name in step.objects:
        _equal(context, context.create(name), name)


def _read_back(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    del service
    for name in step.objects:
        shape = context.shape(name)
        key = next(made.key for made in context.made if made.shape == shape)
        if key is None:
            raise NotChecked(f"the {name} was not created")
        found = context.client.read(shape, key)
        if found is None:
            where = Answer("GET", f"{context.client.target.url(shape.service)}{shape.path_of(key)}", 404, {}, b"")
            raise where.unexpected(f"the {name} that was created cannot be read back")
        _equal(context, found, name)


def _equal(context: SmokeContext, resource: Resource, name: str, answer: Answer | None = None) -> None:
    """Hold an object against what was sent; the service may add fields, not change them."""
    shape = context.shape(name)
    sent = fill(shape.body if shape.shows is None else shape.shows, context.values)
    different = [key for key, value in sent.items() if key in resource.spec and resource.spec[key] != value]
    if different:
        where = answer or Answer("POST", f"{context.client.target.url(shape.service)}{shape.path}", 201, {}, b"")
        raise where.unexpected(f"the {name} has another {', '.join(different)} than was sent")


def _serve(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    if absent := [need for need in step.needs if context.client.target.url(need) is None]:
        raise NotChecked(f"{service} serves no node without {' and '.join(absent)}, which is not configured")
    answer = _served(context, service, step)
    for line in fill(context.client.dialect.routes[step.route].contains, context.values):
        if line.encode() not in answer.content:
            what = "boot script" if step.route == "bootscript" else step.route
            raise answer.unexpected(f"the {what} lacks {line.strip()!r}")


def _serve_byte_for_byte(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    answer = _served(context, service, step)
    if answer.content != fill(context.shape("payload").body["user_data"], context.values).encode():
        raise answer.unexpected("the user-data is not byte-equal to what was stored")


def _served(context: SmokeContext, service: Service, step: SmokeStep) -> Answer:
    """The answer to the node; where the service does not know it yet, it is told to look again, and asked again."""
    route = context.client.dialect.routes[step.route]
    answer = context.client.serve(route, context.values)
    for _ in range(_LOOKS_AGAIN):
        if not route.is_not_yet(answer.status, answer.content):
            break
        for ask in context.client.dialect.after_seed:
            if ask.service is service:
                context.client.send(ask.method, ask.service, ask.path)
        time.sleep(_AGAIN_S)
        answer = context.client.serve(route, context.values)
    if answer.status != HTTPStatus.OK:
        raise answer.unexpected(f"no {step.route} for the node that was created")
    return answer


def _token(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    """A token is issued: in dev mode, for our own client credentials, or for a service account made for it."""
    del service, step
    if _ask_for_token(context, context.client.dialect.grants["dev-mode"]).ok:
        context.warnings.append("auth is in dev mode: no credential is checked, so nothing is proved about it")
        return
    if context.client.target.credential.kind is CredentialKind.CLIENT_CREDENTIALS:
        context.client.send("GET", Service.AUTH, f"{context.shape('service-account').path}?limit=1")
        return
    spec = context.create("service-account").spec
    values = {
        "client_id": str(spec.get("clientId") or spec.get("client_id")),
        "client_secret": str(spec.get("clientSecret") or spec.get("client_secret")),
    }
    answer = _ask_for_token(context, fill(context.client.dialect.grants["client-credentials"], values))
    if not answer.ok or not answer.json_object().get("access_token"):
        raise answer.unexpected("no token for the service account's own credentials")


def _ask_for_token(context: SmokeContext, body: object) -> Answer:
    route = context.client.dialect.routes["token"]
    return context.client.send(route.method, route.service, route.path, body, authorised=False)


def _bad_token(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    """Whether a protected list is closed to a token that nobody issued."""
    if _list_with(context, service, step, _BAD_TOKEN).status == HTTPStatus.UNAUTHORIZED:
        _warn_of_published_token(context, service, step)
        return
    if (
        context.client.target.url(Service.AUTH)
        and _ask_for_token(context, context.client.dialect.grants["dev-mode"]).ok
    ):
        raise NotChecked("dev mode: every token is taken")
    if Service.AUTH not in context.client.dialect.services and _list_with(context, service, step, None).ok:
        raise NotChecked("the service asks nobody for a token")
    answer = _list_with(context, service, step, _BAD_TOKEN)
    raise answer.unexpected("a bad token is not answered with 401")


def _warn_of_published_token(context: SmokeContext, service: Service, step: SmokeStep) -> None:
    if _list_with(context, service, step, PUBLISHED_TOKEN).ok:
        context.warnings.append(
            f"{service} takes the default internal token that Chamicore has published: everybody knows it, set another"
        )


def _list_with(context: SmokeContext, service: Service, step: SmokeStep, token: str | None) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return context.client.send("GET", service, step.path, authorised=False, headers=headers)


def _dry_run(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    """A power transition that touches nothing. It stays in the service's history, which has no way to remove it."""
    del service, step
    shape = context.shape("transition")
    answer = context.client.send("POST", shape.service, shape.path, fill(shape.body, context.values))
    if not answer.ok:
        raise answer.unexpected("a dry run of a power transition is refused")
    if answer.resource().spec.get("dryRun") is not True:
        raise answer.unexpected("the power transition is not a dry run")


def _tools(service: Service, step: SmokeStep, context: SmokeContext) -> None:
    del service, step
    answer = context.client.send("GET", Service.MCP, "/mcp/v1/tools", authorised=False)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotChecked("the service has no list of tools")
    if not answer.ok or not isinstance(answer.json_object().get("tools"), list):
        raise answer.unexpected("no list of tools")


_STRATEGIES: Final[Mapping[str, Callable[[Service, SmokeStep, SmokeContext], None]]] = {
    "health": _health,
    "token": _token,
    "bad token": _bad_token,
    "create the node": _create_node,
    "create": _create,
    "read back": _read_back,
    "serve": _serve,
    "serve byte for byte": _serve_byte_for_byte,
    "dry run": _dry_run,
    "tools": _tools,
}
"""How an operation that a dialect names is carried out."""


_TIDYING_SHARE: Final = 0.25
"""Of the deadline, kept back for taking away what was made."""


@dataclass(frozen=True, slots=True)
class SmokeOutcome:
    """The document, and the first thing that only a change of the configuration can cure."""

    document: Smoke
    refused: ConfigurationError | None


@dataclass(slots=True)
class _Row:
    """One operation as it goes."""

    service: Service
    operation: Operation
    started: float | None = None
    check: SmokeCheck | None = None


@dataclass(slots=True)
class _Checks:
    """All operations of all configured services."""

    rows: list[_Row] = field(default_factory=list)
    refusals: list[ConfigurationError] = field(default_factory=list)

    def of(self, service: Service) -> Iterator[_Row]:
        return (row for row in self.rows if row.service is service)


def smoke(client: Chamicore, *, run_id: str, deadline_s: float, stop: StopRequest | None = None) -> SmokeOutcome:
    """Check every configured service within `deadline_s` seconds, whatever hangs.

    Args:
        client: Of the target; its time-outs should be shorter than the deadline.
        run_id: Names the one node that is created, so that `seed --sweep` finds what may be left of it.
        deadline_s: For checking and tidying up together.
        stop: A request to check no further; what was made is taken away all the same.

    Raises:
        Interrupted: `stop` was requested; says what is left behind.
    """
    stop = stop or StopRequest()
    started_at, started = datetime.now(UTC), time.monotonic()
    values = Identities(client.dialect.identity, run_id, client.target.network).values(0)
    context = SmokeContext(client, values)
    services = configured(client.target)
    checks = _Checks(
        [_Row(service, operation) for service in services for operation in operations_of(client.dialect, service)]
    )
    checking_s = deadline_s * (1 - _TIDYING_SHARE)

    with Progress("smoke", after_s=QUIET_AT_FIRST_S) as shown:

        def look() -> bool:
            done = sum(row.check is not None for row in checks.rows)
            left = clock(started + checking_s - time.monotonic())
            shown.show("checking", f"{done} of {len(checks.rows)} operations, {left} left")
            return stop.requested

        side_by_side(
            {service: partial(_check_service, context, checks, service) for service in services}, checking_s, over=look
        )
        shown.show("taking away what it made", "")
    results = [row.check or _overdue(row, checking_s) for row in checks.rows]
    left = _tidy(context, services, min(deadline_s * _TIDYING_SHARE, stop.seconds_left()))
    if stop.requested:
        behind = f"; left behind: {', '.join(left)}" if left else ""
        raise Interrupted(
            f"interrupted by {stop.by}{behind}",
            where="the smoke test",
            remedy="Run the command again; `chamiperf seed --sweep` removes what is left.",
        )
    results += [
        SmokeCheck(service=service, operation="health", outcome="skipped", duration_ms=0.0, problem="not configured")
        for service in client.dialect.services
        if service not in services
    ]
    document = Smoke(
        producer=PRODUCER,
        environment=client.target.environment,
        started_at=started_at,
        seconds=round(time.monotonic() - started, 3),
        ok=all(check.outcome != "failed" for check in results) and not left,
        checks=tuple(results),
        left_behind=tuple(left),
        warnings=tuple(_warnings(context)),
    )
    return SmokeOutcome(document, next(iter(checks.refusals), None))


def _check_service(context: SmokeContext, checks: _Checks, service: Service) -> None:
    """A service's operations in order; after a failure the rest are skipped."""
    failed: str | None = None
    for row in checks.of(service):
        if failed is not None:
            row.check = _result(row, "skipped", f"{failed} failed")
            continue
        row.started = time.monotonic()
        try:
            row.operation.run(context)
            row.check = _result(row, "ok")
        except NotChecked as reason:
            row.check = _result(row, "skipped", str(reason))
        except ToolkitError as error:
            if isinstance(error, ConfigurationError):
                checks.refusals.append(error)
            row.check = _result(row, "failed", f"{error.wrong} ({error.where})")
            failed = row.operation.name
    if service is Service.SMD:
        context.node_settled.set()


def _result(row: _Row, outcome: str, problem: str = "") -> SmokeCheck:
    took_s = 0.0 if row.started is None else time.monotonic() - row.started
    return SmokeCheck.model_validate(
        {
            "service": row.service,
            "operation": row.operation.name,
            "outcome": outcome,
            "duration_ms": round(took_s * 1000, 1),
            "problem": problem,
        }
    )


def _overdue(row: _Row, seconds: float) -> SmokeCheck:
    """An operation that the deadline cut off, or that never had its turn; both are red."""
    if row.started is None:
        return _result(row, "skipped", "an operation before it did not end")
    return _result(row, "failed", f"no answer within {seconds:g} s")


def _tidy(context: SmokeContext, services: tuple[Service, ...], seconds: float) -> list[str]:
    """Remove what was made, service by service side by side; what is left or may be left."""
    left: dict[int, str] = {}
    made = list(context.made)

    def remove(service: Service) -> None:
        for each in context.made_by(service):
            try:
                _remove(context, each)
            except ToolkitError as error:
                left[id(each)] = f"{_name(context, each)}: {error.wrong}"
            else:
                left.pop(id(each), None)

    for each in made:
        left[id(each)] = f"{_name(context, each)}: the service does not answer"
    busy = {service for service in services if context.made_by(service)}
    side_by_side({service: partial(remove, service) for service in sorted(busy)}, seconds)
    return list(left.values())


def _remove(context: SmokeContext, made: CreatedObject) -> None:
    """Delete an object; one whose creation was not answered is looked for by its node."""
    if not made.shape.removable:
        context.warnings.append(f"{_name(context, made)} stays: the service cannot remove it")
        return
    if made.key is not None:
        context.client.delete(made.shape, made.key)
        return
    if made.shape.find or made.shape.key != "{key}":
        for resource in context.client.find(made.shape, context.values):
            context.client.delete(made.shape, resource.key)


def _name(context: SmokeContext, made: CreatedObject) -> str:
    return f"{made.shape.kind} of {context.values['id']} in {made.shape.service}"


def _warnings(context: SmokeContext) -> list[str]:
    insecure = ["certificates were not verified (--insecure)"] if context.client.target.tls.insecure else []
    return insecure + sorted(set(context.warnings))
