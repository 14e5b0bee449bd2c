"""The gateway: every service behind one port, with unchanged paths, and their probes under `/_ops` (contract 1.3)."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from chamicore_standin.context import PooledClient, Reply, Unreachable, WorkerContext
from chamicore_standin.http import JSON, TEXT, App, Endpoint, Problem, Request, Response
from chamicore_standin.service import BuiltService
from chamicore_standin.tokens import Gatekeeper

PREFIXES = {
    "/auth/v1": "auth",
    "/hsm/v2": "smd",
    "/boot/v1": "bss",
    "/cloud-init": "cloud-init",
    "/discovery/v1": "discovery",
    "/power/v1": "power",
    "/mcp/v1": "mcp",
}
_FORWARDED = ("authorization", "content-type", "if-match", "if-none-match", "x-request-id", "accept")
_RETURNED = frozenset(
    [
        "api-version",
        "etag",
        "location",
        "cache-control",
        "retry-after",
        "www-authenticate",
        "x-request-id",
        "x-content-type-options",
        "x-frame-options",
        "content-type",
    ]
)

_KIND = ("x-chamiperf-kind", "embedded")
"""Who sees only the gateway learns from this header alone that it is a stand-in: `/version` is not behind it."""


class GatewayApp(App):
    """Passes on what belongs to a service; answers the rest itself."""

    def __init__(
        self,
        clients: dict[str, PooledClient],
        api_version: str,
        routes: Sequence[Endpoint],
        *,
        authorise: Callable[[Request, str], None],
    ) -> None:
        super().__init__(api_version, routes, authorise=authorise)
        self._clients = clients

    async def __rsgi__(self, scope: Any, proto: Any) -> None:  # noqa: ANN401 - granian's protocol objects
        """Answer one request."""
        path: str = scope.path
        prefix = next((prefix for prefix in PREFIXES if path.startswith(prefix)), None)
        client = self._clients.get(PREFIXES[prefix]) if prefix is not None else None
        if prefix is None or client is None:
            await super().__rsgi__(scope, proto)
            return
        started = perf_counter()
        target = f"{path}?{scope.query_string}" if scope.query_string else path
        headers = {name: value for name in _FORWARDED if (value := scope.headers.get(name)) is not None}
        headers["x-forwarded-for"] = scope.client.rpartition(":")[0]
        body = await proto() if scope.method in ("POST", "PUT", "PATCH") else None
        if body is not None:
            headers.setdefault("content-type", "")
        self.active += 1
        try:
            reply = await client.request(scope.method, target, body, headers)
        except Unreachable:
            reply = Reply(502, {"content-type": TEXT}, b"502 Bad Gateway\n")
        finally:
            self.active -= 1
        returned = [(name, value) for name, value in reply.headers.items() if name in _RETURNED]
        if reply.body:
            proto.response_bytes(reply.status, returned, reply.body)
        else:
            proto.response_empty(reply.status, returned)
        self.observe(prefix, scope.method, reply.status, perf_counter() - started, (len(body or b""), len(reply.body)))


class GatewayProbes:
    """The gateway's own probes, and those of the services behind it."""

    def __init__(self, clients: dict[str, PooledClient]) -> None:
        self._clients = clients

    async def probe(self, request: Request) -> Response:
        """`/_ops/{service}/health` and `/_ops/{service}/readiness`, passed on."""
        service, what = request.args
        if service not in self._clients or what not in ("health", "readiness"):
            return Response(404, b"404 page not found\n", TEXT, (_KIND,))
        try:
            reply = await self._clients[service].get(f"/{what}")
        except Unreachable as fault:
            raise Problem(502, f"{service} cannot be reached: {fault}") from None
        return Response(reply.status, reply.body, reply.headers.get("content-type", JSON), (_KIND,))


def _artefact(_request: Request) -> Response:
    return Response(200, b"embedded stand-in: not a kernel\n", "application/octet-stream")


def build(context: WorkerContext, _gatekeeper: Gatekeeper) -> BuiltService:
    """The gateway over the services that the stack has."""
    clients = {name: context.client(name, internal=False) for name in PREFIXES.values() if name in context.urls}
    probes = GatewayProbes(clients)
    return BuiltService(
        routes=[
            Endpoint("GET", "/_ops/{service}/{what}", probes.probe, "ops", operational=True),
            Endpoint("GET", "/pxe/vmlinuz", _artefact, "pxe-kernel"),
            Endpoint("GET", "/pxe/initrd.img", _artefact, "pxe-initrd"),
        ],
        app=partial(GatewayApp, clients),
        exposes_metrics=False,
    )
