"""The size ladder: a text that is too long for its place is written again with less in it."""

from collections.abc import Callable, Iterable

from chamiperf_ci.render.body import Detail

CUT = "…"


def fit(
    write: Callable[[Detail], str],
    limit: int,
    *,
    size: Callable[[str], int] = len,
    levels: Iterable[Detail] = tuple(Detail),
) -> str:
    """Return the most detailed text whose size is at most `limit`.

    The last level is cut where even it is too long, so the limit always holds.

    Args:
        write: Writes the text at a level of detail.
        limit: Largest size, at least 1.
        size: Measures a text: `len` for characters, another for bytes.
        levels: Levels to try, the most detailed first.
    """
    text = ""
    for level in levels:
        text = write(level)
        if size(text) <= limit:
            return text
    kept = text
    while kept and size(kept + CUT) > limit:
        kept = kept[: max(0, len(kept) - max(1, size(kept + CUT) - limit))]
    return kept + CUT


def size_in_bytes(text: str) -> int:
    """Return the size of a text in UTF-8."""
    return len(text.encode())
