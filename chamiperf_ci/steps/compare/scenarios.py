"""Which runs belong together, and the history and neighbours that they are compared with."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.target import Fingerprint
from chamiperf_ci.models.verdict import Fact, RowKey
from chamiperf_ci.models.vocabulary import FactWord, RunReason, Statistic
from chamiperf_ci.verdict.change import MOST_HISTORY

FRESH_AFTER = timedelta(minutes=10)
"""Runs closer together than this ran back to back, so they are not independent (verdict.md section 7)."""

_REMEDY = "Run `chamiperf load` first, or name its output with --runs."


@dataclass(frozen=True, slots=True)
class ScenarioRuns:
    """All runs of one scenario.

    Attributes:
        night: The run that the first look judges; where only pairs were measured, the first new one that is used.
        repeats: Valid fresh repeats of it, oldest first.
        pairs: Valid (old, new) pairs, oldest first; when there are any, they alone decide.
        set_aside: Repeats and pairs that could not be used, and why.
        failed: Why runs among those were invalid.
        unlike: How old and new differ in pairs that were left out for it; "here" is the new side.
    """

    night: Run
    repeats: tuple[Run, ...] = ()
    pairs: tuple[tuple[Run, Run], ...] = ()
    set_aside: tuple[Fact, ...] = ()
    failed: tuple[RunReason, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.night.scenario

    @property
    def current(self) -> tuple[Run, ...]:
        """The runs that a target looks at: the night's and its repeats; of pairs that stand alone all new ones.

        The runs of pairs beside a night are shorter than it, and no target looks at them.
        """
        if self.only_pairs and self.pairs:
            return tuple(new for _, new in self.pairs)
        return (self.night, *self.repeats)

    @property
    def judged(self) -> tuple[Run, ...]:
        """All runs that a verdict rests on, each once: the night's, its repeats, and old and new of each pair."""
        first = () if self.only_pairs and self.pairs else self.current
        return (*first, *(run for pair in self.pairs for run in pair))

    @property
    def again(self) -> bool:
        """Whether the scenario was measured again."""
        return bool(self.repeats or self.pairs)

    @property
    def only_pairs(self) -> bool:
        """Whether there are only pairs: the old side is the baseline of every row, and nothing is left to repeat."""
        return self.night.run_kind is RunKind.PAIR_NEW

    @property
    def back_to_back(self) -> bool:
        """Whether a repeat began less than ten minutes after the run before it had ended."""
        runs = (self.night, *self.repeats)
        return any(later.started_at - run.ended_at < FRESH_AFTER for run, later in itertools.pairwise(runs))


def read_runs(places: Sequence[Path]) -> tuple[Run, ...]:
    """Read run files, and all `*.json` files of folders, in the order of their names.

    Raises:
        ConfigurationError: A place does not exist, or a file is not a run.
        InvalidMeasurement: There is no run at all.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise ConfigurationError("the runs do not exist", where=str(place), remedy=_REMEDY)
        found += sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not found:
        raise InvalidMeasurement("there is no run to judge", where=", ".join(map(str, places)), remedy=_REMEDY)
    return tuple(files.read_document(path, Run) for path in found)


def runs_by_scenario(runs: Sequence[Run]) -> tuple[ScenarioRuns, ...]:
    """Group runs by scenario, in the order of scenario names; the order of `runs` is irrelevant.

    Raises:
        ConfigurationError: A scenario has no run to begin with, or two; or the runs are of several environments.
    """
    environments = _environments(runs)
    if len(environments) > 1:
        raise ConfigurationError(
            f"the runs are of several environments: {', '.join(environments)}",
            where="--runs",
            remedy="Judge one environment at a time; give each its own output folder (--out).",
        )
    return tuple(
        _grouped(name, [run for run in runs if run.scenario == name]) for name in sorted({run.scenario for run in runs})
    )


def environment_of(runs: Sequence[Run]) -> str:
    """The environment that is judged; the old side of pairs is another target, and gives no name."""
    return next(iter(_environments(runs)), runs[0].fingerprint.environment)


def _environments(runs: Sequence[Run]) -> list[str]:
    return sorted({run.fingerprint.environment for run in runs if run.run_kind is not RunKind.PAIR_OLD})


def _grouped(scenario: str, runs: Sequence[Run]) -> ScenarioRuns:
    ordered = sorted(runs, key=lambda run: (run.started_at, run.run_id))
    of_kind = {kind: [run for run in ordered if run.run_kind is kind] for kind in RunKind}
    first = [run for run in ordered if run.run_kind not in (RunKind.REPEAT, RunKind.PAIR_OLD, RunKind.PAIR_NEW)]
    old, new = of_kind[RunKind.PAIR_OLD], of_kind[RunKind.PAIR_NEW]
    only_pairs = not first and bool(old) and bool(new)
    problems: list[Fact] = []
    if len(old) != len(new):
        problems.append(Fact(word=FactWord.UNPAIRED, values={"old": len(old), "new": len(new)}))
    pairs = [pair for pair in zip(old, new, strict=False) if _pairs_up(*pair, problems)]
    if only_pairs:
        first = [pairs[0][1] if pairs else next((run for run in new if run.valid), new[0])]
    if len(first) != 1:
        found = ", ".join(run.run_id for run in first) or "none"
        raise ConfigurationError(
            f"{scenario} needs exactly one run to judge, found {found}",
            where="--runs",
            remedy="Give the folder of one `chamiperf load`; repeats and pairs may lie beside its run.",
        )
    night = first[0]
    repeats = [run for run in of_kind[RunKind.REPEAT] if _fits(run, night, problems)]
    again = (*of_kind[RunKind.REPEAT], *old, *new)
    failed = [reason for run in again if only_pairs or run.started_at >= night.started_at for reason in reasons(run)]
    valid = [pair for pair in zip(old, new, strict=False) if all(run.valid for run in pair)]
    unlike = dict.fromkeys(difference for pair in valid for difference in _differences(*pair))
    return ScenarioRuns(night, tuple(repeats), tuple(pairs), tuple(problems), tuple(failed), tuple(unlike))


def reasons(run: Run) -> tuple[RunReason, ...]:
    """Return why a run cannot be judged; empty when it can."""
    if run.valid:
        return ()
    return tuple(problem.reason for problem in run.problems) or (RunReason.INCOMPLETE,)


def _differences(old: Run, new: Run) -> tuple[str, ...]:
    """How two sides of a pair differ, but for the name of where they run."""
    there = old.fingerprint.model_copy(update={"environment": new.fingerprint.environment})
    return tuple(new.fingerprint.differences(there))


def _fits(repeat: Run, night: Run, problems: list[Fact]) -> bool:
    """Whether a repeat may stand beside the night's run; if not, say why."""
    if repeat.started_at < night.started_at:
        problems.append(Fact(word=FactWord.OLDER_THAN_NIGHT, values={"run": repeat.run_id}))
    elif not repeat.valid:
        problems.append(_left_out(FactWord.INVALID_AGAIN, f"repeat {repeat.run_id}", _why_invalid(repeat)))
    elif differences := repeat.fingerprint.differences(night.fingerprint):
        problems.append(_left_out(FactWord.UNLIKE_AGAIN, f"repeat {repeat.run_id}", "; ".join(differences)))
    else:
        return True
    return False


