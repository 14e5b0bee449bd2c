"""The typed client: envelopes, pages, conflicts, and answers that are none."""

from urllib.parse import parse_qs, urlsplit

import pytest
from made_targets import target
from scripted_server import Reply, envelope, listing, serving

from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.errors import ConfigurationError, UnexpectedAnswer
from chamiperf_ci.models.dialect import Identities
from chamiperf_ci.models.target import Service

COMPONENT = dialect().objects["component"]
BOOTPARAMS = dialect().objects["bootparams"]
VALUES = Identities(dialect().identity, "r2026a", "198.18.0.0/15").values(0)


def _client(server):
    services = dict.fromkeys((Service.SMD, Service.BSS), server.url)
    return Chamicore(target(services=services), retry=RetryPolicy(retries=0, timeout_s=5))


def _paged(total, most):
    """A list of `total` components that gives at most `most` at once, whatever is asked for."""

    def answer(asked):
        query = {
            name: int(values[0]) for name, values in parse_qs(urlsplit(asked.path).query).items() if name != "sort"
        }
        first = query.get("offset", 0)
        last = min(total, first + min(most, query["limit"]))
        return Reply(
            200, listing([envelope(f"n-{i}", {"id": f"n-{i}"}) for i in range(first, last)], total, most, first)
        )

    return answer


@pytest.mark.parametrize("most", [200, 1000, 10_000])
def test_pages_are_followed_by_what_came_not_by_what_was_asked_for(most):
    with serving(_paged(450, most)) as server, _client(server) as client:
        assert [item.key for item in client.items(COMPONENT)] == [f"n-{i}" for i in range(450)]


def test_a_list_that_ends_before_its_total_ends():
    def answer(asked):
        return Reply(200, listing([envelope("n-0", {})] if "offset=0" in asked.path else [], total=9))

    with serving(answer) as server, _client(server) as client:
        assert len(list(client.items(COMPONENT))) == 1


def test_a_count_is_the_lists_total():
    with serving(_paged(450, 200)) as server, _client(server) as client:
        assert client.count(COMPONENT) == 450


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        pytest.param(b"<html>login</html>", "the answer is not a JSON object: <html>login</html>", id="HTML"),
        pytest.param(b"", "the answer is not a JSON object", id="empty"),
        pytest.param([], "the answer is not a JSON object: []", id="an array"),
        pytest.param({"items": []}, 'the answer is not a list with a total: {"items": []}', id="no total"),
        pytest.param({"items": {}, "metadata": {"total": "1"}}, None, id="a total in words"),
        pytest.param(listing([{"spec": {}}]), None, id="an item without metadata"),
    ],
)
def test_a_list_that_is_none_is_an_error_and_not_an_empty_list(body, wrong):
    with serving(Reply(200, body)) as server, _client(server) as client, pytest.raises(UnexpectedAnswer) as failed:
        client.count(COMPONENT)
    assert wrong is None or failed.value.wrong == wrong


def test_an_error_in_plain_text_is_shown_on_one_line():
    panic = Reply(500, b"panic:\n\x1b[31mruntime error\n" + b"x" * 900)
    with serving(panic) as server, _client(server) as client, pytest.raises(UnexpectedAnswer) as failed:
        client.count(COMPONENT)
    assert failed.value.wrong.startswith("the list cannot be read: panic: [31mruntime error xxx")
    assert len(failed.value.wrong) < 250


def test_a_conflict_is_settled_by_finding_the_nodes_own_row_and_changing_it():
    def answer(asked):
        if asked.method == "POST":
            return Reply(409, {"detail": "duplicate MAC"})
        if asked.method == "GET":
            return Reply(200, listing([envelope("uuid-7", {})]))
        return Reply(200, envelope("uuid-7", asked.json))

    with serving(answer) as server, _client(server) as client:
        made = client.create(BOOTPARAMS, VALUES)
    find, patch = server.asked[1:]
    assert made.key == "uuid-7"
    assert find.path == f"/boot/v1/bootparams?component_id={VALUES['id']}&limit=100"
    assert (patch.method, patch.path, set(patch.json)) == (
        "PATCH",
        "/boot/v1/bootparams/uuid-7",
        {"mac", "role", "kernel_uri", "initrd_uri", "cmdline"},
    )


def test_where_patch_refuses_a_field_put_carries_it_with_the_etag():
    def answer(asked):
        match asked.method:
            case "POST":
                return Reply(409)
            case "PATCH":
                return Reply(400, {"detail": "mac cannot be changed"})
            case "PUT":
                return Reply(200, envelope("uuid-7", asked.json))
        if asked.path.endswith("uuid-7"):
            return Reply(200, envelope("uuid-7", {}), headers={"ETag": 'W/"7-9"'})
        return Reply(200, listing([envelope("uuid-7", {})]))

    with serving(answer) as server, _client(server) as client:
        client.create(BOOTPARAMS, VALUES)
    put = server.asked[-1]
    assert (put.headers["if-match"], put.json["component_id"]) == ('W/"7-9"', VALUES["id"])


def test_a_conflict_with_another_nodes_row_is_an_error_and_changes_nothing():
    def answer(asked):
        return Reply(409, {"detail": "duplicate MAC"}) if asked.method == "POST" else Reply(200, listing([]))

    in_the_way = pytest.raises(UnexpectedAnswer, match="an object of another node is in the way: duplicate MAC")
    with serving(answer) as server, _client(server) as client, in_the_way:
        client.create(BOOTPARAMS, VALUES)
    assert [asked.method for asked in server.asked] == ["POST", "GET"]


@pytest.mark.parametrize(("status", "was_there"), [(204, True), (404, False)])
def test_deleting_what_is_gone_is_fine(status, was_there):
    with serving(Reply(status)) as server, _client(server) as client:
        assert client.delete(COMPONENT, "n-1") is was_there


def test_behind_a_gateway_a_service_has_its_operational_paths_there():
    with serving(Reply(200)) as server, Chamicore(target(gateway=server.url)) as client:
        client.operational(Service.BSS, "health")
    assert server.asked[0].path == "/_ops/bss/health"


def test_a_service_that_is_not_configured_is_named():
    stack = target(gateway="http://127.0.0.1:1", without=(Service.POWER,))
    named = pytest.raises(ConfigurationError, match="the service power is not configured")
    with Chamicore(stack) as client, named:
        client.send("GET", Service.POWER, "/power/v1/transitions")
