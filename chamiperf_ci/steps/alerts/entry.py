"""From files, history and GitHub to the night that is told of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.github import workflows
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError
from chamiperf_ci.models.alert import NOT_MEASURING
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.verdict import ScenarioOutcome, Verdict
from chamiperf_ci.steps import history as kept
from chamiperf_ci.steps.alerts.findings import Night, Trouble, findings, without_verdict
from chamiperf_ci.steps.alerts.step import Channels, Told, Tracker, tell
from chamiperf_ci.steps.alerts.suspect_range import UNREADABLE, last_good, suspect_range
from chamiperf_ci.steps.nights import Schedule, environment_of, newest_night, schedule_off, watched
from chamiperf_ci.steps.published import published, published_verdict

_LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was given."""

    now: datetime
    verdict: Path | None = None
    """The night's; None for a night without one, and for a look from outside."""
    without_verdict: str = ""
    """Why the night has no verdict."""
    watch: bool = False
    """Look from outside: is a night missing, or the schedule off?"""
    environment: str = ""
    history: HistoryStore | None = None
    schedule: str = ""
    """The nightly workflow's file name; empty: not looked at."""
    period: timedelta = timedelta(hours=24)
    link: str = ""


def alert(asked: Asked, channels: Channels) -> tuple[tuple[Night, ...], Told]:
    """Find out about the night, and tell.

    Returns:
        The night, or with a look from outside one for each environment; and what became of their alerts.

    Raises:
        ConfigurationError: The verdict or the history cannot be read.
        OutsideServiceError: A look from outside, and the history or GitHub does not answer.
    """
    if asked.watch:
        schedule = _schedule(asked, channels.tracker)
        nights = watched(asked.environment, _seen(asked), schedule, asked.now, period=asked.period)
        return nights, _together([tell(night, channels) for night in nights])
    night = _night(asked)
    try:
        schedule = _schedule(asked, channels.tracker)
    except OutsideServiceError as error:
        told = tell(night, channels)
        return (night,), replace(told, undelivered=(*told.undelivered, f"the look at the schedule: {error}"))
    night = night if schedule is None else _with_schedule(night, schedule, asked.now)
    return (night,), tell(night, channels)


def _together(told: Sequence[Told]) -> Told:
    undelivered = (sentence for one in told for sentence in one.undelivered)
    return Told(tuple(action for one in told for action in one.done), tuple(dict.fromkeys(undelivered)))


def _night(asked: Asked) -> Night:
    if asked.verdict is None:
        environment = asked.environment or _newest_environment(asked)
        reason = published(asked.without_verdict, environment=environment)
        return without_verdict(environment, reason, asked.now.date(), link=asked.link)
    verdict = published_verdict(read_document(asked.verdict, Verdict, remedy="`chamiperf compare` writes it."))
    night = findings(verdict, link=asked.link)
    outcomes = {scenario.scenario: scenario for scenario in verdict.scenarios}
    return replace(
        night,
        troubles=tuple(
            trouble
            if trouble.topic == NOT_MEASURING
            else replace(
                trouble, changed=_changed(trouble, outcomes[trouble.topic], asked.history, verdict.environment)
            )
            for trouble in night.troubles
        ),
    )


def _changed(
    trouble: Trouble, tonight: ScenarioOutcome, history: HistoryStore | None, environment: str
) -> tuple[str, ...]:
    """The suspect range; a history that cannot be read costs the range, not the alert."""
    if history is None:
        return suspect_range(tonight, None)
    wanted = kept.Wanted(
        environment, {trouble.topic}, {RunKind.NIGHT}, tonight.started_at - _LOOK_BACK, tonight.started_at
    )
    try:
        entries = kept.read(history, wanted).entries
    except (ConfigurationError, OutsideServiceError) as error:
        return (UNREADABLE, error.wrong)
    return suspect_range(tonight, last_good(entries, trouble.topic, trouble.rows, before=tonight.started_at))


def _newest_environment(asked: Asked) -> str:
    """Of the newest night; a history that cannot be read costs the name, not the alert."""
    try:
        return environment_of(newest_night(_names(asked), ""))
    except (ConfigurationError, OutsideServiceError):
        return environment_of(None)


def _seen(asked: Asked) -> list[kept.EntryName]:
    try:
        return _names(asked)
    except OutsideServiceError as error:
        wrong = f"the history could not be read, so nobody knows whether nights are missing: {error.wrong}"
        raise OutsideServiceError(wrong, where=error.where, remedy=error.remedy) from error


def _names(asked: Asked) -> list[kept.EntryName]:
    paths = () if asked.history is None else asked.history.names()
    return [name for path in paths if (name := kept.parse_name(path)) is not None]


def _schedule(asked: Asked, tracker: Tracker | None) -> Schedule | None:
    if not asked.schedule or tracker is None:
        return None
    found = workflows.read(tracker.api, tracker.repository, asked.schedule)
    # Without a history nothing is known of any night, so that none can be missing.
    since = None if asked.history is None else found.created_at.astimezone(UTC)
    return Schedule(asked.schedule, found.state, since)


def _with_schedule(night: Night, schedule: Schedule, now: datetime) -> Night:
    """The night with the alarm of a schedule that is off: it ran by hand, and the next will not run by itself."""
    line = schedule_off(schedule, now)
    if line is None:
        return night
    here = next((trouble for trouble in night.troubles if trouble.topic == NOT_MEASURING), Trouble(NOT_MEASURING, ()))
    others = (trouble for trouble in night.troubles if trouble.topic != NOT_MEASURING)
    return replace(night, troubles=(replace(here, lines=(*here.lines, line)), *others))
