"""Which alerts to open, update and close, and doing so."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.github import comments, issues
from chamiperf_ci.adapters.github import repository as workflows
from chamiperf_ci.adapters.github.api import Api, RateLimited
from chamiperf_ci.adapters.github.issues import Issue
from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.adapters.webhook import Webhook
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError
from chamiperf_ci.models.history import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.models.run import RunKind, is_to_come
from chamiperf_ci.models.verdict import ScenarioOutcome, Verdict
from chamiperf_ci.render import alerts as words
from chamiperf_ci.steps import history as kept
from chamiperf_ci.steps.alerts.findings import (
    UNNAMED,
    UNREADABLE,
    AlertFinding,
    JudgedNight,
    findings,
    last_good,
    suspect_range,
    without_verdict,
)
from chamiperf_ci.steps.nights import (
    Schedule,
    environment_of,
    newest_night,
    newest_nights,
    schedule_off_line,
    watched,
)
from chamiperf_ci.steps.published import published, published_verdict

MOST_OPENED = 3
"""Issues opened in one night; a night that breaks everything has one cause."""


class Act(StrEnum):
    """What is done about one alert."""

    OPEN = "open"
    UPDATE = "update"
    CLOSE = "close"
    SETTLE = "settle"
    """Note, in an issue that a person closed, that a clean night has come; nobody is told."""
    WITHHOLD = "withhold"
    """Not opened, because enough were opened tonight; it is told of, and opened on the next night if it lasts."""


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """An alert's issue as it stands."""

    number: int
    topic: str
    is_open: bool
    alert: Alert
    url: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do."""

    act: Act
    topic: str
    alert: Alert
    """As it is to stand afterwards."""
    number: int | None = None
    """The issue's; None where none is there yet."""
    news: bool = True
    """Whether somebody has to hear of it: it is new, worse or over."""
    url: str = ""


def decide(night: JudgedNight, known: Sequence[KnownIssue]) -> tuple[Action, ...]:
    """What follows from a night.

    An issue that a person closed is an acknowledgement: as long as the finding lasts and nothing joins it, no other is
    opened. It ends with the first clean night.

    Args:
        night: Its findings in order; with more new ones than may be opened, the first are.
        known: Every issue of this environment's alerts, in any order.
    """
    return (*_of_findings(night, known), *_closings(night, known))


def _of_findings(night: JudgedNight, known: Sequence[KnownIssue]) -> Iterator[Action]:
    # A job that is run again is the same night. A look from outside has one finding at most. What cannot be read has
    # no lines, and takes this night for its first.
    opened = sum(_is_of(night, one.alert) and bool(one.alert.lines) for one in known) if night.measured else 0
    for finding in night.findings:
        newest = _current(known, finding.topic)
        alert = _begun(night, finding) if newest is None else _continued(night, finding, newest.alert)
        joined = set(alert.seen) - set(() if newest is None else newest.alert.seen)
        if newest is not None and newest.is_open:
            if alert != newest.alert:
                yield Action(Act.UPDATE, finding.topic, alert, newest.number, news=bool(joined), url=newest.url)
        elif joined:
            act = Act.OPEN if opened < MOST_OPENED else Act.WITHHOLD
            opened += act is Act.OPEN
            yield Action(act, finding.topic, _begun(night, finding))


def _is_of(night: JudgedNight, alert: Alert) -> bool:
    """Whether an alert was opened by this night; a run that is run again on the next day is the same night."""
    same_run = bool(night.link) and _run(alert.link) == _run(night.link) and alert.since == alert.last
    return alert.since == night.when or same_run


def _run(link: str) -> str:
    """A workflow run's page, whichever attempt of it."""
    return link.partition("/attempts/")[0]


def _closings(night: JudgedNight, known: Sequence[KnownIssue]) -> Iterator[Action]:
    troubled = {finding.topic for finding in night.findings}
    for one in sorted(known, key=lambda one: one.number):
        if one.alert.over or one.topic in troubled or not _is_clean(night, one):
            continue
        act = Act.CLOSE if one.is_open else Act.SETTLE
        over = one.alert.model_copy(update={"over": True})
        yield Action(act, one.topic, over, one.number, news=act is Act.CLOSE, url=one.url)


def _current(known: Sequence[KnownIssue], topic: str) -> KnownIssue | None:
    """The issue that a topic's finding belongs to: the oldest open one, else the newest that is not over."""
    here = sorted((one for one in known if one.topic == topic), key=lambda one: one.number)
    is_open = next((one for one in here if one.is_open), None)
    return is_open or next((one for one in reversed(here) if not one.alert.over), None)


