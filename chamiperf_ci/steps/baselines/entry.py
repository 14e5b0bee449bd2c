"""A run as it stands in `baselines.json` and in the history: the numbers that the comparison uses, and no others.

The numbers are those that `compare` forms from a run, so that a run compared with its own entry shows no change.
"""

import math
from collections.abc import Iterable

from chamiperf_ci.models.baselines import AcceptedRow, AcceptedStatement, Baselines, usual_direction
from chamiperf_ci.models.history import HistoryRow
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.models.vocabulary import RowKind, Statistic
from chamiperf_ci.steps.compare.measure import ERRORS, Measurement, measure

DIGITS = 6
"""Significant digits of a value whose resolution is not known."""


def compared_rows(run: Run, baselines: Baselines) -> tuple[AcceptedRow, ...]:
    """Return the rows of a run that the rules of `baselines` compare, as they are stored."""
    return rows_of(found for found in measure(run) if is_compared(found, baselines, run.fingerprint.stack_kind))


def stored_statements(run: Run) -> tuple[AcceptedStatement, ...]:
    """Return what the run's database statements took, as it is stored."""
    return tuple(
        AcceptedStatement(fingerprint=each.fingerprint, typical_ms=rounded(each.typical_ms, 0.0), calls=each.calls)
        for each in run.statements
    )


def stored_row(row: HistoryRow) -> AcceptedRow:
    """Return a row of the history as it stands in `baselines.json`."""
    return AcceptedRow(
        endpoint=row.endpoint,
        metric=row.metric,
        value=row.value,
        unit=row.unit,
        statistic=row.statistic,
        count=row.observations,
    )


def shown_value(row: HistoryRow) -> float:
    """Return a row's value as people read it: of errors the share, which the history keeps as a count."""
    return row.value / max(1, row.observations) if row.metric == ERRORS else row.value


def is_compared(found: Measurement, baselines: Baselines, stack_kind: StackKind) -> bool:
    """Whether a measurement is held against a baseline: where it can be, as the rules say."""
    key = found.key
    policy = baselines.policy(key.scenario, key.endpoint, key.metric, key.phase, stack_kind=stack_kind)
    return policy.compared and (found.comparable or (policy.asked and found.by_rule))


def rows_of(measurements: Iterable[Measurement]) -> tuple[AcceptedRow, ...]:
    """Return measurements as they are stored, sorted by key; what has no number has no row."""
    return tuple(sorted((row for found in measurements if (row := row_of(found)) is not None), key=lambda row: row.key))


def row_of(found: Measurement) -> AcceptedRow | None:
    """Return one measurement as it is stored, or None when it has no number that may be judged."""
    if found.formed.reason is not None or found.formed.value is None:
        return None
    value, unit = rounded(found.formed.value, found.resolution), found.unit
    if found.kind is RowKind.ERRORS:
        # A count, not a share: rates are pooled over runs.
        value, unit = float(sum(window.failed for window in found.failures)), "requests"
    told = found.direction is usual_direction(found.unit, found.formed.statistic)
    return AcceptedRow(
        endpoint=found.key.endpoint,
        metric=found.key.metric,
        phase=found.key.phase,
        value=value,
        unit=unit,
        statistic=found.formed.statistic,
        pooled=rounded(found.pooled, found.resolution)
        if found.formed.statistic is Statistic.MEDIAN_OF_WINDOWS and found.pooled and found.unit != "/s"
        else None,
        direction=None if told or found.kind is not RowKind.QUANTITY else found.direction,
        count=found.count,
    )


def rounded(value: float, resolution: float) -> float:
    """Round to the decimals of the resolution, or to six significant digits where it is not known (0)."""
    if value == 0:
        return 0.0
    decimals = (
        -math.floor(math.log10(resolution)) if resolution > 0 else DIGITS - 1 - math.floor(math.log10(abs(value)))
    )
    return round(value, decimals)
