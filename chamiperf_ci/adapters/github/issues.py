"""Issues that a workflow opens, updates and closes, told apart by a hidden marker; knows nothing of their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chamiperf_ci.adapters.github.api import Api, JsonObject

PERMISSION = "issues: write"


@dataclass(frozen=True)
class Issue:
    """An issue as it stands on GitHub."""

    number: int
    title: str
    body: str
    state: Literal["open", "closed"]
    author: str
    url: str


def find(api: Api, repository: str, *, label: str, author: str, state: Literal["open", "closed", "all"]) -> list[Issue]:
    """The issues with a label that `author` wrote, newest first; pull requests, which GitHub lists too, left out.

    Raises:
        GitHubFailed: They cannot be read.
    """
    listing = api.pages(
        f"/repos/{repository}/issues",
        what=f"read the issues labelled {label}",
        permission=PERMISSION,
        labels=label,
        creator=author,
        state=state,
    )
    return [_issue(entry) for entry in listing if "pull_request" not in entry]


def create(
    api: Api, repository: str, *, title: str, body: str, labels: Sequence[str], marker: str, author: str
) -> Issue:
    """Open an issue, once, also when the answer is lost: `marker`, the first line of `body`, tells it from others.

    The first label is the one that `find` looks for; GitHub creates a label that does not exist.

    Raises:
        GitHubFailed: `NotPermitted` names the permission.
    """

    def made() -> JsonObject | None:
        there = find(api, repository, label=labels[0], author=author, state="open")
        return next((_json_of(issue) for issue in there if issue.body.startswith(marker)), None)

    return _issue(
        api.write(
            "POST",
            f"/repos/{repository}/issues",
            {"title": title, "body": body, "labels": list(labels)},
            what="open an issue",
            permission=PERMISSION,
            made=made,
        )
    )


def update(api: Api, repository: str, number: int, *, title: str, body: str) -> Issue:
    """Replace an issue's title and text.

    Raises:
        GitHubFailed: `NotPermitted` names the permission.
    """
    return _issue(
        api.write(
            "PATCH",
            f"/repos/{repository}/issues/{number}",
            {"title": title, "body": body},
            what=f"update issue #{number}",
            permission=PERMISSION,
        )
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
        what=f"comment on issue #{number}",
        permission=PERMISSION,
    )
    return _issue(
        api.write(
            "PATCH",
            f"/repos/{repository}/issues/{number}",
            {"state": "closed", "state_reason": "completed", **({} if body is None else {"body": body})},
            what=f"close issue #{number}",
            permission=PERMISSION,
        )
    )


def _issue(data: JsonObject) -> Issue:
    return Issue(
        number=int(data["number"]),
        title=str(data["title"]),
        body=str(data.get("body") or ""),
        state="open" if data["state"] == "open" else "closed",
        author=str((data.get("user") or {}).get("login", "")),
        url=str(data["html_url"]),
    )


def _json_of(issue: Issue) -> JsonObject:
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "user": {"login": issue.author},
        "html_url": issue.url,
    }
