"""What one row is judged on: frozen numbers, no files, no models."""

import math
from collections.abc import Sized
from dataclasses import dataclass
from types import MappingProxyType

from chamiperf_ci.models.vocabulary import DEFAULT_TOLERANCE, Direction, MetricClass, RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.metric_class import is_quantity
from chamiperf_ci.verdict.wilson import Failures

VERDICT_WITHOUT_JUDGEMENT = MappingProxyType(
    {
        RowReason.RUN_INVALID: RowVerdict.INVALID,
        RowReason.FINGERPRINT_MISMATCH: RowVerdict.INVALID,
        RowReason.ERROR_BURST: RowVerdict.INVALID,
        RowReason.TOO_FEW_REQUESTS: RowVerdict.INVALID,
        RowReason.STATISTIC_MISMATCH: RowVerdict.INVALID,
        RowReason.NOT_A_QUANTITY: RowVerdict.INVALID,
        RowReason.RESTARTED: RowVerdict.INVALID,
        RowReason.MACHINE_BUSY: RowVerdict.INVALID,
        RowReason.UNIT_MISMATCH: RowVerdict.INVALID,
        RowReason.RESOLUTION: RowVerdict.UNAVAILABLE,
        RowReason.NO_BASELINE: RowVerdict.UNAVAILABLE,
        RowReason.NOT_OFFERED: RowVerdict.UNAVAILABLE,
        RowReason.NOT_MEASURED: RowVerdict.UNAVAILABLE,
        RowReason.SIMULATED: RowVerdict.UNAVAILABLE,
        RowReason.TOO_SHORT: RowVerdict.UNAVAILABLE,
    }
)
"""The reasons for which a row is not judged, and the verdict each gives."""


@dataclass(frozen=True, slots=True, order=True)
class RowKey:
    """Which number a row is about; unique within a night."""

    scenario: str
    endpoint: str
    metric: str
    phase: str = "sustained"


@dataclass(frozen=True, slots=True)
class RowInput:
    """One row's numbers.

    Attributes:
        key: Which number.
        kind: How it is judged: a quantity by its change, stalled windows and errors by their counts.
        metric_class: Decides the prior spread of a quantity; another Trend takes the class of its quantile.
        direction: Which way is good.
        tolerance: Slowdown accepted, as a fraction above 0.
        baseline: A quantity's accepted runs.
        history: A quantity's valid nights before the judged ones, oldest first.
        current: A quantity's current runs: the night's run first, then the repeats.
        pairs: (old, new) of each pair. When there are any, a quantity is judged on them alone.
        baseline_stalled: Stalled windows of each baseline run.
        current_stalled: Stalled windows of each current run; with pairs, of the new runs.
        baseline_failures: Failures of all baseline runs, a window or a run each.
        current_failures: For each current run its windows; with pairs, the new runs.
        reason: Why the row is not judged, a key of `VERDICT_WITHOUT_JUDGEMENT`; None to judge it.
        detail: What goes with the reason, such as the fingerprint's field that differs; handed through.
    """

    key: RowKey
    kind: RowKind = RowKind.QUANTITY
    metric_class: MetricClass = MetricClass.P99
    direction: Direction = Direction.LOWER
    tolerance: float = DEFAULT_TOLERANCE
    baseline: tuple[float, ...] = ()
    history: tuple[float, ...] = ()
    current: tuple[float, ...] = ()
    pairs: tuple[tuple[float, float], ...] = ()
    baseline_stalled: tuple[int, ...] = ()
    current_stalled: tuple[int, ...] = ()
    baseline_failures: tuple[Failures, ...] = ()
    current_failures: tuple[tuple[Failures, ...], ...] = ()
    reason: RowReason | None = None
    detail: str = ""


def unjudgeable(row: RowInput) -> RowReason | None:
    """Say why a row's numbers cannot be judged, whatever its `reason`; None when they can.

    Nothing now is `not-measured`, nothing to compare with is `no-baseline`, and a number that its quantity cannot
    have (NaN, infinite, zero or negative; more failures than requests) is `not-a-quantity`.
    """
    if row.kind is RowKind.STALLED_WINDOWS:
        good = all(0 <= count < math.inf for count in (*row.baseline_stalled, *row.current_stalled))
        return _missing(row.baseline_stalled, row.current_stalled) or _flawed(good=good)
    if row.kind is RowKind.ERRORS:
        runs = (row.baseline_failures, *row.current_failures)
        good = all(0 <= window.failed <= window.requests < math.inf for run in runs for window in run)
        busy = [run for run in row.current_failures if any(window.requests > 0 for window in run)]
        known = [window for window in row.baseline_failures if window.requests > 0]
        measured = busy if len(busy) == len(row.current_failures) else ()
        return _flawed(good=good) or _missing(known, measured)
    if row.pairs:
        return _flawed(good=all(is_quantity(value) for pair in row.pairs for value in pair))
    good = all(map(is_quantity, (*row.baseline, *row.current)))
    return _missing(row.baseline, row.current) or _flawed(good=good)


def _missing(baseline: Sized, current: Sized) -> RowReason | None:
    if not len(current):
        return RowReason.NOT_MEASURED
    return None if len(baseline) else RowReason.NO_BASELINE


def _flawed(*, good: bool) -> RowReason | None:
    return None if good else RowReason.NOT_A_QUANTITY
