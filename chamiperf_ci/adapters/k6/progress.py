"""How far the load has come: a bar on a terminal, a line every 15 s elsewhere; on standard error."""

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_LINE_EVERY_S = 15.0


class Progress(Protocol):
    """Shown while k6 runs."""

    def update(self, elapsed_s: float, text: str) -> None:
        """Say how far it is, and what there is to say of it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Bar:
    """A bar that moves with time."""

    def __init__(self, label: str, expected_s: float) -> None:
        self._text = ""
        self._shown = 0
        self._bar: ProgressBar[int] = click.progressbar(
            length=max(1, round(expected_s)), label=label, file=sys.stderr, item_show_func=lambda _: self._text
        )

    def update(self, elapsed_s: float, text: str) -> None:
        """Move the bar to the elapsed second; past the expected end it stays full."""
        self._text = text
        step = min(int(elapsed_s), self._bar.length or 0) - self._shown
        self._shown += step
        self._bar.update(step)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)


class Lines:
    """A line every 15 s, for logs."""

    def __init__(self, label: str, expected_s: float) -> None:
        self._label = label
        self._expected = f" of {expected_s:.0f} s" if expected_s else " s"
        self._next = time.monotonic() + _LINE_EVERY_S

    def update(self, elapsed_s: float, text: str) -> None:
        """Print a line if one is due."""
        if time.monotonic() >= self._next:
            self._next += _LINE_EVERY_S
            click.echo(f"{self._label}: {elapsed_s:.0f}{self._expected}  {text}".rstrip(), err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def progress(label: str, expected_s: float) -> Progress:
    """A bar if standard error is a terminal and the end is known, lines otherwise."""
    # A workflow's log is no terminal, also where its runner gives the step one.
    on_terminal = sys.stderr.isatty() and not os.environ.get("GITHUB_ACTIONS")
    return Bar(label, expected_s) if expected_s and on_terminal else Lines(label, expected_s)
