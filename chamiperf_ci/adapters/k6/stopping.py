"""Being asked to stop: SIGINT and SIGTERM become a value that long work looks at, instead of an exception anywhere.

GitHub cancels with SIGINT, SIGTERM 7.5 s later and a kill after 2.5 s more, so everything that is to be kept must be on
disk within 7 s of the first signal.
"""

import signal
import threading
import time
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Self

from chamiperf_ci.errors import Interrupted

KEEP_WITHIN_S = 7.0
"""From the first signal until what was measured is on disk."""


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Why running load is to stop before its end."""

    reason: str
    """A word to decide by; `load` uses the values of RunReason."""
    text: str
    """A sentence for people, with the numbers."""


class StopRequest:
    """Set by the first SIGINT or SIGTERM while it is entered; further signals change nothing, nor do they afterwards.

    After a signal the command only leaves: GitHub's second one must not end it with another code than its own.
    Outside the main thread, where Python allows no signal handlers, it is never set by a signal.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._signal = ""
        self._signalled = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # One that is entered within another hands back to it.
            is_outermost = handler in (signal.SIG_DFL, signal.default_int_handler)
            signal.signal(number, signal.SIG_IGN if self._signalled and is_outermost else handler)
        self._before.clear()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signalled = True
        self.request(signal.Signals(number).name)

    def request(self, by: str) -> None:
        """Ask for the stop; only the first call counts."""
        if self._at is None:
            self._signal = by
            self._at = time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._at is not None

    @property
    def by(self) -> str:
        """The signal's name, such as `SIGTERM`; empty while nothing was asked for."""
        return self._signal

    def seconds_left(self) -> float:
        """Seconds until what was measured must be on disk; infinite while nothing was asked for."""
        return float("inf") if self._at is None else self._at + KEEP_WITHIN_S - time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond a request to stop; True if there was one."""
        end = time.monotonic() + seconds
        while not self.requested and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return self.requested

    def check(self, doing: str) -> None:
        """Stop here if that was asked for.

        Raises:
            Interrupted: It was; nothing that was begun is kept beyond what is on disk.
        """
        if self.requested:
            raise Interrupted(f"interrupted by {self._signal}", where=doing, remedy="Run the command again.")
