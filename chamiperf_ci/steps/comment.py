"""Where a verdict is posted: decided from this job's own event, then looked up; knows no verdict and no comment."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chamiperf_ci.adapters.console import Event, PullRequestHead
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.github import artifacts, comments
from chamiperf_ci.adapters.github.api import Api, NotPermitted, Rejected
from chamiperf_ci.adapters.github.comments import PullRequest
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render import night
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.text import markdown as escaped
from chamiperf_ci.steps.published import published_verdict

FORK = (
    "The pull request comes from the fork {fork}, and for a fork GitHub gives a token that may only read, whatever "
    "`permissions:` says. This run's verdict is in its job summary. For comments copy `workflows/fork.yml` and "
    "`workflows/comment.yml` of chamiperf-ci to `.github/workflows/` on the default branch, and replace OWNER in both: "
    "the first checks a fork's baselines and plan on the embedded stack, which says nothing of the fork's performance, "
    "and the second posts what it found. Then push to the pull request again; `fork.yml` runs only when a file that "
    "its `paths:` name has changed."
)


@dataclass(frozen=True)
class ByNumber:
    """Post on this pull request, if it is still at `commit` (None: at whatever commit it is)."""

    number: int
    commit: str | None


@dataclass(frozen=True)
class ByHead:
    """Post on the open pull request from this head, with the verdict that run `run` left behind."""

    head: PullRequestHead
    run: int


@dataclass(frozen=True)
class Nowhere:
    """Post nothing; `reason` is a sentence for people, in markdown."""

    reason: str


Destination = ByNumber | ByHead | Nowhere


def where_to_post(event: Event, number: int | None) -> Destination:
    """Decide where a verdict goes.

    Args:
        event: This job's own.
        number: The pull request that a person named, or None.

    Raises:
        ConfigurationError: A number was given where the event alone decides.
    """
    if event.other_run is not None:
        if number is not None:
            raise ConfigurationError(
                "a pull request is named, but this workflow was started by another run",
                where="--pull-request",
                remedy="Leave it out: the run's own head says which pull request it is.",
            )
        if event.other_run.event not in {"pull_request", "pull_request_target"}:
            return Nowhere(f"The run was started by `{event.other_run.event}`, not for a pull request.")
        return ByHead(event.other_run.head, event.other_run.number)
    if number is not None:
        own = event.head if event.pull_request == number else None
        return ByNumber(number, own.commit if own is not None else None)
    if event.pull_request is None or event.head is None:
        return Nowhere(
            f"The event `{event.name or 'none'}` has no pull request. Name one with `--pull-request` "
            "(`pull-request:` of the action), or leave the step out where there is none: `if: github.event_name == "
            "'pull_request'`."
        )
    if event.from_fork and event.name == "pull_request":
        return Nowhere(FORK.format(fork=f"`{event.head.repository}`" if event.head.repository else "that was deleted"))
    return ByNumber(event.pull_request, event.head.commit)


def find_pull_request(api: Api, repository: str, destination: ByNumber | ByHead) -> PullRequest | Nowhere:
    """Ask GitHub for the pull request, and make sure that the verdict is about what it holds now.

    Raises:
        GitHubFailed: GitHub cannot be asked.
    """
    if isinstance(destination, ByNumber):
        pull = comments.read_pull_request(api, repository, destination.number)
        commit = destination.commit or pull.head_commit
    else:
        head = destination.head
        # `workflow_run.pull_requests` is empty for forks, and for others it holds what GitHub guessed.
        found = comments.pull_requests_from(api, repository, head_repository=head.repository, branch=head.branch)
        if len(found) != 1:
            there = f"{len(found)} open pull requests come" if found else "No open pull request comes"
            return Nowhere(f"{there} from the branch that the run was for.")
        pull, commit = found[0], head.commit
    if not pull.open:
        return Nowhere(f"Pull request #{pull.number} is closed.")
    if pull.head_commit != commit:
        return Nowhere(
            f"Pull request #{pull.number} has moved on to {pull.head_commit[:12]}; what was measured is {commit[:12]}."
        )
    return pull


LIMIT = 60_000
"""Characters of a comment; GitHub takes 65,536."""

SHORTER = 20_000
"""For the one further attempt after GitHub said that a comment is too long."""

FILE = "verdict.json"

_NO_FILE = (
    "`chamiperf compare` writes it, in this job and with the same `--out`; check that it ran. Name a file that lies "
    "elsewhere with `--verdict`; where the run brought no verdict, give `--without-verdict`."
)

NO_VERDICT = (
    "<b>This run brought no verdict.</b>\n\n"
    "That says nothing about performance, neither good nor bad; {where} says how each step ended and what to do.\n"
)


@dataclass(frozen=True)
class Posted:
    """What became of the comment."""

    posting: str
    """`created`, `updated`, `unchanged` or `skipped`."""
    pull_request: int | None = None
    url: str = ""
    reason: str = ""
    """Why it was skipped."""

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        if self.posting == "skipped":
            return f"No comment was posted: {self.reason[:1].lower()}{self.reason[1:]}"
        return f"Comment on pull request #{self.pull_request} {self.posting}: {self.url}"


def fetch_verdict(api: Api, repository: str, run: int, artifact: str) -> Verdict:
    """The verdict that another run left behind, as its checked fields and nothing else.

    Raises:
        ConfigurationError: There is none, or it is anything but a verdict within the limits.
        GitHubFailed: It cannot be fetched.
    """
    listed = artifacts.of_run(api, repository, run, artifact)
    content = artifacts.only_file(artifacts.download(api, repository, listed), FILE)
    with tempfile.TemporaryDirectory(prefix="chamiperf-") as folder:
        path = Path(folder) / FILE
        path.write_bytes(content)
        try:
            return read_document(path, Verdict, remedy="Nothing was posted. Look at the run that made the artifact.")
        except ConfigurationError as error:
            # Names the artifact in place of the file that is gone by then.
            where = f"{FILE} of the artifact {artifact} of run {run}"
            raise ConfigurationError(error.wrong, where=where, remedy=error.remedy) from error


@dataclass(frozen=True)
class CommentOptions:
    """What is to be posted, and what decides where."""

    event: Event
    pull_request: int | None
    """Named by a person."""
    verdict_file: Path
    """Used unless another run's artifact is."""
    artifact: str
    links: Context = field(default_factory=Context)
    without_verdict: bool = False
    """The run brought no verdict: that is said, so that no older comment is taken for its result."""


