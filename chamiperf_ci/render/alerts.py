"""An alert as people read it: its issue, the comment that closes it, the message to a chat, what missing nights say.

The issue's text also holds the alert itself, hidden, for the next night; whoever can edit the issue can edit that, so
it is read as data only, and what cannot be read is not an alert.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, unquote

from pydantic import ValidationError

from chamiperf_ci.models.history import NOT_MEASURING, Alert, AlertLine
from chamiperf_ci.render import numbers
from chamiperf_ci.render.text import markdown, plain

CARDS = "docs/on-call.md"
MOST_LINES = 40
"""Lines shown; the report has them all. GitHub takes 65,536 characters."""
_LONGEST = 400

_MARKER = re.compile(r"^<!-- chamiperf-ci alert: (?P<environment>\S+)(?: (?P<topic>\S+))? -->", re.MULTILINE)
_KEPT = re.compile(r"^<!-- chamiperf-ci kept: (?P<kept>.*) -->$", re.MULTILINE)

NIGHTS_ARE_WELL = "The nights are where they should be."
NO_NIGHT = "There is no night in the history, and no schedule says when the first is due."
SCHEDULE_STATES = {
    "disabled_inactivity": "GitHub switched the schedule off because the repository had no commit for 60 days",
    "disabled_manually": "the workflow was switched off by hand",
    "disabled_fork": "GitHub switches schedules off in forks",
    "deleted": "the workflow's file is gone",
}
"""Why GitHub does not start a workflow, in words."""


def missing_nights_sentence(periods: int, last: datetime | None, since: datetime | None) -> str:
    """Nights did not happen: for so many periods, since the last one, or since the schedule began."""
    if last is None:
        return f"No night for {periods} periods: none since the schedule began, {since:%Y-%m-%d}."
    return f"No night for {periods} periods: the last one began {_minute(last)}."


def no_night_yet(since: datetime) -> str:
    """The first night is not due yet."""
    return f"There is no night yet: the schedule began {_minute(since)}."


def night_to_come(began: datetime) -> str:
    """A night lies in the future."""
    return (
        f"A night says that it began {_minute(began)}, which is still to come: the clock of its runner or of this one "
        "is wrong."
    )


def damaged_night(began: datetime, path: str) -> str:
    """The newest night's file cannot be read."""
    return f"The file of the night of {_minute(began)} is damaged: {path}."


def schedule_off_sentence(file: str, state: str) -> str:
    """GitHub does not start the workflow any more."""
    why = SCHEDULE_STATES.get(state, f"its state is {state}")
    return f"{file} is no longer started: {why}. Switch it on under Actions."


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def marker(environment: str, topic: str) -> str:
    """The first line of an alert's issue, invisible when rendered; no name can end it early."""
    words = [quote(word, safe="") for word in (environment, topic) if word]
    return f"<!-- chamiperf-ci alert: {' '.join(words)} -->"


def topic_of(body: str, environment: str) -> str | None:
    """The topic of an environment's alert; None for an issue that is none of its alerts."""
    found = _MARKER.search(body)
    if found is None or unquote(found["environment"]) != environment:
        return None
    return unquote(found["topic"] or NOT_MEASURING)


def kept_in(body: str) -> Alert | None:
    """The alert that an issue's text holds; None if somebody damaged it."""
    found = _KEPT.search(body)
    try:
        return None if found is None else Alert.model_validate_json(found["kept"])
    except ValidationError:
        return None


def title(environment: str, topic: str, alert: Alert) -> str:
    """Such as `staging: boot_storm got slower (bootscript p99 and 2 more)`."""
    if topic == NOT_MEASURING:
        return plain(f"{environment}: the nights are not measuring", longest=200)
    if not alert.lines:
        # Somebody damaged what the issue keeps.
        return plain(f"{environment}: {topic}", longest=200)
    first, more = alert.lines[0], len(alert.lines) - 1
    rest = f" and {more} more" if more else ""
    what = "got worse" if any("regression" in line.what for line in alert.lines) else first.what
    return plain(f"{environment}: {topic} {what} ({first.name}{rest})", longest=200)


