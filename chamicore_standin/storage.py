"""A service's own SQLite database, and how it is timed.

Write-ahead logging lets several worker processes read while one writes. `synchronous=OFF` means that nobody waits for
the disk: a commit survives the death of every process, and a power failure may take the whole stack, which is thrown
away after a run anyway. A stand-in that waits would only add the noise of a shared disk to what is measured. What a
seeding rate is worth depends on it, so `DURABILITY` stands beside each.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from chamicore_standin.http import Problem

DURABILITY = (
    "SQLite, WAL, synchronous=OFF: a commit survives the end of every process, but not a power failure; "
    "one transaction per request"
)

BUSY_TIMEOUT_MS = 5000

CHECKPOINT_PAGES = 10_000
"""Pages of log after which it is folded into the database. SQLite's own 1000 is some 200 creates here. While folding
still waited for the disk, one create in a hundred took four milliseconds; at 10,000 pages, one and a half."""


def _no_timing(_operation: str, _seconds: float) -> None:
    return None


class Database:
    """One connection of one process. Statements are prepared once and kept by their text."""

    def __init__(self, path: Path, schema: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)
        self.observe: Callable[[str, float], None] = _no_timing
        """Told the operation (select, insert, update, delete) and the seconds of each statement."""
        self.carried_s = 0.0
        """Waiting that a fault laid into the database; counted with the statement that follows it."""
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

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        started = perf_counter()
        row: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        self._observe("select", started)
        return row

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row."""
        started = perf_counter()
        rows = self._connection.execute(sql, values).fetchall()
        self._observe("select", started)
        return rows

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one writing statement; the number of rows it touched.

        Raises:
            Problem: 409 for a value that must be unique and is taken and for a row that others refer to, 422 for a
                reference to nothing.
        """
        started = perf_counter()
        try:
            touched = self._connection.execute(sql, values).rowcount
        except sqlite3.IntegrityError as fault:
            raise _refusal(fault, sql) from None
        finally:
            self._observe(sql[:6].lower(), started)
        return touched

    def _observe(self, operation: str, started: float) -> None:
        self.observe(operation, perf_counter() - started + self.carried_s)
        self.carried_s = 0.0

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


def _refusal(fault: sqlite3.IntegrityError, sql: str) -> Problem:
    text = str(fault)
    if sql.startswith("DELETE"):
        return Problem(409, "others refer to it; delete them first")
    if text.startswith("UNIQUE"):
        columns = text.rpartition(": ")[2]
        return Problem(409, f"the resource exists already ({columns})")
    return Problem(422, "validation failed", errors=[("reference", "refers to something that does not exist")])
