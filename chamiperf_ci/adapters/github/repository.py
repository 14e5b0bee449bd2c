"""What a repository is asked for beside its conversations: a file's text, a workflow's state, a run's origin."""

import base64
from typing import Annotated
from urllib.parse import quote

from pydantic import AliasPath, AwareDatetime, Field

from chamiperf_ci.adapters.github.api import AnswerShape, Api, NoAnswer, NotFound, Sha, Text

PERMISSION = "actions: read"


class _Content(AnswerShape):
    """A file, in a listing or as a blob."""

    sha: Sha
    encoding: str
    content: Text = ""


def read_text(api: Api, repository: str, path: str, *, ref: str = "") -> str | None:
    """Return the file's text, or None if it is not there.

    Args:
        api: Where from.
        repository: `owner/name`.
        path: The file's place in the repository.
        ref: A branch or commit; empty for the default branch.

    Raises:
        GitHubFailed: It cannot be read, or is no text.
    """
    what = f"read {path} of {ref or 'the default branch'}"
    where = f"/repos/{repository}/contents/{quote(path)}"
    query = {"ref": ref} if ref else {}
    try:
        found = api.get(where, _Content, what=what, permission="contents: read", **query)
    except NotFound:
        return None
    if found.encoding == "none":
        # Above 1 MB GitHub leaves the content out here; its blob has it.
        where = f"/repos/{repository}/git/blobs/{found.sha}"
        found = api.get(where, _Content, what=what, permission="contents: read")
    text = _decoded(found)
    if text is None:
        raise NoAnswer(
            f"GitHub did not send a text: could not {what}",
            where=f"GET {where}",
            remedy="Check that the path names a file.",
        )
    return text


def _decoded(found: _Content) -> str | None:
    """The text; None for a file that is none, or in an encoding that is not described."""
    try:
        return base64.b64decode(found.content).decode() if found.encoding == "base64" else None
    except ValueError:
        return None


class Workflow(AnswerShape):
    """A workflow as GitHub lists it."""

    state: str
    """`active`, `disabled_inactivity`, `disabled_manually`, `disabled_fork` or `deleted`."""
    created_at: Annotated[AwareDatetime, Field(strict=False)]


def read(api: Api, repository: str, file: str) -> Workflow:
    """The workflow of a file's name, such as `nightly.yml`.

    Raises:
        GitHubFailed: `NotFound` where there is no such workflow, `NotPermitted` names the permission.
    """
    return api.get(
        f"/repos/{repository}/actions/workflows/{quote(file, safe='')}",
        Workflow,
        what=f"read the state of the workflow {file}",
        permission=PERMISSION,
    )


class WorkflowRun(AnswerShape):
    """A workflow run as GitHub knows it, whatever its artifacts say."""

    number: int = Field(validation_alias="id")
    event: str
    """What started it, such as `schedule` or `pull_request`."""
    head_repository: Text = Field("", validation_alias=AliasPath("head_repository", "full_name"))
    """Whose code it ran, `owner/name`; empty when the fork was deleted."""
    repository: str = Field(validation_alias=AliasPath("repository", "full_name"))
    """Where it ran."""
    head_branch: Text = ""
    head_sha: Sha
    url: str = Field(validation_alias="html_url")


def run_of(api: Api, repository: str, number: int) -> WorkflowRun:
    """Look a workflow run up.

    Raises:
        GitHubFailed: `NotFound` where there is no such run, `NotPermitted` names the permission.
    """
    return api.get(
        f"/repos/{repository}/actions/runs/{number}",
        WorkflowRun,
        what=f"read the workflow run {number}",
        permission=PERMISSION,
    )
