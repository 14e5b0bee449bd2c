"""One sticky comment per pull request and key: found again by a hidden marker, updated in place.

Knows nothing of what the comment says.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from chamiperf_ci.adapters.github.api import Api, JsonObject, NotFound, NotPermitted, TokenRefused
from chamiperf_ci.errors import ConfigurationError

PERMISSION = "pull-requests: write"

ACTIONS_LOGIN = "github-actions[bot]"
"""Who writes with a workflow's own token, which may not ask who it is."""

_KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Posting(StrEnum):
    """What becomes of a comment."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Comment:
    """A comment as it stands on GitHub."""

    number: int
    """Its id, not the pull request's."""
    author: str
    body: str
    url: str


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
    try:
        user = api.get("/user", what="ask who the token belongs to", permission="metadata: read")
    except TokenRefused:
        raise
    except (NotPermitted, NotFound):
        return ACTIONS_LOGIN
    return str(user["login"])


def find(api: Api, repository: str, pull_request: int, *, key: str, author: str) -> Comment | None:
    """Our comment on a pull request: the oldest that begins with the marker and was written by `author`.

    Somebody else's comment with the same marker is never ours: it would let them choose what we overwrite.

    Raises:
        GitHubFailed: The comments cannot be read.
    """
    first_line = marker(key)
    listing = api.pages(
        f"/repos/{repository}/issues/{pull_request}/comments",
        what=f"read the comments of pull request #{pull_request}",
        permission=PERMISSION,
    )
    for comment in map(_comment, listing):
        if comment.author == author and comment.body.startswith(first_line):
            return comment
    return None


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
        return _comment(
            api.write(
                "PATCH",
                f"/repos/{repository}/issues/comments/{existing.number}",
                body,
                what=f"update the comment on pull request #{pull_request}",
                permission=PERMISSION,
            )
        )

    def made() -> JsonObject | None:
        found = find(api, repository, pull_request, key=key, author=author)
        return None if found is None else _json_of(found)

    return _comment(
        api.write(
            "POST",
            f"/repos/{repository}/issues/{pull_request}/comments",
            body,
            what=f"comment on pull request #{pull_request}",
            permission=PERMISSION,
            made=made,
        )
    )


def _comment(data: JsonObject) -> Comment:
    # A deleted account leaves its comments behind with no user.
    user = data.get("user") or {}
    return Comment(
        number=int(data["id"]),
        author=str(user.get("login", "")),
        body=str(data.get("body") or ""),
        url=str(data.get("html_url", "")),
    )


def _json_of(comment: Comment) -> JsonObject:
    return {"id": comment.number, "user": {"login": comment.author}, "body": comment.body, "html_url": comment.url}


def _same(there: str, text: str) -> bool:
    """GitHub stores line ends as it likes, and drops blanks at the end."""
    below_marker = there.replace("\r\n", "\n").partition("\n")[2]
    return below_marker.rstrip() == text.replace("\r\n", "\n").rstrip()
