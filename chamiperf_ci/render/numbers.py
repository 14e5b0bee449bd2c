"""Numbers for people: units, three digits, changes and their intervals in words."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.verdict import Change, Row, RowKey
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.render.text import data

CARDS = "docs/verdicts.md"


@dataclass(frozen=True, slots=True)
class Context:
    """Where a report's links lead.

    Attributes:
        project_url: Where this project's files can be read, such as `https://HOST/OWNER/chamiperf-ci/blob/v1`; empty
            if unknown: cards are then named and not linked.
        run_url: The workflow run that made the report; empty outside one.
        report_url: The page with the full report; empty if there is none.
        trend_url: The page with the trend over nights, as `chamiperf history trend` makes it; empty if there is none.
        artifact: Name of the artifact that holds the full report; empty if there is none.
        trusted: Whether the verdict is our own; one from a fork may name links that are not to be shown.
    """

    project_url: str = ""
    run_url: str = ""
    report_url: str = ""
    trend_url: str = ""
    artifact: str = ""
    trusted: bool = True

    def card_url(self, word: str) -> str:
        """Return the URL of a verdict's or reason's card; empty when the project's place is unknown."""
        return f"{self.project_url.rstrip('/')}/{CARDS}#{anchor(word)}" if self.project_url else ""


def anchor(word: str) -> str:
    """Return the anchor that GitHub gives a heading made of one verdict or reason: `at the limit`: `at-the-limit`."""
    return word.lower().replace(" ", "-").replace(".", "")


# Unit to its larger and smaller neighbours: factor to multiply a value with, and the smallest value shown in it.
_SCALES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "ms": ((1_000.0, 1e-3, "s"), (0.1, 1.0, "ms"), (0.0, 1e3, "µs")),
    "s": ((1.0, 1.0, "s"), (1e-4, 1e3, "ms"), (0.0, 1e6, "µs")),
    "bytes": ((1e9, 1e-9, "GB"), (1e6, 1e-6, "MB"), (1e3, 1e-3, "kB"), (0.0, 1.0, "bytes")),
}
_COUNTS = frozenset({"windows", "nodes", "requests"})
_DIGITS = 3


def significant(value: float, digits: int = _DIGITS) -> str:
    """Return a value with `digits` significant digits, never in exponent form: 83.0, 1,230, 0.0123."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def quantity(value: float, unit: str) -> str:
    """Return a value with its unit, scaled for people: 1,020 ms is `1.02 s`."""
    return quantities((value,), unit)[0]


def quantities(values: Sequence[float], unit: str) -> tuple[str, ...]:
    """Return values in one common scale, that of the largest, so that they can be compared by eye."""
    if unit in _COUNTS:
        return tuple(_with_unit(f"{value:,g}", unit if value != 1 else unit.removesuffix("s")) for value in values)
    largest = max((abs(value) for value in values), default=0.0)
    factor, shown = 1.0, unit
    for least, scale, name in _SCALES.get(unit, ()):
        if largest >= least:
            factor, shown = scale, name
            break
    return tuple(_with_unit(significant(value * factor), shown) for value in values)


def percent(fraction: float, *, compared_to: float | None = None, tenths: bool = False) -> str:
    """Return a fraction as the number of percent, without sign or unit: 0.207 is `21`, with `tenths` `20.7`.

    Args:
        fraction: 0.2 is 20 %; the sign is dropped, since words carry it.
        compared_to: A fraction it is read against, such as the tolerance: whole percents are kept only as long as
            both do not read the same while being different.
        tenths: One decimal in any case.
    """
    value = abs(fraction) * 100
    other = None if compared_to is None else abs(compared_to) * 100
    if other is not None and f"{value:.0f}" == f"{other:.0f}" and not math.isclose(value, other):
        tenths = True
    return f"{value:,.1f}" if tenths else f"{value:,.0f}"


def share(fraction: float) -> str:
    """Return a share, such as an error rate, in percent with three significant digits: 0.00021 is `0.021 %`."""
    return f"{significant(fraction * 100)} %"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 row`, `3 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_UNITS = frozenset(
    {"ms", "s", "µs", "us", "ns", "min", "/s", "share", "bytes", "kB", "MB", "GB", "cores", "%", "windows", "window"}
    | {"nodes", "node", "requests", "request", "connections", "objects", "ms/s", "bytes/s", "MB/s", "ratio"}
)


def _with_unit(number: str, unit: str) -> str:
    if not unit:
        return number
    if unit not in _UNITS:
        unit = data(unit, longest=16)
    return f"{number}{unit}" if unit.startswith("/") else f"{number} {unit}"


SOURCE = "simulated with known truth, docs/verdict.md section 12"


@dataclass(frozen=True, slots=True)
class Power:
    """How often a slow-down of 20 % is found.

    Attributes:
        spread: Standard deviation between runs of the same build, on logs.
        by_repeats: Percent found by three runs.
        by_pairs: Percent found by pairs of what was suspect.
    """

    spread: float
    by_repeats: int
    by_pairs: int


POWER = (Power(0.03, 91, 98), Power(0.04, 84, 97), Power(0.055, 66, 92), Power(0.08, 42, 86))
"""Of simulated runs, the quietest runner first."""

FALSE_NIGHTS_OF_THE_ADR = 98
"""Percent of unchanged nights of 192 rows that one run over the median of the accepted (gate `adr`) turns red."""


_TIMES = frozenset({"ns", "µs", "us", "ms", "s", "min"})
_METRIC = re.compile(r"p\d{1,2}(\.\d)?|throughput|service throughput|achieved rate|(blocked|connecting) p95")
_DRIFT = " drift"
_PHASES = frozenset({"ramp-up", "spike", "cooldown", "all"})
_READABLE = {
    "bootscript": "boot script",
    "stalled-windows": "stalled windows",
    "errors": "error rate",
    "achieved-rate": "achieved rate",
    "bss": "BSS",
    "smd": "SMD",
    "auth": "Auth",
    "cloud-init": "Cloud-Init",
    "kea-sync": "Kea-Sync",
    "late-windows": "late windows",
    "slow-windows": "slow windows",
}


@dataclass(frozen=True, slots=True)
class ChangeWords:
    """How a metric says that it changed, such as `20 % slower`."""

    worse: str
    better: str


def words_for(unit: str, direction: Direction) -> ChangeWords:
    """Return a metric's words, by what it measures."""
    if direction is Direction.HIGHER:
        return ChangeWords("less", "more")
    return ChangeWords("slower", "faster") if unit in _TIMES else ChangeWords("more (worse)", "less (better)")


