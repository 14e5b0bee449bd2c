"""A stack's life: started, found again, restarted, and taken away without a trace.

up -> StackState        every service ready
find -> StackState      None where there is none, or only the remains of one
restart -> StackState   same ports, same data, same faults
down                    no process and no file left
"""

import fcntl
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chamicore_standin import catalogue, postgres
from chamicore_standin.supervisor import POSTGRES_FAILED, STOP_GRACE_S, StackPlan, stop
from chamiperf_ci.errors import ConfigurationError, InternalError, StackUnreachable, ToolkitError
from chamiperf_ci.models.target import (
    STATE_FILE,
    TOKEN_FILE,
    ProcessRef,
    ServiceState,
    StackOptions,
    StackState,
    boot_id,
    default_state_dir,
)

TOKEN_VARIABLE = "CHAMICORE_INTERNAL_TOKEN"  # noqa: S105 - a variable's name
"""Carries the internal token to and from commands; no process of the stack has it in its environment."""

_INHERITED = frozenset(
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
     "SSL_CERT_FILE", "SSL_CERT_DIR", "MALLOC_ARENA_MAX"]
)  # fmt: skip
_INHERITED_PREFIXES = ("LC_", "PYTHON", "OTEL_")
"""OTEL_EXPORTER_OTLP_HEADERS may hold a credential; it is one that was given for these processes to send."""

READY_TIMEOUT_S = 60.0
_POLL_S = 0.02


def up(
    options: StackOptions,
    *,
    state_dir: Path | None = None,
    internal_token: str | None = None,
    postgres_dsn: str | None = None,
    keep_data: bool = False,
    ready_timeout_s: float = READY_TIMEOUT_S,
) -> StackState:
    """Start a stack and wait until every service is ready.

    Args:
        options: What it is sized like.
        state_dir: Where it keeps its files; `default_state_dir` if None.
        internal_token: The shared secret; kept from before, or drawn, if None.
        postgres_dsn: A PostgreSQL to be used in place of a private one, where the options ask for PostgreSQL.
        keep_data: Start on the data that an earlier stack left there, instead of empty.
        ready_timeout_s: Seconds after which a stack that is not ready is taken down again.

    Raises:
        ConfigurationError: One is up there already, a port is taken, or the folder cannot be used.
        StackUnreachable: A service did not become ready in time.
    """
    catalogue.check_otlp_installed()
    folder = _folder(state_dir)
    with alone(folder):
        if find(folder) is not None:
            raise ConfigurationError(
                "a stack is already up",
                where=str(folder),
                remedy="Stop it with `chamiperf stack down`, or give another --state-dir.",
            )
        wanted = catalogue.wanted_ports(options)
        _sweep(folder, catalogue.KEPT_ENTRIES if keep_data else ())
        try:
            if options.database == "postgres":
                _prepare_postgres(folder, wanted, postgres_dsn, keep_data=keep_data)
            return _start(folder, options, wanted, internal_token, ready_timeout_s)
        except BaseException:
            if not keep_data:
                _sweep(folder, (catalogue.LOG_FILE,))
            raise


def restart(state_dir: Path | None = None, *, ready_timeout_s: float = READY_TIMEOUT_S) -> StackState:
    """Stop every process and start them again on the same ports, with the same data, token and faults.

    Raises:
        ConfigurationError: No stack is up there.
        StackUnreachable: A service did not become ready in time.
    """
    folder = _folder(state_dir)
    with alone(folder):
        state = found(folder)
        _stop(state)
        wanted = {service.name: service.port for service in state.services}
        return _start(folder, state.options, wanted, None, ready_timeout_s)


def down(state_dir: Path | None = None, *, keep_data: bool = False) -> bool:
    """Take a stack away, running or stale: no process and, unless the data is kept, no file is left.

    Returns:
        Whether there was one.
    """
    folder = state_dir or default_state_dir()
    if not folder.is_dir():
        return False
    with alone(folder):
        state = catalogue.read_state(folder)
        if state is not None:
            _stop(state)
        if not keep_data:
            _forget_named_postgres(folder)
        _sweep(folder, catalogue.KEPT_ENTRIES if keep_data else ())
        (folder / catalogue.LOCK_FILE).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
    return state is not None


def find(state_dir: Path | None = None) -> StackState | None:
    """The stack that is up there; None where there is none, or only what a killed one left."""
    state = catalogue.read_state(state_dir or default_state_dir())
    return state if state is not None and state.is_up() else None


