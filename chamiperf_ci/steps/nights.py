"""Nights that did not happen: none in the history for two periods, or a schedule that GitHub does not start any more.

A schedule that is off cannot watch itself, so every other workflow asks this.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chamiperf_ci.models.history import NOT_MEASURING, AlertLine
from chamiperf_ci.models.run import RunKind, is_to_come
from chamiperf_ci.render import alerts as texts
from chamiperf_ci.steps.alerts.findings import UNNAMED, AlertFinding, JudgedNight
from chamiperf_ci.steps.history import EntryName

PERIOD = timedelta(hours=24)
PERIODS = 2
"""One night may be lost (GitHub drops scheduled runs at busy hours); two are an alarm."""
GIVEN_UP_AFTER = 30
"""Periods without a night after which an environment counts as given up, if another still has nights."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scheduled workflow as GitHub knows it."""

    file: str
    state: str
    """`active`, or why it is not started."""
    since: datetime | None = None
    """When GitHub first saw it."""


def newest_night(names: Sequence[EntryName], environment: str = "") -> EntryName | None:
    """The newest night in the history; of every environment where none is named."""
    return next(iter(newest_nights(names, environment)), None)


def environment_of(newest: EntryName | None) -> str:
    """Whose alert it is where nothing names an environment: that of the newest night."""
    return UNNAMED if newest is None else newest.environment


def schedule_off_line(schedule: Schedule, now: datetime) -> AlertLine | None:
    """The alarm of a schedule that is off; None while it is on."""
    if schedule.state == "active":
        return None
    return AlertLine(
        name="schedule",
        what=schedule.state,
        says=texts.schedule_off_sentence(schedule.file, schedule.state),
        since=now.date(),
    )


def missing_nights_line(
    last: datetime | None, now: datetime, *, period: timedelta = PERIOD, since: datetime | None = None
) -> AlertLine | None:
    """The alarm of nights that did not happen.

    Args:
        last: When the newest night began; None if there is none.
        now: Now.
        period: Time from one night to the next.
        since: When the schedule began, which counts where there is no night yet; None: nothing can be missing.
    """
    known = last or since
    if known is None or now - known < PERIODS * period:
        return None
    return AlertLine(
        name="nights",
        what="missing",
        says=texts.missing_nights_sentence((now - known) // period, last, since),
        since=(known + period).date(),
    )


def watched(
    environment: str,
    names: Sequence[EntryName] | None,
    schedule: Schedule | None,
    now: datetime,
    *,
    period: timedelta,
    damaged: Collection[EntryName] = (),
    unknown: Sequence[str] = (),
) -> tuple[JudgedNight, ...]:
    """What a look from outside finds, one night for each environment that is looked at; it never ends an alert.

    Args:
        environment: The one to look at; empty for every one whose nights are not given up.
        names: Of the history; None where it could not be seen.
        schedule: None where it is not looked at. If it is off, that is told once, with the newest night's environment.
        now: Now.
        period: Time from one night to the next.
        damaged: Those of `names` whose files are no nights.
        unknown: What could not be looked at; told once, with the newest night's environment.
    """
    every = newest_nights(names or (), environment)
    newest = every[0] if every else None
    others = [one for one in every[1:] if now - one.started_at < GIVEN_UP_AFTER * period]
    off = None if schedule is None else schedule_off_line(schedule, now)
    since = None if schedule is None else schedule.since

    def look(of: str) -> list[AlertLine]:
        mine = [name for name in names or () if name.environment == of]
        return list(_night_lines(mine, damaged, now, period=period, since=since))

    first = environment or environment_of(newest)
    found = [] if names is None else look(first)
    outside = _watched_night(first, now, [*found, *([off] if off else [])])
    if not outside.findings:
        outside = replace(outside, sentence=_all_well(newest, since, now))
    if unknown:
        outside = replace(outside, unknown=tuple(unknown), sentence="; ".join(unknown))
    return (outside, *(_watched_night(one.environment, now, look(one.environment)) for one in others))


def _night_lines(
    names: Sequence[EntryName],
    damaged: Collection[EntryName],
    now: datetime,
    *,
    period: timedelta,
    since: datetime | None,
) -> Iterator[AlertLine]:
    """What is wrong with one environment's nights; that all is well takes one that is seen and whole."""
    last = newest_night([name for name in names if name not in damaged and not is_to_come(name.started_at, now)])
    to_come = newest_night([name for name in names if is_to_come(name.started_at, now)])
    broken = newest_night([name for name in names if name in damaged])
    if to_come is not None:
        yield AlertLine(
            name="nights",
            what="from the future",
            says=texts.night_to_come(to_come.started_at),
            since=now.date(),
        )
    if broken is not None and (last is None or broken.started_at > last.started_at):
        yield AlertLine(
            name="nights",
            what="damaged",
            says=texts.damaged_night(broken.started_at, broken.path),
            since=broken.started_at.date(),
        )
    line = missing_nights_line(None if last is None else last.started_at, now, period=period, since=since)
    if line is not None:
        yield line
    elif last is None and since is None and to_come is None and broken is None:
        yield AlertLine(
            name="nights",
            what="none",
            says=texts.NO_NIGHT,
            since=now.date(),
        )


def _all_well(newest: EntryName | None, since: datetime | None, now: datetime) -> str:
    """Said only of a night that was seen; before the first, when it is due."""
    if newest is None and since is not None:
        return texts.no_night_yet(min(since, now))
    return texts.NIGHTS_ARE_WELL


def in_words(nights: Sequence[JudgedNight]) -> str:
    """What was found, in one line; environments are named where there are several."""
    if len(nights) == 1:
        return nights[0].sentence
    return " ".join(f"{night.environment}: {night.sentence}" for night in nights)


def newest_nights(names: Sequence[EntryName], environment: str = "") -> list[EntryName]:
    """The newest night of each environment, or of the one that is named; the newest of them first."""
    newest = {
        name.environment: name
        for name in sorted(names, key=lambda name: name.started_at)
        if name.run_kind is RunKind.NIGHT and environment in ("", name.environment)
    }
    return sorted(newest.values(), key=lambda name: name.started_at, reverse=True)


def _watched_night(environment: str, now: datetime, found: Sequence[AlertLine]) -> JudgedNight:
    return JudgedNight(
        environment=environment,
        when=now.date(),
        findings=(AlertFinding(NOT_MEASURING, tuple(found)),) if found else (),
        measured=False,
        sentence=" ".join(line.says for line in found) or texts.NIGHTS_ARE_WELL,
    )
