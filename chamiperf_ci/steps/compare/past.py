"""The nights before: what history holds of the same fingerprint, as numbers by row; knows nothing of files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chamiperf_ci.models.fingerprint import Fingerprint
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Statistic

MOST_NIGHTS = 30


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
class Past:
    """All nights that are known, oldest first; None in place of a Past means that no history was given."""

    nights: tuple[PastNight, ...] = ()

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
        return len(
            {
                night.started_at.date()
                for night in self.nights
                if night.started_at.date() < before.date()
                and night.fingerprint.environment == fingerprint.environment
                and night.fingerprint.stack_kind == fingerprint.stack_kind
            }
        )


def series(nights: tuple[PastNight, ...], key: RowKey, statistic: Statistic, unit: str = "") -> tuple[float, ...]:
    """Return a row's numbers of the last 30 nights that have one formed in the same way and unit, oldest first."""
    found = [night.values[key] for night in nights if key in night.values]
    return tuple(past.value for past in found if past.statistic is statistic and alike(past.unit, unit))[-MOST_NIGHTS:]


def alike(unit: str, other: str) -> bool:
    """Whether two units are the same, as far as both are known."""
    return not unit or not other or unit == other
