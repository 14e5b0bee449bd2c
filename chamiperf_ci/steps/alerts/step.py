"""Does what was decided: issues, one message to a chat, a heartbeat; what could not be delivered is told, not raised.

The channels do not depend on one another: with GitHub away the chat still hears of the night, and with the chat away
the issues are still written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chamiperf_ci.adapters.github import comments, issues
from chamiperf_ci.adapters.github.api import Api
from chamiperf_ci.adapters.github.issues import Issue
from chamiperf_ci.adapters.webhook import Webhook
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.models.alert import NOT_MEASURING, Alert
from chamiperf_ci.render import alerts as words
from chamiperf_ci.steps.alerts.decide import Act, Action, Known, decide
from chamiperf_ci.steps.alerts.findings import UNNAMED, Night


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
    """Told what is done, or with `dry_run` what would be."""
    tracker: Tracker | None = None
    webhook: Webhook | None = None
    heartbeat: Webhook | None = None
    project_url: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a night's alerts."""

    done: tuple[Action, ...] = ()
    undelivered: tuple[str, ...] = ()
    """One sentence for each thing that could not be delivered."""


def tell(night: Night, channels: Channels) -> Told:
    """Open, update and close issues, send the news, and ping the heartbeat after a valid night."""
    done: tuple[Action, ...] = ()
    undelivered: list[str] = []
    if channels.tracker is not None:
        done, problem = _Issues(night, channels, channels.tracker).settle()
        undelivered += problem
    # What nobody keeps track of is told every time.
    again = "unkept" if channels.tracker is None else "untold" if undelivered else ""
    if news := _news(night, done, again=again):
        text = words.message(night.environment, night.sentence, news, link=night.link, self_test=night.self_test)
        undelivered += _deliver(channels, channels.webhook, "message to the chat", lambda hook: hook.post(text))
    if night.valid:
        undelivered += _deliver(channels, channels.heartbeat, "heartbeat", lambda hook: hook.ping())
    return Told(done, tuple(undelivered))


def _news(night: Night, done: Sequence[Action], *, again: str) -> list[str]:
    """What the chat hears: what is new, worse or over; where no issue could be written, all of the night.

    Args:
        night: What was found.
        done: What became of its issues.
        again: Why what no issue says may have been told before; empty where all of it is in issues.
    """
    news = [words.piece(action.act, action.topic, action.alert, url=action.url) for action in done if action.news]
    if not again:
        return news
    written = {action.topic for action in done}
    for trouble in night.troubles:
        if trouble.topic not in written:
            alert = Alert(since=night.when, last=night.when, lines=trouble.lines)
            news.append(words.piece(again, trouble.topic, alert))
    return news


def _deliver(channels: Channels, hook: Webhook | None, what: str, send: Callable[[Webhook], None]) -> list[str]:
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

    night: Night
    channels: Channels
    tracker: Tracker

    def settle(self) -> tuple[tuple[Action, ...], list[str]]:
        """What was done, and why the rest was not."""
        done: list[Action] = []
        try:
            author = self.tracker.author or comments.login_of(self.tracker.api)
            found = issues.find(
                self.tracker.api, self.tracker.repository, label=self.tracker.label, author=author, state="all"
            )
            bodies = {issue.number: issue.body for issue in found}
            for action in decide(self.night, self._known(found)):
                done.append(self._do(action, author, bodies))  # noqa: PERF401 - what was done before one failed counts
        except OutsideServiceError as error:
            return tuple(done), [f"the issues: {error}"]
        return tuple(done), []

    def _known(self, found: Sequence[Issue]) -> list[Known]:
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
            known.append(Known(issue.number, topic, issue.state == "open", alert, issue.url))
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
