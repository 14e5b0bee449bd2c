"""How GitHub can fail us, each with the sentence that cures it.

    OutsideServiceError              4
    └── GitHubFailed                     any answer that is not what was asked for
        ├── NotPermitted                 the token may not do this; names the permission and where to write it
        │   └── TokenRefused             GitHub does not accept the token at all (401)
        ├── RateLimited                  GitHub's limits, longer than we wait
        ├── NotFound                     there is no such thing, or the token may not know of it
        ├── Rejected                     what was sent is not accepted, such as a comment that is too long
        └── NoAnswer                     the connection broke, or what came back is no JSON

Each names its request, with the status and GitHub's own words.
"""

from chamiperf_ci.adapters.github.patience import Answer
from chamiperf_ci.errors import OutsideServiceError


class GitHubFailed(OutsideServiceError):
    """GitHub did not do what was asked."""


class NotPermitted(GitHubFailed):
    """The token may not do this.

    Args:
        permission: The line of YAML that allows it, such as `pull-requests: write`.
    """

    def __init__(self, wrong: str, *, where: str, remedy: str, permission: str) -> None:
        super().__init__(wrong, where=where, remedy=remedy)
        self.permission = permission


class TokenRefused(NotPermitted):
    """The token is none, or none any more."""


class RateLimited(GitHubFailed):
    """GitHub's limits would have us wait longer than is worth it."""


class NotFound(GitHubFailed):
    """GitHub knows no such thing, or hides it from this token."""


class Rejected(GitHubFailed):
    """GitHub understood and refused what was sent (409, 422)."""


class NoAnswer(GitHubFailed):
    """Nothing usable came back."""


def failure(answer: Answer, *, what: str, where: str, permission: str) -> GitHubFailed:
    """The failure behind an answer.

    Args:
        answer: The last answer; its status is 0 or at least 400.
        what: What was tried, such as `comment on pull request #7`.
        where: The request, such as `POST /repos/o/r/issues/7/comments`.
        permission: The line of YAML that such a request needs.
    """
    write = not where.startswith("GET")
    where = f"{where}: {answer.status} {answer.message}".rstrip()
    if answer.rate_limited:
        return RateLimited(
            f"GitHub's rate limit stopped us: could not {what}",
            where=where,
            remedy="Run the job again later; nothing else is wrong.",
        )
    if answer.doubtful:
        return NoAnswer(
            f"GitHub did not answer: could not {what}",
            where=where,
            remedy="See githubstatus.com and run the job again.",
        )
    # GitHub answers a write with 404 where a fine-grained token may not even know of the thing.
    if answer.status in {401, 403} or (answer.status == 404 and write):  # noqa: PLR2004 - not found
        return _not_permitted(answer, what, where, permission)
    if answer.status == 404:  # noqa: PLR2004 - not found
        return NotFound(
            f"GitHub finds nothing there: could not {what}",
            where=where,
            remedy=f"Check the repository and the number; a token without `{permission}` sees the same.",
        )
    return Rejected(f"GitHub refused: could not {what}", where=where, remedy="The answer says what it does not accept.")


def _not_permitted(answer: Answer, what: str, where: str, permission: str) -> NotPermitted:
    """The commonest causes of a refusal, each with a text of its own."""
    if answer.status == 401:  # noqa: PLR2004 - unauthorized
        return TokenRefused(
            f"GitHub does not accept the token: could not {what}",
            where=where,
            remedy="Put `GITHUB_TOKEN: ${{ github.token }}` under `env:` of the step.",
            permission=permission,
        )
    if "not permitted to create or approve pull requests" in answer.message:
        wrong = f"this repository does not let workflows open pull requests: could not {what}"
        remedy = (
            "Tick `Allow GitHub Actions to create and approve pull requests` under Settings, Actions, General; or give "
            "an App's token in GITHUB_TOKEN."
        )
    elif "is locked" in answer.message:
        wrong = f"the conversation is locked: could not {what}"
        remedy = "Unlock it on the pull request's page."
    else:
        wrong = f"this token may not {what}"
        remedy = (
            f"Add `{permission}` to `permissions:` of this job, and name there all else that it needs (`contents: "
            "read` for a checkout): what is not named is taken away."
        )
    return NotPermitted(wrong, where=where, remedy=remedy, permission=permission)
