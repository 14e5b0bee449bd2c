"""What a stack consists of: its services and their ports, its files, and what it says of itself and its size."""

import errno
import importlib.util
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import ValidationError

import chamiperf_ci
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.document import write_whole
from chamiperf_ci.models.target import STATE_FILE, TOKEN_FILE, StackOptions, StackState


@dataclass(frozen=True)
class ServiceEntry:
    """One service as the contract lists it (section 1.1), or a stand-in's own (`chamiperf` variables)."""

    name: str
    port: int
    api_version: str
    url_variable: str
    worker_pool: bool = False
    """Whether `--workers` applies: only to what nodes ask while they boot."""
    syncs_apart: bool = False
    """Whether it follows SMD by a process of its own."""
    needs: tuple[str, ...] = ()
    """Services without which it makes no sense; it is left out with them."""
    optional: bool = False
    """Started only when asked for."""
    stores: bool = True
    """Whether it has a database."""


CATALOGUE: tuple[ServiceEntry, ...] = (
    ServiceEntry("auth", 3333, "auth/v1", "CHAMICORE_TEST_AUTH_URL"),
    ServiceEntry("smd", 27779, "hsm/v2", "CHAMICORE_TEST_SMD_URL"),
    ServiceEntry("bss", 27778, "boot/v1", "CHAMICORE_TEST_BSS_URL", worker_pool=True, syncs_apart=True),
    ServiceEntry(
        "cloud-init", 27777, "cloud-init/v1", "CHAMICORE_TEST_CLOUDINIT_URL", worker_pool=True, syncs_apart=True
    ),
    ServiceEntry("discovery", 27776, "discovery/v1", "CHAMICORE_TEST_DISCOVERY_URL"),
    ServiceEntry("power", 27775, "power/v1", "CHAMICORE_TEST_POWER_URL"),
    ServiceEntry("mcp", 27774, "mcp/v1", "CHAMICORE_TEST_MCP_URL", stores=False),
    ServiceEntry("kea", 8000, "kea", "CHAMIPERF_KEA_URL"),
    ServiceEntry("kea-sync", 27773, "kea-sync", "CHAMIPERF_KEASYNC_URL", needs=("smd", "kea"), stores=False),
    ServiceEntry("gateway", 8080, "gateway", "CHAMIPERF_GATEWAY_URL", optional=True, stores=False),
)


def entry(name: str) -> ServiceEntry:
    """The entry of a service.

    Raises:
        KeyError: No such service.
    """
    return {each.name: each for each in CATALOGUE}[name]


def names() -> tuple[str, ...]:
    """Every service's name, in the order in which they are started."""
    return tuple(each.name for each in CATALOGUE)


HOST = "127.0.0.1"


@dataclass(frozen=True)
class Reserved:
    """A port that is ours: the socket is bound and does not listen, so that nobody else gets it meanwhile."""

    port: int
    held: socket.socket


def wanted_ports(options: StackOptions) -> dict[str, int]:
    """Service -> port, 0 for any.

    Raises:
        ConfigurationError: A service to be left out does not exist.
    """
    for name in options.without:
        if name not in names():
            raise ConfigurationError(
                f"no such service: {name}", where="--without", remedy=f"Choose from {', '.join(names())}."
            )
    return {
        entry.name: entry.port if options.ports == "contract" else 0
        for entry in CATALOGUE
        if not {entry.name, *entry.needs} & set(options.without) and (not entry.optional or options.gateway)
    }


def reserve_ports(ports: Mapping[str, int]) -> dict[str, Reserved]:
    """Bind every port.

    Raises:
        ConfigurationError: One is taken, or nothing here reaches 127.0.0.1.
    """
    _require_loopback()
    reserved: dict[str, Reserved] = {}
    try:
        for name, port in ports.items():
            reserved[name] = _reserve(name, port)
    except ConfigurationError:
        for place in reserved.values():
            place.held.close()
        raise
    return reserved


