"""What changed between the last good night and tonight; opaque text is compared for equality only."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from chamiperf_ci.models.fingerprint import Identity, Machine
from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.verdict import RowKey, ScenarioOutcome
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict

UNREADABLE = "The history could not be read, so what changed is not known."
_GOOD = frozenset({RowVerdict.PASS, RowVerdict.IMPROVEMENT})
_MET = frozenset({TargetVerdict.MET, TargetVerdict.AT_THE_LIMIT})
_BUILDS = ("commit", "image", "version")
_MACHINE = ("cpu_model", "kernel", "cores", "memory_gib")


def last_good(
    entries: Iterable[HistoryEntry], scenario: str, rows: Sequence[RowKey], *, before: datetime
) -> HistoryEntry | None:
    """The newest valid night of a scenario on which every one of `rows` was shown to be good.

    A night that left one of them inconclusive may have been slow already, so it is not good; of rows that it does not
    have nothing is asked, unless it has none of them.
    """
    wanted = {(row.endpoint, row.metric) for row in rows}
    nights = sorted(
        (entry for entry in entries if entry.run_kind is RunKind.NIGHT and entry.fingerprint.scenario == scenario),
        key=lambda entry: entry.started_at,
        reverse=True,
    )
    return next((entry for entry in nights if entry.started_at < before and _is_good(entry, wanted)), None)


def suspect_range(tonight: ScenarioOutcome, good: HistoryEntry | None) -> tuple[str, ...]:
    """Sentences: which services changed since the last good night; that none did; or that it cannot be said.

    Args:
        tonight: The scenario that failed.
        good: Its last good night; None where none is kept, and the accepted runs stand in for it.
    """
    if good is None:
        then, when = tonight.baseline_identities, "the accepted runs (no good night is kept)"
    else:
        then, when = good.identities, f"the last good night ({good.started_at:%Y-%m-%d})"
    if not then:
        return ("No good night is kept and the accepted runs name no build, so what changed is not known.",)
    changed = tuple(_changes(then, tonight.identities))
    silent = _silent(then, tonight.identities)
    unknown = (f"Not known, because it does not say its build: {', '.join(silent)}.",) if silent else ()
    if changed:
        return (f"Changed since {when}:", *changed, *unknown)
    machine = () if good is None else tuple(_machine_changes(good.machine, tonight.machine))
    return (f"No service changed since {when}: look at the machine.", *machine, *unknown)


def _is_good(entry: HistoryEntry, wanted: set[tuple[str, str]]) -> bool:
    found = [row for row in entry.rows if (row.endpoint, row.metric) in wanted]
    return (
        entry.valid
        and bool(found)
        and all(
            (row.verdict is None or row.verdict in _GOOD) and (row.target is None or row.target in _MET)
            for row in found
        )
        and any(row.verdict is not None or row.target is not None for row in found)
    )


def _changes(then: Sequence[Identity], now: Sequence[Identity]) -> Iterator[str]:
    before, after = ({one.service: one for one in side} for side in (then, now))
    for service in sorted({*before, *after}):
        old, new = before.get(service), after.get(service)
        if old is None:
            yield f"{service}: new"
        elif new is None:
            yield f"{service}: gone"
        elif (pair := _comparable(old, new)) is not None and pair[0] != pair[1]:
            yield f"{service}: {pair[0]} to {pair[1]}"


def _comparable(old: Identity, new: Identity) -> tuple[str, str] | None:
    """The first of commit, image and version that both sides state."""
    pairs = ((str(getattr(old, name)), str(getattr(new, name))) for name in _BUILDS)
    return next((pair for pair in pairs if all(pair)), None)


def _silent(then: Sequence[Identity], now: Sequence[Identity]) -> list[str]:
    before = {one.service: one for one in then}
    return sorted(one.service for one in now if one.service in before and _comparable(before[one.service], one) is None)


def _machine_changes(then: Machine, now: Machine) -> Iterator[str]:
    for name in _MACHINE:
        old, new = getattr(then, name), getattr(now, name)
        if old != new:
            yield f"machine, {name.replace('_', ' ')}: {old} to {new}"
