"""Issues that a workflow opens, updates and closes, told apart by a hidden marker; knows nothing of their content."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AliasPath, Field

from chamiperf_ci.adapters.github.api import AnswerShape, Api, Text
from chamiperf_ci.adapters.github.comments import Comment

PERMISSION = "issues: write"


class Issue(AnswerShape):
    """An issue as it stands on GitHub."""

    number: int
    title: str
    body: Text = ""
    state: Literal["open", "closed"]
    author: Text = Field("", validation_alias=AliasPath("user", "login"))
    url: str = Field(validation_alias="html_url")
    pull_request: Any = Field(None, repr=False)
    """GitHub lists pull requests among the issues; there it is something."""


def find(api: Api, repository: str, *, author: str, state: Literal["open", "closed", "all"]) -> list[Issue]:
    """The issues that `author` wrote, newest first, whatever their labels: a person may take those off or change them.

    Raises:
        GitHubFailed: They cannot be read.
    """
    listing = api.pages(
        f"/repos/{repository}/issues",
        Issue,
        what=f"read the issues of {author}",
        permission=PERMISSION,
        creator=author,
        state=state,
    )
    return [issue for issue in listing if issue.pull_request is None and issue.author == author]


def create(
    api: Api, repository: str, *, title: str, body: str, labels: Sequence[str], marker: str, author: str
) -> Issue:
    """Open an issue, once, also when the answer is lost: `marker`, the first line of `body`, tells it from others.

    GitHub creates a label that does not exist. Of two jobs that found none, each opens its own: a second look closes
    the younger one, after the older says what it said.

    Raises:
        GitHubFailed: `NotPermitted` names the permission.
    """

    def oldest() -> Issue | None:
        there = find(api, repository, author=author, state="open")
        return min(
            (issue for issue in there if issue.body.startswith(marker)), key=lambda one: one.number, default=None
        )

    created = api.write(
        "POST",
        f"/repos/{repository}/issues",
        {"title": title, "body": body, "labels": list(labels)},
        Issue,
        what="open an issue",
        permission=PERMISSION,
        made=oldest,
    )
    first = oldest() or created
    if first.number >= created.number:
        return created
    kept = update(api, repository, first.number, title=title, body=body)
    # Without its marker, it is not found again as ours.
    close(
        api,
        repository,
        created.number,
        comment=f"#{first.number} says the same: two jobs opened one at the same time.",
        body=body.removeprefix(marker).lstrip(),
    )
    return kept


def update(api: Api, repository: str, number: int, *, title: str, body: str) -> Issue:
    """Replace an issue's title and text.

    Raises:
        GitHubFailed: `NotPermitted` names the permission.
    """
    return api.write(
        "PATCH",
        f"/repos/{repository}/issues/{number}",
        {"title": title, "body": body},
        Issue,
        what=f"update issue #{number}",
        permission=PERMISSION,
    )


def close(api: Api, repository: str, number: int, *, comment: str, body: str | None = None) -> Issue:
    """Say why, then close; a comment that was written twice because an answer was lost is the lesser evil.

    Args:
        api: Where to.
        repository: `owner/name`.
        number: The issue's.
        comment: Why.
        body: The issue's text from now on; None leaves it.

    Raises:
        GitHubFailed: `NotPermitted` names the permission.
    """
    api.write(
        "POST",
        f"/repos/{repository}/issues/{number}/comments",
        {"body": comment},
        Comment,
        what=f"comment on issue #{number}",
        permission=PERMISSION,
    )
    return api.write(
        "PATCH",
        f"/repos/{repository}/issues/{number}",
        {"state": "closed", "state_reason": "completed", **({} if body is None else {"body": body})},
        Issue,
        what=f"close issue #{number}",
        permission=PERMISSION,
    )