def _is_clean(night: JudgedNight, one: KnownIssue) -> bool:
    """Whether tonight showed that the alert's finding is over; what was not judged shows nothing."""
    if one.topic == NOT_MEASURING:
        return night.valid
    undecided = night.undecided.get(one.topic, frozenset())
    return one.topic in night.judged and not undecided & {line.name for line in one.alert.lines}


def _begun(night: JudgedNight, finding: AlertFinding) -> Alert:
    return Alert(
        since=night.when,
        last=night.when,
        lines=finding.lines,
        seen=_keys(finding.lines),
        changed=finding.changed,
        reproduce=finding.reproduce,
        link=night.link,
        self_test=night.self_test,
    )


def _continued(night: JudgedNight, finding: AlertFinding, before: Alert) -> Alert:
    """The alert after one more night, or one more look at the same."""
    since = {key: line.since for line in before.lines for key in _keys([line])}
    lines = tuple(
        line.model_copy(update={"since": min(since.get(key, line.since) for key in _keys([line]))})
        for line in finding.lines
    )
    # A look from outside knows nothing of what the night before found, and takes none of it away; a row that was not
    # decided tonight is not known to be good.
    undecided = night.undecided.get(finding.topic, frozenset())
    found = {line.name for line in lines}
    kept = (line for line in before.lines if line.name not in found and (not night.measured or line.name in undecided))
    lines = (*lines, *kept)
    is_known = before.changed and UNREADABLE not in before.changed
    return before.model_copy(
        update={
            "last": max(before.last, night.when),
            "lines": lines,
            "seen": tuple(sorted({*before.seen, *_keys(lines)})),
            # What changed since the last good night is known best on the first bad one: later ones only add to it.
            "changed": before.changed if is_known else finding.changed,
            "reproduce": finding.reproduce or before.reproduce,
            "link": night.link or before.link,
        }
    )


def _keys(lines: Iterable[AlertLine]) -> tuple[str, ...]:
    """What is wrong, each thing by itself: of reasons that come and go together, none is new."""
    return tuple(sorted({f"{line.name}: {what}" for line in lines for what in line.what.split(", ")}))


@dataclass(frozen=True, slots=True)
class Tracker:
    """Where the issues are."""

    api: Api
    repository: str
    label: str
    author: str = ""
    """Who the token writes as; empty: ask."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Where alerts go; None: that way is not set up."""

    say: Callable[[str], None]
    """What was done, or with `dry_run` what would be."""
    tracker: Tracker | None = None
    webhook: Webhook | None = None
    heartbeat: Webhook | None = None
    project_url: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a night's alerts."""

    done: tuple[Action, ...] = ()
    undelivered: tuple[str, ...] = ()
    """One sentence for each thing that could not be delivered."""


def deliver(night: JudgedNight, channels: Channels) -> Delivery:
    """Open, update and close issues, send the news, and ping the heartbeat after a valid night."""
    done: tuple[Action, ...] = ()
    undelivered: list[str] = []
    if channels.tracker is not None:
        done, problem = _Issues(night, channels, channels.tracker).settle()
        undelivered += problem
    # What nobody keeps track of is told every time.
    again = "unkept" if channels.tracker is None else "untold" if undelivered else ""
    news = _chat_lines(night, done, again=again)
    if news or night.unknown:
        text = words.message(night.environment, night.sentence, news, link=night.link, self_test=night.self_test)
        undelivered += _send(channels, channels.webhook, "message to the chat", lambda hook: hook.post(text))
    if night.valid:
        undelivered += _send(channels, channels.heartbeat, "heartbeat", lambda hook: hook.ping())
    return Delivery(done, tuple(undelivered))


def _chat_lines(night: JudgedNight, done: Sequence[Action], *, again: str) -> list[str]:
    """What the chat hears: what is new, worse or over; where no issue could be written, all of the night.

    Args:
        night: What was found.
        done: What became of its issues.
        again: Why what no issue says may have been told before; empty where all of it is in issues.
    """
    news = [words.news_line(action.act, action.topic, action.alert, url=action.url) for action in done if action.news]
    if not again:
        return news
    written = {action.topic for action in done}
    for finding in night.findings:
        if finding.topic not in written:
            alert = Alert(since=night.when, last=night.when, lines=finding.lines)
            news.append(words.news_line(again, finding.topic, alert))
    return news


def _send(channels: Channels, hook: Webhook | None, what: str, send: Callable[[Webhook], None]) -> list[str]:
    if hook is None:
        return []
    channels.say(what)
    if channels.dry_run:
        return []
    try:
        send(hook)
    except OutsideServiceError as error:
        return [f"the {what}: {error}"]
    return []


