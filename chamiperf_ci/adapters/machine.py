"""The generator's machine: what it is, and how much of it may be used (processors, memory, open files, ports)."""

import math
import os
import platform
import resource
from pathlib import Path

import psutil

from chamiperf_ci.models.target import Machine

_MB = 1e6
_GIB = 2**30
_CGROUP = Path("/sys/fs/cgroup")
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def machine() -> Machine:
    """What the machine is, and how busy it is now."""
    return Machine(
        cores=cores(),
        memory_gib=round(_memory_bytes() / _GIB),
        cpu_model=_cpu_model(),
        kernel=platform.release(),
        load_average=os.getloadavg()[0],
    )


def machine_class(description: Machine) -> str:
    """Cores and memory in a word, such as `2c-24GiB`."""
    return f"{description.cores}c-{description.memory_gib}GiB"


def cores() -> int:
    """Processors that this process may use, at least 1; a quota of the container counts, rounded up."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = (_CGROUP / "cpu.max").read_text(encoding="ascii").split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed


def available_mb() -> float:
    """Memory that could be had now, MB (10^6 bytes); a limit of the container counts."""
    available = float(psutil.virtual_memory().available)
    limit = _number(_CGROUP / "memory.max")
    used = _number(_CGROUP / "memory.current")
    if limit is not None and used is not None:
        available = min(available, limit - used + _given_back())
    return max(0.0, available) / _MB


def _given_back() -> int:
    """Bytes that count as used by the container although the kernel frees them first: files that nobody reads now."""
    try:
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def most_open_files() -> int:
    """How many files a process may have open; k6 raises its own limit to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 2**31 if hard == resource.RLIM_INFINITY else hard


def local_ports() -> int:
    """How many connections to one address and port there can be at the same time."""
    try:
        low, high = map(int, _PORTS.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 28_232
    return high - low + 1


def _memory_bytes() -> float:
    total = float(psutil.virtual_memory().total)
    limit = _number(_CGROUP / "memory.max")
    return total if limit is None else min(total, limit)


def _number(path: Path) -> int | None:
    """A limit of the container; None where there is none (`max`), or no such file."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
