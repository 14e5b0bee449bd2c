"""A service's own database, and how it is timed: SQLite, or a schema of one PostgreSQL behind a pool with a limit.

SQLite is the default. Write-ahead logging lets several worker processes read while one writes. `synchronous=OFF` means
that nobody waits for the disk: a commit survives the death of every process, and a power failure may take the whole
stack, which is thrown away after a run anyway. A stand-in that waits would only add the noise of a shared disk to what
is measured. What a seeding rate is worth depends on it, so the durability stands beside each.

On PostgreSQL a statement takes a connection from the pool and gives it back, as Go's `database/sql` does, so handlers
run in threads there. Statements are written once, in what both dialects have in common; `_translated` does the rest.
"""

import re
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from chamicore_standin.http import Problem

if TYPE_CHECKING:
    import psycopg

SQLITE_DURABILITY = (
    "SQLite, WAL, synchronous=OFF: a commit survives the end of every process, but not a power failure; "
    "one transaction per request"
)
PRIVATE_POSTGRES_DURABILITY = (
    "PostgreSQL of its own, fsync=off: a commit survives the end of every service, but not a power failure; "
    "one transaction per request"
)
NAMED_POSTGRES_DURABILITY = "a PostgreSQL that was there already, as that one is set up; one transaction per request"

BUSY_TIMEOUT_MS = 5000

CHECKPOINT_PAGES = 10_000
"""Pages of log after which it is folded into the database. SQLite's own 1000 is some 200 creates here. While folding
still waited for the disk, one create in a hundred took four milliseconds; at 10,000 pages, one and a half."""

POOL_TIMEOUT_S = 30.0
"""Seconds that a statement waits for a connection before the request is answered with 503."""

Row = tuple[Any, ...]

_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS (\w+)")


def durability(database: str, *, private: bool) -> str:
    """When a write is safe, in words."""
    if database == "sqlite":
        return SQLITE_DURABILITY
    return PRIVATE_POSTGRES_DURABILITY if private else NAMED_POSTGRES_DURABILITY


@dataclass(frozen=True)
class PoolFigures:
    """A pool of connections as it is now."""

    limit: int
    open: int
    in_use: int
    waiting: int


def _no_timing(_operation: str, _seconds: float) -> None:
    return None


def _no_wait(_seconds: float) -> None:
    return None


