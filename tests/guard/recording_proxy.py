"""Stands between the toolkit and a stack, passes everything on, and keeps what each request looked like.

What differs from run to run (ids, addresses, tokens, times, ports) is replaced by its kind, so that two recordings of
the same behavior are equal.
"""

import contextlib
import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

_KINDS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "{uuid}"),
    (re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE), "{mac}"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b"), "{ip}"),
    (re.compile(r"chamiperf-[a-z0-9]{6,}(?:-\d+)?"), "{node}"),
    (re.compile(r"\b(?=[a-z0-9]*\d)[a-z0-9]{8,}\b", re.IGNORECASE), "{id}"),
    (re.compile(r"(?<![a-zA-Z0-9{])\d+(?![a-zA-Z0-9}])"), "{n}"),
)
_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding", "keep-alive"})
"""Headers of one connection, which a proxy does not pass on as they are."""
_TELLING = frozenset({"command", "grant_type", "method", "name", "operation", "action"})
"""Keys whose value says what is asked for, where it is a plain word."""


class Recorder:
    """The requests since they were last taken."""

    def __init__(self) -> None:
        self._requests: list[str] = []
        self._lock = threading.Lock()

    def keep(self, service: str, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Remember one request as a line."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        agent = headers.get("user-agent", "").split("/")[0].split(" ")[0] or "no agent"
        names = " ".join(sorted(headers.keys() - _CONNECTION - {"user-agent"}))
        line = f"{agent}: {service} {handler.command} {path_of(handler.path)} [{names}] {shape_of(body, headers)}"
        with self._lock:
            self._requests.append(line.rstrip())

    def take(self) -> list[str]:
        """What was asked, in the order of arrival, and begin anew."""
        with self._lock:
            taken, self._requests = self._requests, []
        return taken


def neutral(text: str) -> str:
    """The text with what differs from run to run replaced by its kind."""
    for pattern, kind in _KINDS:
        text = pattern.sub(kind, text)
    return text


def path_of(target: str) -> str:
    """A path and its query with their ids replaced; the query sorted."""
    parts = urlsplit(target)
    query = sorted(f"{name}={neutral(value)}" for name, value in parse_qsl(parts.query, keep_blank_values=True))
    return neutral(unquote(parts.path)) + ("?" + "&".join(query) if query else "")


def shape_of(body: bytes, headers: Mapping[str, str]) -> str:
    """The keys of a body, with the values that say what is asked for."""
    if not body:
        return ""
    if "json" in headers.get("content-type", ""):
        return " ".join(sorted(set(_keys(json.loads(body), ""))))
    if "form" in headers.get("content-type", ""):
        return " ".join(sorted(_leaf(name, value) for name, value in parse_qsl(body.decode())))
    return f"a body of {headers.get('content-type', 'no type')}"


def _keys(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _keys(inner, f"{path}.{neutral(name)}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, f"{path}[]")
    else:
        yield _leaf(path, value)


def _leaf(path: str, value: object) -> str:
    tells = path.rsplit(".", 1)[-1] in _TELLING and isinstance(value, str) and neutral(value) == value
    return f"{path}={value}" if tells else path


@contextlib.contextmanager
def between(urls: Mapping[str, str], recorder: Recorder) -> Iterator[dict[str, str]]:
    """Serve a proxy for each URL; the proxies' URLs, under the same variables."""
    with contextlib.ExitStack() as servers:
        yield {
            variable: servers.enter_context(_proxy(_service(variable), url, recorder)) for variable, url in urls.items()
        }


def _service(variable: str) -> str:
    """`bss` of CHAMICORE_TEST_BSS_URL."""
    return re.sub(r"^(CHAMICORE_TEST|CHAMIPERF)_|_URL$", "", variable).lower()


@contextlib.contextmanager
def _proxy(service: str, url: str, recorder: Recorder) -> Iterator[str]:
    upstream = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            super().setup()
            self.stack = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)

        def finish(self) -> None:
            super().finish()
            self.stack.close()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            recorder.keep(service, self, body)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _CONNECTION}
            self.stack.request(self.command, self.path, body or None, headers)
            answer = self.stack.getresponse()
            content = answer.read()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the base class's names

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
