"""What a worker has to hand: its place in the stack, its database, and a client of the other services.

The client is a small HTTP/1.1 client: keep-alive, JSON, no more than the services need of each other. For httpx a
request takes twenty times the processor time (bench/README.md).
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chamicore_standin import catalogue
from chamicore_standin.postgres import connect, schema_of
from chamicore_standin.storage import Database, PostgresDatabase, SqliteDatabase, make_tables
from chamiperf_ci.models.target import StackOptions

_LINE_LIMIT = 1 << 16

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unreachable(Exception):
    """The other service did not answer."""


@dataclass(frozen=True)
class Reply:
    """What the other service answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the other service sent
        """The body as JSON."""
        return json.loads(self.body)


class PooledClient:
    """Talks to one base URL. Connections are kept and used again, the latest first."""

    def __init__(self, url: str, *, token: str = "", ca_file: str | None = None, timeout_s: float = 30.0) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        self._token = token
        self._timeout_s = timeout_s
        self._idle: list[Connection] = []

    async def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; a kept connection that the other side has closed is replaced once.

        Raises:
            Unreachable: No connection, no answer in time, or no HTTP.
        """
        fields = {"host": f"{self._host}:{self._port}", **(headers or {})}
        if self._token:
            fields.setdefault("authorization", f"Bearer {self._token}")
        if body is not None:
            fields.setdefault("content-type", "application/json")
            fields["content-length"] = str(len(body))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        message = head.encode("latin-1") + b"\r\n" + (body or b"")
        try:
            async with asyncio.timeout(self._timeout_s):
                while self._idle:
                    connection = self._idle.pop()
                    try:
                        return await self._exchange(connection, message)
                    except (OSError, asyncio.IncompleteReadError):
                        connection[1].close()
                return await self._exchange(await self._connect(), message)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as fault:
            raise Unreachable(f"{method} {target}: {type(fault).__name__}: {fault}") from None

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET."""
        return await self.request("GET", target, headers=headers)

    async def post(self, target: str, document: object) -> Reply:
        """POST a document as JSON."""
        return await self.request("POST", target, json.dumps(document, separators=(",", ":")).encode())

    async def _connect(self) -> Connection:
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=_LINE_LIMIT)

    async def _exchange(self, connection: Connection, message: bytes) -> Reply:
        reader, writer = connection
        writer.write(message)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(connection)
        return Reply(status, headers, body)


@dataclass(frozen=True)
class WorkerContext:
    """What a worker knows of the stack it belongs to."""

    name: str
    worker: int
    """0 is the one that does what only one may do."""
    options: StackOptions
    state_dir: Path
    internal_token: str = field(repr=False)
    urls: dict[str, str] = field(default_factory=dict)
    ca_file: str | None = None
    postgres_dsn: str | None = field(default=None, repr=False)
    durability: str = ""
    sizing: str = ""
    commit: str = "unknown"
    build_date: str = "unknown"

    @property
    def workers(self) -> int:
        """How many processes serve this service."""
        return self.options.workers if catalogue.entry(self.name).worker_pool else 1

    def database(self, schema: str) -> Database:
        """This service's database; in SQLite, its tables made if they are not there."""
        if self.postgres_dsn is not None:
            limit = max(1, self.options.database_connections // self.workers)
            return PostgresDatabase(
                self.postgres_dsn, schema_of(self.name), schema, connections=limit, application=f"chamicore-{self.name}"
            )
        folder = self.state_dir / "data"
        folder.mkdir(exist_ok=True)
        return SqliteDatabase(folder / f"{self.name}.db", schema)

    def make_tables(self, schema: str) -> None:
        """Make this service's tables, before any of its processes needs them."""
        if self.postgres_dsn is None:
            self.database(schema).close()
        else:
            make_tables(partial(connect, self.postgres_dsn, schema_of(self.name)), schema)

    def client(self, service: str, *, internal: bool = True) -> PooledClient:
        """A client of another service, carrying the internal token unless it speaks for somebody else."""
        token = self.internal_token if internal else ""
        return PooledClient(self.urls[service], token=token, ca_file=self.ca_file)