def is_worse(ratio: float, direction: Direction) -> bool:
    """Whether a change in the metric's own direction is for the worse; no change is not."""
    return ratio > 0 if direction is Direction.LOWER else ratio < 0


def title(key: RowKey, *, with_scenario: bool = False) -> str:
    """Return a row's name as a sentence begins: `Boot script p99`, `Boot script p99 (spike) in boot_storm`."""
    metric = _readable(key.whole.metric)
    metric = metric if key.whole == key else f"{metric} of the slowest quarter"
    name = " ".join(part for part in (_readable(key.endpoint), metric) if part)
    phase = "" if key.phase == "sustained" else f" ({_phase(key.phase)})"
    scenario = f" in {data(key.scenario)}" if with_scenario else ""
    return f"{name[:1].upper()}{name[1:]}{phase}{scenario}"


def _readable(part: str) -> str:
    """A part of a name in our words; what is none of them is data."""
    core = part.removesuffix(_DRIFT)
    if not core:
        return ""
    if core in _READABLE:
        return _READABLE[core]
    return core if _METRIC.fullmatch(core) else data(core)


def _phase(phase: str) -> str:
    return phase if phase in _PHASES else data(phase)


def estimate(row: Row, change: Change, *, tenths: bool = False) -> str:
    """Return the change itself: `20.7 % slower`; `unchanged` where it rounds to nothing."""
    size = percent(change.ratio, compared_to=row.tolerance, tenths=tenths)
    if float(size.replace(",", "")) == 0:
        return "unchanged"
    return f"{size} % {_direction_words(row, change.ratio)}"


def interval(row: Row, change: Change, *, tenths: bool = False) -> str:
    """Return the 95 % interval, smaller size first: `8.2 to 34.7 %`, or `12 % faster to 17 % slower`."""
    ends = sorted((change.low, change.high), key=lambda end: (is_worse(end, row.direction), abs(end)))
    same_side = is_worse(change.low, row.direction) == is_worse(change.high, row.direction)
    sizes = [percent(end, compared_to=row.tolerance, tenths=tenths) for end in ends]
    if same_side:
        return f"{sizes[0]} to {sizes[1]} %"
    return " to ".join(f"{size} % {_direction_words(row, end)}" for size, end in zip(sizes, ends, strict=True))


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


def _direction_words(row: Row, ratio: float) -> str:
    words = words_for(row.unit, row.direction)
    return words.worse if is_worse(ratio, row.direction) else words.better


MINUS = "\N{MINUS SIGN}"


def signed(row: Row, change: Change) -> str:
    """Return the change with its sign, such as `+66 %`; `±0 %` where it rounds to nothing."""
    size = percent(change.ratio, compared_to=row.tolerance)
    if float(size.replace(",", "")) == 0:
        return "±0 %"
    return f"{'+' if change.ratio > 0 else MINUS}{size} %"


def signed_interval(row: Row, change: Change, *, to: str = " to ") -> str:
    """Return the 95 % interval, the lower end first: `57 to 76 %`, both with a sign where it holds no change."""
    sizes = [percent(end, compared_to=row.tolerance) for end in (change.low, change.high)]
    if change.low > 0 or (change.high < 0 and change.ratio < 0):
        ordered = sizes if change.low > 0 else sizes[::-1]
        return f"{ordered[0]}{to}{ordered[1]} %"
    signs = [MINUS if end < 0 else "+" for end in (change.low, change.high)]
    signs = ["" if size == "0" else sign for sign, size in zip(signs, sizes, strict=True)]
    return f"{signs[0]}{sizes[0]}{to}{signs[1]}{sizes[1]} %"
