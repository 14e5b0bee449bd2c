"""Requests against a real server: tried again where that may help, and never sent to a host that is not named."""

import pytest
from made_targets import target
from scripted_server import Reply, serving

from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Sender, ServiceRequest
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.errors import (
    ConfigurationError,
    CredentialRefused,
    LoadNotAllowed,
    StackUnreachable,
    ToolkitError,
    UnexpectedAnswer,
)
from chamiperf_ci.models.target import Credential, CredentialKind, Service


@pytest.fixture
def sender_of():
    """Make a Sender for a server; its waits are noted instead of waited."""
    made = []

    def make(url, *, waits=None, timeout_s=5.0, **fields):
        waits = [] if waits is None else waits
        given = {"services": {Service.SMD: url}, **fields}
        sender = Sender(target(**given), dialect(), RetryPolicy(timeout_s=timeout_s), sleep=waits.append)
        made.append(sender)
        return sender

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_answer_is_asked_for_again(sender_of, status):
    with serving([Reply(status), Reply(200)]) as server:
        answer = sender_of(server.url).send(ServiceRequest("POST", server.url, {"a": 1}))
    assert (answer.status, len(server.asked)) == (200, 2)


def test_a_500_to_a_post_is_not_asked_for_again_for_it_may_have_written(sender_of):
    with serving(Reply(500)) as server:
        answer = sender_of(server.url).send(ServiceRequest("POST", server.url, {}))
    assert (answer.status, len(server.asked)) == (500, 1)


def test_after_three_retries_the_busy_answer_is_the_answer(sender_of):
    with serving(Reply(503)) as server:
        answer = sender_of(server.url).send(ServiceRequest("GET", server.url))
    assert (answer.status, len(server.asked)) == (503, 4)


def test_the_waits_double_within_their_random_part(sender_of):
    waits = []
    with serving(Reply(503)) as server:
        sender_of(server.url, waits=waits).send(ServiceRequest("GET", server.url))
    assert all(0.5 * due <= wait <= 1.5 * due for wait, due in zip(waits, (0.2, 0.4, 0.8), strict=True))


@pytest.mark.parametrize(("asked_for", "waited"), [("3", 3.0), ("3600", 10.0)])
def test_retry_after_is_followed_up_to_ten_seconds(sender_of, asked_for, waited):
    waits = []
    with serving([Reply(429, headers={"Retry-After": asked_for}), Reply(200)]) as server:
        sender_of(server.url, waits=waits).send(ServiceRequest("GET", server.url))
    assert waits == [waited]


def test_a_hanging_service_is_unreachable(sender_of):
    with serving(Reply(hang=True)) as server:
        with pytest.raises(StackUnreachable) as failed:
            sender_of(server.url, timeout_s=0.2).send(ServiceRequest("POST", server.url))
        url = server.url
    assert str(failed.value) == f"no answer in time ({url}). Check whether the service hangs."


def test_a_port_without_a_service_is_unreachable(sender_of):
    with pytest.raises(StackUnreachable) as failed:
        sender_of("http://127.0.0.1:1").send(ServiceRequest("GET", "http://127.0.0.1:1/health"))
    assert str(failed.value) == (
        "no answer: Connection refused (http://127.0.0.1:1/health). Check that the stack is up and the URL is right."
    )


def test_the_credential_and_the_content_type_are_sent(sender_of):
    with serving(Reply(201)) as server:
        sender_of(server.url).send(ServiceRequest("POST", server.url, {"a": 1}))
    sent = server.asked[0]
    assert (sent.headers["authorization"], sent.headers["content-type"], sent.json) == (
        "Bearer planted-token",
        "application/json",
        {"a": 1},
    )


