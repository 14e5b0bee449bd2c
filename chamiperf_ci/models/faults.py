"""What can be broken on purpose: the faults, and the file that carries them to every worker.

A fault is never part of a stack's sizing: a run on a broken stack looks, in its fingerprint, like one on a whole stack,
because that is what a gate has to see through.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from chamiperf_ci.models.document import write_whole

FAULTS_FILE = "faults.json"

POLL_S = 0.2
"""Seconds between two looks of a worker at the file."""
SETTLE_S = POLL_S + 0.1
"""Seconds after which every worker works by the new faults."""

Layer = Literal["front", "service", "database"]
LabelStyle = Literal["short", "http", "semconv", "code"]
ErrorKind = Literal["503", "500", "429", "reset"]


class _Fault(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    affects_only: ClassVar[tuple[str, ...]] = ()
    """The services that it makes sense on; empty for all."""

    affects_routes: ClassVar[bool] = False
    """Whether it is felt by requests, so that a service without routes of its own would not feel it."""

    id: str = ""
    service: str
    """A service's name, or `*` for all of them."""
    route: str = "*"
    """A route's name (`bootscript`, `user-data`, `components-list`), or `*` for all but the operational ones."""
    set_at: float = 0.0
    """Unix seconds; filled in when the fault is set."""

    def affects(self, route: str) -> bool:
        """Whether the fault concerns a route of its service."""
        return self.route in (route, "*")


class Latency(_Fault):
    """Waiting added to each request, normally distributed around `latency_ms` and never below 0.

    `layer` says where: in `front` of the service (its own timing does not see it), in the `service`, or in its
    `database` (which is also seen in `db_query_duration_seconds`).
    """

    affects_routes = True

    kind: Literal["latency"] = "latency"
    layer: Layer = "service"
    latency_ms: Annotated[float, Field(ge=0)]
    jitter_ms: Annotated[float, Field(ge=0)] = 0.0


class Errors(_Fault):
    """A share of requests that fail: 503 and 429 as problem documents, 500 as plain text, or a connection reset."""

    affects_routes = True

    kind: Literal["errors"] = "errors"
    rate: Annotated[float, Field(gt=0, le=1)]
    error: ErrorKind = "503"
    retry_after_s: Annotated[int, Field(ge=0)] | None = None


class Stall(_Fault):
    """Nothing is answered for the first `stall_s` seconds of every `every_s`; what came in waits until then."""

    affects_routes = True

    kind: Literal["stall"] = "stall"
    stall_s: Annotated[float, Field(gt=0)]
    every_s: Annotated[float, Field(gt=0)] = 10.0


class ReadinessDown(_Fault):
    """`/readiness` answers 503 for so many seconds, while everything else works."""

    kind: Literal["readiness-down"] = "readiness-down"
    seconds: Annotated[float, Field(gt=0)]


class SlowStart(_Fault):
    """`/readiness` answers 503 until the service has been up for so long; felt at the next restart."""

    kind: Literal["slow-start"] = "slow-start"
    seconds: Annotated[float, Field(gt=0)]


class Leak(_Fault):
    """Resident memory that grows, until the fault is cleared."""

    kind: Literal["leak"] = "leak"
    mb_per_s: Annotated[float, Field(gt=0, le=100)]


class PoolExhaustion(_Fault):
    """Every connection of the pool is in use, and each request waits so long for one."""

    affects_routes = True

    kind: Literal["pool-exhaustion"] = "pool-exhaustion"
    wait_ms: Annotated[float, Field(ge=0)] = 100.0


class DropIndex(_Fault):
    """An index that is gone until the fault is cleared: who used it reads the whole table. On PostgreSQL alone."""

    kind: Literal["drop-index"] = "drop-index"
    index: str
    """As `/version` lists it, such as `boot_params_by_id`."""


class SwapScripts(_Fault):
    """A share of boot scripts or user-data that belong to another node, served with 200."""

    affects_only = ("bss", "cloud-init")

    kind: Literal["swap-scripts"] = "swap-scripts"
    share: Annotated[float, Field(gt=0, le=1)] = 1.0


