"""Who a token writes as, where GitHub will not say."""

import pytest

from chamiperf_ci.adapters.github.api import GithubAnswer, TokenRefused, failure
from chamiperf_ci.adapters.github.comments import ACTIONS_LOGIN, login_of


class Refusing:
    """GitHub's API, answering with one status and no word."""

    of_an_app = False

    def __init__(self, status):
        self.status = status

    def get(self, path, _shape, *, what, permission):
        """Refuse."""
        raise failure(GithubAnswer(self.status, {}, ""), what=what, where=f"GET {path}", permission=permission)


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_ask_is_the_workflows_own(status):
    assert login_of(Refusing(status)) == ACTIONS_LOGIN


def test_a_token_that_is_none_is_never_taken_for_the_workflows_own():
    with pytest.raises(TokenRefused):
        login_of(Refusing(401))