def _require_loopback() -> None:
    """Stop at once where a port can be bound and nobody can reach it, as in a network namespace whose `lo` is down."""
    try:
        with socket.create_server((HOST, 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
            return
    except OSError as fault:
        raise ConfigurationError(
            f"{HOST} cannot be reached: {fault.strerror or fault}",
            where="the interface lo",
            remedy="Bring it up: `ip link set lo up`.",
        ) from fault


def _reserve(name: str, port: int) -> Reserved:
    try:
        if port:
            # Without SO_REUSEPORT first: with it, binding beside another stack of the same user would succeed.
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((HOST, port))
    except OSError as fault:
        if fault.errno != errno.EADDRINUSE:
            raise
        raise ConfigurationError(
            f"port {port} of {name} is taken{_holder(port)}",
            where=f"{HOST}:{port}",
            remedy="Free it, or use `--ports ephemeral`.",
        ) from None
    return Reserved(held.getsockname()[1], held)


def _holder(port: int) -> str:
    """Who listens there, as far as this user may see."""
    import psutil  # noqa: PLC0415 - only to explain a failure

    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        return ""
    return ""


LOG_FILE = "stack.log"
LOCK_FILE = "lock"
READER_FILE = "postgres-reader-dsn"
"""Mode 0600: how the read-only role of a private PostgreSQL connects."""
OWN_ENTRIES = (STATE_FILE, TOKEN_FILE, LOG_FILE, LOCK_FILE, READER_FILE, "faults.json", "data", "metrics", "tls")
"""Everything a stack ever leaves in its folder; `down` removes these and nothing else."""
KEPT_ENTRIES = ("data", TOKEN_FILE)
"""What outlives `down --keep-data`."""


def certificate(state_dir: Path) -> tuple[Path, Path]:
    """The server's certificate and key."""
    return state_dir / "tls" / "server.pem", state_dir / "tls" / "server.key"


def ca_file(state_dir: Path) -> Path:
    """The private CA's certificate, for clients."""
    return state_dir / "tls" / "ca.pem"


def write_state(state: StackState) -> None:
    """Record a stack, all at once."""
    write_whole(Path(state.state_dir) / STATE_FILE, state.model_dump_json(indent=1) + "\n")


def read_state(state_dir: Path) -> StackState | None:
    """The stack that was recorded here; None where none was.

    Raises:
        ConfigurationError: The file is not one of ours, or of another version.
    """
    path = state_dir / STATE_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigurationError(
            f"the stack's state cannot be read: {fault.strerror}", where=str(path), remedy="Give another --state-dir."
        ) from None
    try:
        return StackState.model_validate_json(text)
    except ValidationError as fault:
        raise ConfigurationError(
            f"not the state of an embedded stack of this version: {fault.error_count()} fault(s)",
            where=str(path),
            remedy="Remove the file, or give another --state-dir.",
        ) from None


_SWITCHES = ("tls", "dev_mode", "bulk", "auto_rows", "delete_orphans", "truncate_sync")
"""The options that change what a service does for a request or a sync."""


@cache
def commit() -> str:
    """The commit of the checkout that the stack runs from; `unknown` for an installed package."""
    root = Path(chamiperf_ci.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return "unknown"
    try:
        shown = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return shown.stdout.strip() or "unknown"


@cache
def build_date() -> str:
    """When the package was last changed on disk, RFC 3339 in UTC."""
    changed = Path(chamiperf_ci.__file__).stat().st_mtime
    return datetime.fromtimestamp(changed, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sizing(options: StackOptions) -> str:
    """What a stack of these options is sized like, in words that go into a run's fingerprint."""
    time = f"{options.service_time_ms:g} ms (seed {options.seed})" if options.service_time_ms else "none"
    switches = [name.replace("_", "-") for name in _SWITCHES if getattr(options, name)]
    return "; ".join(
        (
            f"embedded; service time on boot script and cloud-init documents: {time}",
            f"workers {options.workers}",
            f"sync every {options.sync_interval_s:g} s after {options.sync_delay_s:g} s",
            f"page clamp {options.page_clamp}",
            f"switches: {', '.join(switches) or 'none'}",
            f"without: {', '.join(sorted(options.without)) or 'nothing'}",
            *(
                [f"PostgreSQL, {options.database_connections} connections a service"]
                if options.database == "postgres"
                else []
            ),
        )
    )


OTLP_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
"""Either names a collector of OpenTelemetry's, to which every worker then sends its figures."""


def sends_otlp() -> bool:
    """Whether the environment names a collector."""
    return any(os.environ.get(name) for name in OTLP_VARIABLES)


def check_otlp_installed() -> None:
    """Refuse to start a stack whose figures are to be sent by packages that are not there.

    Raises:
        ConfigurationError: The OpenTelemetry exporter is not installed.
    """
    if sends_otlp() and importlib.util.find_spec("opentelemetry") is None:
        raise ConfigurationError(
            "the OpenTelemetry exporter is not installed",
            where=OTLP_VARIABLES[0],
            remedy="Install chamiperf-ci[otlp], or unset the variable.",
        )
