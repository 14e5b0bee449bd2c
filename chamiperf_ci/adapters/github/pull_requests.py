"""Pull requests that change baselines.json: looked for, opened, updated; knows nothing of what they change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import AliasPath, Field

from chamiperf_ci.adapters.github.api import AnswerShape, Api, NotFound, Rejected, Sha
from chamiperf_ci.adapters.github.comments import READ, PullRequest
from chamiperf_ci.adapters.github.issues import Issue
from chamiperf_ci.errors import ConfigurationError

WRITE = "pull-requests: write"
CONTENTS = "contents: write"

TRAILER = "Opened-by: chamiperf, tree "
"""Begins the last line of a commit that we made, before the name of its tree: who amends ours has another tree."""

REDONE = 3
"""How often a change is made anew because the branch to merge into has moved on meanwhile."""


class _Repository(AnswerShape):
    default_branch: str


class _Ref(AnswerShape):
    sha: Sha = Field(validation_alias=AliasPath("object", "sha"))


class _Commit(AnswerShape):
    sha: Sha
    message: str
    tree: Sha = Field(validation_alias=AliasPath("tree", "sha"))


class _Tree(AnswerShape):
    sha: Sha


@dataclass(frozen=True)
class Base:
    """The branch to merge into, as it was read: its files are changed on top of this commit, and of no other."""

    branch: str
    commit: str


@dataclass(frozen=True)
class ProposedChange:
    """A change of files, to be reviewed and merged by a person."""

    branch: str
    title: str
    body: str
    message: str
    """Commit message; the trailer is added."""
    files: Mapping[str, str]
    """Path in the repository to the file's whole text."""
    labels: Sequence[str] = ()
    """Put on a new pull request; later ones are a person's business."""


def newest_from_branch(api: Api, repository: str, branch: str) -> PullRequest | None:
    """The newest pull request from a branch of the repository, open or closed; None if there never was one.

    Raises:
        GitHubFailed: They cannot be read.
    """
    listing = api.pages(
        f"/repos/{repository}/pulls",
        PullRequest,
        what=f"look for a pull request from {branch}",
        permission=READ,
        state="all",
        head=f"{repository.partition('/')[0]}:{branch}",
        sort="created",
        direction="desc",
    )
    return next((pull for pull in listing if _is_own(pull, branch)), None)


def base_of(api: Api, repository: str, branch: str) -> Base:
    """Read where a branch ends; the default branch where none is named.

    Raises:
        ConfigurationError: There is no such branch.
        GitHubFailed: It cannot be read.
    """
    name = branch or _default_branch(api, repository)
    commit = _tip(api, repository, name)
    if commit is None:
        raise ConfigurationError("there is no such branch", where=f"--base {name}", remedy="Give an existing branch.")
    return Base(name, commit)


def open_or_update_pull_request(
    api: Api, repository: str, make: Callable[[Base], ProposedChange], *, base: str, branch: str
) -> tuple[PullRequest, ProposedChange]:
    """Put files on a branch of their own and open a pull request, or update the one that is open.

    The change is made on the tip of `base` that its files were read from; when the branch has moved on meanwhile, it
    is made anew, so that no merge in between is undone. A branch that is there already is continued from where it
    ends, never rewritten: one that ends in somebody else's commit, also one that arrives meanwhile, is left alone.

    Args:
        api: Where to.
        repository: `owner/name`.
        make: From the base to the change; called anew for each base.
        base: The branch to merge into; empty for the repository's default branch.
        branch: The pull request's own branch.

    Raises:
        ConfigurationError: The branch is the base, is not ours, or there is nothing to propose.
        GitHubFailed: `NotPermitted` names the permission; `Rejected` when a branch moves on each time.
    """
    onto = base_of(api, repository, base)
    if branch == onto.branch:
        raise ConfigurationError(
            f"{branch} is the branch to merge into, and nothing is pushed to that",
            where="--branch",
            remedy="Give the pull request its own branch.",
        )
    for _ in range(REDONE):
        tip = _tip(api, repository, branch)
        if tip is not None:
            _only_if_ours(api, repository, branch, tip)
        proposal = make(onto)
        commit = _commit(api, repository, onto.commit, tip, proposal)
        now = base_of(api, repository, base)
        if now != onto:
            onto = now
            continue
        _point(api, repository, branch, commit, exists=tip is not None)
        return _open_or_edit(api, repository, onto.branch, proposal), proposal
    raise Rejected(
        f"the branch {onto.branch} moved on {REDONE} times while the change was made",
        where=f"{repository}, {onto.branch}",
        remedy="Nothing was changed. Run it again when less is merged.",
    )


def _default_branch(api: Api, repository: str) -> str:
    what = f"read the repository {repository}"
    return api.get(f"/repos/{repository}", _Repository, what=what, permission="contents: read").default_branch