class LoseSync(_Fault):
    """So many nodes whose data the service has lost: they are answered as if they had never been there."""

    affects_only = ("bss", "cloud-init", "kea-sync")

    kind: Literal["lose-sync"] = "lose-sync"
    count: Annotated[int, Field(ge=0)]
    seed: int = 1
    secret: bool = False
    """The number was drawn, and is not shown unless asked for."""


class SyncStop(_Fault):
    """A sync loop that does nothing until the fault is cleared."""

    affects_only = ("bss", "cloud-init", "kea-sync")

    kind: Literal["sync-stop"] = "sync-stop"


class MetricsMissing(_Fault):
    """Metric families that are not there; `*` takes the whole endpoint away."""

    kind: Literal["metrics-missing"] = "metrics-missing"
    families: tuple[str, ...] = ("*",)


class MetricLabelStyle(_Fault):
    """Another spelling of the labels of the HTTP families."""

    kind: Literal["metric-label-style"] = "metric-label-style"
    style: LabelStyle


class KeaStop(_Fault):
    """The DHCP server behind the control endpoint is down: every command is answered with result 1."""

    affects_only = ("kea",)

    kind: Literal["kea-stop"] = "kea-stop"


Fault = Annotated[
    Latency
    | Errors
    | Stall
    | ReadinessDown
    | SlowStart
    | Leak
    | PoolExhaustion
    | DropIndex
    | SwapScripts
    | LoseSync
    | SyncStop
    | MetricsMissing
    | MetricLabelStyle
    | KeaStop,
    Field(discriminator="kind"),
]

_FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])


def read(state_dir: Path) -> tuple[Fault, ...]:
    """The faults that are set; none where there is not a file."""
    try:
        text = (state_dir / FAULTS_FILE).read_bytes()
    except FileNotFoundError:
        return ()
    return _FAULTS.validate_json(text)


def write(state_dir: Path, faults: tuple[Fault, ...]) -> None:
    """Replace the faults; workers notice within a quarter of a second."""
    write_whole(state_dir / FAULTS_FILE, _FAULTS.dump_json(faults, indent=1).decode(), synced=False)


@contextmanager
def changing(state_dir: Path) -> Iterator[None]:
    """One change at a time: who reads, adds and writes beside another would take the other's fault away.

    The folder itself is what is locked, so that there is not a file to leave behind.
    """
    folder = os.open(state_dir, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def add(state_dir: Path, fault: Fault) -> Fault:
    """Set a fault and wait until every worker knows of it; the fault with its id."""
    numbered = fault.model_copy(update={"id": secrets.token_hex(3), "set_at": time.time()})
    with changing(state_dir):
        write(state_dir, (*read(state_dir), numbered))
    time.sleep(SETTLE_S)
    return numbered


def remove(state_dir: Path, ident: str | None = None) -> int:
    """Take away one fault, or all of them, and wait until every worker knows of it; how many that were."""
    with changing(state_dir):
        active = read(state_dir)
        kept = tuple(fault for fault in active if ident is not None and fault.id != ident)
        if len(kept) != len(active):
            write(state_dir, kept)
    time.sleep(SETTLE_S)
    return len(active) - len(kept)


def described(fault: Fault, *, reveal: bool) -> str:
    """A fault as one line of JSON; what only the stack is to know stays out unless it is to be revealed."""
    return fault.model_dump_json(exclude=_hidden(fault, reveal=reveal))


def in_words(fault: Fault) -> str:
    """A fault for a report, as `bss bootscript: latency (layer service, latency_ms 6)`; secrets stay out."""
    told = fault.model_dump(exclude={"id", "service", "route", "set_at", "kind"} | _hidden(fault, reveal=False))
    place = fault.service if fault.route == "*" else f"{fault.service} {fault.route}"
    sizes = ", ".join(f"{name} {_short(value)}" for name, value in told.items() if value)
    return f"{place}: {fault.kind}" + (f" ({sizes})" if sizes else "")


def _hidden(fault: Fault, *, reveal: bool) -> set[str]:
    return {"count", "seed"} if isinstance(fault, LoseSync) and fault.secret and not reveal else set()


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
