"""What GitHub shows on the run's page: one line for each thing that went wrong, the worst first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict
from chamiperf_ci.render import groups
from chamiperf_ci.render.changes import title
from chamiperf_ci.render.consequence import fails
from chamiperf_ci.render.escaping import plain

Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line; how many of them are shown is the publisher's business."""

    level: Level
    title: str
    message: str


def notes(verdict: Verdict) -> tuple[Note, ...]:
    """Return the lines, the worst first: runs, regressions, targets, vanished, not judged, inconclusive, warnings."""
    return tuple(
        Note(note.level, plain(note.title, longest=120), plain(note.message, longest=1_000)) for note in _notes(verdict)
    )


def _notes(verdict: Verdict) -> Iterator[Note]:
    rows = groups.worst_first(verdict.rows)
    for scenario in verdict.scenarios:
        if not scenario.valid:
            told = "; ".join(scenario.problems)
            yield Note(_level(verdict, FailOn.INVALID), f"{scenario.scenario} was not judged", told)
    for kind, holds, what in _KINDS:
        for row in rows:
            if holds(row):
                said = row.target.sentence if holds is groups.misses_target else row.sentence
                yield Note(_level(verdict, kind), f"{title(row.key)} {what}", f"{row.key.text}: {said}")
    for warning in (*verdict.warnings, *(line for scenario in verdict.scenarios for line in scenario.warnings)):
        yield Note("notice", "chamiperf", warning)


def _level(verdict: Verdict, kind: FailOn) -> Level:
    return "error" if fails(verdict, kind) else "warning"


def _is_alone_not_judged(row: Row) -> bool:
    """Not judged for a reason of its own: a run that cannot be judged is said once, not once a row."""
    own = row.reason not in (RowReason.RUN_INVALID, RowReason.NOT_MEASURED)
    return row.compared and row.verdict is RowVerdict.INVALID and own


_KINDS: tuple[tuple[FailOn, Callable[[Row], bool], str], ...] = (
    (FailOn.REGRESSION, groups.has_regressed, "regressed"),
    (FailOn.TARGET, groups.misses_target, "misses its target"),
    (FailOn.INVALID, groups.has_vanished, "vanished"),
    (FailOn.INVALID, _is_alone_not_judged, "was not judged"),
    (FailOn.DRIFT, groups.is_drifting, "drifts"),
    (FailOn.INCONCLUSIVE, lambda row: groups.is_inconclusive(row) and row.suspect, "is suspect"),
)