def _tip(api: Api, repository: str, branch: str) -> str | None:
    """The commit that a branch ends in; None if there is no such branch."""
    path = f"/repos/{repository}/git/ref/heads/{quote(branch)}"
    try:
        return api.get(path, _Ref, what=f"read the branch {branch}", permission="contents: read").sha
    except NotFound:
        return None


def _read_commit(api: Api, repository: str, commit: str, what: str) -> _Commit:
    path = f"/repos/{repository}/git/commits/{commit}"
    return api.get(path, _Commit, what=what, permission="contents: read")


def _only_if_ours(api: Api, repository: str, branch: str, commit: str) -> None:
    found = _read_commit(api, repository, commit, f"read the branch {branch}")
    if found.message.rstrip().splitlines()[-1:] != [TRAILER + found.tree]:
        raise ConfigurationError(
            f"the branch {branch} ends in a commit of somebody else, {commit[:12]}",
            where="--branch",
            remedy="Merge or close its pull request and delete the branch, or give another branch.",
        )


def _commit(api: Api, repository: str, base: str, tip: str | None, proposal: ProposedChange) -> str:
    """A commit with the base's files and ours that no branch points to yet; repeating it harms nothing.

    Where the branch is there, it comes after the branch's tip as well: so the branch is only ever moved forward, and
    GitHub refuses that when somebody has pushed to it meanwhile.
    """
    below = _read_commit(api, repository, base, "read the base's newest commit")
    tree = api.write(
        "POST",
        f"/repos/{repository}/git/trees",
        {
            "base_tree": below.tree,
            "tree": [
                {"path": path, "mode": "100644", "type": "blob", "content": text}
                for path, text in proposal.files.items()
            ],
        },
        _Tree,
        what="store the changed files",
        permission=CONTENTS,
    )
    return api.write(
        "POST",
        f"/repos/{repository}/git/commits",
        {
            "message": f"{proposal.message.rstrip()}\n\n{TRAILER}{tree.sha}",
            "tree": tree.sha,
            "parents": [base] if tip is None else [tip, base],
        },
        _Commit,
        what="store the commit",
        permission=CONTENTS,
    ).sha


def _point(api: Api, repository: str, branch: str, commit: str, *, exists: bool) -> None:
    """Let the branch end in `commit`, which comes after what it ends in."""

    def made() -> _Ref | None:
        return _Ref(sha=commit) if _tip(api, repository, branch) == commit else None

    if not exists:
        api.write(
            "POST",
            f"/repos/{repository}/git/refs",
            {"ref": f"refs/heads/{branch}", "sha": commit},
            _Ref,
            what=f"create the branch {branch}",
            permission=CONTENTS,
            made=made,
        )
        return
    try:
        api.write(
            "PATCH",
            f"/repos/{repository}/git/refs/heads/{quote(branch)}",
            {"sha": commit, "force": False},
            _Ref,
            what=f"update the branch {branch}",
            permission=CONTENTS,
            made=made,
        )
    except Rejected as error:
        raise Rejected(
            f"somebody has pushed to the branch {branch} meanwhile, which stays unchanged",
            where=error.where,
            remedy="Run it again; the branch is not touched while it ends in somebody else's commit.",
        ) from error


def _open_or_edit(api: Api, repository: str, base: str, proposal: ProposedChange) -> PullRequest:
    existing = _open_one(api, repository, base, proposal.branch)
    if existing is not None:
        return api.write(
            "PATCH",
            f"/repos/{repository}/pulls/{existing.number}",
            {"title": proposal.title, "body": proposal.body},
            PullRequest,
            what=f"update pull request #{existing.number}",
            permission=WRITE,
        )
    try:
        opened = api.write(
            "POST",
            f"/repos/{repository}/pulls",
            {"title": proposal.title, "body": proposal.body, "head": proposal.branch, "base": base},
            PullRequest,
            what="open a pull request",
            permission=WRITE,
            made=lambda: _open_one(api, repository, base, proposal.branch),
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
            Issue,
            what=f"label pull request #{opened.number}",
            permission=WRITE,
        )
    return opened


def _open_one(api: Api, repository: str, base: str, branch: str) -> PullRequest | None:
    listing = api.pages(
        f"/repos/{repository}/pulls",
        PullRequest,
        what=f"look for a pull request from {branch}",
        permission=READ,
        state="open",
        head=f"{repository.partition('/')[0]}:{branch}",
        base=base,
    )
    return next((pull for pull in listing if _is_own(pull, branch)), None)


def _is_own(pull: PullRequest, branch: str) -> bool:
    """Whether it comes from this branch of the repository itself: of an owner it does not know GitHub lists all."""
    return pull.head_branch == branch and pull.head_repository == pull.base_repository
