"""Which issues to open, update and close, and what is news: a pure function of the night and the alerts there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chamiperf_ci.models.alert import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.steps.alerts.findings import Night, Trouble
from chamiperf_ci.steps.alerts.suspect_range import UNREADABLE

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
    return (*_of_troubles(night, known), *_of_what_is_over(night, known))


def _of_troubles(night: Night, known: Sequence[Known]) -> Iterator[Action]:
    # A job that is run again is the same night. A look from outside has one trouble at most. What cannot be read has
    # no lines, and takes this night for its first.
    opened = sum(one.alert.since == night.when and bool(one.alert.lines) for one in known) if night.measured else 0
    for trouble in night.troubles:
        newest = _current(known, trouble.topic)
        alert = _begun(night, trouble) if newest is None else _continued(night, trouble, newest.alert)
        joined = set(alert.seen) - set(() if newest is None else newest.alert.seen)
        if newest is not None and newest.is_open:
            if alert != newest.alert:
                yield Action(Act.UPDATE, trouble.topic, alert, newest.number, news=bool(joined), url=newest.url)
        elif joined:
            act = Act.OPEN if opened < MOST_OPENED else Act.WITHHOLD
            opened += act is Act.OPEN
            yield Action(act, trouble.topic, _begun(night, trouble))


def _of_what_is_over(night: Night, known: Sequence[Known]) -> Iterator[Action]:
    troubled = {trouble.topic for trouble in night.troubles}
    for one in sorted(known, key=lambda one: one.number):
        if one.alert.over or one.topic in troubled or not _is_clean(night, one):
            continue
        act = Act.CLOSE if one.is_open else Act.SETTLE
        over = one.alert.model_copy(update={"over": True})
        yield Action(act, one.topic, over, one.number, news=act is Act.CLOSE, url=one.url)


def _current(known: Sequence[Known], topic: str) -> Known | None:
    """The issue that a topic's trouble belongs to: the oldest open one, else the newest that is not over."""
    here = sorted((one for one in known if one.topic == topic), key=lambda one: one.number)
    is_open = next((one for one in here if one.is_open), None)
    return is_open or next((one for one in reversed(here) if not one.alert.over), None)


def _is_clean(night: Night, one: Known) -> bool:
    """Whether tonight showed that the alert's trouble is over; what was not judged shows nothing."""
    if one.topic == NOT_MEASURING:
        return night.valid
    undecided = night.undecided.get(one.topic, frozenset())
    return one.topic in night.judged and not undecided & {line.name for line in one.alert.lines}


def _begun(night: Night, trouble: Trouble) -> Alert:
    return Alert(
        since=night.when,
        last=night.when,
        lines=trouble.lines,
        seen=_keys(trouble.lines),
        changed=trouble.changed,
        reproduce=trouble.reproduce,
        link=night.link,
        self_test=night.self_test,
    )


def _continued(night: Night, trouble: Trouble, before: Alert) -> Alert:
    """The alert after one more night, or one more look at the same."""
    since = {key: line.since for line in before.lines for key in _keys([line])}
    lines = tuple(
        line.model_copy(update={"since": min(since.get(key, line.since) for key in _keys([line]))})
        for line in trouble.lines
    )
    # A look from outside knows nothing of what the night before found, and takes none of it away; a row that was not
    # decided tonight is not known to be good.
    undecided = night.undecided.get(trouble.topic, frozenset())
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
            "changed": before.changed if is_known else trouble.changed,
            "reproduce": trouble.reproduce or before.reproduce,
            "link": night.link or before.link,
        }
    )


def _keys(lines: Iterable[AlertLine]) -> tuple[str, ...]:
    """What is wrong, each thing by itself: of reasons that come and go together, none is new."""
    return tuple(sorted({f"{line.name}: {what}" for line in lines for what in line.what.split(", ")}))
