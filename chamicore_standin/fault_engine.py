"""Faults at work inside one worker: what each route goes through before its handler, which rows are lost or swapped.

The file is looked at five times a second and compiled into one coroutine per route, so that a request on a whole stack
pays one lookup in an empty table.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chamicore_standin.http import TEXT, App, Problem, Replaced, Request, ResetConnection, Response, Step
from chamicore_standin.storage import Database, PostgresDatabase
from chamiperf_ci.models import faults
from chamiperf_ci.models.faults import Fault


class FaultFile:
    """Follows the faults of one service by the file's stamp, so that looking costs one system call."""

    def __init__(self, state_dir: Path, service: str) -> None:
        self._state_dir = state_dir
        self._service = service
        self._stamp: tuple[int, int] | None = (0, 0)
        self.active: tuple[Fault, ...] = ()

    def look(self) -> bool:
        """Look at the file; whether the faults are others than at the last look (always true at the first)."""
        try:
            stat = (self._state_dir / faults.FAULTS_FILE).stat()
            stamp = (stat.st_mtime_ns, stat.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        with contextlib.suppress(FileNotFoundError):
            everything = faults.read(self._state_dir)
            self.active = tuple(fault for fault in everything if fault.service in (self._service, "*"))
        return True

    def has(self, kind: type) -> bool:
        """Whether a fault of this kind lies on the service."""
        return any(isinstance(fault, kind) for fault in self.active)


def _unobserved(_seconds: float) -> None:
    return None


def _chain(steps: Sequence[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]

    async def all_of(request: Request) -> None:
        for step in steps:
            await step(request)

    return all_of


class FaultEngine:
    """Keeps one worker's routes in step with the faults that are set."""

    def __init__(self, service: str, state_dir: Path, app: App, database: Database | None, *, seed: int) -> None:
        self._file = FaultFile(state_dir, service)
        self._app = app
        self._database = database
        self._random = random.Random(seed)  # noqa: S311 - a seeded distribution, not a secret
        self._leaked: list[bytes] = []
        self._started = time.time()
        self.base_steps: dict[str, list[Step]] = {}
        """By route name: what happens on a whole stack too (the declared service time)."""
        self.on_pool_wait: Callable[[float], None] = _unobserved
        self.on_change: list[Callable[[tuple[Fault, ...]], None]] = []

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that lie on this service."""
        return self._file.active

    def not_ready(self) -> str | None:
        """Why a fault makes the service unready now; None when none does."""
        now = time.time()
        for fault in self.active:
            if isinstance(fault, faults.ReadinessDown) and now < fault.set_at + fault.seconds:
                return "readiness was taken down on purpose"
            if isinstance(fault, faults.SlowStart) and now < self._started + fault.seconds:
                return "still starting, slowed on purpose"
        return None

    async def watch(self) -> None:
        """Follow the file for ever."""
        while True:
            self.refresh()
            self._leak()
            await asyncio.sleep(faults.POLL_S)

    def refresh(self) -> None:
        """Compile the routes again if the faults have changed."""
        if self._file.look():
            self._compile()
            for callback in self.on_change:
                callback(self.active)

    def _compile(self) -> None:
        interceptors, fronts = {}, {}
        for route in self._app.router.routes:
            steps = list(self.base_steps.get(route.name, ()))
            before: list[Step] = []
            if not route.operational:
                for fault in self.active:
                    step = self._step(fault) if fault.affects(route.name) else None
                    if step is not None:
                        in_front = isinstance(fault, faults.Latency) and fault.layer == "front"
                        (before if in_front else steps).append(step)
            if steps:
                interceptors[route.name] = _chain(steps)
            if before:
                fronts[route.name] = _chain(before)
        self._app.interceptors, self._app.fronts = interceptors, fronts

    def _step(self, fault: Fault) -> Step | None:
        match fault:
            case faults.Latency():
                return self._latency(fault)
            case faults.Errors():
                return self._errors(fault)
            case faults.Stall():
                return self._stall(fault)
            case faults.PoolExhaustion():
                return self._pool(fault)
        return None

    def _latency(self, fault: faults.Latency) -> Step:
        async def wait(_request: Request) -> None:
            seconds = max(0.0, self._random.gauss(fault.latency_ms, fault.jitter_ms)) / 1000
            await asyncio.sleep(seconds)
            if fault.layer == "database" and self._database is not None:
                self._database.carried_s += seconds

        return wait

    def _errors(self, fault: faults.Errors) -> Step:
        headers = () if fault.retry_after_s is None else (("retry-after", str(fault.retry_after_s)),)

        async def fail(_request: Request) -> None:
            if self._random.random() >= fault.rate:
                return
            if fault.error == "reset":
                raise ResetConnection
            if fault.error == "500":
                raise Replaced(Response(500, b"internal error\n", TEXT, headers))
            raise Problem(int(fault.error), "failed on purpose", headers=headers)

        return fail

    def _stall(self, fault: faults.Stall) -> Step:
        async def hold(_request: Request) -> None:
            phase = (time.time() - fault.set_at) % fault.every_s
            if phase < fault.stall_s:
                await asyncio.sleep(fault.stall_s - phase)

        return hold

    def _pool(self, fault: faults.PoolExhaustion) -> Step:
        async def wait(_request: Request) -> None:
            await asyncio.sleep(fault.wait_ms / 1000)
            self.on_pool_wait(fault.wait_ms / 1000)

        return wait

    def _leak(self) -> None:
        leaks = [fault for fault in self.active if isinstance(fault, faults.Leak)]
        if not leaks:
            self._leaked.clear()
        for fault in leaks:
            self._leaked.append(random.randbytes(int(fault.mb_per_s * faults.POLL_S * 1e6)))  # noqa: S311


VISIBLE = "lost = 0"
"""The SQL condition of a row that is not lost."""

TOP_UP_S = 0.25


class RowLosses:
    """Keeps as many rows of one table lost as the fault says; only the leading worker chooses them."""

    def __init__(self, table: str, database: Database, *, leader: bool) -> None:
        self._table = table
        self._database = database
        self._leader = leader
        self._wanted: faults.LoseSync | None = None

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Lose rows, or find them again."""
        losses = [fault for fault in active if isinstance(fault, faults.LoseSync)]
        self._wanted = losses[-1] if losses else None
        if self._leader:
            self._top_up()

    async def keep(self) -> None:
        """Lose rows that arrive later, until there are enough."""
        while self._leader:
            if self._wanted is not None:
                self._top_up()
            await asyncio.sleep(TOP_UP_S)

    def _top_up(self) -> None:
        if self._wanted is None:
            self._database.write(f"UPDATE {self._table} SET lost = 0 WHERE lost <> 0")  # noqa: S608 - our own table
            return
        row = self._database.one(f"SELECT count(*) FROM {self._table} WHERE lost <> 0")  # noqa: S608
        short = self._wanted.count - (row[0] if row else 0)
        if short <= 0:
            return
        present = [each[0] for each in self._database.all(f"SELECT seq FROM {self._table} WHERE lost = 0 ORDER BY seq")]  # noqa: S608
        chosen = random.Random(self._wanted.seed).sample(present, min(short, len(present)))  # noqa: S311
        with self._database.transaction():
            for seq in chosen:
                self._database.write(f"UPDATE {self._table} SET lost = 1 WHERE seq = ?", (seq,))  # noqa: S608


class RowSwaps:
    """Exchanges a share of one table's documents for those of the next row."""

    def __init__(self, database: Database, table: str, *, seed: int) -> None:
        self._database = database
        self._table = table
        self._random = random.Random(seed)  # noqa: S311 - a seeded fault, not a secret
        self._share = 0.0

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Take note of the share to be swapped."""
        self._share = max((fault.share for fault in active if isinstance(fault, faults.SwapScripts)), default=0.0)

    def of(self, column: str, document: Any, seq: int) -> Any:  # noqa: ANN401 - text or bytes, as the column has it
        """The document to be served for a row: its own, or another's; its own where there is no other."""
        if not self._share or self._random.random() >= self._share:
            return document
        for condition in ("seq > ?", "seq < ?"):
            other = self._database.one(
                f"SELECT {column} FROM {self._table} WHERE {condition} AND lost = 0 ORDER BY seq LIMIT 1",  # noqa: S608
                (seq,),
            )
            if other is not None:
                return other[0]
        return document


class IndexDrops:
    """Keeps the indexes dropped that faults name; only the leading worker drops and makes them."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._dropped: frozenset[str] = frozenset()

    def follow(self, active: tuple[faults.Fault, ...]) -> None:
        """Drop what a fault names, and make again what none names any more."""
        wanted = frozenset(fault.index for fault in active if isinstance(fault, faults.DropIndex))
        if self._dropped - wanted:
            self._database.restore_indexes()
        for name in wanted:
            self._database.drop_index(name)
        self._dropped = wanted
