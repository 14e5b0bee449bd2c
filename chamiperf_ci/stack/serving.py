"""One worker process: granian around one service, until it is told to stop."""

import asyncio
import importlib
import signal
from pathlib import Path

from granian.constants import HTTPModes
from granian.server.embed import Server

from chamiperf_ci.stack.service import Context, Worker

BACKLOG = 8192
"""Connections that may wait to be accepted: a boot storm opens thousands within a second."""

CONNECTIONS = 1 << 16
"""Connections that may be open at once, by default no more than the backlog; the open-file limit is met before."""


def module_of(service: str) -> str:
    """The module that builds a service."""
    return f"chamiperf_ci.stack.services.{service.replace('-', '_')}"


def prepare(context: Context) -> None:
    """Make a service's tables before its processes exist, so that they need not contend for making them."""
    schema = getattr(importlib.import_module(module_of(context.name)), "SCHEMA", None)
    if schema is not None:
        context.database(schema).close()


async def sync(context: Context) -> None:
    """Run a service's sync loop until the process is ended."""
    await importlib.import_module(f"{module_of(context.name)}_sync").loop(context)()


async def serve(context: Context, port: int, certificate: tuple[Path, Path] | None) -> None:
    """Serve until SIGTERM or SIGINT. Workers of one service share the port (SO_REUSEPORT, set by granian)."""
    worker = Worker(context, importlib.import_module(module_of(context.name)).build)
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
