"""Charts in text, for places that show no image: bars of runs, and a line of the nights before."""

import math
from collections.abc import Sequence

from chamiperf_ci.models.verdict import Row
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import numbers

WIDTH = 40
_BLOCKS = "▁▂▃▄▅▆▇█"
_PARTS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def text_chart(row: Row) -> str:
    """Return a row as bars: each accepted run, each current run, and what the tolerance allows.

    Bars begin at zero, so that their lengths compare as the values do.
    """
    allowed = _allowed(row)
    entries = [
        *(("accepted", value) for value in row.baseline_values),
        *(("now", value) for value in row.current_values),
        *((("allowed", allowed),) if allowed is not None else ()),
    ]
    if not entries:
        return "no values"
    largest = max(value for _, value in entries)
    shown = numbers.quantities([value for _, value in entries], row.unit)
    widest = max(len(text) for text in shown)
    lines = [
        f"{label:<8}  {text:>{widest}}  {_bar(value / largest if largest > 0 else 0.0)}"
        for (label, value), text in zip(entries, shown, strict=True)
    ]
    if len(row.history_values) > 1:
        lines.append(f"nights    {sparkline(row.history_values)}  (oldest first)")
    return "\n".join(lines)


def sparkline(values: Sequence[float]) -> str:
    """Return one block a value, the lowest for the smallest and the highest for the largest of them."""
    low, high = min(values), max(values)
    span = high - low
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - low) / span * steps) if span > 0 else steps // 2] for value in values)


def _allowed(row: Row) -> float | None:
    if row.baseline is None:
        return None
    allowed = row.baseline * (1 + row.tolerance if row.direction is Direction.LOWER else 1 - row.tolerance)
    return allowed if math.isfinite(allowed) else None


def _bar(share: float) -> str:
    eighths = math.floor(min(max(share, 0.0), 1.0) * WIDTH * 8 + 0.5)
    return "█" * (eighths // 8) + _PARTS[eighths % 8]
