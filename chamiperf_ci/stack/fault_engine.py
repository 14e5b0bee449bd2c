"""Faults at work inside one worker: what each route goes through before its handler.

The file is looked at five times a second and compiled into one coroutine per route, so that a request on a whole stack
pays one lookup in an empty table.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chamiperf_ci.stack import faults
from chamiperf_ci.stack.app import App
from chamiperf_ci.stack.fault_file import FaultFile
from chamiperf_ci.stack.faults import Fault
from chamiperf_ci.stack.http import TEXT, Answer, Problem, Replaced, Request, ResetConnection
from chamiperf_ci.stack.routing import Step
from chamiperf_ci.stack.storage import Database

POLL_S = 0.2


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
            await asyncio.sleep(POLL_S)

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
                    step = self._step(fault) if fault.lies_on(route.name) else None
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
                raise Replaced(Answer(500, b"internal error\n", TEXT, headers))
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
            self._leaked.append(random.randbytes(int(fault.mb_per_s * POLL_S * (1 << 20))))  # noqa: S311
