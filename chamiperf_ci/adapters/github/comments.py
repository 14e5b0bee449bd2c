"""A pull request, and one sticky comment on it for each key: found again by a hidden marker, updated in place.

Knows nothing of what the comment says.
"""

import re
from enum import StrEnum
from typing import Literal

from pydantic import AliasPath, Field

from chamiperf_ci.adapters.github.api import AnswerShape, Api, NotFound, NotPermitted, Rejected, Sha, Text, TokenRefused
from chamiperf_ci.errors import ConfigurationError

READ = "pull-requests: read"
PERMISSION = "pull-requests: write"

ACTIONS_LOGIN = "github-actions[bot]"
"""Who writes with a workflow's own token, which may not ask who it is."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")


class PullRequest(AnswerShape):
    """A pull request as GitHub describes it now."""

    number: int
    state: Literal["open", "closed"]
    head_repository: Text = Field("", validation_alias=AliasPath("head", "repo", "full_name"))
    """`owner/name`; empty when the fork was deleted."""
    head_branch: str = Field(validation_alias=AliasPath("head", "ref"))
    head_commit: Sha = Field(validation_alias=AliasPath("head", "sha"))
    base_repository: str = Field(validation_alias=AliasPath("base", "repo", "full_name"))
    url: str = Field(validation_alias="html_url")

    @property
    def open(self) -> bool:
        """Whether it waits for a person."""
        return self.state == "open"


class Posting(StrEnum):
    """What becomes of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Comment(AnswerShape):
    """A comment as it stands on GitHub."""

    number: int = Field(validation_alias="id")
    """Its id, not the pull request's."""
    author: Text = Field("", validation_alias=AliasPath("user", "login"))
    """A deleted account leaves its comments behind with no user."""
    body: Text = ""
    url: Text = Field("", validation_alias="html_url")


class _User(AnswerShape):
    login: str


def read_pull_request(api: Api, repository: str, number: int) -> PullRequest:
    """Look one up.

    Raises:
        GitHubFailed: `NotFound` if there is none with that number.
    """
    return api.get(
        f"/repos/{repository}/pulls/{number}", PullRequest, what=f"read pull request #{number}", permission=READ
    )


def pull_requests_from(api: Api, repository: str, *, head_repository: str, branch: str) -> tuple[PullRequest, ...]:
    """The open pull requests to `repository` from a branch of `head_repository`, oldest first.

    Raises:
        GitHubFailed: They cannot be read.
    """
    owner = head_repository.partition("/")[0]
    listing = api.pages(
        f"/repos/{repository}/pulls",
        PullRequest,
        what=f"look for the pull request of {head_repository}",
        permission=READ,
        state="open",
        head=f"{owner}:{branch}",
        sort="created",
        direction="asc",
    )
    # GitHub filters by the owner alone, who may have two forks; an unknown owner filters nothing.
    return tuple(
        pull for pull in listing if pull.head_repository == head_repository and pull.head_branch == branch and pull.open
    )


def marker(key: str) -> str:
    """The first line of a comment that we own: invisible when rendered.

    Raises:
        ConfigurationError: The key has characters that could end the marker early.
    """
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"{key!r} is not a comment key",
            where="--comment-key",
            remedy="Use up to 64 letters, digits, dots, underscores and dashes.",
        )
    return f"<!-- chamiperf-ci comment: {key} -->"


def login_of(api: Api) -> str:
    """Who the token writes as.

    A workflow's token (and an App's) may not ask; for those it is GitHub's own robot, unless the caller knows better.

    Raises:
        GitHubFailed: GitHub does not answer at all, or does not accept the token.
    """
    if api.of_an_app:
        return ACTIONS_LOGIN
    try:
        user = api.get("/user", _User, what="ask who the token belongs to", permission="metadata: read")
    except TokenRefused:
        raise
    except (NotPermitted, NotFound):
        return ACTIONS_LOGIN
    return user.login


