"""The ports of a stack: which are wanted, and holding them until the services listen."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.stack import StackOptions
from chamiperf_ci.stack import catalogue

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Reserved:
    """A port that is ours: the socket is bound and does not listen, so that nobody else gets it meanwhile."""

    port: int
    held: socket.socket


def wanted(options: StackOptions) -> dict[str, int]:
    """Service -> port, 0 for any.

    Raises:
        ConfigurationError: A service to be left out does not exist.
    """
    for name in options.without:
        if name not in catalogue.names():
            raise ConfigurationError(
                f"no such service: {name}", where="--without", remedy=f"Choose from {', '.join(catalogue.names())}."
            )
    return {
        entry.name: entry.port if options.ports == "contract" else 0
        for entry in catalogue.CATALOGUE
        if not {entry.name, *entry.needs} & set(options.without) and (not entry.optional or options.gateway)
    }


def reserve(ports: Mapping[str, int]) -> dict[str, Reserved]:
    """Bind every port.

    Raises:
        ConfigurationError: One is taken.
    """
    reserved: dict[str, Reserved] = {}
    try:
        for name, port in ports.items():
            reserved[name] = _reserve(name, port)
    except ConfigurationError:
        for place in reserved.values():
            place.held.close()
        raise
    return reserved


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
