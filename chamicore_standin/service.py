"""What every service has in common: its context, its operational endpoints, its figures, its faults.

A service module offers `build(context) -> Service`; this module turns that into the RSGI application of one worker.
"""

import asyncio
import html
import importlib
import os
import random
import re
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from granian.constants import HTTPModes
from granian.server.embed import Server

from chamicore_standin import catalogue, otlp
from chamicore_standin.context import Unreachable, WorkerContext
from chamicore_standin.fault_engine import FaultEngine, IndexDrops
from chamicore_standin.http import App, Endpoint, Problem, Request, Response, Step, encode
from chamicore_standin.metrics import Registry, ServiceMetrics
from chamicore_standin.storage import Database, PostgresDatabase
from chamicore_standin.tokens import Gatekeeper
from chamiperf_ci import __version__
from chamiperf_ci.models import faults

YAML = "application/yaml"
HTML = "text/html; charset=utf-8"


def document(service: str, routes: Sequence[Endpoint]) -> bytes:
    """The OpenAPI document: every route with the scope it needs and the parameters of its path."""
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", route.pattern)
        ]
        security = {"security": [{"bearer": [route.scope]}]} if route.scope else {}
        operation = {
            "operationId": route.name,
            "parameters": parameters,
            "responses": {"default": {"description": "See the contract."}},
            **security,
        }
        paths.setdefault(route.pattern, {})[route.method.lower()] = operation
    return encode(
        {
            "openapi": "3.1.0",
            "info": {"title": f"{service} (embedded stand-in)", "version": __version__},
            "paths": paths,
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }
    )


def page(service: str, routes: Sequence[Endpoint]) -> bytes:
    """A list of the routes for people."""
    rows = "".join(f"<li><code>{html.escape(f'{route.method} {route.pattern}')}</code></li>" for route in routes)
    title = html.escape(f"{service} (embedded stand-in)")
    return f"<!doctype html><title>{title}</title><h1>{title}</h1><ul>{rows}</ul>\n".encode()


def description_routes(service: str, routes: Sequence[Endpoint]) -> list[Endpoint]:
    """`/api/openapi.yaml` and `/api/docs` for these routes."""

    def describe(_request: Request) -> Response:
        return Response(200, document(service, routes), YAML)

    def show(_request: Request) -> Response:
        return Response(200, page(service, routes), HTML)

    return [
        Endpoint("GET", "/api/openapi.yaml", describe, "openapi", operational=True),
        Endpoint("GET", "/api/docs", show, "docs", operational=True),
    ]


KEYS_RETRY_S = 0.1
REVOCATIONS_REFRESH_S = 10.0
_SERVICE_TIMES = 4096
_WAITING_THREADS = 32
"""Requests of a worker that may wait for a connection to PostgreSQL at once."""


@dataclass
class BuiltService:
    """What a service module builds."""

    routes: list[Endpoint]
    database: Database | None = None
    ready: Callable[[], str | None] = lambda: None
    """Why it is not ready; None when it is."""
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    """What runs beside the requests for as long as the worker lives."""
    on_faults: Sequence[Callable[[tuple[faults.Fault, ...]], None]] = ()
    """Told the faults that lie on the service, whenever they change."""
    metrics: Callable[[Registry], Callable[[], None]] | None = None
    """Adds families of the service's own, and gives what brings them up to now."""
    app: Callable[..., App] = App
    """What answers requests; takes App's arguments."""
    exposes_metrics: bool = True
    learns_keys_itself: bool = False


Build = Callable[[WorkerContext, Gatekeeper], BuiltService]
"""What a service module offers: its context and its gatekeeper in, the service out."""


