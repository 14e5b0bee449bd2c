"""The faults as one process sees them: read again whenever the file was replaced."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from chamiperf_ci.stack import faults

if TYPE_CHECKING:
    from chamiperf_ci.stack.faults import Fault


class FaultFile:
    """Follows the faults of one service by the file's stamp, so that looking costs one system call."""

    def __init__(self, state_dir: Path, service: str) -> None:
        self._state_dir = state_dir
        self._service = service
        self._stamp: tuple[int, int] | None = (0, 0)
        self.active: tuple[Fault, ...] = ()

    def look(self) -> bool:
        """Look at the file; whether the faults are others than at the last look (always true at the first)."""
        try:
            stat = (self._state_dir / faults.FAULTS_FILE).stat()
            stamp = (stat.st_mtime_ns, stat.st_ino)
        except FileNotFoundError:
            stamp = None
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        with contextlib.suppress(FileNotFoundError):
            everything = faults.read(self._state_dir)
            self.active = tuple(fault for fault in everything if fault.service in (self._service, "*"))
        return True

    def has(self, kind: type) -> bool:
        """Whether a fault of this kind lies on the service."""
        return any(isinstance(fault, kind) for fault in self.active)
