"""The choke point: retries, the limit on writes, and what a broken answer becomes."""

import pytest
from github_standin import ROBOT

from chamiperf_ci.adapters.github import comments
from chamiperf_ci.adapters.github.api import WRITES_PER_RUN, GitHubFailed, NoAnswer, NotFound, RateLimited, connect
from chamiperf_ci.adapters.github.comments import Comment, find

REPOSITORY = "octo/stack"


def read(api):
    """Any read."""
    return comments.read_pull_request(api, REPOSITORY, 7)


def write(api):
    """Any write."""
    path = "/repos/octo/stack/issues/7/comments"
    return api.write("POST", path, {"body": "x"}, Comment, what="comment", permission="p")


def test_a_rate_limit_is_waited_out_as_github_asks(api, hub, pauses):
    hub.add_pull(7)
    hub.fail("GET", "/pulls/7", 429, "slow down", headers={"retry-after": "30"})
    assert read(api).number == 7
    assert pauses == [30.0]


def test_a_rate_limit_that_lasts_too_long_is_named(api, hub, pauses):
    hub.fail("GET", "/pulls/7", 403, "API rate limit exceeded", headers={"x-ratelimit-remaining": "0"})
    hub.fail("GET", "/pulls/7", 403, "limit", headers={"retry-after": "3000"}, times=4)
    with pytest.raises(RateLimited, match="rate limit stopped us: could not read pull request #7"):
        read(api)
    assert pauses == [60.0]


def test_a_server_that_stays_broken_is_asked_four_times(api, hub, pauses):
    hub.fail("GET", "/pulls/7", 503, times=9)
    with pytest.raises(NoAnswer, match="GitHub did not answer: could not read pull request #7"):
        read(api)
    assert pauses == [1.0, 2.0, 4.0]
    assert len(hub.log) == 4


def test_nothing_there_is_said_as_such(api):
    with pytest.raises(NotFound, match="GitHub finds nothing there: could not read pull request #7"):
        read(api)


def test_a_page_in_place_of_json_is_no_answer(api, hub):
    hub.fail("GET", "/pulls/7", 200, b"<html>Sign in to the proxy</html>")
    with pytest.raises(NoAnswer, match="not what its description says"):
        read(api)


def test_an_error_page_is_not_repeated_in_the_message(api, hub):
    hub.fail("GET", "/pulls/7", 418, b"<html>secret</html>")
    with pytest.raises(GitHubFailed) as caught:
        read(api)
    assert "secret" not in str(caught.value)


def test_an_object_in_place_of_a_list_is_no_answer(api, hub):
    hub.fail("GET", "/comments$", 200, b'{"message": "hello"}')
    with pytest.raises(NoAnswer):
        find(api, REPOSITORY, 7, key="k", author=ROBOT)


def test_a_run_writes_fewer_than_twenty_times(api, hub):
    for _ in range(WRITES_PER_RUN):
        write(api)
    with pytest.raises(GitHubFailed, match="this run has written to GitHub 19 times: will not comment"):
        write(api)
    assert len(hub.writes) == 19


def test_the_token_is_sent_and_never_shown(api, hub):
    hub.add_pull(7)
    read(api)
    assert hub.log[0].authorization == "token token-of-the-test"
    assert "token-of-the-test" not in repr(api)


def test_writes_keep_the_distance_that_github_asks_for_and_reads_keep_none(hub):
    waits = []
    api = connect("token", api_url=hub.base_url, seconds_between_writes=100, sleep=waits.append)
    hub.add_pull(7)
    read(api)
    write(api)
    read(api)
    assert waits == []
    write(api)
    assert len(waits) == 1
    assert 0 < waits[0] <= 100
