"""An HTTP proxy on loopback, between the commands and a service, that alters what the service answers."""

import http.client
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from scripted_server import served_by

PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Sign in to go on.</body></html>"
"""What a captive portal or a proxy answers in somebody's place."""


@dataclass(frozen=True)
class Said:
    """An answer on its way back; `promised` is its Content-Length where that is not its length."""

    status: int
    headers: dict
    body: bytes
    promised: int | None = None

    def with_body(self, body, **headers):
        """The same with another body."""
        return replace(self, body=body, headers=self.headers | headers)


def page(status):
    """A page in place of every answer."""
    return lambda _path, _said: Said(status, {"Content-Type": "text/html"}, PAGE)


def cut_off(_path, said):
    """Half of each body, then the end of the connection."""
    return replace(said, body=said.body[: len(said.body) // 2], promised=len(said.body))


@contextmanager
def between(url, alter, *, only=""):
    """Serve what the service at `url` answers, altered by `alter(path, said)` where `only` is in the path."""
    place = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self):
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length)
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            asked = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
            try:
                asked.request(self.command, self.path, body, headers)
                answer = asked.getresponse()
                said = Said(answer.status, dict(answer.getheaders()), answer.read())
            finally:
                asked.close()
            self._answer(alter(self.path, said) if only in self.path else said)

        def _answer(self, said):
            self.send_response(said.status)
            for name, value in said.headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body) if said.promised is None else said.promised))
            self.end_headers()
            self.wfile.write(said.body)
            self.close_connection = self.close_connection or said.promised is not None

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the base class's names

        def log_message(self, *_args):
            """Quiet."""

    with served_by(Handler) as proxy:
        yield proxy