@dataclass(frozen=True)
class CommentOutcome:
    """What became of the comment, its text, and what the job summary says."""

    posted: Posted
    text: str
    """The comment's text, posted or not; empty where there is no verdict to render."""
    summary: str
    """For the job summary: a sentence, and the verdict itself where it could not be posted."""


def comment(poster: "Poster", options: CommentOptions) -> CommentOutcome:
    """Decide, look up, fetch, render and post.

    Raises:
        ConfigurationError: There is no verdict, or what another run left behind is none.
        GitHubFailed: GitHub does not answer.
    """
    destination = where_to_post(options.event, options.pull_request)
    foreign = options.event.other_run is not None
    pull = (
        destination
        if isinstance(destination, Nowhere)
        else find_pull_request(poster.api, poster.repository, destination)
    )
    if foreign and isinstance(pull, Nowhere):
        # Without a pull request there is nobody to read it for, so the artifact is not even fetched.
        skipped = Posted("skipped", reason=pull.reason)
        return CommentOutcome(skipped, "", f"{skipped.sentence}\n")
    render = _renderer(_verdict(poster, options, destination), options, foreign=foreign)
    posted = Posted("skipped", reason=pull.reason) if isinstance(pull, Nowhere) else poster.post(pull, render)
    text = render(LIMIT)
    return CommentOutcome(
        posted, text, f"{posted.sentence}\n\n{text}" if posted.posting == "skipped" else posted.sentence
    )


def _verdict(poster: "Poster", options: CommentOptions, destination: Destination) -> Verdict | None:
    """The verdict to post; None where the run had none."""
    if options.without_verdict:
        return None
    verdict = (
        fetch_verdict(poster.api, poster.repository, destination.run, options.artifact)
        if isinstance(destination, ByHead)
        else read_document(options.verdict_file, Verdict, remedy=_NO_FILE)
    )
    return published_verdict(verdict)


def _renderer(verdict: Verdict | None, options: CommentOptions, *, foreign: bool) -> Callable[[int], str]:
    run = options.event.other_run
    if verdict is None:
        where = f"[its summary]({options.event.run_url})" if options.event.run_url else "its summary"
        return lambda limit: NO_VERDICT.format(where=where)[:limit]
    context = replace(
        options.links,
        run_url=run.url if run is not None else options.event.run_url,
        artifact=options.artifact,
        trusted=not foreign,
    )
    # A fork's code made these numbers; a checked form says nothing about their truth.
    note = (
        f"> Measured by the code of {escaped(run.head.repository)}, and taken as that run wrote it.\n\n"
        if foreign and run is not None and options.event.repository != run.head.repository
        else ""
    )
    return lambda limit: note + night.comment_body(verdict, limit=limit - len(note), context=context)


@dataclass(frozen=True)
class Poster:
    """Everything that posting needs, apart from what to post."""

    api: Api
    repository: str
    key: str
    author: str
    """Who the token writes as; empty: ask."""
    dry_run: bool
    say: Callable[[str], None]
    """Told what is done, or with `dry_run` what would be."""

    def post(self, pull: PullRequest, render: Callable[[int], str]) -> Posted:
        """Create or update the comment; a second time, shorter, when GitHub finds it too long.

        A token that may not comment is not a failure of the verdict: it is said, and the step stays green.

        Args:
            pull: Where.
            render: From a limit in characters to the comment's text.

        Raises:
            GitHubFailed: GitHub does not answer, or refuses for another reason.
        """
        try:
            author = self.author or comments.login_of(self.api)
            try:
                return self._post(pull, author, render(LIMIT))
            except Rejected:
                self.say("GitHub finds the comment too long; posting a shorter one.")
                return self._post(pull, author, render(SHORTER))
        except NotPermitted as error:
            return Posted("skipped", pull.number, reason=str(error))

    def _post(self, pull: PullRequest, author: str, text: str) -> Posted:
        existing = comments.find(self.api, self.repository, pull.number, key=self.key, author=author)
        posting = comments.decide(existing, text)
        what = posting if posting is comments.Posting.UNCHANGED else f"to be {posting}"
        self.say(f"comment {self.key} of {author} on pull request #{pull.number} of {self.repository}: {what}")
        if self.dry_run or (posting is comments.Posting.UNCHANGED and existing is not None):
            return Posted(posting, pull.number, url="" if existing is None else existing.url)
        comment = comments.post(
            self.api, self.repository, pull.number, key=self.key, author=author, text=text, existing=existing
        )
        if comment.author != author:
            self.say(
                f"the comment was written as {comment.author}, not as {author}: the next run will not find it and will "
                f"post another. Give `author: {comment.author}`."
            )
        return Posted(posting, pull.number, url=comment.url)
