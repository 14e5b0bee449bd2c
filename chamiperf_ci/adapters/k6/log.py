"""What k6 said on standard error: its warnings and errors, each once, with how often it was said."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


def read_log(path: Path) -> tuple[Said, ...]:
    """The warnings and errors of a log of JSON lines, the most frequent first; lines of other shape are errors.

    A missing log has nothing to say. Of a crash of k6 the first line is kept; the stack dump stays in the file. Lines
    that a script marked for its caller are left out.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for level, text in _lines(path):
        said = level, text[:_SHOWN]
        if level in _LEVELS and not text.startswith(MARK) and (said in counts or len(counts) < _KINDS_KEPT):
            counts[said] += 1
        if level == "panic":
            break
    return tuple(Said(level, text, times) for (level, text), times in counts.most_common())


def marked(path: Path, name: str, *, most: int) -> tuple[str, ...]:
    """What stands behind the mark `chamiperf-NAME` in the first so many lines that carry it."""
    start = f"{MARK}{name} "
    found: list[str] = []
    for _, text in _lines(path):
        if text.startswith(start):
            found.append(text.removeprefix(start))
        if len(found) >= most:
            break
    return tuple(found)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
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


def _parse(line: str) -> tuple[str, str]:
    try:
        entry = json.loads(line)
        level, text = str(entry["level"]), str(entry["msg"])
        reason = entry.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ("panic" if line.startswith(("panic:", "fatal error:")) else "error"), line.strip()
    text = text if text.startswith(MARK) else " ".join(text.split())
    return level, f"{text}: {reason}" if reason else text
