"""Looking again after a load."""

import pytest

from chamiperf_ci.adapters.dialect import dialect
from chamiperf_ci.steps.load.cooldown import route_again


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        pytest.param("bootscript", "/boot/v1/bootscript?mac={mac_encoded}", id="a route of a node"),
        pytest.param("component-get", "/hsm/v2/State/Components/{id}", id="an object that the node's id names"),
        pytest.param("component-list", None, id="a page of a list"),
        pytest.param("bootparams-get", None, id="an object that only the server can name"),
        pytest.param("component-create", None, id="a write"),
        pytest.param("boot path", None, id="no endpoint at all"),
    ],
)
def test_only_what_a_nodes_names_suffice_for_is_asked_again(endpoint, path):
    route = route_again(dialect(), endpoint)
    assert (route and route.path) == path
