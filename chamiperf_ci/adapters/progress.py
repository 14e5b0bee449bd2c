"""How far a long step is: on a terminal one line that never scrolls, in a log a line whenever the stage changes."""

import io
import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

import click

if TYPE_CHECKING:
    from rich.live import Live

QUIET_AT_FIRST_S = 5.0
"""A step that is usually over by then says nothing of how far it is."""
QUIET_S = 300.0
"""A log that says nothing for longer looks like one of a step that hangs."""


class Progress:
    """Says how far a step is, on standard error; use it in a `with`.

    Args:
        label: Names the step.
        logged: Whether a log gets lines as well; False where what happens is said anyway.
        after_s: Seconds of which a log hears nothing, and a terminal nothing of the first: what is over by then needs
            no progress.
    """

    def __init__(self, label: str, *, logged: bool = True, after_s: float = 0.0) -> None:
        self._label = label
        self._logged = logged
        # A workflow's log is not a terminal, also where its runner gives the step one.
        self.on_terminal = sys.stderr.isatty() and not os.environ.get("GITHUB_ACTIONS")
        self._silent_until = time.monotonic() + (min(after_s, 1.0) if self.on_terminal else after_s)
        self._live: Live | None = None
        self._stage: str | None = None
        self._said_at = 0.0

    def show(self, stage: str, text: str) -> None:
        """Say how far it is.

        Args:
            stage: What it is at; in a log a new one is a line. Empty for a step without any, which is then a line every
                `QUIET_S`.
            text: The figures, the most important first: what a terminal is too narrow for is cut.
        """
        now = time.monotonic()
        if now < self._silent_until:
            return
        if self.on_terminal:
            # Imported on use: it costs a start of the program.
            from rich.text import Text  # noqa: PLC0415

            line = " ".join(part for part in (self._label, stage, text) if part)
            self._line().update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
            return
        if not self._logged or (stage == self._stage and now - self._said_at < QUIET_S):
            return
        self._stage, self._said_at = stage, now
        click.echo(f"{self._label}: {', '.join(part for part in (stage, text) if part)}", err=True)

    def _line(self) -> "Live":
        """What others print meanwhile stands above the line; the line itself goes when the step is over."""
        if self._live is None:
            from rich.console import Console  # noqa: PLC0415 - on use, as above
            from rich.live import Live  # noqa: PLC0415 - as above

            console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
            self._live = Live(console=console, transient=True, auto_refresh=False)
            self._live.__enter__()
            # click writes to the bytes behind rich's stand-in, and so over the line.
            sys.stderr = _AboveTheLine(sys.stderr)
        return self._live

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None


class _AboveTheLine(io.TextIOBase):
    """Text alone, without bytes behind it, so that everybody's goes through rich; put back when the line goes."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return True


def clock(seconds: float) -> str:
    """Return a length of time as short as a line wants it: `4:12`, `1:04:12`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
