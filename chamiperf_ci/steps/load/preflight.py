"""Whether this machine can make the load that is planned; pure: limits in, segments or a refusal out."""

import math
from dataclasses import dataclass

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.load.arithmetic import Volume

FILES_KEPT = 500
"""Open files that a k6 process needs beside its connections."""
MOST_SEGMENTS = 16
_MEMORY_SHARE = 0.9
_TIME_WAIT_S = 60.0
"""For so long a closed connection keeps its local port."""


@dataclass(frozen=True, slots=True)
class MachineLimits:
    """What the machine gives."""

    available_mb: float
    open_files: int
    """Of one process."""
    local_ports: int
    """To one address and port."""
    ports_reused_at_once: bool = False
    """Whether ports of closed connections are free again within a second (loopback, or tcp_tw_reuse)."""


def segments_needed(volume: Volume, open_files: int) -> int:
    """Into how many processes the load must be split, so that each can open its connections."""
    per_process = max(1, open_files - FILES_KEPT)
    return max(1, math.ceil(volume.connections / per_process))


def require_room(volume: Volume, limits: MachineLimits, *, fresh: bool, addresses: int) -> None:
    """Stop if the machine is too small.

    Args:
        volume: What the load adds up to.
        limits: What the machine gives.
        fresh: Each request opens a connection of its own.
        addresses: Over how many addresses the connections are spread: one a service, or one gateway.

    Raises:
        ConfigurationError: Open files, local ports or memory do not suffice; says what raises them.
    """
    if limits.open_files <= FILES_KEPT or segments_needed(volume, limits.open_files) > MOST_SEGMENTS:
        needed = volume.connections + FILES_KEPT
        raise ConfigurationError(
            f"{volume.connections:,} connections are planned and a process may open {limits.open_files:,} files",
            where="preflight: open files",
            remedy=f"Raise the limit with `ulimit -Hn {needed} && ulimit -n {needed}` (as root), or lower --vus.",
        )
    ports = _ports_needed(volume, limits, fresh=fresh, addresses=addresses)
    if ports > limits.local_ports:
        raise ConfigurationError(
            f"{ports:,} local ports to one address are needed and there are {limits.local_ports:,}",
            where="preflight: local ports",
            remedy='Raise them with `sysctl -w net.ipv4.ip_local_port_range="1024 65535"` (as root), or lower '
            f"{'the rate, or use --connections keep' if fresh else '--vus'}.",
        )
    if volume.memory_mb > limits.available_mb * _MEMORY_SHARE:
        fitting = int(volume.vus * limits.available_mb * _MEMORY_SHARE / volume.memory_mb)
        raise ConfigurationError(
            f"the load generator will need about {volume.memory_mb:,.0f} MB and {limits.available_mb:,.0f} MB are free",
            where="preflight: memory",
            remedy=f"Use a larger machine, end other programs, or lower --vus (about {fitting:,} would fit) or the "
            "duration.",
        )


def _ports_needed(volume: Volume, limits: MachineLimits, *, fresh: bool, addresses: int) -> int:
    """Local ports to the address that gets most connections."""
    held = math.ceil(volume.connections / max(1, addresses))
    if not fresh:
        return held
    kept_s = 1.0 if limits.ports_reused_at_once else _TIME_WAIT_S
    rates = volume.peak_requests_per_s.values()
    # Where services share an address, as behind a gateway, it gets what they get together.
    busiest = max(rates, default=0.0) if addresses >= len(rates) else sum(rates)
    return held + math.ceil(min(max(busiest, volume.unpaced_requests_per_s) * kept_s, volume.requests))
