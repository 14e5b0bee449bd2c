from urllib.parse import parse_qs

import pytest
from made_targets import target
from scripted_server import Reply, serving

from chamiperf_ci.adapters.prometheus import Access, Prometheus, Track
from chamiperf_ci.errors import OutsideServiceError

SECRET = "planted-secret"


def answer(*result):
    return Reply(body={"status": "success", "data": {"result": list(result)}})


def asked(reply, question, access=None):
    """What a question gives, and the request that was made of it."""
    with serving(reply) as server, Prometheus(server.url, target(), access or Access()) as prometheus:
        return question(prometheus), server.asked[0]


def test_a_value_comes_with_its_labels():
    metric = {"__name__": "up", "job": "bss", "a": "1"}
    (value,), request = asked(answer({"metric": metric, "value": [1.0, "2.5"]}), lambda it: it.query("up", at=7.25))
    assert (value.labels, value.value) == ((("a", "1"), ("job", "bss")), 2.5)
    assert parse_qs(request.body.decode()) == {"query": ["up"], "time": ["7.250"]}


def test_samples_are_those_of_the_names_within_the_time():
    series = {"metric": {"__name__": "x", "job": "bss"}, "values": [[1.0, "1"], [2.0, "NaN"], [3.0, "4"]]}
    found, request = asked(answer(series), lambda it: it.samples(["x", "y"], start=1.0, end=3.5))
    assert found == (Track("x", (("job", "bss"),), (1.0, 3.0), (1.0, 4.0)),)
    assert parse_qs(request.body.decode()) == {"query": ['{__name__=~"x|y"}[2500ms]'], "time": ["3.500"]}


def test_a_token_is_sent_and_never_shown():
    access = Access.of({"CHAMIPERF_PROMETHEUS_TOKEN": SECRET})
    _, request = asked(answer(), lambda it: it.query("up"), access)
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(access)


def test_a_name_and_a_password_are_sent():
    access = Access.of({"CHAMIPERF_PROMETHEUS_USERNAME": "u", "CHAMIPERF_PROMETHEUS_PASSWORD": SECRET})
    _, request = asked(answer(), lambda it: it.query("up"), access)
    assert request.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "reply",
    [Reply(status=401, body=b"who are you"), Reply(body=b"<html>"), Reply(status=400, body={"status": "error"})],
    ids=["refused", "no Prometheus", "a bad query"],
)
def test_what_is_no_answer_is_an_error_of_the_outside_service(reply):
    with pytest.raises(OutsideServiceError, match="refused a query"):
        asked(reply, lambda it: it.query("up"))


def test_a_prometheus_that_is_not_there_is_named(free_tcp_port):
    url = f"http://127.0.0.1:{free_tcp_port}"
    with Prometheus(url, target(), Access()) as prometheus, pytest.raises(OutsideServiceError, match=url):
        prometheus.query("up")
