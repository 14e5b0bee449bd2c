"""The public series as noise: what is left of each value when its neighbourhood is taken away.

y is the log of a value, turned so that up is worse. A residual is y minus the median of up to four neighbours on each
side, itself left out (dropped with fewer than six), divided by 1.0937, because the neighbours' median has a spread of
its own. Effects are added on the same scale, so that the truth is known.
"""

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chamiperf_ci.models.vocabulary import MetricClass

Floats = NDArray[np.float64]

HERE = Path(__file__).parent / "data"
NEIGHBOURS = 4
FEWEST_NEIGHBOURS = 6
SHRINK = 1.0937
FEWEST_SESSIONS = 60
WEB_METRICS = ("p50_us", "p90_us", "p99_us", "rps")
_RATE_UNITS = {"ops/s", "iter/sec"}


@dataclass(frozen=True)
class Source:
    """Groups of residuals (sessions x columns); columns of a session were measured side by side."""

    name: str
    metric_class: MetricClass
    groups: tuple[Floats, ...]

    @property
    def has_pairs(self) -> bool:
        """Whether a session has more than one column."""
        return all(group.shape[1] > 1 for group in self.groups)


def _rows(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(text.splitlines()))


def residuals(y: Floats) -> Floats:
    """Return the residuals of a series in time order; NaN where too few neighbours are."""
    result = np.full(len(y), np.nan)
    for place, value in enumerate(y):
        around = np.concatenate(
            (y[max(0, place - NEIGHBOURS) : place], y[place + 1 : place + 1 + NEIGHBOURS]),
        )
        if len(around) >= FEWEST_NEIGHBOURS:
            result[place] = (value - np.median(around)) / SHRINK
    return result


def _together(columns: list[Floats]) -> Floats:
    """Return columns of one length as a group, without the sessions in which a residual is missing."""
    group = np.column_stack([residuals(column) for column in columns])
    return group[~np.isnan(group).any(axis=1)]


def web_sessions() -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return framework -> time -> connections -> metric -> value of the web series."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = defaultdict(lambda: defaultdict(dict))
    for row in _rows(HERE / "web_frameworks_wrk.csv.gz"):
        found[row["framework"]][row["run_utc"]][row["connections"]] = {name: float(row[name]) for name in WEB_METRICS}
    return found


def _web(metric: str, metric_class: MetricClass) -> Source:
    sign = -1 if metric == "rps" else 1
    groups = []
    for sessions in web_sessions().values():
        complete = [columns for _, columns in sorted(sessions.items()) if len(columns) == 3]
        if len(complete) >= FEWEST_SESSIONS:
            groups.append(
                _together(
                    [
                        sign * np.log([columns[connections][metric] for columns in complete])
                        for connections in ("64", "256", "512")
                    ],
                )
            )
    return Source(f"web {metric}", metric_class, tuple(groups))


def _otel() -> Source:
    rows = sorted(_rows(HERE / "otel_k6_nightly.csv.gz"), key=lambda row: int(row["timestamp"]))
    columns = [np.log([float(row[f"{agent}:requestP95"]) for row in rows]) for agent in ("none", "latest", "snapshot")]
    return Source("otel p95", MetricClass.P95, (_together(columns),))


def _gha() -> Source:
    benches: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for row in _rows(HERE / "gha_fibonacci.csv.gz"):
        sign = -1 if row["unit"] in _RATE_UNITS else 1
        value = sign * float(np.log(float(row["value"])))
        benches[row["suite"], row["bench"]].append((int(row["date_ms"]), value))
    groups = [
        _together([np.array([value for _, value in sorted(values, key=lambda each: each[0])])])
        for values in benches.values()
        if len(values) >= FEWEST_SESSIONS
    ]
    return Source("gha", MetricClass.P50, tuple(groups))


def _rocksdb() -> Source | None:
    folder = Path(os.environ.get("CHAMIPERF_VERDICT_DATA", Path(__file__).parents[3] / "shared" / "verdict-data"))
    path = folder / "rocksdb_aa.csv"
    if not path.is_file():
        return None
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in _rows(path):
        groups[row["test"], row["git_commit"]].append(float(row["ops_sec"]))
    kept = [-np.log(values) for values in groups.values() if len(values) >= 12 and np.median(values) >= 20]
    return Source("rocksdb ops_sec", MetricClass.THROUGHPUT, tuple((y - np.median(y))[:, None] for y in kept))


def sources() -> Iterator[Source]:
    """Yield every source that is there."""
    yield _web("p50_us", MetricClass.P50)
    yield _web("p99_us", MetricClass.P99)
    yield _web("rps", MetricClass.THROUGHPUT)
    yield _gha()
    if rocksdb := _rocksdb():
        yield rocksdb
    yield _otel()


def spread_between_runs(source: Source) -> float:
    """Return the median over series of the robust spread between neighbouring runs, on logs."""
    spreads = [
        1.4826 * float(np.median(np.abs(np.diff(column)))) / np.sqrt(2) for group in source.groups for column in group.T
    ]
    return float(np.median(spreads))