def find(api: Api, repository: str, pull_request: int, *, key: str, author: str) -> Comment | None:
    """Our comment on a pull request: the oldest that begins with the marker and was written by `author`.

    Somebody else's comment with the same marker is never ours: it would let them choose what we overwrite.

    Raises:
        GitHubFailed: The comments cannot be read.
    """
    return next(iter(find_all(api, repository, pull_request, key=key, author=author)), None)


def find_all(api: Api, repository: str, pull_request: int, *, key: str, author: str) -> tuple[Comment, ...]:
    """As `find`, with those that another job wrote at the same time, the oldest first.

    Raises:
        GitHubFailed: The comments cannot be read.
    """
    first_line = marker(key)
    listing = api.pages(
        f"/repos/{repository}/issues/{pull_request}/comments",
        Comment,
        what=f"read the comments of pull request #{pull_request}",
        permission=PERMISSION,
    )
    ours = (one for one in listing if one.author == author and one.body.startswith(first_line))
    return tuple(sorted(ours, key=lambda one: one.number))


def decide(existing: Comment | None, text: str) -> Posting:
    """What posting this text means, given the comment that is there."""
    if existing is None:
        return Posting.CREATED
    return Posting.UNCHANGED if _same(existing.body, text) else Posting.UPDATED


def post(
    api: Api, repository: str, pull_request: int, *, key: str, author: str, text: str, existing: Comment | None
) -> Comment:
    """Create our comment, or update the one that `find` found, in place; `text` is everything below the marker.

    Raises:
        GitHubFailed: `NotPermitted` where the token may not comment, `Rejected` where the text is too long.
    """
    body = {"body": f"{marker(key)}\n{text}"}
    if existing is not None:
        try:
            return _edit(api, repository, pull_request, existing, body)
        except (Rejected, NotPermitted):
            # GitHub answers 404 to the update of a comment that somebody has deleted, as to one that we may not write.
            now = find(api, repository, pull_request, key=key, author=author)
            if now is not None and now.number == existing.number:
                raise
            if now is not None:
                return _edit(api, repository, pull_request, now, body)

    def made() -> Comment | None:
        return find(api, repository, pull_request, key=key, author=author)

    created = api.write(
        "POST",
        f"/repos/{repository}/issues/{pull_request}/comments",
        body,
        Comment,
        what=f"comment on pull request #{pull_request}",
        permission=PERMISSION,
        made=made,
    )
    return only_one(api, repository, pull_request, created, key=key, author=author, body=body)


def only_one(
    api: Api, repository: str, pull_request: int, created: Comment, *, key: str, author: str, body: dict[str, str]
) -> Comment:
    """The comment that stays, after a second look: of two jobs that found none each has written its own.

    Both jobs keep the oldest. Ours goes only if it is a younger one, and only after the oldest says what it said.

    Raises:
        GitHubFailed: As `post`.
    """
    oldest = next(iter(find_all(api, repository, pull_request, key=key, author=author)), created)
    if oldest.number >= created.number:
        return created
    kept = _edit(api, repository, pull_request, oldest, body)
    api.remove(
        f"/repos/{repository}/issues/comments/{created.number}",
        what=f"remove our second comment on pull request #{pull_request}",
        permission=PERMISSION,
    )
    return kept


def _edit(api: Api, repository: str, pull_request: int, existing: Comment, body: dict[str, str]) -> Comment:
    return api.write(
        "PATCH",
        f"/repos/{repository}/issues/comments/{existing.number}",
        body,
        Comment,
        what=f"update the comment on pull request #{pull_request}",
        permission=PERMISSION,
    )


def _same(there: str, text: str) -> bool:
    """GitHub stores line ends as it likes, and drops blanks at the end."""
    below_marker = there.replace("\r\n", "\n").partition("\n")[2]
    return below_marker.rstrip() == text.replace("\r\n", "\n").rstrip()
