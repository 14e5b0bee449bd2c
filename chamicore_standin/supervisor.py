"""The process that owns a stack: it forks the workers, records them, and ends them when it is told to.

Forked, not started afresh: everything is imported once, so that a stack is up in a second. Each worker asks the kernel
to be killed when the supervisor dies, however it dies.
"""

import asyncio
import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from chamicore_standin import catalogue, postgres
from chamicore_standin.catalogue import build_date, commit, sizing
from chamicore_standin.storage import durability
from chamiperf_ci import __version__
from chamiperf_ci.models.target import ProcessRef, ServiceState, StackOptions, StackState, boot_id

if TYPE_CHECKING:
    from chamicore_standin.context import WorkerContext


_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15


def die_with_parent(parent: int, name: str) -> None:
    """Ask the kernel to kill this process when `parent` dies, and show it as `name` (cut to 15 bytes) in `ps`.

    Called by the child. A parent that died before the call is noticed too.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def stop(processes: Iterable[ProcessRef], grace_s: float) -> None:
    """End processes: SIGTERM, then SIGKILL for those that still run after `grace_s` seconds."""
    targets = list(processes)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in targets:
            if process.is_running():
                os.kill(process.pid, number)
        deadline = time.monotonic() + grace_s
        while any(process.is_running() for process in targets) and time.monotonic() < deadline:
            time.sleep(0.02)


STOP_GRACE_S = 5.0
POSTGRES_FAILED = "PostgreSQL did not start: "
"""Begins the last line of a supervisor that ended for it."""


@dataclass(frozen=True)
class StackPlan:
    """What the command that starts a stack hands to its supervisor, on standard input."""

    state_dir: Path
    options: StackOptions
    ports: Mapping[str, int]
    internal_token: str

    @classmethod
    def from_json(cls, text: str) -> "StackPlan":
        """Read a plan."""
        document = json.loads(text)
        return cls(
            Path(document["state_dir"]),
            StackOptions.model_validate(document["options"]),
            document["ports"],
            document["internal_token"],
        )

    def to_json(self) -> str:
        """Write a plan. It holds the internal token: for a pipe, never for a file."""
        return json.dumps(
            {
                "state_dir": str(self.state_dir),
                "options": self.options.model_dump(),
                "ports": dict(self.ports),
                "internal_token": self.internal_token,
            }
        )


def run(plan: StackPlan) -> None:
    """Start the database and fork the workers, record the stack, wait until told to stop, end them."""
    server = _start_postgres(plan) if plan.options.database == "postgres" else None
    try:
        services = tuple(_start(plan, contexts) for contexts in _contexts(plan, server))
        catalogue.write_state(_recorded(plan, services, server))
        _wait_for_the_end()
        stop([ref for service in services for ref in service.processes], STOP_GRACE_S)
    finally:
        if server is not None and server.pid is not None:
            os.kill(server.pid, signal.SIGINT)  # PostgreSQL's fast shutdown: it waits for nobody's connection.
            stop([ProcessRef.of(server.pid)], STOP_GRACE_S)


def _start_postgres(plan: StackPlan) -> postgres.Server:
    data, stores = plan.state_dir / "data", [name for name in plan.ports if catalogue.entry(name).stores]
    known = postgres.Secrets.kept(data) or postgres.Secrets()
    try:
        server = postgres.start(data, known, plan.options.database_connections * len(stores))
    except RuntimeError as fault:
        sys.exit(f"{POSTGRES_FAILED}{fault}")
    postgres.make_schemas(server.dsn, stores, plan.state_dir)
    reader = postgres.reader_dsn(server, known)
    if reader is not None:
        postgres.write_secret(plan.state_dir / catalogue.READER_FILE, reader)
    return server


def _contexts(plan: StackPlan, server: postgres.Server | None) -> "list[list[WorkerContext]]":
    """Per service, the context of each of its workers."""
    from chamicore_standin.context import WorkerContext  # noqa: PLC0415 - cryptography, only where a stack is served

    scheme = "https" if plan.options.tls else "http"
    urls = {name: f"{scheme}://127.0.0.1:{port}" for name, port in plan.ports.items()}
    (plan.state_dir / "metrics").mkdir(exist_ok=True)
    return [
        [
            WorkerContext(
                name=name,
                worker=worker,
                options=plan.options,
                state_dir=plan.state_dir,
                internal_token=plan.internal_token,
                urls=urls,
                ca_file=str(catalogue.ca_file(plan.state_dir)) if plan.options.tls else None,
                postgres_dsn=None if server is None else server.dsn,
                durability=_durability(plan, server),
                sizing=sizing(plan.options),
                commit=commit(),
                build_date=build_date(),
            )
            for worker in range(plan.options.workers if catalogue.entry(name).worker_pool else 1)
        ]
        for name in plan.ports
    ]


def _start(plan: StackPlan, contexts: "list[WorkerContext]") -> ServiceState:
    """Fork one service's workers, and its sync loop where it has one of its own."""
    from chamicore_standin import service  # noqa: PLC0415 - granian, only where a stack is served

    first = contexts[0]
    name, port = first.name, plan.ports[first.name]
    certificate = catalogue.certificate(plan.state_dir) if plan.options.tls else None
    service.prepare(first)
    refs = [_fork(f"chami-{name}", partial(service.serve, context, port, certificate)) for context in contexts]
    if catalogue.entry(name).syncs_apart and "smd" in plan.ports:
        refs.append(_fork(f"chami-{name}-sync", partial(service.sync, first)))
    return ServiceState(name=name, url=first.urls[name], port=port, processes=tuple(refs))


def _durability(plan: StackPlan, server: postgres.Server | None) -> str:
    return durability(plan.options.database, private=server is not None and server.pid is not None)


def _recorded(plan: StackPlan, services: tuple[ServiceState, ...], server: postgres.Server | None) -> StackState:
    private = server.pid if server is not None else None
    return StackState(
        version=__version__,
        commit=commit(),
        started_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        boot_id=boot_id(),
        state_dir=str(plan.state_dir),
        options=plan.options,
        sizing=sizing(plan.options),
        durability=_durability(plan, server),
        supervisor=ProcessRef.of(os.getpid()),
        services=services,
        ca_file=str(catalogue.ca_file(plan.state_dir)) if plan.options.tls else None,
        postgres=None if private is None else ProcessRef.of(private),
        postgres_dsn_file=None if private is None else str(plan.state_dir / catalogue.READER_FILE),
    )


def _fork(name: str, serve: Callable[[], Coroutine[Any, Any, None]]) -> ProcessRef:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return ProcessRef.of(pid)
    code = 1
    try:
        die_with_parent(parent, name)
        asyncio.run(serve())
        code = 0
    except BaseException:  # noqa: BLE001 - the child must not fall back into the supervisor's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait_for_the_end() -> None:
    """Until SIGTERM or SIGINT; a worker that dies is left dead, since a stack that heals itself hides what happened."""
    told = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    while not told:
        _reap()
        time.sleep(0.1)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        print(f"worker {pid} ended with status {status}", file=sys.stderr, flush=True)  # noqa: T201 - the stack's log


def main() -> None:
    """Read the plan, leave the starting command's family, say who we are, and run.

    Orphaned on purpose: a parent that goes on living, such as a test run, must neither wait for a stack nor collect it.
    """
    plan = StackPlan.from_json(sys.stdin.read())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if os.fork():
        os._exit(0)
    print(ProcessRef.of(os.getpid()).model_dump_json(), flush=True)  # noqa: T201 - the starting command reads it
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    run(plan)


if __name__ == "__main__":
    main()
