"""A GitHub Enterprise Server whose certificate an unknown CA has signed."""

import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from chamiperf_ci.adapters.github.api import AnswerShape, GitHubFailed, connect


class Named(AnswerShape):
    """What is read of the answer."""

    name: str


class Handler(BaseHTTPRequestHandler):
    """Answers as the API does."""

    def do_GET(self):
        """One repository, whatever is asked."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"name": "stack"}')

    def log_message(self, *_args):
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Quiet where a handshake fails."""

    def handle_error(self, *_args):
        """A handshake that fails is what the test is for."""


@contextmanager
def enterprise(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/api/v3"
    server.shutdown()
    server.server_close()


def read(url):
    return connect("token", api_url=url, seconds_between_writes=0).get(
        "/repos/o/r", Named, what="read the repository", permission="contents: read"
    )


def test_a_ca_that_nobody_knows_is_named_with_the_variables_that_name_it():
    with enterprise(trustme.CA()) as url, pytest.raises(GitHubFailed) as refused:
        read(url)
    said = str(refused.value)
    assert "the certificate of GitHub's API is not trusted" in said
    assert "unable to get local issuer certificate" in said
    assert "REQUESTS_CA_BUNDLE and SSL_CERT_FILE" in said


def test_one_that_the_variables_name_is_taken(tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with enterprise(authority) as url:
        assert read(url).name == "stack"