@dataclass(frozen=True, slots=True)
class _Issues:
    """One night's issues."""

    night: JudgedNight
    channels: Channels
    tracker: Tracker

    def settle(self) -> tuple[tuple[Action, ...], list[str]]:
        """What was done, and why the rest was not."""
        try:
            author = self.tracker.author or comments.login_of(self.tracker.api)
            found = issues.find(self.tracker.api, self.tracker.repository, author=author, state="all")
            bodies = {issue.number: issue.body for issue in found}
        except OutsideServiceError as error:
            return (), [f"the issues: {error}"]
        done: list[Action] = []
        problems: list[str] = []
        for action in decide(self.night, self._known(found)):
            try:
                done.append(self._do(action, author, bodies))
            except RateLimited as error:
                # It would stop the next as well, after the same wait.
                return tuple(done), [*problems, f"the issues: {error}"]
            except OutsideServiceError as error:
                problems.append(f"the issue of {action.topic or 'nights that do not measure'}: {error}")
        return tuple(done), problems

    def _known(self, found: Sequence[Issue]) -> list[KnownIssue]:
        known = []
        for issue in found:
            topic = words.topic_of(issue.body, self.night.environment)
            if self.night.measured and words.topic_of(issue.body, UNNAMED) == NOT_MEASURING:
                topic = NOT_MEASURING
            if topic is None:
                continue
            # An alert that somebody damaged begins anew.
            alert = words.kept_in(issue.body) or Alert(
                since=self.night.when, last=self.night.when, lines=(), over=issue.state == "closed"
            )
            known.append(KnownIssue(issue.number, topic, issue.state == "open", alert, issue.url))
        return known

    def _do(self, action: Action, author: str, bodies: dict[int, str]) -> Action:
        environment, topic, alert = self.night.environment, action.topic, action.alert
        title = words.title(environment, topic, alert)
        body = words.issue(environment, topic, alert, project_url=self.channels.project_url)
        place = "" if action.number is None else f" #{action.number}"
        self.channels.say(f"{action.act} issue{place}: {title}")
        if self.channels.dry_run or action.act is Act.WITHHOLD:
            return action
        api, repository = self.tracker.api, self.tracker.repository
        if action.number is None:
            label, marker = self.tracker.label, words.marker(environment, topic)
            issue = issues.create(api, repository, title=title, body=body, labels=[label], marker=marker, author=author)
            return Action(action.act, topic, alert, issue.number, news=action.news, url=issue.url)
        if action.act is Act.CLOSE:
            comment = words.closing(topic, alert, link=self.night.link)
            issues.close(api, repository, action.number, comment=comment, body=body)
        elif bodies[action.number].rstrip() != body.rstrip():
            issues.update(api, repository, action.number, title=title, body=body)
        return action


_LOOK_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class AlertOptions:
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


def alert(options: AlertOptions, channels: Channels) -> tuple[tuple[JudgedNight, ...], Delivery]:
    """Find out about the night, and tell.

    Returns:
        The night, or with a look from outside one for each environment; and what became of their alerts.

    Raises:
        ConfigurationError: The verdict cannot be read.
        OutsideServiceError: A look from outside, and the history or the schedule could not be looked at.
    """
    if options.watch:
        nights, blind = _watched(options, channels.tracker)
        told = _merged([deliver(night, channels) for night in nights])
        if blind is not None:
            # Only now: the chat has heard of it, and what was seen has its issues.
            raise blind
        return nights, told
    night = _night(options)
    try:
        schedule = _schedule(options, channels.tracker)
    except OutsideServiceError as error:
        told = deliver(night, channels)
        return (night,), replace(told, undelivered=(*told.undelivered, f"the look at the schedule: {error}"))
    night = night if schedule is None else _with_schedule(night, schedule, options.now)
    return (night,), deliver(night, channels)


_BLIND = "so nobody knows whether nights are missing"


def _watched(
    options: AlertOptions, tracker: Tracker | None
) -> tuple[tuple[JudgedNight, ...], OutsideServiceError | None]:
    """The look from outside, and what kept it from seeing; what could not be looked at is news as well."""
    blind: list[OutsideServiceError] = []
    names: Sequence[kept.EntryName] | None = None
    damaged: frozenset[kept.EntryName] = frozenset()
    try:
        names = _named(options)
        damaged = frozenset() if options.history is None else _damaged(options.history, names, options.now)
    except (ConfigurationError, OutsideServiceError) as error:
        wrong = f"the history could not be read, {_BLIND}: {error.wrong}"
        blind.append(OutsideServiceError(wrong, where=error.where, remedy=error.remedy))
    schedule = None
    try:
        schedule = _schedule(options, tracker)
    except OutsideServiceError as error:
        wrong = f"the schedule could not be looked at: {error.wrong}"
        blind.append(OutsideServiceError(wrong, where=error.where, remedy=error.remedy))
    unknown = [error.wrong for error in blind]
    nights = watched(
        options.environment, names, schedule, options.now, period=options.period, damaged=damaged, unknown=unknown
    )
    if not blind:
        return nights, None
    return nights, OutsideServiceError("; ".join(unknown), where=blind[0].where, remedy=blind[0].remedy)


