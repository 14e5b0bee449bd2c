"""What is recorded of an embedded stack that is up: its options, its services, its processes.

Written by the stack's supervisor as `stack.json`, read by every later command, which knows the stack by nothing else.
It holds no secret: the internal token lies beside it in a file of its own.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

STATE_FILE = "stack.json"
TOKEN_FILE = "internal-token"  # noqa: S105 - a file name

_STATE_FIELD = 0
_THREADS_FIELD = 17
_START_FIELD = 19
"""Fields 3, 20 and 22 of /proc/PID/stat, counted after the command name, which may contain blanks."""

Milliseconds = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class Frozen(BaseModel):
    """A value: never changed, and refusing keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StackOptions(Frozen):
    """How a stack is set up. What it is sized like is here; what is broken on purpose is a fault, and is not."""

    ports: Literal["contract", "ephemeral"] = "contract"
    without: tuple[str, ...] = ()
    gateway: bool = False
    tls: bool = False
    dev_mode: bool = False
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    service_time_ms: Milliseconds = 0.0
    seed: int = 1
    sync_interval_s: Annotated[float, Field(gt=0)] = 30.0
    sync_delay_s: Seconds = 0.0
    auto_rows: bool = False
    delete_orphans: bool = False
    truncate_sync: bool = False
    page_clamp: Annotated[int, Field(ge=1)] = 10_000
    bulk: bool = False
    kea_style: Literal["shim", "stock"] = "shim"
    metrics: bool = True
    token_lifetime_s: Annotated[float, Field(gt=0)] = 1800.0
    password_cost: Annotated[int, Field(ge=4, le=16)] = 12
    """Rounds of client-secret hashing as a power of two, like bcrypt's cost; 12 takes some 10 ms of a core."""


class ProcessRef(Frozen):
    """A process, recognised again: a recycled pid has another start time."""

    pid: int
    started_ticks: int
    """Clock ticks after boot at which it started (field 22 of /proc/PID/stat)."""

    @classmethod
    def of(cls, pid: int) -> "ProcessRef":
        """Name a running process so that it is recognised later.

        Raises:
            ProcessLookupError: It is not running.
        """
        stat = _stat(pid)
        if stat is None:
            raise ProcessLookupError(pid)
        return cls(pid=pid, started_ticks=int(stat[_START_FIELD]))

    def is_running(self) -> bool:
        """Whether this very process still runs; a stranger with a recycled pid does not count.

        A zombie has ended, unless threads of it are still going down: until then its sockets are open.
        """
        stat = _stat(self.pid)
        if stat is None or int(stat[_START_FIELD]) != self.started_ticks:
            return False
        return stat[_STATE_FIELD] != "Z" or int(stat[_THREADS_FIELD]) > 1


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def boot_id() -> str:
    """What tells one boot of this machine from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class ServiceState(Frozen):
    """One service of the stack: where it is served, and by which processes."""

    name: str
    url: str
    port: int
    processes: tuple[ProcessRef, ...]


class StackState(Frozen):
    """A stack that was started; `is_up` says whether it still runs."""

    schema_version: Literal[1] = 1
    """1: first version."""
    kind: Literal["embedded"] = "embedded"
    version: str
    commit: str
    started_at: str
    """RFC 3339, UTC."""
    boot_id: str
    state_dir: str
    options: StackOptions
    sizing: str
    """What one asks of it, in words: workers, service time, page clamp, sync interval. Part of the fingerprint."""
    durability: str
    """When a write is safe, in words. Stands beside every seeding rate."""
    supervisor: ProcessRef
    services: tuple[ServiceState, ...]
    ca_file: str | None = None

    def url(self, service: str) -> str:
        """The base URL of a service, without a trailing slash.

        Raises:
            KeyError: The stack was started without it.
        """
        return {entry.name: entry.url for entry in self.services}[service]

    def is_up(self) -> bool:
        """Whether the stack's own supervisor still runs, in this boot of the machine."""
        return self.boot_id == boot_id() and self.supervisor.is_running()


def default_state_dir() -> Path:
    """CHAMIPERF_STATE_DIR, else a folder of this user's that a reboot empties, else one in the cache."""
    given = os.environ.get("CHAMIPERF_STATE_DIR")
    if given:
        return Path(given)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(runtime or cache) / "chamiperf" / "stack"
