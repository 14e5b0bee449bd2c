"""Which issues to open, update and close, and what is news: a pure function of the night and the alerts there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chamiperf_ci.models.alert import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.steps.alerts.findings import Night, Trouble

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
class Known:
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


def decide(night: Night, known: Sequence[Known]) -> tuple[Action, ...]:
    """What follows from a night.

    An issue that a person closed is an acknowledgement: as long as the trouble lasts and nothing joins it, no other is
    opened. It ends with the first clean night.

    Args:
        night: Its troubles in order; with more new ones than may be opened, the first are.
        known: Every issue of this environment's alerts, in any order.
    """
    actions: list[Action] = []
    for trouble in night.troubles:
        newest = _current(known, trouble.topic)
        if newest is None:
            opened = sum(action.act is Act.OPEN for action in actions)
            act = Act.OPEN if opened < MOST_OPENED else Act.WITHHOLD
            actions.append(Action(act, trouble.topic, _begun(night, trouble)))
            continue
        alert = _continued(night, trouble, newest.alert)
        joined = set(alert.seen) - set(newest.alert.seen)
        if newest.is_open:
            if alert != newest.alert:
                news = bool(joined)
                actions.append(Action(Act.UPDATE, trouble.topic, alert, newest.number, news=news, url=newest.url))
        elif joined:
            actions.append(Action(Act.OPEN, trouble.topic, _begun(night, trouble)))
    troubled = {trouble.topic for trouble in night.troubles}
    for one in sorted(known, key=lambda one: one.number):
        if one.alert.over or one.topic in troubled or not _is_clean(night, one):
            continue
        act = Act.CLOSE if one.is_open else Act.SETTLE
        over = one.alert.model_copy(update={"over": True})
        actions.append(Action(act, one.topic, over, one.number, news=act is Act.CLOSE, url=one.url))
    return tuple(actions)


def _current(known: Sequence[Known], topic: str) -> Known | None:
    """The issue that a topic's trouble belongs to: the oldest open one, else the newest that is not over."""
    here = sorted((one for one in known if one.topic == topic), key=lambda one: one.number)
    is_open = next((one for one in here if one.is_open), None)
    return is_open or next((one for one in reversed(here) if not one.alert.over), None)


def _is_clean(night: Night, one: Known) -> bool:
    """Whether tonight showed that the alert's trouble is over; what was not judged shows nothing."""
    if one.topic == NOT_MEASURING:
        return night.measured
    undecided = night.undecided.get(one.topic, frozenset())
    return one.topic in night.judged and not undecided & {line.name for line in one.alert.lines}


def _begun(night: Night, trouble: Trouble) -> Alert:
    return Alert(
        since=night.when,
        last=night.when,
        lines=trouble.lines,
        seen=tuple(sorted(map(_key, trouble.lines))),
        changed=trouble.changed,
        reproduce=trouble.reproduce,
        link=night.link,
        self_test=night.self_test,
    )


def _continued(night: Night, trouble: Trouble, before: Alert) -> Alert:
    """The alert after one more night, or one more look at the same."""
    since = {_key(line): line.since for line in before.lines}
    lines = tuple(line.model_copy(update={"since": since.get(_key(line), line.since)}) for line in trouble.lines)
    # A look from outside knows nothing of what the night before found, and takes none of it away; a row that was not
    # decided tonight is not known to be good.
    undecided = night.undecided.get(trouble.topic, frozenset())
    found = {line.name for line in lines}
    kept = (line for line in before.lines if line.name not in found and (not night.measured or line.name in undecided))
    lines = (*lines, *kept)
    return before.model_copy(
        update={
            "last": max(before.last, night.when),
            "lines": lines,
            "seen": tuple(sorted({*before.seen, *map(_key, lines)})),
            # What changed since the last good night is known best on the first bad one: later ones only add to it.
            "changed": before.changed or trouble.changed,
            "reproduce": trouble.reproduce or before.reproduce,
            "link": night.link or before.link,
        }
    )


def _key(line: AlertLine) -> str:
    return f"{line.name}: {line.what}"