def _named(options: AlertOptions) -> list[kept.EntryName]:
    """The names of the history; a look from outside needs one."""
    if options.history is None:
        raise ConfigurationError(
            "none is named",
            where="--history, --history-branch",
            remedy="Name the one that the nightly writes, such as `history-branch: chamiperf-data`.",
        )
    return _names(options)


def _damaged(store: HistoryStore, names: Sequence[kept.EntryName], now: datetime) -> frozenset[kept.EntryName]:
    """Nights whose file is none, as far as that decides which is the newest of its environment."""
    left, found = list(names), frozenset[kept.EntryName]()
    while newest := newest_nights([name for name in left if not is_to_come(name.started_at, now)]):
        contents = dict(store.read([name.path for name in newest]))
        damaged = frozenset(name for name in newest if not kept.is_entry(contents.get(name.path, b"")))
        if not damaged:
            break
        found |= damaged
        left = [name for name in left if name not in damaged]
    return found


def _merged(told: Sequence[Delivery]) -> Delivery:
    undelivered = (sentence for one in told for sentence in one.undelivered)
    return Delivery(tuple(action for one in told for action in one.done), tuple(dict.fromkeys(undelivered)))


def _night(options: AlertOptions) -> JudgedNight:
    if options.verdict is None:
        environment = options.environment or _newest_environment(options)
        reason = published(options.without_verdict, environment=environment)
        return without_verdict(environment, reason, options.now.date(), link=options.link)
    verdict = published_verdict(read_document(options.verdict, Verdict, remedy="`chamiperf compare` writes it."))
    night = findings(verdict, link=options.link)
    outcomes = {scenario.scenario: scenario for scenario in verdict.scenarios}
    return replace(
        night,
        findings=tuple(
            finding
            if finding.topic == NOT_MEASURING
            else replace(
                finding, changed=_changed(finding, outcomes[finding.topic], options.history, verdict.environment)
            )
            for finding in night.findings
        ),
    )


def _changed(
    finding: AlertFinding, tonight: ScenarioOutcome, history: HistoryStore | None, environment: str
) -> tuple[str, ...]:
    """The suspect range; a history that cannot be read costs the range, not the alert."""
    if history is None:
        return suspect_range(tonight, None)
    wanted = kept.EntryFilter(
        environment, {finding.topic}, {RunKind.NIGHT}, tonight.started_at - _LOOK_BACK, tonight.started_at
    )
    try:
        entries = kept.read(history, wanted).entries
    except (ConfigurationError, OutsideServiceError) as error:
        return (UNREADABLE, error.wrong)
    return suspect_range(tonight, last_good(entries, finding.topic, finding.rows, before=tonight.started_at))


def _newest_environment(options: AlertOptions) -> str:
    """Of the newest night; a history that cannot be read costs the name, not the alert."""
    try:
        return environment_of(newest_night(_names(options), ""))
    except (ConfigurationError, OutsideServiceError):
        return environment_of(None)


def _names(options: AlertOptions) -> list[kept.EntryName]:
    paths = () if options.history is None else options.history.names()
    return [name for path in paths if (name := kept.parse_name(path)) is not None]


def _schedule(options: AlertOptions, tracker: Tracker | None) -> Schedule | None:
    if not options.schedule or tracker is None:
        return None
    found = workflows.read(tracker.api, tracker.repository, options.schedule)
    return Schedule(options.schedule, found.state, found.created_at.astimezone(UTC))


def _with_schedule(night: JudgedNight, schedule: Schedule, now: datetime) -> JudgedNight:
    """The night with the alarm of a schedule that is off: it ran by hand, and the next will not run by itself."""
    line = schedule_off_line(schedule, now)
    if line is None:
        return night
    here = next(
        (finding for finding in night.findings if finding.topic == NOT_MEASURING), AlertFinding(NOT_MEASURING, ())
    )
    others = (finding for finding in night.findings if finding.topic != NOT_MEASURING)
    return replace(night, findings=(replace(here, lines=(*here.lines, line)), *others))
