"""What k6 says while it runs: its log lines, and the progress shown from them."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import click

from chamiperf_ci.adapters import bounds

MARK = "chamiperf-"
"""Begins a line that a script wrote for its caller."""
_LEVELS = {"error", "fatal", "panic", "warning"}
_SHOWN = 300
_KINDS_KEPT = 1000
_READ_AT_MOST = 20_000_000
"""Characters; a stack that refuses connections makes k6 write a line for each."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message and how often it came."""

    level: str
    text: str
    """At most 300 characters, one line."""
    times: int
    thrown: bool = False
    """Whether it is an exception of the script: one that ended an iteration (k6 goes on after it), or the run."""


def read_log(path: Path) -> tuple[Said, ...]:
    """The warnings and errors of a log of JSON lines, the most frequent first; lines of other shape are errors.

    A missing log has nothing to say. Of a crash of k6 the first line is kept; the stack dump stays in the file. Lines
    that a script marked for its caller are left out.
    """
    counts: Counter[_Line] = Counter()
    for line in _lines(path):
        said = line._replace(text=line.text[:_SHOWN])
        if line.level in _LEVELS and not line.text.startswith(MARK) and (said in counts or len(counts) < _KINDS_KEPT):
            counts[said] += 1
        if line.level == "panic":
            break
    return tuple(Said(said.level, said.text, times, said.thrown) for said, times in counts.most_common())


def marked(path: Path, name: str, *, most: int) -> tuple[str, ...]:
    """What stands behind the mark `chamiperf-NAME` in the first so many lines that carry it."""
    start = f"{MARK}{name} "
    found: list[str] = []
    for line in _lines(path):
        if line.text.startswith(start):
            found.append(line.text.removeprefix(start))
        if len(found) >= most:
            break
    return tuple(found)


class _Line(NamedTuple):
    """One line as k6 wrote it."""

    level: str
    text: str
    thrown: bool = False


def _lines(path: Path) -> Iterator[_Line]:
    read = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                read += len(line)
                if line.strip():
                    yield _parse(line)
                if read > _READ_AT_MOST:
                    return
    except OSError:
        return


def _parse(line: str) -> _Line:
    try:
        entry = bounds.parse_json(line)
        level, text = str(entry["level"]), str(entry["msg"])
        reason = entry.get("error")
        # k6 marks what an iteration threw by its source, and what ended the run by its hint.
        thrown = entry.get("source") == "stacktrace" or entry.get("hint") == "script exception"
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Line("panic" if line.startswith(("panic:", "fatal error:")) else "error", line.strip())
    text = text if text.startswith(MARK) else " ".join(text.split())
    return _Line(level, f"{text}: {reason}" if reason else text, thrown)


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