def issue(environment: str, topic: str, alert: Alert, *, project_url: str = "") -> str:
    """The issue's text."""
    card = "not-measuring" if topic == NOT_MEASURING else "a-scenario-got-worse"
    guide = f"[{CARDS}]({project_url.rstrip('/')}/{CARDS}#{card})" if project_url else f"`{CARDS}`"
    parts = [
        f"{marker(environment, topic)}\n<!-- chamiperf-ci kept: {_hidden(alert)} -->",
        *(["**Self-test on the embedded stack: no product was measured.**"] if alert.self_test else []),
        f"Since {alert.since}, last on {alert.last}; updated while it lasts, closed by the first clean one.",
        f"What to do: {guide}.",
        _table(alert.lines),
    ]
    if alert.changed:
        parts.append("### What changed\n\n" + "\n".join(f"- {markdown(text)}" for text in alert.changed))
    if alert.reproduce:
        commands = "\n".join(plain(command) for command in alert.reproduce)
        parts.append(f"### How to reproduce it\n\n```sh\n{commands}\n```")
    if alert.link:
        parts.append(f"Last run: {plain(alert.link)}")
    return "\n\n".join(parts) + "\n"


def closing(topic: str, alert: Alert, *, link: str) -> str:
    """The comment that closes an issue."""
    what = "The nights measure again" if topic == NOT_MEASURING else "Clean again: no row of the table fails"
    place = f" Run: {plain(link)}" if link else ""
    return f"{what}. It was seen from {alert.since} to {alert.last}.{place}"


def message(environment: str, sentence: str, news: Sequence[str], *, link: str, self_test: bool) -> str:
    """What is sent to a chat: the night in a sentence, then one line for each piece of news."""
    test = " (self-test, no product)" if self_test else ""
    lines = [f"*{_chat(environment)}*{test}: {_chat(sentence)}", *(f"• {_chat(line)}" for line in news)]
    return "\n".join([*lines, *([_chat(link)] if link else [])])


def news_line(act: str, topic: str, alert: Alert, *, url: str = "") -> str:
    """One line of news, such as `boot_storm got worse: bootscript p99 (regression). URL`."""
    name = topic or "not measuring"
    shown = ", ".join(f"{line.name} ({line.what})" for line in alert.lines[:3])
    more = f" and {len(alert.lines) - 3} more" if len(alert.lines) > 3 else ""  # noqa: PLR2004 - as shown
    words = {
        "open": f"new: {name}: {shown}{more}",
        "update": f"more of it: {name}: {shown}{more}",
        "close": f"over: {name}, seen from {alert.since} to {alert.last}",
        "withhold": f"new, without an issue of its own tonight: {name}: {shown}{more}",
        "untold": f"GitHub did not take this, so it may be known: {name}: {shown}{more}",
        "unkept": f"no issue remembers this, so it may be known: {name}: {shown}{more}",
    }
    return f"{words[act]}{f' {url}' if url else ''}"


def summary(sentence: str, done: Sequence[str], undelivered: Sequence[str]) -> str:
    """For the job summary: the night, what was done about alerts, and what could not be delivered."""
    counts = ", ".join(f"{act} {done.count(act)}" for act in dict.fromkeys(done)) or "nothing to do"
    problems = "".join(f"\n- **Not delivered**: {markdown(problem)}" for problem in undelivered)
    return f"### Alerts\n\n{markdown(sentence)}\n\nIssues: {counts}.\n{problems}\n"


def _table(lines: Sequence[AlertLine]) -> str:
    rows = [
        "| "
        + " | ".join(
            markdown(cell, longest=_LONGEST)
            for cell in (line.name, line.what, line.baseline, line.now, str(line.since), line.says)
        )
        + " |"
        for line in lines[:MOST_LINES]
    ]
    more = len(lines) - MOST_LINES
    rest = [f"\n{numbers.counted(more, 'row')} more; the report of the run has them all."] if more > 0 else []
    head = ["| what | why | accepted | tonight | since | |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows, *rest])


def _hidden(alert: Alert) -> str:
    """JSON on one line that cannot end the comment it stands in."""
    lines = (
        line.model_copy(update={"says": plain(line.says, longest=_LONGEST) if place < MOST_LINES else ""})
        for place, line in enumerate(alert.lines)
    )
    kept = alert.model_copy(update={"lines": tuple(lines)})
    return kept.model_dump_json(exclude_defaults=True).replace("--", "-\\u002d")


def _chat(text: str) -> str:
    """Text for Slack's own markup, in which `<!channel>` would wake everybody."""
    escaped = plain(text, longest=600).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")
