"""How far a long step is: on a terminal one line that never scrolls, in a log a line whenever the stage changes."""

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.live import Live

QUIET_S = 300.0
"""A log that says nothing for longer looks like one of a step that hangs."""


class Progress:
    """Says how far a step is, on standard error; use it in a `with`.

    Args:
        label: Names the step.
        logged: Whether a log gets lines as well; False where what happens is said anyway.
    """

    def __init__(self, label: str, *, logged: bool = True) -> None:
        self._label = label
        self._logged = logged
        # A workflow's log is not a terminal, also where its runner gives the step one.
        self.on_terminal = sys.stderr.isatty() and not os.environ.get("GITHUB_ACTIONS")
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
        if self._live is not None:
            from rich.text import Text  # noqa: PLC0415 - as below

            line = " ".join(part for part in (self._label, stage, text) if part)
            self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)
            return
        now = time.monotonic()
        if self.on_terminal or not self._logged or (stage == self._stage and now - self._said_at < QUIET_S):
            return
        self._stage, self._said_at = stage, now
        click.echo(f"{self._label}: {', '.join(part for part in (stage, text) if part)}", err=True)

    def __enter__(self) -> Self:
        if self.on_terminal:
            # Imported on use: it costs a start of the program.
            from rich.console import Console  # noqa: PLC0415
            from rich.live import Live  # noqa: PLC0415

            console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
            # What others print meanwhile stands above the line; the line itself goes when the step is over.
            self._live = Live(console=console, transient=True, auto_refresh=False)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None


def clock(seconds: float) -> str:
    """Return a length of time as short as a line wants it: `4:12`, `1:04:12`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
