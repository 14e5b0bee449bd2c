"""When a request is sent again, and after how long."""

import pytest

from chamiperf_ci.adapters.github.api import ATTEMPTS, GithubAnswer, pause_before_retry

NOW = 1_000.0


def pause(status, headers=(), message="", attempt=1):
    """The pause after an answer."""
    return pause_before_retry(GithubAnswer(status, dict(headers), message), attempt, NOW)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param((429, {"retry-after": "7"}), 7, id="retry-after is obeyed"),
        pytest.param((403, {"retry-after": "7"}), 7, id="retry-after with a 403"),
        pytest.param((403, {"retry-after": "301"}), None, id="a wait of over five minutes is not waited for"),
        pytest.param((403, {"retry-after": "300"}), 300, id="five minutes are"),
        pytest.param((403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1060"}), 61, id="until the reset"),
        pytest.param((403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}), 1, id="a reset in the past"),
        pytest.param((403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9000"}), None, id="a reset far away"),
        pytest.param((403, {}, "You have exceeded a secondary rate limit"), 60, id="a secondary limit, first time"),
        pytest.param((403, {}, "Resource not accessible by integration"), None, id="a missing right is not waited for"),
        pytest.param((404, {}), None, id="not found is final"),
        pytest.param((422, {}), None, id="rejected is final"),
        pytest.param((500, {}), 1, id="a server error"),
        pytest.param((0, {}), 1, id="no answer"),
    ],
)
def test_the_pause_follows_from_the_answer(answer, expected):
    assert pause(*answer) == expected


def test_the_pause_after_a_server_error_doubles():
    assert [pause(500, attempt=attempt) for attempt in (1, 2, 3)] == [1, 2, 4]


def test_the_pause_for_a_secondary_limit_doubles():
    assert pause(403, message="You have exceeded a secondary rate limit", attempt=2) == 120


def test_the_last_attempt_is_the_last():
    assert pause(500, attempt=ATTEMPTS) is None
