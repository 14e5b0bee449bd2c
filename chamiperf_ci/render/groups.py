"""Which rows belong under which title, and which come first; the same in every place that shows a verdict."""

from collections.abc import Iterable

from chamiperf_ci.models.verdict import Row
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict


def has_regressed(row: Row) -> bool:
    """A regression that nobody has acknowledged."""
    return row.verdict is RowVerdict.REGRESSION and row.acknowledged is None


def misses_target(row: Row) -> bool:
    """A missed target that nobody has acknowledged."""
    return row.target.verdict is TargetVerdict.MISSED and row.target.acknowledged is None


def has_vanished(row: Row) -> bool:
    """In the baseline and not in the run."""
    return row.compared and row.reason is RowReason.NOT_MEASURED


def is_acknowledged(row: Row) -> bool:
    """Known, and covered by an entry of baselines.json."""
    return row.acknowledged is not None or row.target.acknowledged is not None


def is_drifting(row: Row) -> bool:
    """Creeping for days."""
    return row.reason is RowReason.DRIFT


def is_not_judged(row: Row) -> bool:
    """Compared, and without an answer; or a target without one because its run or value is invalid."""
    unanswered = row.verdict in (RowVerdict.INVALID, RowVerdict.UNAVAILABLE)
    return (row.compared and unanswered) or row.target.verdict is TargetVerdict.INVALID


def is_inconclusive(row: Row) -> bool:
    """Neither cleared nor condemned."""
    return row.compared and row.verdict is RowVerdict.INCONCLUSIVE


def is_improved(row: Row) -> bool:
    """Better."""
    return row.verdict is RowVerdict.IMPROVEMENT


def gravity(row: Row) -> float:
    """How much worse a row got, in units of what is tolerated; 0 where nothing was compared."""
    return row.change.d / row.tolerance if row.change and row.tolerance > 0 else 0.0


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Order rows by gravity; the name decides between equals."""
    return sorted(rows, key=lambda row: (-gravity(row), row.key.text))