class Database(ABC):
    """What a service does with its database. Statements have `?` for each value."""

    def __init__(self) -> None:
        self.observe: Callable[[str, float], None] = _no_timing
        """Told the operation (select, insert, update, delete) and the seconds of each statement."""
        self.observe_wait: Callable[[float], None] = _no_wait
        """Told the seconds that a statement waited for a connection."""
        self.droppable: tuple[str, ...] = ()
        """Indexes that a fault can drop: where a statement without its index reads more than its row."""
        self.carried_s = 0.0
        """Waiting that a fault laid into the database; counted with the statement that follows it."""

    @abstractmethod
    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""

    @abstractmethod
    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row."""

    @abstractmethod
    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement; the number of rows it touched.

        Raises:
            Problem: 409 for a value that must be unique and is taken and for a row that others refer to, 422 for a
                reference to nothing or a value that the database does not hold.
        """

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Writes that happen all or not at all."""

    @abstractmethod
    def version(self) -> tuple[int, int]:
        """Changes whenever any process changed the database; it may change without that, too."""

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""

    def pool(self) -> PoolFigures | None:
        """The pool of connections; None where there is none."""
        return None

    def _observe(self, operation: str, started: float) -> None:
        self.observe(operation, perf_counter() - started + self.carried_s)
        self.carried_s = 0.0


class SqliteDatabase(Database):
    """One connection of one process. Statements are prepared once and kept by their text."""

    def __init__(self, path: Path, schema: str) -> None:
        super().__init__()
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=OFF",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            "foreign_keys=ON",
            "cache_size=-65536",
            "mmap_size=268435456",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(schema)

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        started = perf_counter()
        row: Row | None = self._connection.execute(sql, values).fetchone()
        self._observe("select", started)
        return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row."""
        started = perf_counter()
        rows = self._connection.execute(sql, values).fetchall()
        self._observe("select", started)
        return rows

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement; the number of rows it touched."""
        started = perf_counter()
        try:
            touched = self._connection.execute(sql, values).rowcount
        except sqlite3.IntegrityError as fault:
            text = str(fault)
            raise _refusal(sql, text.rpartition(": ")[2] if text.startswith("UNIQUE") else None) from None
        except OverflowError:
            raise _unholdable("a number is too large") from None
        finally:
            self._observe(sql[:6].lower(), started)
        return touched

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Writes that happen all or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def version(self) -> tuple[int, int]:
        """Changes whenever any process changed the database."""
        row = self._connection.execute("PRAGMA data_version").fetchone()
        return row[0], self._connection.total_changes

    def close(self) -> None:
        """Give the connection back; the last one to go folds the log into the database."""
        self._connection.close()


class PostgresDatabase(Database):
    """One schema of one PostgreSQL, through a pool of this process with a limit. Safe for threads."""

    def __init__(self, dsn: str, schema_name: str, schema: str, *, connections: int, application: str) -> None:
        from psycopg_pool import ConnectionPool  # noqa: PLC0415 - extra `postgres`

        super().__init__()
        self._schema = schema
        self.droppable = tuple(_INDEX.findall(schema))
        self.limit = connections
        self._own = threading.local()
        self._figures = threading.Lock()
        self._pool = ConnectionPool(
            dsn,
            min_size=1,
            max_size=connections,
            open=True,
            timeout=POOL_TIMEOUT_S,
            kwargs={"autocommit": True, "options": f"-c search_path={schema_name}", "application_name": application},
        )

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        return next(iter(self.all(sql, values)), None)

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row."""
        with self._connection() as connection:
            return self._run(connection, "select", sql, values).fetchall()

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement; the number of rows it touched."""
        with self._connection() as connection:
            operation = sql[:6].lower()
            if not self._in_transaction():
                return self._run(connection, operation, sql, values).rowcount
            with connection.transaction():  # A savepoint: what is refused must not spoil what it is part of.
                return self._run(connection, operation, sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Writes that happen all or not at all, on one connection of the calling thread's."""
        with self._connection() as connection, connection.transaction():
            self._own.connection = connection
            try:
                yield
            finally:
                self._own.connection = None

    def version(self) -> tuple[int, int]:
        """Another one each time: PostgreSQL does not say cheaply whether anything changed."""
        return time_ns(), 0

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()

    def pool(self) -> PoolFigures:
        """The pool of connections as it is now."""
        stats = self._pool.get_stats()
        opened = stats["pool_size"]
        in_use = max(0, opened - stats["pool_available"])
        return PoolFigures(self._pool.max_size, opened, in_use, stats.get("requests_waiting", 0))

    def drop_index(self, name: str) -> None:
        """Drop an index of the service's schema."""
        with self._connection() as connection:
            connection.execute(f"DROP INDEX IF EXISTS {name}".encode())

    def restore_indexes(self) -> None:
        """Make the schema's indexes again; one that rows written meanwhile no longer allow stays away."""
        make_tables(self._pool.connection, self._schema)

    def _in_transaction(self) -> bool:
        return getattr(self._own, "connection", None) is not None

    @contextmanager
    def _connection(self) -> "Iterator[psycopg.Connection[Row]]":
        """The transaction's connection, else one of the pool's for the time of a statement."""
        from psycopg_pool import PoolTimeout  # noqa: PLC0415 - extra `postgres`

        if self._in_transaction():
            yield self._own.connection
            return
        started = perf_counter()
        try:
            connection = self._pool.getconn()
        except PoolTimeout:
            raise Problem(503, "no connection to the database became free") from None
        with self._figures:
            self.observe_wait(perf_counter() - started)
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    def _run(
        self, connection: "psycopg.Connection[Row]", operation: str, sql: str, values: Sequence[Any]
    ) -> "psycopg.Cursor[Row]":
        from psycopg import DataError, IntegrityError, OperationalError, errors  # noqa: PLC0415 - extra `postgres`

        given = {f"p{at}": int(value) if value is True or value is False else value for at, value in enumerate(values)}
        started = perf_counter()
        try:
            return connection.execute(_translated(sql), given)
        except errors.UniqueViolation as fault:
            raise _refusal(sql, fault.diag.constraint_name or "a unique value") from None
        except IntegrityError:
            raise _refusal(sql, None) from None
        except DataError as fault:
            raise _unholdable(fault.diag.message_primary or "a value that the database does not hold") from None
        except OperationalError as fault:
            raise Problem(503, f"the database does not answer: {type(fault).__name__}") from None
        finally:
            with self._figures:
                self._observe(operation, started)


def make_tables(connect: Callable[[], Any], schema: str) -> None:
    """Make a service's tables and indexes in PostgreSQL, where they are not there, statement by statement."""
    from psycopg import errors  # noqa: PLC0415 - extra `postgres`

    with connect() as connection:
        for statement in filter(str.strip, _postgres_schema(schema).split(";")):
            try:
                connection.execute(statement.encode())
            except errors.UniqueViolation:
                if not statement.strip().startswith("CREATE UNIQUE INDEX"):
                    raise


def _postgres_schema(schema: str) -> str:
    """A schema in PostgreSQL's words: a number has 64 bits in either, and a row its place in order."""
    for old, new in (
        ("seq INTEGER PRIMARY KEY", "seq BIGSERIAL PRIMARY KEY"),
        (" WITHOUT ROWID", ""),
        (" INTEGER", " BIGINT"),
        (" BLOB", " BYTEA"),
        (" REAL", " DOUBLE PRECISION"),
    ):
        schema = schema.replace(old, new)
    return schema


@lru_cache(maxsize=512)
def _translated(sql: str) -> bytes:
    """A statement as psycopg takes it."""
    counted = iter(range(sql.count("?")))
    marked = re.sub(r"\?", lambda _mark: f"%(p{next(counted)})s", sql.replace("%", "%%"))
    return marked.replace("group_concat(", "string_agg(").encode()


def _refusal(sql: str, taken: str | None) -> Problem:
    """The refusal of a write: `taken` names what had to be unique."""
    if sql.startswith("DELETE"):
        return Problem(409, "others refer to it; delete them first")
    if taken is not None:
        return Problem(409, f"the resource exists already ({taken})")
    return Problem(422, "validation failed", errors=[("reference", "refers to something that does not exist")])


def _unholdable(why: str) -> Problem:
    return Problem(422, "validation failed", errors=[("value", why)])