def test_an_unauthorised_request_carries_no_credential_and_takes_401_as_an_answer(sender_of):
    with serving(Reply(401)) as server:
        answer = sender_of(server.url).send(ServiceRequest("GET", server.url), authorised=False)
    assert (answer.status, "authorization" in server.asked[0].headers) == (401, False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_is_told_without_the_secret(sender_of, status):
    with serving(Reply(status, {"detail": "no such token"})) as server:
        with pytest.raises(CredentialRefused) as refused:
            sender_of(server.url).send(ServiceRequest("GET", f"{server.url}/x"))
        url = server.url
    assert str(refused.value) == (
        f"the credential internal-token is refused: no such token (GET {url}/x, status {status}). "
        "Set CHAMICORE_INTERNAL_TOKEN, or give another credential (docs/your-stack.md)."
    )


def test_a_token_that_is_refused_is_renewed_once(sender_of):
    def answer(asked):
        if asked.path == "/auth/v1/token":
            return Reply(200, {"access_token": f"t{len(server.asked)}", "expires_in": 900})
        return Reply(200 if asked.headers["authorization"] == "Bearer t3" else 401)

    account = Credential(kind=CredentialKind.CLIENT_CREDENTIALS, client_id="a", client_secret="planted")
    with serving(answer) as server:
        services = {Service.SMD: server.url, Service.AUTH: server.url}
        done = sender_of(server.url, services=services, credential=account).send(ServiceRequest("GET", server.url))
    assert done.status == 200


def test_a_get_follows_a_redirect_to_a_listed_host(sender_of):
    with serving(Reply(200, b"there")) as there, serving(Reply(307, headers={"Location": f"{there.url}/new"})) as here:
        answer = sender_of(here.url).send(ServiceRequest("GET", here.url))
    assert (answer.content, there.asked[0].path) == (b"there", "/new")


def test_a_redirect_to_a_host_that_is_not_listed_gets_no_request(sender_of):
    with (
        serving(Reply(307, headers={"Location": "http://prod.example/hsm"})) as server,
        pytest.raises(LoadNotAllowed, match=r"load on the host prod\.example is not allowed"),
    ):
        sender_of(server.url).send(ServiceRequest("GET", server.url))


def test_a_redirect_to_what_is_no_url_is_an_answer_that_nobody_expected(sender_of):
    with (
        serving(Reply(307, headers={"Location": "http://["})) as server,
        pytest.raises(UnexpectedAnswer, match="redirects to something that is not a URL"),
    ):
        sender_of(server.url).send(ServiceRequest("GET", server.url))


def test_the_credential_does_not_follow_a_redirect_to_another_host(sender_of):
    with serving(Reply(200)) as there:
        elsewhere = there.url.replace("127.0.0.1", "localhost")
        with serving(Reply(307, headers={"Location": elsewhere})) as here:
            sender_of(here.url).send(ServiceRequest("GET", here.url))
    assert "authorization" not in there.asked[0].headers


def test_the_credential_does_not_follow_a_redirect_to_another_port(sender_of):
    with serving(Reply(200)) as there, serving(Reply(307, headers={"Location": there.url})) as here:
        sender_of(here.url).send(ServiceRequest("GET", here.url))
    assert "authorization" not in there.asked[0].headers


def test_a_redirect_that_loses_the_credential_is_named_and_not_called_a_refused_credential(sender_of):
    with (
        serving(Reply(401)) as there,
        serving(Reply(307, headers={"Location": there.url})) as here,
        pytest.raises(ConfigurationError, match="credentials are not sent") as moved,
    ):
        sender_of(here.url).send(ServiceRequest("GET", here.url))
    assert "Give the URL of the service itself" in str(moved.value)


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/x", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://xn--/"]
)
def test_a_redirect_to_what_cannot_be_asked_is_one_line(sender_of, location):
    with serving(Reply(307, headers={"Location": location})) as here, pytest.raises(ToolkitError) as refused:
        sender_of(here.url).send(ServiceRequest("GET", here.url))
    assert refused.value.exit_code in (2, 3)


def test_a_redirected_write_is_not_sent_on(sender_of):
    with serving(Reply(200)) as there, serving(Reply(307, headers={"Location": there.url})) as here:
        with pytest.raises(UnexpectedAnswer, match="a write is redirected to"):
            sender_of(here.url).send(ServiceRequest("POST", here.url, {}))
        assert there.asked == []


def test_redirects_in_a_circle_end(sender_of):
    with (
        serving(Reply(302, headers={"Location": "/again"})) as server,
        pytest.raises(UnexpectedAnswer, match="redirects without an end"),
    ):
        sender_of(server.url).send(ServiceRequest("GET", server.url))
