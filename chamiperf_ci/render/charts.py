"""Charts in SVG and in characters, from numbers and fixed words alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.run import Run, Series
from chamiperf_ci.models.verdict import Row
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import numbers
from chamiperf_ci.render.escaping import html

SVG_WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 12, 28


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to heights, with a margin above and below."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value lies, from the top."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def runs_chart(row: Row) -> str:
    """Return a row's values in time order, as dots: nights before, accepted runs, current runs, and the tolerance.

    Shapes and labels tell them apart as well as colours do. Empty where there is nothing to draw.
    """
    groups = [
        ("nights before", "history", row.history_values),
        ("accepted", "accepted", row.baseline_values),
        ("now", "now", row.current_values),
    ]
    values = [value for _, _, group in groups for value in group]
    if not values or row.baseline is None or row.change is None:
        return ""
    allowed = row.baseline * (1 + row.tolerance if row.direction is Direction.LOWER else 1 - row.tolerance)
    scale = _scale([*values, allowed])
    step = (SVG_WIDTH - LEFT - RIGHT) / (len(values) + 1)
    parts, place = [], 0
    for label, kind, group in groups:
        for value in group:
            place += 1
            said = html(f"{label}: {numbers.quantity(value, row.unit)}")
            parts.append(_dot(kind, LEFT + place * step, scale.y(value), said))
    lines = [
        _level(scale.y(row.baseline), "baseline", f"accepted {numbers.quantity(row.baseline, row.unit)}"),
        _level(scale.y(allowed), "allowed", f"allowed {numbers.quantity(allowed, row.unit)}"),
    ]
    title = f"{row.key.text}: {len(row.history_values)} nights before, {len(row.baseline_values)} accepted, now"
    return drawing(title, [_axis(scale, row.unit), *lines, *parts])


def distribution_chart(runs: Sequence[Run], endpoint: str, metric: str = "latency") -> str:
    """Return the quantiles of each run's sustained phase against the share of slower responses, both on logs."""
    series = [found for run in runs for found in run.series if (found.endpoint, found.metric) == (endpoint, metric)]
    curves = [curve for each in series if (curve := _curve(each))]
    values = [value for curve in curves for _, value in curve]
    if not values:
        return ""
    scale = _scale([math.log10(value) for value in values])
    largest = max(rank for curve in curves for rank, _ in curve)

    def x(rank: float) -> float:
        return LEFT + rank / largest * (SVG_WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return scale.y(math.log10(value))

    lines = []
    for curve in curves:
        points = " ".join(f"{x(rank):.1f},{y(value):.1f}" for rank, value in curve)
        lines.append(f'<polyline class="curve" points="{points}"/>')
    marks = [
        f'<text class="tick" x="{x(_rank(q)):.1f}" y="{HEIGHT - 8}" text-anchor="middle">p{100 * q:g}</text>'
        for q in (0.5, 0.9, 0.99, 0.999, 0.9999)
        if _rank(q) <= largest
    ]
    ends = [
        f'<text class="tick" x="{LEFT - 6}" y="{y(end):.1f}" text-anchor="end">{html(said)}</text>'
        for end, said in ((end, numbers.quantity(end, series[0].unit)) for end in (min(values), max(values)))
    ]
    return drawing(f"{endpoint}: distribution of {metric}, one line a run", [*marks, *ends, *lines])


def _curve(series: Series) -> list[tuple[float, float]]:
    phase = series.phases.get("sustained")
    quantiles = phase.quantiles if phase else {}
    found = [(float(name.removeprefix("p")) / 100, value) for name, value in quantiles.items() if name.startswith("p")]
    return sorted((_rank(share), value) for share, value in found if 0 < share < 1 and value > 0)


def _rank(share: float) -> float:
    """How far out a quantile lies: 0.9 is 1, 0.99 is 2."""
    return -math.log10(1 - share)


def _scale(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    return Scale(low - margin, high + margin)


def _dot(kind: str, x: float, y: float, said: str) -> str:
    title = f"<title>{said}</title>"
    if kind == "now":
        points = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        return f'<polygon class="now" points="{points}">{title}</polygon>'
    if kind == "accepted":
        return f'<rect class="accepted" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">{title}</rect>'
    return f'<circle class="history" cx="{x:.1f}" cy="{y:.1f}" r="3">{title}</circle>'


def _level(y: float, kind: str, said: str) -> str:
    return (
        f'<line class="{kind}" x1="{LEFT}" x2="{SVG_WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{SVG_WIDTH - RIGHT}" y="{y - 4:.1f}" text-anchor="end">{html(said)}</text>'
    )


def _axis(scale: Scale, unit: str) -> str:
    ends = (scale.low + (scale.high - scale.low) * share for share in (0.05, 0.95))
    shown = ((scale.y(end), numbers.quantity(end, unit)) for end in ends)
    return "".join(
        f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{html(said)}</text>' for y, said in shown
    )


def drawing(title: str, parts: Sequence[str]) -> str:
    """Return a chart with its title for those who do not see it, and its frame."""
    frame = f'<path class="frame" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{SVG_WIDTH - RIGHT}"/>'
    return (
        f'<svg viewBox="0 0 {SVG_WIDTH} {HEIGHT}" role="img" aria-label="{html(title)}">'
        f"<title>{html(title)}</title>{frame}{''.join(parts)}</svg>"
    )


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
