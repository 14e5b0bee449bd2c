"""What started this job, as GitHub tells it by variables and by the event's file; one typed value at the door.

The event is GitHub's own word, also when a fork's pull request caused it; what a run left behind (artifacts) is not.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chamiperf_ci.errors import ConfigurationError


@dataclass(frozen=True)
class Head:
    """Where a pull request comes from."""

    repository: str
    """`owner/name`; empty when the fork was deleted."""
    branch: str
    commit: str


@dataclass(frozen=True)
class OtherRun:
    """The workflow run that caused a `workflow_run` event."""

    number: int
    event: str
    """What had started it, such as `pull_request`."""
    head: Head
    url: str
    workflow: str


@dataclass(frozen=True)
class Event:
    """This job's own event."""

    name: str
    """Such as `pull_request`, `schedule`; empty outside GitHub Actions."""
    repository: str
    run_url: str
    """The page of this run, attempt included; empty outside GitHub Actions."""
    pull_request: int | None = None
    head: Head | None = None
    other_run: OtherRun | None = None

    @property
    def from_fork(self) -> bool:
        """Whether the pull request comes from another repository."""
        return self.head is not None and self.head.repository != self.repository


def read_event(environment: Mapping[str, str] = os.environ) -> Event:
    """The event of this job; outside GitHub Actions one without a name.

    Raises:
        ConfigurationError: The event's file cannot be read or is not what GitHub writes.
    """
    name = environment.get("GITHUB_EVENT_NAME", "")
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        payload = dict(json.loads(Path(path).read_text(encoding="utf-8"))) if path else {}
        return Event(
            name=name,
            repository=environment.get("GITHUB_REPOSITORY", ""),
            run_url=_run_url(environment),
            pull_request=int(payload["pull_request"]["number"]) if "pull_request" in payload else None,
            head=_head_of_pull_request(payload),
            other_run=_other_run(payload) if name == "workflow_run" else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the event cannot be read: {type(error).__name__}: {error}",
            where=path,
            remedy="GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are set by the runner; leave them as they are.",
        ) from error


def _run_url(environment: Mapping[str, str]) -> str:
    if not (run := environment.get("GITHUB_RUN_ID", "")):
        return ""
    server, repository = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_REPOSITORY", "")
    return f"{server}/{repository}/actions/runs/{run}/attempts/{environment.get('GITHUB_RUN_ATTEMPT', '1')}"


def _head_of_pull_request(payload: Mapping[str, Any]) -> Head | None:
    if "pull_request" not in payload:
        return None
    head = payload["pull_request"]["head"]
    return Head(str((head.get("repo") or {}).get("full_name", "")), str(head["ref"]), str(head["sha"]))


def _other_run(payload: Mapping[str, Any]) -> OtherRun:
    run = payload["workflow_run"]
    head = Head(
        str((run.get("head_repository") or {}).get("full_name", "")),
        str(run["head_branch"] or ""),
        str(run["head_sha"]),
    )
    return OtherRun(int(run["id"]), str(run["event"]), head, str(run["html_url"]), str(run.get("name") or ""))
