"""Counters, gauges and histograms of one worker, and their Prometheus text.

Small on purpose: an observation on the hot path is one bisection and two additions. With several workers behind one
port, each writes its figures to a file and whoever is scraped adds them up; the files only ever grow, so a counter
never runs backwards between two scrapes.
"""

import json
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SECONDS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.075,
    0.1,
    0.2,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of durations, in seconds: finer where the targets (10, 50, 100, 200 ms) lie."""
QUERY_SECONDS = (
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)
"""Upper bounds of statement durations, in seconds."""
BYTES = (100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0, 10_000_000.0)

Labels = tuple[str, ...]


class Series:
    """A histogram's counts for one set of labels."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass
class Family:
    """A metric: its name, what it means, and its series by label values."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()
    bounds: Sequence[float] = ()
    merge: Literal["sum", "max"] = "sum"
    """How several workers' values become one."""
    values: dict[Labels, float] = field(default_factory=dict)
    series: dict[Labels, Series] = field(default_factory=dict)

    def add(self, labels: Labels = (), amount: float = 1.0) -> None:
        """Raise a counter."""
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def set(self, value: float, labels: Labels = ()) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self.values[labels] = value

    def of(self, labels: Labels) -> Series:
        """A histogram's series for these labels, made on first use."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = Series(self.bounds)
        return found


class Registry:
    """The families of one worker."""

    def __init__(self) -> None:
        self.families: dict[str, Family] = {}

    def add(self, family: Family) -> Family:
        """Take a family in."""
        self.families[family.name] = family
        return family

    def snapshot(self) -> dict[str, Any]:
        """Every value, in a form that JSON carries."""
        return {
            family.name: {
                "values": [[list(labels), value] for labels, value in family.values.items()],
                "series": [[list(labels), each.counts, each.sum] for labels, each in family.series.items()],
            }
            for family in self.families.values()
        }

    def merged(self, others: Sequence[Mapping[str, Any]]) -> "Registry":
        """A registry with other workers' snapshots added to this one's values."""
        total = Registry()
        for family in self.families.values():
            copy = total.add(Family(family.name, family.kind, family.help, family.labels, family.bounds, family.merge))
            for snapshot in (self.snapshot(), *others):
                _add_snapshot(copy, snapshot.get(family.name, {"values": [], "series": []}))
        return total


def _add_snapshot(family: Family, snapshot: Mapping[str, Any]) -> None:
    for labels, value in snapshot["values"]:
        key = tuple(labels)
        if family.merge == "max":
            family.values[key] = max(value, family.values.get(key, value))
        else:
            family.values[key] = family.values.get(key, 0.0) + value
    for labels, counts, total in snapshot["series"]:
        series = family.of(tuple(labels))
        series.counts = [a + b for a, b in zip(series.counts, counts, strict=True)]
        series.sum += total


def write_snapshot(registry: Registry, path: Path) -> None:
    """Leave this worker's figures where its siblings find them."""
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(registry.snapshot()), encoding="utf-8")
    aside.replace(path)


def read_snapshots(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What the siblings left; one that has not written yet is left out."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def exposition(registry: Registry, *, missing: frozenset[str], spelling: Mapping[str, str]) -> bytes:
    """The Prometheus text (version 0.0.4) of every family but the missing ones, label names spelt as told."""
    lines: list[str] = []
    for family in registry.families.values():
        if family.name in missing or not (family.values or family.series):
            continue
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        names = [spelling.get(label, label) for label in family.labels]
        lines += [f"{family.name}{_braces(names, labels)} {_number(value)}" for labels, value in family.values.items()]
        for labels, series in family.series.items():
            lines += _histogram_lines(family.name, names, labels, series)
    return ("\n".join(lines) + "\n").encode()


def _histogram_lines(name: str, names: Sequence[str], labels: Labels, series: Series) -> list[str]:
    lines, running = [], 0
    for bound, count in zip((*map(_number, series.bounds), "+Inf"), series.counts, strict=True):
        running += count
        lines.append(f"{name}_bucket{_braces([*names, 'le'], (*labels, bound))} {running}")
    braces = _braces(names, labels)
    return [*lines, f"{name}_sum{braces} {series.sum!r}", f"{name}_count{braces} {running}"]


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
