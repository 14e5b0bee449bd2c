"""What GitHub shows on the run's page: one line for each thing that went wrong, the worst first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict
from chamiperf_ci.render import groups
from chamiperf_ci.render.changes import title
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
            yield Note("error", f"{scenario.scenario} was not judged", "; ".join(scenario.problems))
    for usual, holds, what in _KINDS:
        level: Level = "warning" if _is_advice(holds, verdict) else usual
        for row in rows:
            if holds(row):
                said = row.target.sentence if holds is groups.misses_target else row.sentence
                yield Note(level, f"{title(row.key)} {what}", f"{row.key.text}: {said}")
    for warning in (*verdict.warnings, *(line for scenario in verdict.scenarios for line in scenario.warnings)):
        yield Note("notice", "chamiperf", warning)


def _is_advice(holds: Callable[[Row], bool], verdict: Verdict) -> bool:
    """Whether it does not turn the exit code, and so must not look like a failure."""
    return bool(verdict.fail_on) and holds in _FAILS and _FAILS[holds] not in verdict.fail_on


def _is_alone_not_judged(row: Row) -> bool:
    """Not judged for a reason of its own: a run that cannot be judged is said once, not once a row."""
    own = row.reason not in (RowReason.RUN_INVALID, RowReason.NOT_MEASURED)
    return row.compared and row.verdict is RowVerdict.INVALID and own


_KINDS: tuple[tuple[Level, Callable[[Row], bool], str], ...] = (
    ("error", groups.has_regressed, "regressed"),
    ("error", groups.misses_target, "misses its target"),
    ("error", groups.has_vanished, "vanished"),
    ("warning", _is_alone_not_judged, "was not judged"),
    ("warning", groups.is_drifting, "drifts"),
    ("warning", lambda row: groups.is_inconclusive(row) and row.suspect, "is suspect"),
)
_FAILS = {groups.has_regressed: FailOn.REGRESSION, groups.misses_target: FailOn.TARGET}
