"""A change in words: how much, which way, how sure; worse and better are said, never only signed or coloured."""

from dataclasses import dataclass

from chamiperf_ci.models.verdict import Change, Row, RowKey
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render import numbers

_TIMES = frozenset({"ns", "µs", "us", "ms", "s", "min"})
_READABLE = {
    "bootscript": "boot script",
    "stalled-windows": "stalled windows",
    "errors": "error rate",
    "bss": "BSS",
    "smd": "SMD",
    "auth": "Auth",
    "cloud-init": "Cloud-Init",
    "kea-sync": "Kea-Sync",
}


@dataclass(frozen=True, slots=True)
class Words:
    """How a metric says that it changed: `20 % slower`, `rose 20 %`."""

    worse: str
    better: str
    worsened: str


def words_for(unit: str, direction: Direction) -> Words:
    """Return a metric's words, by what it measures."""
    if direction is Direction.HIGHER:
        return Words("less", "more", "fell")
    return Words("slower", "faster", "rose") if unit in _TIMES else Words("more (worse)", "less (better)", "rose")


def is_worse(ratio: float, direction: Direction) -> bool:
    """Whether a change in the metric's own direction is for the worse; no change is not."""
    return ratio > 0 if direction is Direction.LOWER else ratio < 0


def title(key: RowKey, *, with_scenario: bool = False) -> str:
    """Return a row's name as a sentence begins: `Boot script p99`, `Boot script p99 (spike) in boot_storm`."""
    parts = [_READABLE.get(part, part) for part in (key.endpoint, key.metric) if part]
    phase = "" if key.phase == "sustained" else f" ({key.phase})"
    scenario = f" in {key.scenario}" if with_scenario else ""
    name = " ".join(parts)
    return f"{name[:1].upper()}{name[1:]}{phase}{scenario}"


def estimate(row: Row, change: Change, *, tenths: bool = False) -> str:
    """Return the change itself: `20.7 % slower`; `unchanged` where it rounds to nothing."""
    size = numbers.percent(change.ratio, beside=row.tolerance, tenths=tenths)
    if float(size.replace(",", "")) == 0:
        return "unchanged"
    return f"{size} % {_way(row, change.ratio)}"


def interval(row: Row, change: Change, *, tenths: bool = False) -> str:
    """Return the 95 % interval, smaller size first: `8.2 to 34.7 %`, or `12 % faster to 17 % slower`."""
    ends = sorted((change.low, change.high), key=lambda end: (is_worse(end, row.direction), abs(end)))
    same_side = is_worse(change.low, row.direction) == is_worse(change.high, row.direction)
    sizes = [numbers.percent(end, beside=row.tolerance, tenths=tenths) for end in ends]
    if same_side:
        return f"{sizes[0]} to {sizes[1]} %"
    return " to ".join(f"{size} % {_way(row, end)}" for size, end in zip(sizes, ends, strict=True))


def cell(row: Row) -> str:
    """Return the change with its interval for a table: `~` where the interval holds no change, else in words."""
    if row.change is None:
        return ""
    change = row.change
    if change.low <= 0 <= change.high:
        return f"~ [{interval(row, change)}]"
    return f"{estimate(row, change, tenths=True)} [{interval(row, change, tenths=True)}]"


def tolerance(row: Row) -> str:
    """Return the row's tolerance in percent: `20 %`."""
    return f"{100 * row.tolerance:g} %"


def _way(row: Row, ratio: float) -> str:
    words = words_for(row.unit, row.direction)
    return words.worse if is_worse(ratio, row.direction) else words.better
