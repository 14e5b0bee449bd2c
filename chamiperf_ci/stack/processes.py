"""Processes that are recognised again, and that die with their parent."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from chamiperf_ci.models.stack import ProcessRef

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_STATE_FIELD = 0
_THREADS_FIELD = 17
_START_FIELD = 19
"""Fields 3, 20 and 22 of /proc/PID/stat, counted after the command name, which may contain blanks."""


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def reference(pid: int) -> ProcessRef:
    """Name a running process so that it is recognised later.

    Raises:
        ProcessLookupError: It is not running.
    """
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return ProcessRef(pid=pid, started_ticks=int(stat[_START_FIELD]))


def is_running(process: ProcessRef) -> bool:
    """Whether this very process still runs; a stranger with a recycled pid does not count.

    A zombie has ended, unless threads of it are still going down: until then its sockets are open.
    """
    stat = _stat(process.pid)
    if stat is None or int(stat[_START_FIELD]) != process.started_ticks:
        return False
    return stat[_STATE_FIELD] != "Z" or int(stat[_THREADS_FIELD]) > 1


def boot_id() -> str:
    """What tells one boot of this machine from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


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
            if is_running(process):
                os.kill(process.pid, number)
        deadline = time.monotonic() + grace_s
        while any(is_running(process) for process in targets) and time.monotonic() < deadline:
            time.sleep(0.02)
