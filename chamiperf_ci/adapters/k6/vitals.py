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


class Pulse:
    """Takes the vitals of some processes; one that has ended counts as nothing."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._start = time.monotonic()
        self._processes = []
        for pid in pids:
            try:
                process = psutil.Process(pid)
                process.cpu_percent()
            except psutil.Error:
                continue
            self._processes.append(process)
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
        return Vitals(
            at_s=time.monotonic() - self._start,
            cpu_percent=cpu,
            machine_cpu_percent=psutil.cpu_percent(),
            rss_mb=rss,
            available_mb=available_mb(),
        )
