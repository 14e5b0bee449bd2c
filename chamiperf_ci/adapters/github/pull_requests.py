"""Pull requests: looked up for a comment, and opened for a change of baselines.json; knows neither's content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chamiperf_ci.adapters.github.api import Api, JsonObject, NotFound, Rejected
from chamiperf_ci.errors import ConfigurationError

READ = "pull-requests: read"
WRITE = "pull-requests: write"
CONTENTS = "contents: write"

TRAILER = "Opened-by: chamiperf"
"""The last line of a commit that we made; only a branch that ends in one is ever rewritten."""


@dataclass(frozen=True)
class PullRequest:
    """A pull request as GitHub describes it now."""

    number: int
    open: bool
    head_repository: str
    """`owner/name`; empty when the fork was deleted."""
    head_branch: str
    head_commit: str
    base_repository: str
    url: str


@dataclass(frozen=True)
class Proposal:
    """A change of files, to be reviewed and merged by a person."""

    branch: str
    base: str
    """The branch to merge into; empty for the repository's default branch."""
    title: str
    body: str
    message: str
    """Commit message; the trailer is added."""
    files: Mapping[str, str]
    """Path in the repository to the file's whole text."""
    labels: Sequence[str] = ()
    """Put on a new pull request; later ones are a person's business."""


def read(api: Api, repository: str, number: int) -> PullRequest:
    """Look one up.

    Raises:
        GitHubFailed: `NotFound` if there is none with that number.
    """
    return _pull_request(
        api.get(f"/repos/{repository}/pulls/{number}", what=f"read pull request #{number}", permission=READ)
    )


def from_head(api: Api, repository: str, *, head_repository: str, branch: str) -> tuple[PullRequest, ...]:
    """The open pull requests to `repository` from a branch of `head_repository`, oldest first.

    Raises:
        GitHubFailed: They cannot be read.
    """
    owner = head_repository.partition("/")[0]
    listing = api.pages(
        f"/repos/{repository}/pulls",
        what=f"look for the pull request of {head_repository}",
        permission=READ,
        state="open",
        head=f"{owner}:{branch}",
        sort="created",
        direction="asc",
    )
    found = (_pull_request(entry) for entry in listing)
    # GitHub filters by the owner alone, who may have two forks; an unknown owner filters nothing.
    return tuple(
        pull for pull in found if pull.head_repository == head_repository and pull.head_branch == branch and pull.open
    )


def any_from(api: Api, repository: str, branch: str) -> PullRequest | None:
    """The newest pull request from a branch of the repository, open or closed; None if there never was one.

    Raises:
        GitHubFailed: They cannot be read.
    """
    listing = api.pages(
        f"/repos/{repository}/pulls",
        what=f"look for a pull request from {branch}",
        permission=READ,
        state="all",
        head=f"{repository.partition('/')[0]}:{branch}",
        sort="created",
        direction="desc",
    )
    return next((pull for pull in map(_pull_request, listing) if pull.head_branch == branch), None)


def open_or_update_pull_request(api: Api, repository: str, proposal: Proposal) -> PullRequest:
    """Put the files on a branch of their own and open a pull request, or update the one that is open.

    The branch is made anew from the newest base each time, so that the pull request stays mergeable; a branch that ends
    in somebody else's commit is left alone.

    Raises:
        ConfigurationError: The branch is the base, or is not ours to rewrite.
        GitHubFailed: `NotPermitted` names the permission.
    """
    base = proposal.base or _default_branch(api, repository)
    if proposal.branch == base:
        raise ConfigurationError(
            f"{base} is the branch to merge into, and nothing is pushed to that",
            where="--branch",
            remedy="Give the pull request a branch of its own.",
        )
    parent = _tip(api, repository, base)
    if parent is None:
        raise ConfigurationError("there is no such branch", where=f"--base {base}", remedy="Give an existing branch.")
    tip = _tip(api, repository, proposal.branch)
    if tip is not None:
        _only_if_ours(api, repository, proposal.branch, tip)
    commit = _commit(api, repository, parent, proposal)
    _point(api, repository, proposal.branch, commit, exists=tip is not None)
    return _open_or_edit(api, repository, base, proposal)


def _default_branch(api: Api, repository: str) -> str:
    data = api.get(f"/repos/{repository}", what=f"read the repository {repository}", permission="contents: read")
    return str(data["default_branch"])


def _tip(api: Api, repository: str, branch: str) -> str | None:
    """The commit that a branch ends in; None if there is no such branch."""
    try:
        data = api.get(
            f"/repos/{repository}/git/ref/heads/{branch}", what=f"read the branch {branch}", permission="contents: read"
        )
    except NotFound:
        return None
    return str(data["object"]["sha"])