class Worker:
    """One process of one service, as granian calls it."""

    def __init__(self, context: WorkerContext, build: Build) -> None:
        self._context = context
        self._started = time.time()
        self._gatekeeper = Gatekeeper(context.internal_token, dev_mode=context.options.dev_mode)
        self._service = build(context, self._gatekeeper)
        api_version = catalogue.entry(context.name).api_version
        described = description_routes(context.name, self._service.routes)
        routes = [*self._operational(), *described, *self._service.routes]
        self.app = self._service.app(api_version, routes, authorise=self._gatekeeper.authorise)
        self.__rsgi__ = self.app.__rsgi__
        seed = context.options.seed * 1000 + context.worker
        self._engine = FaultEngine(context.name, context.state_dir, self.app, self._service.database, seed=seed)
        self._engine.base_steps = service_time_steps(self.app, context.options.service_time_ms, seed)
        self._engine.on_change.extend(self._service.on_faults)
        if isinstance(self._service.database, PostgresDatabase):
            # A thread waits for the database in the event loop's place, and more of them than there are connections.
            self.app.threads = ThreadPoolExecutor(self._service.database.limit + _WAITING_THREADS)
            if context.worker == 0:
                self._engine.on_change.append(IndexDrops(self._service.database).follow)
        self._metrics = ServiceMetrics(context, self.app, self._service.database, self._gatekeeper)
        if self._service.metrics is not None:
            self._metrics.refresh_more = self._service.metrics(self._metrics.registry)
        self._engine.on_pool_wait = self._metrics.observe_pool_wait
        self._engine.on_change.append(self._metrics.apply_faults)
        self._engine.refresh()
        self._tasks: list[asyncio.Task[None]] = []

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start what runs beside the requests."""
        beside = [self._engine.watch, self._metrics.share, *self._service.tasks]
        if catalogue.sends_otlp():
            beside.append(otlp.OtlpSender(self._context, self._metrics.registry, self._metrics.refresh).follow)
        if not self._service.learns_keys_itself and not self._context.options.dev_mode and "auth" in self._context.urls:
            beside.append(self._follow_auth)
        self._tasks = [loop.create_task(_run(start)) for start in beside]

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        """Fold the database's log in, so that nothing has to be recovered at the next start."""
        for task in self._tasks:
            task.cancel()
        if self._service.database is not None:
            self._service.database.close()

    async def _follow_auth(self) -> None:
        """Fetch the issuer's keys, then its revocations every ten seconds."""
        client = self._context.client("auth")
        while True:
            try:
                self._gatekeeper.learn_keys((await client.get("/.well-known/jwks.json")).json())
                reply = await client.get("/auth/v1/revocations?active=true")
                self._gatekeeper.revoked = frozenset(item["metadata"]["id"] for item in reply.json()["items"])
                await asyncio.sleep(REVOCATIONS_REFRESH_S)
            except (Unreachable, KeyError, ValueError):
                await asyncio.sleep(KEYS_RETRY_S)

    # Operational endpoints

    def _operational(self) -> list[Endpoint]:
        routes = [
            Endpoint("GET", "/health", _health, "health", operational=True),
            Endpoint("GET", "/readiness", self._readiness, "readiness", operational=True),
            Endpoint("GET", "/version", self._version, "version", operational=True),
        ]
        if self._context.options.metrics and self._service.exposes_metrics:
            routes.append(Endpoint("GET", "/metrics", self._expose, "metrics", operational=True))
        return routes

    def _expose(self, request: Request) -> Response:
        return self._metrics.expose(request)

    def _readiness(self, _request: Request) -> Response:
        reason = self._engine.not_ready() or self._service.ready() or self._keys_missing()
        if reason is not None:
            raise Problem(503, reason)
        return Response(200, b'{"status":"ready"}\n')

    def _keys_missing(self) -> str | None:
        context = self._context
        expected = not context.options.dev_mode and "auth" in context.urls
        return "the signing keys were not fetched yet" if expected and not self._gatekeeper.knows_keys else None

    def _version(self, _request: Request) -> Response:
        context = self._context
        document = {
            "service": context.name,
            "kind": "embedded",
            "notice": "a stand-in for a Chamicore service, not a Chamicore service",
            "version": __version__,
            "commit": context.commit,
            "buildDate": context.build_date,
            "sizing": context.sizing,
            "durability": context.durability if self._service.database is not None else "holds nothing",
            "indexes": sorted(self._service.database.droppable) if self._service.database is not None else [],
            "routes": sorted(route.name for route in self.app.router.routes if not route.operational),
            "worker": context.worker,
            "pid": os.getpid(),
        }
        return Response(200, encode(document))


def _health(_request: Request) -> Response:
    return Response(200, b'{"status":"ok"}\n')


async def _run(start: Callable[[], Awaitable[None]]) -> None:
    await start()


def service_time_steps(app: App, service_time_ms: float, seed: int) -> dict[str, list[Step]]:
    """The declared service time as a step of each timed route: waiting, not computing, so that requests overlap.

    Log-normal around `service_time_ms` as its median with a shape of 0.25, drawn once from the seed and gone through in
    a circle, so that two stacks with one seed wait the same times.
    """
    if not service_time_ms:
        return {}
    draw = random.Random(seed)  # noqa: S311 - a seeded distribution, not a secret
    times = [service_time_ms / 1000 * draw.lognormvariate(0.0, 0.25) for _ in range(_SERVICE_TIMES)]
    position = 0

    async def spend(_request: Request) -> None:
        nonlocal position
        position = (position + 1) % _SERVICE_TIMES
        await asyncio.sleep(times[position])

    return {route.name: [spend] for route in app.router.routes if route.timed}


BACKLOG = 8192
"""Connections that may wait to be accepted: a boot storm opens thousands within a second."""

CONNECTIONS = 1 << 16
"""Connections that may be open at once, by default no more than the backlog; the open-file limit is met before."""


def module_of(service: str) -> str:
    """The module that builds a service."""
    return f"chamicore_standin.services.{service.replace('-', '_')}"


def builder_of(service: str) -> Build:
    """What builds a service. MCP has no module: its tools call services for agents, which nobody measures here."""
    if service == "mcp":
        return lambda _context, _gatekeeper: BuiltService(routes=[])
    build: Build = importlib.import_module(module_of(service)).build
    return build


def prepare(context: WorkerContext) -> None:
    """Make a service's tables before its processes exist, so that they need not contend for making them."""
    if context.name == "mcp":
        return
    schema = getattr(importlib.import_module(module_of(context.name)), "SCHEMA", None)
    if schema is not None:
        context.make_tables(schema)


async def sync(context: WorkerContext) -> None:
    """Run a service's sync loop until the process is ended."""
    await importlib.import_module(module_of(context.name)).sync_loop(context)()


async def serve(context: WorkerContext, port: int, certificate: tuple[Path, Path] | None) -> None:
    """Serve until SIGTERM or SIGINT. Workers of one service share the port (SO_REUSEPORT, set by granian)."""
    worker = Worker(context, builder_of(context.name))
    certificate_file, key_file = certificate or (None, None)
    server = Server(
        worker,
        address="127.0.0.1",
        port=port,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        log_enabled=False,
        ssl_cert=certificate_file,
        ssl_key=key_file,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()
