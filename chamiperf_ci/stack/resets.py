"""Connections torn down with a TCP reset, which the HTTP server's interface does not offer.

The connection is found among this process's own sockets by its peer's address; connecting it to nowhere (AF_UNSPEC) is
how Linux lets a process reset one (connect(2)).
"""

import ctypes
import os
import socket
from pathlib import Path

_SOCKADDR_SIZE = 16

_known: dict[str, int] = {}
"""Peer address -> descriptor, as last seen; looked up afresh where it no longer fits."""


def reset(peer: str) -> None:
    """Reset the connection whose peer is `host:port`; nothing happens where it is gone already."""
    descriptor = _known.get(peer)
    if descriptor is None or _peer_of(descriptor) != peer:
        _known.clear()
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            found = _peer_of(int(name))
            if found is not None:
                _known[found] = int(name)
        descriptor = _known.get(peer)
    if descriptor is not None:
        ctypes.CDLL(None).connect(descriptor, bytes(_SOCKADDR_SIZE), _SOCKADDR_SIZE)


def _peer_of(descriptor: int) -> str | None:
    if not Path(f"/proc/self/fd/{descriptor}").is_socket():
        return None
    borrowed = socket.socket(fileno=descriptor)
    try:
        host, port = borrowed.getpeername()[:2]
    except (OSError, ValueError):
        return None
    finally:
        borrowed.detach()
    return f"{host}:{port}"
