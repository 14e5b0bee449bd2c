"""One happy path per service: create, read back, serve; and that a bad credential is refused.

Each operation raises a ToolkitError with what is wrong, or NotChecked with why it could not be looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from chamiperf_ci.adapters.answers import Answer, Resource
from chamiperf_ci.models.dialect import fill
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.smoke.bench import Bench, NotChecked

_NODE_WAIT_S: Final = 2.0
_BAD_TOKEN: Final = "not-a-token-of-this-stack"  # noqa: S105 - meant to be refused
PUBLISHED_TOKEN: Final = "0123456789abcdef" * 4
"""The internal token that Chamicore's own tests use by default (contract 2.1); everybody knows it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A named thing that a service must be able to do."""

    name: str
    run: Callable[[Bench], None]


def _health(service: Service) -> Operation:
    def run(bench: Bench) -> None:
        answer = bench.client.operational(service, "health")
        if answer.status != HTTPStatus.OK:
            raise answer.unexpected("not healthy")

    return Operation("health", run)


def _create_node(bench: Bench) -> None:
    try:
        _equal(bench, bench.create("component"), "component")
        _equal(bench, bench.create("interface"), "interface")
    finally:
        bench.node_settled.set()


def _create(name: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        if bench.client.target.url(Service.SMD) is not None:
            bench.node_settled.wait(_NODE_WAIT_S)
        _equal(bench, bench.create(name), name)

    return run


def _read_back(*names: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        for name in names:
            shape = bench.shape(name)
            key = next(made.key for made in bench.made if made.shape == shape)
            answer = bench.client.send("GET", shape.service, f"{shape.path}/{key}")
            if not answer.ok:
                raise answer.unexpected(f"the {name} that was created cannot be read back")
            _equal(bench, answer.resource(), name, answer)

    return run


def _equal(bench: Bench, resource: Resource, name: str, answer: Answer | None = None) -> None:
    """Hold an object against what was sent; the service may add fields, not change them."""
    sent = fill(bench.shape(name).body, bench.values)
    different = [key for key, value in sent.items() if key in resource.spec and resource.spec[key] != value]
    if different:
        shape = bench.shape(name)
        where = answer or Answer("POST", f"{bench.client.target.url(shape.service)}{shape.path}", 201, {}, b"")
        raise where.unexpected(f"the {name} has another {', '.join(different)} than was sent")


def _bootscript(bench: Bench) -> None:
    answer = _served(bench, "bootscript")
    for line in fill(bench.client.dialect.routes["bootscript"].contains, bench.values):
        if line.encode() not in answer.content:
            raise answer.unexpected(f"the boot script lacks {line.strip()!r}")


def _user_data(bench: Bench) -> None:
    answer = _served(bench, "user-data")
    if answer.content != fill(bench.shape("payload").body["user_data"], bench.values).encode():
        raise answer.unexpected("the user-data is not byte-equal to what was stored")


def _served(bench: Bench, route_name: str) -> Answer:
    route = bench.client.dialect.routes[route_name]
    answer = bench.client.send(route.method, route.service, fill(route.path, bench.values), authorised=not route.open)
    if answer.status != HTTPStatus.OK:
        raise answer.unexpected(f"no {route_name} for the node that was created")
    return answer


def _token(bench: Bench) -> None:
    """A token is issued: in dev mode, for our own client credentials, or for a service account made for it."""
    if _ask_for_token(bench, bench.client.dialect.grants["dev-mode"]).ok:
        bench.warnings.append("auth is in dev mode: no credential is checked, so nothing is proved about it")
        return
    if bench.client.target.credential.kind is CredentialKind.CLIENT_CREDENTIALS:
        bench.client.send("GET", Service.AUTH, f"{bench.shape('service-account').path}?limit=1")
        return
    spec = bench.create("service-account").spec
    values = {
        "client_id": str(spec.get("clientId") or spec.get("client_id")),
        "client_secret": str(spec.get("clientSecret") or spec.get("client_secret")),
    }
    answer = _ask_for_token(bench, fill(bench.client.dialect.grants["client-credentials"], values))
    if not answer.ok or not answer.json_object().get("access_token"):
        raise answer.unexpected("no token for the service account's own credentials")


def _ask_for_token(bench: Bench, body: object) -> Answer:
    route = bench.client.dialect.routes["token"]
    return bench.client.send(route.method, route.service, route.path, body, authorised=False)


def _bad_token(service: Service, object_name: str) -> Operation:
    """Whether a protected list is closed to a token that nobody issued."""

    def run(bench: Bench) -> None:
        if _list_with(bench, service, object_name, _BAD_TOKEN).status == HTTPStatus.UNAUTHORIZED:
            _warn_of_published_token(bench, service, object_name)
            return
        if bench.client.target.url(Service.AUTH) and _ask_for_token(bench, bench.client.dialect.grants["dev-mode"]).ok:
            raise NotChecked("dev mode: every token is taken")
        answer = _list_with(bench, service, object_name, _BAD_TOKEN)
        raise answer.unexpected("a bad token is not answered with 401")

    return Operation("refuse a bad token", run)


def _warn_of_published_token(bench: Bench, service: Service, object_name: str) -> None:
    if _list_with(bench, service, object_name, PUBLISHED_TOKEN).ok:
        bench.warnings.append(
            f"{service} takes the default internal token that Chamicore has published: everybody knows it, set another"
        )


def _list_with(bench: Bench, service: Service, object_name: str, token: str) -> Answer:
    path = f"{bench.shape(object_name).path}?limit=1"
    return bench.client.send("GET", service, path, authorised=False, headers={"Authorization": f"Bearer {token}"})


def _dry_run(bench: Bench) -> None:
    """A power transition that touches nothing. It stays in the service's history, which has no way to remove it."""
    shape = bench.shape("transition")
    answer = bench.client.send("POST", shape.service, shape.path, fill(shape.body, bench.values))
    if not answer.ok:
        raise answer.unexpected("a dry run of a power transition is refused")
    if answer.resource().spec.get("dryRun") is not True:
        raise answer.unexpected("the power transition is not a dry run")


def _tools(bench: Bench) -> None:
    answer = bench.client.send("GET", Service.MCP, "/mcp/v1/tools", authorised=False)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NotChecked("the service has no list of tools")
    if not answer.ok or not isinstance(answer.json_object().get("tools"), list):
        raise answer.unexpected("no list of tools")


OPERATIONS: Final[Mapping[Service, tuple[Operation, ...]]] = {
    Service.AUTH: (
        _health(Service.AUTH),
        Operation("give a token", _token),
        _bad_token(Service.AUTH, "service-account"),
    ),
    Service.SMD: (
        _health(Service.SMD),
        Operation("create a node", _create_node),
        Operation("read it back", _read_back("component", "interface")),
        _bad_token(Service.SMD, "component"),
    ),
    Service.BSS: (
        _health(Service.BSS),
        Operation("create boot parameters", _create("bootparams")),
        Operation("read them back", _read_back("bootparams")),
        Operation("serve the boot script", _bootscript),
    ),
    Service.CLOUD_INIT: (
        _health(Service.CLOUD_INIT),
        Operation("create a payload", _create("payload")),
        Operation("read it back", _read_back("payload")),
        Operation("serve the user-data", _user_data),
    ),
    Service.DISCOVERY: (
        _health(Service.DISCOVERY),
        Operation("create a target", _create("target")),
        Operation("read it back", _read_back("target")),
    ),
    Service.POWER: (_health(Service.POWER), Operation("plan a dry run", _dry_run)),
    Service.MCP: (_health(Service.MCP), Operation("list its tools", _tools)),
}
"""What is checked of each service, in order; after a failure the rest of the service's are not looked at."""
