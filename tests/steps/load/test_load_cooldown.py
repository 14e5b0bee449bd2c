"""Looking again after a load."""

from collections import Counter
from pathlib import Path

import pytest
from made_loads import summary
from made_targets import target
from scripted_server import Reply, serving

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.run import ObjectCount
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.stack_state import count, counts, route_again

SEED = Seed.model_validate_json((Path(__file__).parents[2] / "golden/v1/seed.json").read_bytes())
LEFT = (ObjectCount(kind="transitions", created=7, removed=0, left=5),)


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


def _checked(transitions, refused=""):
    """The check of a load that says it left five transitions, on a stack with so many more; nothing else changed."""
    asked = Counter()

    def lists(request):
        path = request.path.partition("?")[0]
        asked[path] += 1
        more = transitions if asked[path] > 1 and path.endswith("transitions") else 0
        body = {"metadata": {"total": 10 + more, "limit": 1, "offset": 0}, "items": []}
        return Reply(403) if refused and refused in path else Reply(body=body)

    with serving(lists) as server, Chamicore(_of_smd_and_power(server.url)) as client:
        return count(client, SEED, counts(client, SEED), summary(objects=LEFT))


def _of_smd_and_power(url):
    return target(services=dict.fromkeys((Service.SMD, Service.POWER), url))


@pytest.mark.parametrize(("transitions", "ok", "problem"), [(5, True, ""), (6, False, "transitions: 16 instead of 15")])
def test_what_a_scenario_says_that_it_left_is_counted_beyond_the_seeds_kinds(transitions, ok, problem):
    check = _checked(transitions)
    assert (check.ok, check.problem) == (ok, problem)


def test_a_kind_that_we_may_not_list_takes_no_other_out_of_the_check():
    assert _checked(6, refused="transitions").ok is True
