"""Where a verdict is posted: decided from this job's own event, then looked up; knows no verdict and no comment."""

from dataclasses import dataclass

from chamiperf_ci.adapters.event import Event, Head
from chamiperf_ci.adapters.github import pull_requests
from chamiperf_ci.adapters.github.api import Api
from chamiperf_ci.adapters.github.pull_requests import PullRequest
from chamiperf_ci.errors import ConfigurationError

FORK = (
    "The pull request comes from the fork {fork}, and for a fork GitHub gives a token that may only read, whatever "
    "`permissions:` says. This run's verdict is in its job summary. For comments copy `workflows/fork.yml` and "
    "`workflows/comment.yml` of chamiperf-ci to `.github/workflows/` on the default branch, and replace OWNER in both: "
    "the first checks a fork's baselines and plan on the embedded stack, which says nothing of the fork's performance, "
    "and the second posts what it found. Then push to the pull request again; `fork.yml` runs only when a file that "
    "its `paths:` name has changed."
)


@dataclass(frozen=True)
class ByNumber:
    """Post on this pull request, if it is still at `commit` (None: at whatever commit it is)."""

    number: int
    commit: str | None


@dataclass(frozen=True)
class ByHead:
    """Post on the open pull request from this head, with the verdict that run `run` left behind."""

    head: Head
    run: int


@dataclass(frozen=True)
class Nowhere:
    """Post nothing; `reason` is a sentence for people, in markdown."""

    reason: str


Destination = ByNumber | ByHead | Nowhere


def where_to_post(event: Event, number: int | None) -> Destination:
    """Decide where a verdict goes.

    Args:
        event: This job's own.
        number: The pull request that a person named, or None.

    Raises:
        ConfigurationError: A number was given where the event alone decides.
    """
    if event.other_run is not None:
        if number is not None:
            raise ConfigurationError(
                "a pull request is named, but this workflow was started by another run",
                where="--pull-request",
                remedy="Leave it out: the run's own head says which pull request it is.",
            )
        if event.other_run.event not in {"pull_request", "pull_request_target"}:
            return Nowhere(f"The run was started by `{event.other_run.event}`, not for a pull request.")
        return ByHead(event.other_run.head, event.other_run.number)
    if number is not None:
        own = event.head if event.pull_request == number else None
        return ByNumber(number, own.commit if own is not None else None)
    if event.pull_request is None or event.head is None:
        return Nowhere(
            f"The event `{event.name or 'none'}` has no pull request. Name one with `--pull-request` "
            "(`pull-request:` of the action), or leave the step out where there is none: `if: github.event_name == "
            "'pull_request'`."
        )
    if event.from_fork and event.name == "pull_request":
        return Nowhere(FORK.format(fork=f"`{event.head.repository}`" if event.head.repository else "that was deleted"))
    return ByNumber(event.pull_request, event.head.commit)


def find_pull_request(api: Api, repository: str, destination: ByNumber | ByHead) -> PullRequest | Nowhere:
    """Ask GitHub for the pull request, and make sure that the verdict is about what it holds now.

    Raises:
        GitHubFailed: GitHub cannot be asked.
    """
    if isinstance(destination, ByNumber):
        pull = pull_requests.read(api, repository, destination.number)
        commit = destination.commit or pull.head_commit
    else:
        head = destination.head
        # `workflow_run.pull_requests` is empty for forks, and for others it holds what GitHub guessed.
        found = pull_requests.from_head(api, repository, head_repository=head.repository, branch=head.branch)
        if len(found) != 1:
            there = f"{len(found)} open pull requests come" if found else "No open pull request comes"
            return Nowhere(f"{there} from the branch that the run was for.")
        pull, commit = found[0], head.commit
    if not pull.open:
        return Nowhere(f"Pull request #{pull.number} is closed.")
    if pull.head_commit != commit:
        return Nowhere(
            f"Pull request #{pull.number} has moved on to {pull.head_commit[:12]}; what was measured is {commit[:12]}."
        )
    return pull
