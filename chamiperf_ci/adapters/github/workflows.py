"""The state of a workflow: whether GitHub still starts it on its schedule."""

from dataclasses import dataclass
from datetime import datetime

from chamiperf_ci.adapters.github.api import Api

PERMISSION = "actions: read"


@dataclass(frozen=True)
class Workflow:
    """A workflow as GitHub lists it."""

    state: str
    """`active`, `disabled_inactivity`, `disabled_manually`, `disabled_fork` or `deleted`."""
    created_at: datetime


def read(api: Api, repository: str, file: str) -> Workflow:
    """The workflow of a file's name, such as `nightly.yml`.

    Raises:
        GitHubFailed: `NotFound` where there is no such workflow, `NotPermitted` names the permission.
    """
    data = api.get(
        f"/repos/{repository}/actions/workflows/{file}",
        what=f"read the state of the workflow {file}",
        permission=PERMISSION,
    )
    return Workflow(str(data["state"]), datetime.fromisoformat(str(data["created_at"])))
