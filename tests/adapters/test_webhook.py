"""Messages to an address that is a secret."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from chamiperf_ci.adapters.webhook import Webhook
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError


@pytest.fixture
def receiver():
    """A receiver on loopback with planned answers; 0 cuts the connection."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self):
            got.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            status = answers.pop(0) if answers else 200
            if status:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        do_GET = do_POST = _any  # noqa: N815 - http.server's names

        def log_message(self, *_):
            """Nothing is logged."""

    got, answers = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/services/SECRET", got, answers
    server.shutdown()
    thread.join()
    server.server_close()


def hook(url, waits):
    return Webhook(SecretStr(url), "CHAMIPERF_ALERT_WEBHOOK", sleep=waits.append)


def test_a_message_is_what_slack_takes(receiver):
    url, got, _ = receiver
    hook(url, []).post("slower")
    assert json.loads(got[0]) == {"text": "slower"}


def test_a_heartbeat_has_no_body(receiver):
    url, got, _ = receiver
    hook(url, []).ping()
    assert got == [b""]


@pytest.mark.parametrize("first", [0, 429, 503])
def test_what_may_pass_is_tried_again(receiver, first):
    url, got, answers = receiver
    answers.append(first)
    hook(url, []).post("slower")
    assert len(got) == 2


def test_a_refusal_is_not_tried_again(receiver):
    url, got, answers = receiver
    answers += [404] * 9
    with pytest.raises(OutsideServiceError, match="answer 404"):
        hook(url, []).post("slower")
    assert len(got) == 1


def test_it_gives_up_after_three_attempts(receiver):
    url, got, answers = receiver
    answers += [503] * 9
    waits = []
    with pytest.raises(OutsideServiceError):
        hook(url, waits).post("slower")
    assert (len(got), waits) == (3, [2.0, 4.0])


def test_no_message_holds_the_address(receiver):
    url, _, answers = receiver
    answers += [0] * 9
    with pytest.raises(OutsideServiceError) as failed:
        hook(url, []).post("slower")
    assert str(failed.value).startswith("no answer (")
    assert "SECRET" not in str(failed.value)
    assert "SECRET" not in repr(hook(url, []))


@pytest.mark.parametrize("url", ["SECRET", "ftp://x/SECRET", "https://"])
def test_what_is_no_address_is_a_mistake_of_the_configuration(url):
    with pytest.raises(ConfigurationError) as refused:
        hook(url, [])
    assert "SECRET" not in str(refused.value)