def _only_if_ours(api: Api, repository: str, branch: str, commit: str) -> None:
    data = api.get(
        f"/repos/{repository}/git/commits/{commit}", what=f"read the branch {branch}", permission="contents: read"
    )
    if TRAILER not in str(data["message"]).splitlines():
        raise ConfigurationError(
            f"the branch {branch} ends in a commit of somebody else, {commit[:12]}",
            where="--branch",
            remedy="Merge or close its pull request, or give another branch.",
        )


def _commit(api: Api, repository: str, parent: str, proposal: Proposal) -> str:
    """A commit on top of `parent` that no branch points to yet; repeating it after a lost answer harms nothing."""
    below = api.get(
        f"/repos/{repository}/git/commits/{parent}", what="read the base's newest commit", permission="contents: read"
    )
    tree = api.write(
        "POST",
        f"/repos/{repository}/git/trees",
        {
            "base_tree": below["tree"]["sha"],
            "tree": [
                {"path": path, "mode": "100644", "type": "blob", "content": text}
                for path, text in proposal.files.items()
            ],
        },
        what="store the changed files",
        permission=CONTENTS,
    )
    commit = api.write(
        "POST",
        f"/repos/{repository}/git/commits",
        {"message": f"{proposal.message.rstrip()}\n\n{TRAILER}", "tree": tree["sha"], "parents": [parent]},
        what="store the commit",
        permission=CONTENTS,
    )
    return str(commit["sha"])


def _point(api: Api, repository: str, branch: str, commit: str, *, exists: bool) -> None:
    """Let the branch end in `commit`."""
    if exists:
        api.write(
            "PATCH",
            f"/repos/{repository}/git/refs/heads/{branch}",
            {"sha": commit, "force": True},
            what=f"update the branch {branch}",
            permission=CONTENTS,
        )
        return

    def made() -> JsonObject | None:
        return {} if _tip(api, repository, branch) == commit else None

    api.write(
        "POST",
        f"/repos/{repository}/git/refs",
        {"ref": f"refs/heads/{branch}", "sha": commit},
        what=f"create the branch {branch}",
        permission=CONTENTS,
        made=made,
    )


def _open_or_edit(api: Api, repository: str, base: str, proposal: Proposal) -> PullRequest:
    existing = _open_one(api, repository, base, proposal.branch)
    if existing is not None:
        return _pull_request(
            api.write(
                "PATCH",
                f"/repos/{repository}/pulls/{existing.number}",
                {"title": proposal.title, "body": proposal.body},
                what=f"update pull request #{existing.number}",
                permission=WRITE,
            )
        )

    def made() -> JsonObject | None:
        found = _open_one(api, repository, base, proposal.branch)
        return None if found is None else _read_json(api, repository, found.number)

    try:
        opened = _pull_request(
            api.write(
                "POST",
                f"/repos/{repository}/pulls",
                {"title": proposal.title, "body": proposal.body, "head": proposal.branch, "base": base},
                what="open a pull request",
                permission=WRITE,
                made=made,
            )
        )
    except Rejected as error:
        if "No commits between" not in error.where:
            raise
        raise ConfigurationError(
            f"the files are the same as on {base} already: there is nothing to propose",
            where=", ".join(proposal.files),
            remedy="Nothing needs to be done.",
        ) from error
    if proposal.labels:
        # A pull request is an issue as well, and only as one does it have labels that can be written.
        api.write(
            "PATCH",
            f"/repos/{repository}/issues/{opened.number}",
            {"labels": list(proposal.labels)},
            what=f"label pull request #{opened.number}",
            permission=WRITE,
        )
    return opened


def _open_one(api: Api, repository: str, base: str, branch: str) -> PullRequest | None:
    listing = api.pages(
        f"/repos/{repository}/pulls",
        what=f"look for a pull request from {branch}",
        permission=READ,
        state="open",
        head=f"{repository.partition('/')[0]}:{branch}",
        base=base,
    )
    return next((pull for pull in map(_pull_request, listing) if pull.head_branch == branch), None)


def _read_json(api: Api, repository: str, number: int) -> JsonObject:
    data: JsonObject = api.get(
        f"/repos/{repository}/pulls/{number}", what=f"read pull request #{number}", permission=READ
    )
    return data


def _pull_request(data: JsonObject) -> PullRequest:
    head = data["head"]
    return PullRequest(
        number=int(data["number"]),
        open=data["state"] == "open",
        head_repository=str((head.get("repo") or {}).get("full_name", "")),
        head_branch=str(head["ref"]),
        head_commit=str(head["sha"]),
        base_repository=str(data["base"]["repo"]["full_name"]),
        url=str(data["html_url"]),
    )
