"""The event as GitHub writes it becomes one typed value, or one clear line."""

import json

import pytest

from chamiperf_ci.adapters.console import PullRequestHead, read_event
from chamiperf_ci.errors import ConfigurationError

PULL_REQUEST = {
    "pull_request": {
        "number": 7,
        "head": {"ref": "topic", "sha": "c" * 40, "repo": {"full_name": "octo/stack"}},
    }
}


@pytest.fixture
def read(tmp_path):
    """Reads an event of the repository octo/stack."""

    def go(name, payload):
        path = tmp_path / "event.json"
        path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        return read_event(
            {
                "GITHUB_EVENT_NAME": name,
                "GITHUB_EVENT_PATH": str(path),
                "GITHUB_REPOSITORY": "octo/stack",
                "GITHUB_SERVER_URL": "https://github.test",
                "GITHUB_RUN_ID": "12",
                "GITHUB_RUN_ATTEMPT": "2",
            }
        )

    return go


def test_a_pull_request_has_its_number_and_head(read):
    event = read("pull_request", PULL_REQUEST)
    assert (event.pull_request, event.head) == (7, PullRequestHead("octo/stack", "topic", "c" * 40))
    assert not event.from_fork


def test_a_pull_request_of_another_repository_is_a_forks(read):
    head = PULL_REQUEST["pull_request"]["head"] | {"repo": {"full_name": "mallory/stack"}}
    assert read("pull_request", {"pull_request": PULL_REQUEST["pull_request"] | {"head": head}}).from_fork


def test_a_pull_request_of_a_deleted_fork_is_a_forks(read):
    head = PULL_REQUEST["pull_request"]["head"] | {"repo": None}
    assert read("pull_request", {"pull_request": PULL_REQUEST["pull_request"] | {"head": head}}).from_fork


def test_the_page_of_the_run_has_its_attempt(read):
    assert read("push", {}).run_url == "https://github.test/octo/stack/actions/runs/12/attempts/2"


def test_another_run_is_read_only_from_its_own_event(read):
    assert read("push", {"workflow_run": {"id": 1}}).other_run is None


def test_outside_github_there_is_no_event():
    event = read_event({})
    assert (event.name, event.repository, event.run_url, event.pull_request) == ("", "", "", None)


@pytest.mark.parametrize("payload", ["{", "[7]", '{"pull_request": {"number": "x"}}', '{"pull_request": 7}'])
def test_an_event_that_github_would_not_write_is_one_clear_line(read, payload):
    with pytest.raises(ConfigurationError, match="the event cannot be read"):
        read("pull_request", payload)
