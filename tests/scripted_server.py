"""A real HTTP server on loopback that answers as a test says, and remembers what it was asked."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request, as the server saw it."""

    method: str
    path: str
    headers: dict
    body: bytes
    peer: str = ""
    """The address that it came from."""

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer; a dict or list becomes JSON. `hang` waits until the server stops instead."""

    status: int = 200
    body: object = b""
    headers: dict = field(default_factory=dict)
    hang: bool = False


@dataclass
class ScriptedServer:
    """Where it listens, and what it was asked."""

    url: str
    asked: list
    over: threading.Event


@contextmanager
def serving(answer):
    """Serve what `answer` (a function of Asked) replies; one Reply, or a list of them used up in turn, will do."""
    asked, over = [], threading.Event()
    replies = list(answer) if isinstance(answer, list) else None

    def reply_to(request):
        if replies is not None:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        return answer if isinstance(answer, Reply) else answer(request)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self):
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Asked(self.command, self.path, headers, self.rfile.read(length), self.client_address[0])
            asked.append(request)
            reply = reply_to(request)
            if reply.hang:
                over.wait()
                self.close_connection = True
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815 - the base class's names

        def log_message(self, *_args):
            """Quiet."""

    with served_by(Handler) as url:
        try:
            yield ScriptedServer(url, asked, over)
        finally:
            over.set()


@contextmanager
def served_by(handler):
    """Serve with a request handler's class on a free port of loopback; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def envelope(key, spec, created_at="2026-01-01T00:00:00Z"):
    """An object as the services wrap it."""
    times = {"createdAt": created_at, "updatedAt": created_at}
    return {"kind": "K", "apiVersion": "v", "metadata": {"id": key, "etag": f'W/"{key}"', **times}, "spec": spec}


def listing(items, total=None, limit=100, offset=0):
    """A list as the services wrap it."""
    total = len(items) if total is None else total
    metadata = {"total": total, "limit": limit, "offset": offset}
    return {"kind": "KList", "apiVersion": "v", "metadata": metadata, "items": items}
