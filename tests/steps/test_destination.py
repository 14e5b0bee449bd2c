"""Where a verdict is posted follows from the job's own event."""

import pytest

from chamiperf_ci.adapters.console import Event, PullRequestHead, TriggeringRun
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.comment import ByHead, ByNumber, Nowhere, where_to_post

OURS = PullRequestHead("octo/stack", "topic", "c" * 40)
FORK = PullRequestHead("mallory/stack", "topic", "c" * 40)


def event(name, *, head=None, number=None, other=None):
    """An event of the repository octo/stack."""
    return Event(name=name, repository="octo/stack", run_url="", pull_request=number, head=head, other_run=other)


def after(cause, head):
    """A `workflow_run` event."""
    return event("workflow_run", other=TriggeringRun(4711, cause, head, "", ""))


@pytest.mark.parametrize(
    ("given", "number", "expected"),
    [
        pytest.param(event("pull_request", head=OURS, number=7), None, ByNumber(7, "c" * 40), id="own branch"),
        pytest.param(event("workflow_dispatch"), 7, ByNumber(7, None), id="a person named it"),
        pytest.param(event("pull_request", head=OURS, number=7), 8, ByNumber(8, None), id="a person's word wins"),
        pytest.param(event("pull_request_target", head=FORK, number=7), None, ByNumber(7, "c" * 40), id="target event"),
        pytest.param(after("pull_request", FORK), None, ByHead(FORK, 4711), id="after a fork's run"),
        pytest.param(after("pull_request", OURS), None, ByHead(OURS, 4711), id="after a run of our own"),
    ],
)
def test_a_verdict_goes_where_the_event_says(given, number, expected):
    assert where_to_post(given, number) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(event("pull_request", head=FORK, number=7), "comes from the fork `mallory/stack`", id="a fork"),
        pytest.param(
            event("pull_request", head=PullRequestHead("", "x", "c" * 40), number=7),
            "the fork that was deleted",
            id="deleted fork",
        ),
        pytest.param(event("schedule"), "The event `schedule` has no pull request", id="nightly"),
        pytest.param(event(""), "The event `none` has no pull request", id="on a laptop"),
        pytest.param(after("push", OURS), "started by `push`, not for a pull request", id="after a push"),
    ],
)
def test_a_verdict_goes_nowhere_and_says_why(given, reason):
    destination = where_to_post(given, None)
    assert isinstance(destination, Nowhere)
    assert reason in destination.reason


def test_a_number_is_refused_where_the_run_itself_decides():
    with pytest.raises(ConfigurationError, match="started by another run"):
        where_to_post(after("pull_request", FORK), 7)