def _pairs_up(old: Run, new: Run, problems: list[Fact]) -> bool:
    """Whether two runs are a pair: both valid, and alike in all but the build and the name of where it runs."""
    names = f"pair {old.run_id} / {new.run_id}"
    invalid = [run for run in (old, new) if not run.valid]
    if invalid:
        problems.append(_left_out(FactWord.INVALID_AGAIN, names, "; ".join(map(_why_invalid, invalid))))
    elif differences := _differences(old, new):
        problems.append(_left_out(FactWord.UNLIKE_AGAIN, names, "; ".join(differences)))
    else:
        return True
    return False


def _left_out(word: FactWord, run: str, why: str) -> Fact:
    return Fact(word=word, values={"run": run, "text": why})


def _why_invalid(run: Run) -> str:
    return "; ".join(problem.text.rstrip(".") for problem in run.problems) or "it did not come to its planned end"


@dataclass(frozen=True, slots=True)
class PastValue:
    """A night's number for one row, how it was formed, and its unit, empty where that is not known."""

    value: float
    statistic: Statistic
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PastNight:
    """One valid nightly run; the confirming repeats, drills and quick runs of history are not among them.

    Attributes:
        run_id: Names the run.
        started_at: When.
        fingerprint: Under which circumstances.
        values: By row.
        commits: The builds, as `bss 1a2b3c4`.
    """

    run_id: str
    started_at: datetime
    fingerprint: Fingerprint
    values: Mapping[RowKey, PastValue]
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PastNights:
    """All nights that are known, oldest first; None in place of a Past means that no history was given."""

    nights: tuple[PastNight, ...] = ()
    earlier: frozenset[date] = frozenset()
    """Days with a night in this environment before those, of which nothing else is known."""

    def alike(self, fingerprint: Fingerprint, before: datetime) -> tuple[PastNight, ...]:
        """Return the nights of the same fingerprint that began before a time, oldest first.

        Two runs of one night are one night, of which the newest is told. That of a time's own date is the one that is
        judged just now, however many attempts it took.
        """
        of_date = {
            n.started_at.date(): n
            for n in sorted(self.nights, key=lambda night: (night.started_at, night.run_id))
            if n.started_at < before and n.started_at.date() != before.date() and n.fingerprint == fingerprint
        }
        return tuple(of_date.values())

    def count_environment(self, fingerprint: Fingerprint, before: datetime) -> int:
        """Count the calendar days with a night in the same environment and kind of stack, before a time."""
        known = {
            night.started_at.date()
            for night in self.nights
            if night.started_at.date() < before.date()
            and night.fingerprint.environment == fingerprint.environment
            and night.fingerprint.stack_kind == fingerprint.stack_kind
        }
        return len(known | {day for day in self.earlier if day < before.date()})


def series(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str = "") -> tuple[float, ...]:
    """Return a row's numbers of the last 30 nights that have one formed in the same way and unit, oldest first."""
    return tuple(night.values[key].value for night in _with_the_row(nights, key, statistic, unit))


def dates(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str = "") -> tuple[datetime, ...]:
    """Return when each night of `series` began."""
    return tuple(night.started_at for night in _with_the_row(nights, key, statistic, unit))


def _with_the_row(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str) -> list[PastNight]:
    return [
        night
        for night in nights
        if (past := night.values.get(key)) is not None and past.statistic is statistic and alike(past.unit, unit)
    ][-MOST_HISTORY:]


def alike(unit: str, other: str) -> bool:
    """Whether two units are the same, as far as both are known."""
    return not unit or not other or unit == other
