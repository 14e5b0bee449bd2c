"""The processor and memory use of running k6 processes and of their machine, sampled."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from chamiperf_ci.adapters.machine import available_mb

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at the generator."""

    at_s: float
    """Seconds since the processes were started."""
    cpu_percent: float
    """Of one core, all processes together, since the look before."""
    machine_cpu_percent: float
    """Of all cores, everything on the machine, since the look before."""
    rss_mb: float
    """Resident memory of all processes, MB (10^6 bytes)."""
    available_mb: float
    """Memory that the machine could still give, MB."""
    foreign_cpu_percent: float
    """Of all cores, since the look before: what neither these processes nor those that belong to them used. What the
    machine's host took away for other guests (steal) is part of it."""


class Pulse:
    """Takes the vitals of some processes; one that has ended counts as nothing.

    Args:
        pids: The load generator's.
        beside: Those of the same experiment, such as the tool's own and an embedded stack's: not foreign.
    """

    def __init__(self, pids: Sequence[int], beside: Sequence[int] = ()) -> None:
        self._start = time.monotonic()
        self._processes = _watched(pids)
        self._beside = _watched(beside)
        psutil.cpu_percent()

    def take(self) -> Vitals:
        """One look."""
        cpu = rss = 0.0
        for process in self._processes:
            try:
                with process.oneshot():
                    cpu += process.cpu_percent()
                    rss += process.memory_info().rss / _MB
            except psutil.Error:
                continue
        known = (cpu + sum(map(_cpu_percent, self._beside))) / (psutil.cpu_count() or 1)
        machine = psutil.cpu_percent()
        return Vitals(
            at_s=time.monotonic() - self._start,
            cpu_percent=cpu,
            machine_cpu_percent=machine,
            rss_mb=rss,
            available_mb=available_mb(),
            foreign_cpu_percent=max(0.0, machine - known),
        )


def _watched(pids: Sequence[int]) -> list[psutil.Process]:
    """The processes that are there, their counting begun."""
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            process.cpu_percent()
        except psutil.Error:
            continue
        found.append(process)
    return found


def _cpu_percent(process: psutil.Process) -> float:
    try:
        return float(process.cpu_percent())
    except psutil.Error:
        return 0.0