def found(state_dir: Path | None = None) -> StackState:
    """As `find`, where there has to be one.

    Raises:
        ConfigurationError: No stack is up there.
    """
    folder = state_dir or default_state_dir()
    state = find(folder)
    if state is None:
        raise ConfigurationError(
            "no embedded stack is up", where=str(folder), remedy="Start one with `chamiperf stack up`."
        )
    return state


def internal_token(state: StackState) -> str:
    """The secret that the stack's services and its users share."""
    return (Path(state.state_dir) / TOKEN_FILE).read_text(encoding="ascii").strip()


def environment(state: StackState) -> dict[str, str]:
    """The variables by which tests and load scripts find the stack (contract 1.1), the internal token among them."""
    variables = {catalogue.entry(service.name).url_variable: service.url for service in state.services}
    variables[TOKEN_VARIABLE] = internal_token(state)
    if state.ca_file is not None:
        variables["CHAMIPERF_CA_FILE"] = state.ca_file
    return variables


# Starting and stopping


def _start(
    folder: Path,
    options: StackOptions,
    wanted: Mapping[str, int],
    token: str | None,
    ready_timeout_s: float,
) -> StackState:
    reserved = catalogue.reserve_ports(wanted)
    try:
        plan = StackPlan(folder, options, {name: place.port for name, place in reserved.items()}, _token(folder, token))
        if options.tls:
            make_certificates(folder)
        supervisor = _spawn(plan, [place.held.fileno() for place in reserved.values()])
    finally:
        for place in reserved.values():
            place.held.close()
    try:
        deadline = time.monotonic() + ready_timeout_s
        state = _recorded(folder, supervisor, deadline)
        for service in state.services:
            wait_until_ready(service, state, deadline)
    except BaseException:
        stop([supervisor], STOP_GRACE_S + 1)
        _sweep(folder, (*catalogue.KEPT_ENTRIES, catalogue.LOG_FILE))
        raise
    return state


def _prepare_postgres(folder: Path, services: Iterable[str], named: str | None, *, keep_data: bool) -> None:
    """Make the private server's cluster, or see that the named server can be used and holds nothing of an old stack."""
    known = postgres.prepare(folder / "data", named)
    if known.dsn:
        stores = [name for name in services if catalogue.entry(name).stores]
        postgres.check_schemas(known.dsn, stores, folder)
        if not keep_data:
            postgres.drop_schemas(known.dsn, stores, folder)


def _forget_named_postgres(folder: Path) -> None:
    """Drop what a stack made in a named server; the server itself stays, and one that is gone has nothing of ours."""
    known = postgres.Secrets.kept(folder / "data")
    if known is not None and known.dsn:
        with suppress(ConfigurationError):
            postgres.check_named(known.dsn)
            stores = [entry.name for entry in catalogue.CATALOGUE if entry.stores]
            postgres.drop_schemas(known.dsn, stores, folder.absolute())


def _spawn(plan: StackPlan, held: list[int]) -> ProcessRef:
    """Start the supervisor in a session of its own, so that it outlives this command and its terminal."""
    log = plan.state_dir / catalogue.LOG_FILE
    with log.open("ab") as errors:
        said = subprocess.run(
            [sys.executable, "-m", "chamicore_standin.supervisor"],
            input=plan.to_json().encode(),
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            pass_fds=held,
            env=_inherited(os.environ),
            check=False,
        ).stdout
    if not said:
        raise _supervisor_ended(log)
    return ProcessRef.model_validate_json(said)


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What of a command's environment the stack's processes get: what they need, named, and no token of anybody's."""
    return {
        name: value for name, value in environment.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }


def _supervisor_ended(log: Path) -> ToolkitError:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
    if lines[-1].startswith(POSTGRES_FAILED):
        return ConfigurationError(
            lines[-1], where=str(log), remedy=f"See there, or name a server by {postgres.DSN_VARIABLE}."
        )
    return InternalError("the stack's supervisor ended", where=str(log), remedy=f"Its last line: {lines[-1]}")


def _recorded(folder: Path, supervisor: ProcessRef, deadline: float) -> StackState:
    while time.monotonic() < deadline and supervisor.is_running():
        state = catalogue.read_state(folder)
        if state is not None:
            return state
        time.sleep(_POLL_S)
    raise _supervisor_ended(folder / catalogue.LOG_FILE)


