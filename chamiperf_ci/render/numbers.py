"""Numbers as people read them: three significant digits, a unit, percents in words; knows nothing of verdicts."""

import math
from collections.abc import Sequence

# Unit to its larger and smaller neighbours: factor to multiply a value with, and the smallest value shown in it.
_SCALES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "ms": ((1_000.0, 1e-3, "s"), (0.1, 1.0, "ms"), (0.0, 1e3, "µs")),
    "s": ((1.0, 1.0, "s"), (1e-4, 1e3, "ms"), (0.0, 1e6, "µs")),
    "bytes": ((1e9, 1e-9, "GB"), (1e6, 1e-6, "MB"), (1e3, 1e-3, "kB"), (0.0, 1.0, "bytes")),
}
_COUNTS = frozenset({"windows", "nodes", "requests"})
_DIGITS = 3
_TENTHS_BELOW = 10.0


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


def percent(fraction: float, *, beside: float | None = None, tenths: bool = False) -> str:
    """Return a fraction as the number of percent, without sign or unit: 0.207 is `21`, with `tenths` `20.7`.

    Args:
        fraction: 0.2 is 20 %; the sign is dropped, since words carry it.
        beside: A fraction it is read against, such as the tolerance: whole percents are kept only as long as
            both do not read the same while being different.
        tenths: One decimal in any case.
    """
    value = abs(fraction) * 100
    other = None if beside is None else abs(beside) * 100
    if other is not None and f"{value:.0f}" == f"{other:.0f}" and not math.isclose(value, other):
        tenths = True
    return f"{value:,.1f}" if tenths else f"{value:,.0f}"


def share(fraction: float) -> str:
    """Return a share, such as an error rate, in percent with three significant digits: 0.00021 is `0.021 %`."""
    return f"{significant(fraction * 100)} %"


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: `3 min 20 s`, `1 h 5 min`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {left} s"
    return f"{significant(seconds)} s" if seconds < _TENTHS_BELOW else f"{whole} s"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 row`, `3 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _with_unit(number: str, unit: str) -> str:
    if not unit:
        return number
    return f"{number}{unit}" if unit.startswith("/") else f"{number} {unit}"
