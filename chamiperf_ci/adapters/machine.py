"""The generator's machine: what it is, how much of it may be used, and what a request costs k6 on it."""

import contextlib
import math
import mmap
import os
import platform
import re
import resource
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import psutil
from pydantic import ValidationError

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.files import write_text
from chamiperf_ci.models.document import Count, Number, Value
from chamiperf_ci.models.target import Machine

_MB = 1e6
_GIB = 2**30
_GROUPS = Path("/proc/self/cgroup")
_MOUNTS = Path("/proc/self/mountinfo")
_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def machine() -> Machine:
    """What the machine is, and how busy it is now."""
    return Machine(
        cores=cores(),
        memory_gib=round(total_mb() * _MB / _GIB),
        cpu_model=_cpu_model(),
        kernel=platform.release(),
        load_average=os.getloadavg()[0],
    )


def machine_class(description: Machine) -> str:
    """Cores and memory in a word, such as `2c-24GiB`."""
    return f"{description.cores}c-{description.memory_gib}GiB"


def cores() -> int:
    """Processors that this process may use, at least 1; the narrowest quota above it counts, rounded up."""
    own = _allowance(0, _GROUPS)
    return max(1, math.ceil(usable_cores([own] if own else [])))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one process may use of the processors: some of them (`taskset`), a quota, what its own environment says."""

    processors: frozenset[int]
    quotas: Mapping[Path, float]
    """Processors, by the control group that has them."""
    most: float = math.inf
    """Go's own limit, GOMAXPROCS."""

    @property
    def at_once(self) -> float:
        """On how many processors it may run at the same time: a quota limits only how long."""
        return min(len(self.processors), self.most)

    @property
    def cores(self) -> float:
        """Processors that it may use in the long run."""
        return min([self.at_once, *self.quotas.values()])


def allowances(pids: Sequence[int]) -> Mapping[int, Allowance]:
    """What some processes may use, by process; without those that have ended."""
    return {pid: found for pid in pids if (found := _allowance(pid, _groups_of(pid))) is not None}


def usable_cores(every: Collection[Allowance]) -> float:
    """Processors that some processes may use together; 0 of none."""
    if not every:
        return 0.0
    first, *others = every
    shared = set(first.quotas).intersection(*(each.quotas for each in others))
    return min(
        len(first.processors.union(*(each.processors for each in others))),
        sum(each.cores for each in every),
        *(first.quotas[folder] for folder in shared),
    )


def _groups_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/cgroup")


def _allowance(pid: int, groups: Path) -> Allowance | None:
    """Of a process, 0 for this one; None if it has ended."""
    try:
        processors = frozenset(os.sched_getaffinity(pid))
    except OSError:
        return None
    quotas = {}
    for folder in _control_groups("cpu", groups):
        for quota, period in (
            _numbers(folder / "cpu.max"),
            (_number(folder / _V1_QUOTA), _number(folder / _V1_PERIOD)),
        ):
            if quota is not None and period and quota > 0:
                quotas[folder] = quota / period
    return Allowance(processors, quotas, _gomaxprocs(pid) if pid else math.inf)


def _gomaxprocs(pid: int) -> float:
    try:
        return max(1, int(psutil.Process(pid).environ()["GOMAXPROCS"]))
    except (psutil.Error, OSError, KeyError, ValueError):
        return math.inf


def busy_cores(seconds: float, *, without: Sequence[int] = ()) -> float:
    """Processors that all programs together keep busy, but for some processes, over so many seconds of watching."""
    before = {pid: _used_s(pid) for pid in without}
    busy = psutil.cpu_percent(seconds) / 100 * (psutil.cpu_count() or 1)
    own_s = sum(max(0.0, _used_s(pid) - used_s) for pid, used_s in before.items())
    return max(0.0, busy - own_s / seconds)


