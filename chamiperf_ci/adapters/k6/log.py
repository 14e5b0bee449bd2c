"""What k6 said on standard error: its warnings and errors, each once, with how often it was said."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_LEVELS = {"error", "fatal", "panic", "warning"}
_SHOWN = 300
_KINDS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Said:
    """One message and how often it came."""

    level: str
    text: str
    """At most 300 characters, one line."""
    times: int


def read_log(path: Path) -> tuple[Said, ...]:
    """The warnings and errors of a log of JSON lines, the most frequent first; lines of other shape are errors.

    A missing log has nothing to say. Go's stack dumps are kept in the file and shown by their first line.
    """
    counts: Counter[tuple[str, str]] = Counter()
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                said = _parse(line)
                if said is not None and (said in counts or len(counts) < _KINDS_KEPT):
                    counts[said] += 1
                if said is not None and said[0] == "panic":
                    break
    except OSError:
        return ()
    return tuple(Said(level, text, times) for (level, text), times in counts.most_common())


def _parse(line: str) -> tuple[str, str] | None:
    if not line.strip():
        return None
    try:
        entry = json.loads(line)
        level, text = str(entry["level"]), " ".join(str(entry["msg"]).split())
        reason = entry.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        level, text, reason = ("panic" if line.startswith(("panic:", "fatal error:")) else "error"), line.strip(), None
    if level not in _LEVELS:
        return None
    return level, (f"{text}: {reason}" if reason else text)[:_SHOWN]
