"""A stand-in of GitHub without a socket, and an `Api` that talks to it and never sleeps."""

import github_standin
import pytest

from chamiperf_ci.adapters.github.api import Api, connect


@pytest.fixture
def hub():
    """The stand-in; at the end, every request and answer must have been as GitHub describes them."""
    stand_in = github_standin.StandIn()
    with github_standin.intercept(stand_in):
        yield stand_in
    assert stand_in.checked == []


@pytest.fixture
def pauses():
    """Seconds that were to be slept, in order."""
    return []


@pytest.fixture
def api(hub, pauses) -> Api:
    """Talks to the stand-in; a pause is noted instead of slept."""
    return connect(
        "token-of-the-test",
        api_url=hub.base_url,
        seconds_between_writes=0,
        sleep=pauses.append,
        clock=lambda: 1_000.0,
    )