def _used_s(pid: int) -> float:
    """Processor time of a process so far, s; 0 once it has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def fresh_memory_ms_per_mb() -> float:
    """How much more processor time memory takes that this machine has not used lately, ms a MB (10^6 bytes).

    A virtual machine's host may take free memory back, and gives it again page by page: 1.4 ms where that was measured,
    nothing where the host does not.
    """
    size = max(_PIECE, min(_LOOKED_AT, int(available_mb() * _MB / 4)))
    slowest, pieces = 0.0, []
    for _ in range(size // _PIECE):
        # What programs have just left is handed out first, and is not fresh: so all of it counts by its worst piece.
        pieces.append(_memory())
        slowest = max(slowest, _touched_s(pieces[-1]))
    for piece in pieces:
        piece.close()
    with _memory() as again:
        return max(0.0, slowest - _touched_s(again)) * 1000 / (_PIECE / _MB)


_PIECE = 1 << 26
_LOOKED_AT = 1 << 30
"""Bytes."""


def _memory() -> mmap.mmap:
    """A piece in large pages, where there are any: the host takes only those back."""
    found = mmap.mmap(-1, _PIECE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            found.madvise(mmap.MADV_HUGEPAGE)
    return found


def _touched_s(memory: mmap.mmap) -> float:
    """Processor time that it takes to write to each page once, s."""
    began = time.thread_time()
    for at in range(0, len(memory), mmap.PAGESIZE):
        memory[at] = 1
    return time.thread_time() - began


def total_mb() -> float:
    """Memory that this process may have at most, MB."""
    total = psutil.virtual_memory().total
    return min([total, *(limit for limit, _, _ in _memory_limits(below=total))]) / _MB


def available_mb() -> float:
    """Memory that could be had now, MB (10^6 bytes); the narrowest limit above this process counts."""
    memory = psutil.virtual_memory()
    available = float(memory.available)
    for limit, used, given_back in _memory_limits(below=memory.total):
        available = min(available, limit - used + given_back)
    return max(0.0, available) / _MB


@dataclass(frozen=True, slots=True)
class _MemoryFiles:
    """What the two versions of control groups call the same three numbers."""

    limit: str
    used: str
    given_back: str
    """In memory.stat: what counts as used although the kernel frees it first, files that nobody reads now."""


_MEMORY_FILES: Final = (
    _MemoryFiles("memory.max", "memory.current", "inactive_file"),
    _MemoryFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
_V1_QUOTA, _V1_PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


def _memory_limits(below: int) -> Iterator[tuple[int, int, int]]:
    """Limit, use and what would be given back, bytes, of each control group that limits this process to less."""
    for folder in _control_groups("memory", _GROUPS):
        for names in _MEMORY_FILES:
            limit = _number(folder / names.limit)
            if limit is not None and limit < below and (used := _number(folder / names.used)) is not None:
                yield limit, used, _in_stat(folder / "memory.stat", names.given_back)


def _control_groups(controller: str, of: Path) -> list[Path]:
    """The folders of the control groups that a process is in, of both versions: its own, and all above it.

    A limit may stand at any of them: a runner's service, a slice, a container's own or its pod's.
    """
    try:
        groups, mounts = of.read_text(encoding="utf-8"), _MOUNTS.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    return list(_folders(controller, groups, mounts))


@lru_cache(maxsize=8)
def _folders(controller: str, groups: str, mounts: str) -> tuple[Path, ...]:
    found: dict[Path, None] = {}
    for line in groups.splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        # Of version 2 there is one hierarchy, and its line names no controller.
        if controllers and controller not in controllers.split(","):
            continue
        for root, point in _mounted(mounts, controller if controllers else ""):
            inside = Path(path).relative_to(root) if Path(path).is_relative_to(root) and ".." not in path else Path()
            found |= dict.fromkeys([point / inside, *(point / above for above in inside.parents), point])
    return tuple(found)


def _mounted(mounts: str, controller: str) -> Iterator[tuple[Path, Path]]:
    """Where a hierarchy is mounted: which of its groups, and at which folder; without a controller version 2's."""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = (*rest.split(" ", 2), "", "")[:3]
        if (kind == "cgroup2") if not controller else (kind == "cgroup" and controller in options.split(",")):
            root, point = (
                re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), each) for each in fields.split()[3:5]
            )
            yield Path(root), Path(point)


def _in_stat(path: Path, name: str) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
    except (OSError, ValueError, IndexError):
        return 0


def _numbers(path: Path) -> tuple[int | None, int | None]:
    """The two numbers of `cpu.max`; None for `max`, and where there is no such file."""
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return int(quota), int(period)
    except (OSError, ValueError):
        return None, None


def most_open_files() -> int:
    """How many files a process may have open; k6 raises its own limit to the hard one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 2**31 if hard == resource.RLIM_INFINITY else hard


def has_loopback_block() -> bool:
    """Whether all of 127.0.0.0/8 is this machine, as on Linux; elsewhere 127.0.0.1 alone is."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True


def local_ports() -> int:
    """How many connections to one address and port there can be at the same time."""
    try:
        low, high = map(int, _PORTS.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 28_232
    return high - low + 1


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


class Cost(Value):
    """What was measured of one scenario on one class of machines."""

    scenario: str
    machine: str
    """Class and processor, so that another machine's figure is not taken for this one's."""
    k6: str
    ms_per_request: Number
    """k6's processor time, ms."""
    requests: int
    stack: str = ""
    """The environment that answered; empty for an endpoint that does nothing."""
    stack_ms_per_request: Number | None = None
    """Processor time that the stack took of this machine, ms; None where none was there."""
    ms_per_start: Number | None = None
    """How much more a VU's first iteration costs than its others, ms: k6, and a stack on this machine; None where it
    was not measured, or did not show."""
    vus: Count = 1_000
    """With so many VUs it was measured; files of earlier versions do not say it."""


def keep(cost: Cost) -> Path:
    """Write a figure beside those of other scenarios and machines; the newest counts.

    Raises:
        ConfigurationError: The cache's folder cannot be written.
    """
    path = _path()
    others = [
        each
        for each in _kept()
        if (each.scenario, each.machine, each.stack) != (cost.scenario, cost.machine, cost.stack)
    ]
    write_text(path, "\n".join(each.model_dump_json() for each in (*others, cost)) + "\n")
    return path


def kept_costs(stack: str = "") -> Mapping[str, Cost]:
    """By scenario, what a request costs on machines of this class; empty where nothing was measured.

    Args:
        stack: An environment whose stack shares this machine; what was measured with it comes first.
    """
    here = this_machine()
    found = [each for each in _kept() if each.machine == here]
    alone = {each.scenario: each for each in found if not each.stack}
    return alone | {each.scenario: each for each in found if stack and each.stack == stack}


def _kept() -> list[Cost]:
    try:
        lines = bounds.read(_path()).splitlines()
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        try:
            found.append(Cost.model_validate_json(line))
        except ValidationError:
            continue
    return found


def _path() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "chamiperf" / "calibration.jsonl"


def this_machine() -> str:
    """The class of this machine and its processor, in words."""
    here = machine()
    return f"{machine_class(here)} {here.cpu_model}"
