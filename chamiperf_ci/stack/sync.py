"""A loop that brings what SMD knows to another service (contract 4.2 and 4.3), and what it reports of itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from chamiperf_ci.stack import faults
from chamiperf_ci.stack.client import Unreachable
from chamiperf_ci.stack.fault_file import FaultFile
from chamiperf_ci.stack.metrics import SECONDS, Series
from chamiperf_ci.stack.resources import now
from chamiperf_ci.stack.service import Context
from chamiperf_ci.stack.smd_reader import Listing, SmdReader

COMPONENTS_PATH = "/hsm/v2/State/Components?"
INTERFACES_PATH = "/hsm/v2/Inventory/EthernetInterfaces?"
"""Without `fields`, which the real loops send: here a whole spec is text that is copied, a sparse one is made anew."""

POLL_S = 0.1
RETRY_S = 0.5
"""Seconds until the next try while SMD has never been read."""


@dataclass
class SyncStatus:
    """What a loop says of itself; the keys are those of the contract's sibling struct."""

    ready: bool = False
    in_progress: bool = False
    last_attempt_at: str | None = None
    last_sync_at: str | None = None
    last_component_etag: str = ""
    last_interface_etag: str = ""
    last_error: str = ""
    not_modified: bool = False
    last_counts: dict[str, int] = field(default_factory=dict)
    successful_runs: int = 0
    failed_runs: int = 0
    not_modified_runs: int = 0
    changes_applied: int = 0
    last_success: float = 0.0
    """Unix seconds."""
    duration_counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    duration_sum: float = 0.0

    def document(self) -> dict[str, Any]:
        """Every key, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Inventory:
    """What SMD knew at one reading."""

    components: Listing
    interfaces: Listing
    read_ns: int
    """Unix nanoseconds before the reading: what was created later cannot be missing from it."""


Apply = Callable[[Inventory], Awaitable[int]]


class SyncLoop:
    """Reads, waits the declared delay, applies, reports; at once when asked to, else every interval."""

    def __init__(
        self,
        context: Context,
        apply: Apply,
        *,
        save: Callable[[SyncStatus], None],
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        client = context.client("smd")
        truncating = context.options.truncate_sync
        self._components = SmdReader(client, COMPONENTS_PATH, truncating=truncating)
        self._interfaces = SmdReader(client, INTERFACES_PATH, truncating=truncating)
        self._faults = FaultFile(context.state_dir, context.name)
        self._options = context.options
        self._apply = apply
        self._save = save
        self._asked = asked
        self._applied = False
        self.status = SyncStatus()

    async def follow(self) -> None:
        """Sync for ever."""
        due = time.monotonic()
        while True:
            self._faults.look()
            stopped = self._faults.has(faults.SyncStop)
            if not stopped and (self._asked() or time.monotonic() >= due):
                due = time.monotonic() + (self._options.sync_interval_s if await self.run_once() else RETRY_S)
            await asyncio.sleep(min(POLL_S, max(0.01, due - time.monotonic())))

    async def run_once(self) -> bool:
        """One sync; whether it worked, or SMD had been reached before (then the next one is a regular one)."""
        status = self.status
        status.in_progress, status.last_attempt_at = True, now()[0]
        started = time.perf_counter()
        try:
            await self._sync()
        except Unreachable as fault:
            status.last_error = str(fault)
            status.failed_runs += 1
        else:
            status.ready, status.last_error = True, ""
            status.last_sync_at, status.last_success = now()[0], time.time()
            status.successful_runs += 1
            series = Series(SECONDS)
            series.observe(time.perf_counter() - started)
            status.duration_counts = [a + b for a, b in zip(status.duration_counts, series.counts, strict=True)]
            status.duration_sum += series.sum
        status.in_progress = False
        self._save(status)
        return status.ready

    async def _sync(self) -> None:
        read_ns = time.time_ns()
        components, interfaces = await self._components.read(), await self._interfaces.read()
        status = self.status
        status.not_modified = self._applied and not (components.changed or interfaces.changed)
        if status.not_modified:
            status.not_modified_runs += 1
            return
        # Until it is applied: what could not be pushed has to come again, although SMD will say that nothing changed.
        self._applied = False
        await asyncio.sleep(self._options.sync_delay_s)
        status.changes_applied += await self._apply(Inventory(components, interfaces, read_ns))
        self._applied = True
        status.last_component_etag, status.last_interface_etag = components.etag, interfaces.etag
        status.last_counts = {"components": len(components.items), "interfaces": len(interfaces.items)}