def _stop(state: StackState) -> None:
    """End the supervisor, which ends its workers; then whatever of this stack should still run."""
    if state.boot_id != boot_id():
        return
    stop([state.supervisor], 2 * STOP_GRACE_S + 1)
    stop([ref for service in state.services for ref in service.processes], STOP_GRACE_S)
    if state.postgres is not None:
        stop([state.postgres], STOP_GRACE_S)
    (Path(state.state_dir) / STATE_FILE).unlink(missing_ok=True)


# The folder


def _folder(state_dir: Path | None) -> Path:
    folder = (state_dir or default_state_dir()).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise ConfigurationError(
            f"the stack's folder cannot be written: {fault.strerror}",
            where=str(folder),
            remedy="Give another --state-dir.",
        ) from None
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One starting or stopping command at a time."""
    path = folder / catalogue.LOCK_FILE
    while True:
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # `down` takes the file away at its end; who waited for that one holds a lock that nobody else sees.
            if _leads_to(path, lock.fileno()):
                yield
                return


def _leads_to(path: Path, descriptor: int) -> bool:
    """Whether a path still names the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sweep(folder: Path, kept: Iterable[str]) -> None:
    """Remove what a stack left, but for what is kept, and nothing that is not a stack's."""
    if "data" not in kept:
        postgres.remove_cluster(folder / "data")
    for name in set(catalogue.OWN_ENTRIES) - {catalogue.LOCK_FILE, *kept}:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _token(folder: Path, given: str | None) -> str:
    path = folder / TOKEN_FILE
    if given is None and path.exists():
        return path.read_text(encoding="ascii").strip()
    token = given or secrets.token_hex(32)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(token + "\n", encoding="ascii")
    return token


_POLL_S = 0.02


def version(state: StackState, service: str) -> dict[str, Any]:
    """What a service says of itself under `/version`.

    Raises:
        StackUnreachable: It does not answer.
    """
    url = f"{state.url(service)}/version"
    try:
        with _opened(url, state) as reply:
            document: dict[str, Any] = json.loads(reply.read())
    except OSError as fault:
        raise StackUnreachable(
            f"{service} does not answer: {fault}", where=url, remedy="See `chamiperf stack status`."
        ) from None
    return document


def _opened(url: str, state: StackState) -> Any:  # noqa: ANN401 - urllib's answers have no public type
    context = ssl.create_default_context(cafile=state.ca_file) if state.ca_file else None
    return urllib.request.urlopen(url, timeout=2, context=context)  # noqa: S310 - a service of our own, on loopback


def wait_until_ready(service: ServiceState, state: StackState, deadline: float) -> None:
    """Until the service answers 200 on `/readiness`, several times over where several workers take turns."""
    wanted = 1 if len(service.processes) == 1 else 4 * len(service.processes)
    good, reason = 0, "nothing answered"
    while good < wanted:
        try:
            with _opened(f"{service.url}/readiness", state):
                good += 1
                continue
        except urllib.error.HTTPError as refusal:
            with refusal:
                good, reason = 0, json.loads(refusal.read() or b"{}").get("detail", refusal.reason)
        except OSError as fault:
            good, reason = 0, str(fault)
        if time.monotonic() > deadline or not any(each.is_running() for each in service.processes):
            raise StackUnreachable(
                f"{service.name} did not become ready: {reason}",
                where=service.url,
                remedy=f"See {catalogue.LOG_FILE} in {state.state_dir}.",
            )
        time.sleep(_POLL_S)


def make_certificates(state_dir: Path) -> None:
    """A private CA and a server certificate for loopback, made for one stack and thrown away with it.

    Written are the CA's certificate, and the server's certificate and key (readable by the owner only).
    """
    import trustme  # noqa: PLC0415 - cryptography, only for TLS

    server_file, key_file = catalogue.certificate(state_dir)
    server_file.parent.mkdir(mode=0o700, exist_ok=True)
    authority = trustme.CA(organization_name="chamiperf embedded stack")
    server = authority.issue_cert("localhost", catalogue.HOST)
    authority.cert_pem.write_to_path(catalogue.ca_file(state_dir))
    server.cert_chain_pems[0].write_to_path(server_file)
    key_file.touch(mode=0o600)
    server.private_key_pem.write_to_path(key_file)
