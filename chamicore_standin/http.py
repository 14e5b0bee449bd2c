"""Requests, answers and refusals of a service, and the forms they have on the wire (contract section 1.5)."""

import asyncio
import ctypes
import hashlib
import inspect
import os
import random
import socket
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONEncoder, loads
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain; charset=utf-8"

_TITLES = {  # as Go's net/http spells them, which the services are written in
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Response(NamedTuple):
    """What a handler answers; headers beyond the operational ones go into `headers`."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Problem(Exception):
    """A refusal that becomes an RFC 9457 problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def answer(self, instance: str) -> Response:
        """The problem document, naming the request (path and query) it answers."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"field": name, "message": message} for name, message in self.errors]
        return Response(self.status, encode(document), PROBLEM_JSON, self.headers)


class Replaced(Exception):
    """Answer this instead of what the handler would have answered."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


class ResetConnection(Exception):
    """Tear the connection down instead of answering."""


compact = JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
"""JSON as text without blanks."""


def encode(document: object) -> bytes:
    """JSON as the services write it: compact, with a trailing newline."""
    return compact(document).encode() + b"\n"


def etag_of(body: bytes) -> str:
    """The weak entity tag of a body, as the services' middleware forms it (contract 3.2)."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


class Request:
    """One request, its body already read where the method has one."""

    __slots__ = ("_query", "args", "body", "claims", "client", "headers", "method", "path", "query_string")

    def __init__(self, scope: Any, args: tuple[str, ...]) -> None:  # noqa: ANN401 - granian's scope has no public type
        self.method: str = scope.method
        self.path: str = scope.path
        self.query_string: str = scope.query_string
        self.headers = scope.headers
        self.client: str = scope.client
        self.args = args
        self.body = b""
        self.claims: dict[str, Any] = {}
        self._query: dict[str, str] | None = None

    @property
    def instance(self) -> str:
        """Path and query, as a problem document names them."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last of a repeated one."""
        if self._query is None:
            self._query = dict(self.query_pairs())
        return self._query

    def query_pairs(self) -> list[tuple[str, str]]:
        """The query's parameters in order, with repetitions."""
        pairs = []
        for part in self.query_string.split("&"):
            if part:
                name, _, value = part.partition("=")
                pairs.append((name, _decoded(value)))
        return pairs

    def header(self, name: str) -> str | None:
        """A header's value by its lower-case name."""
        value: str | None = self.headers.get(name)
        return value

    def json(self) -> Any:  # noqa: ANN401 - whatever the client sent
        """The body as JSON.

        Raises:
            Problem: 400, it is not JSON.
        """
        try:
            return loads(self.body)
        except (JSONDecodeError, UnicodeDecodeError) as fault:
            raise Problem(400, f"malformed JSON: {fault}") from None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            Problem: 400, it is not one.
        """
        document = self.json()
        if not isinstance(document, dict):
            raise Problem(400, "malformed JSON: an object is expected")
        return document


def _decoded(value: str) -> str:
    """A query value as it was meant; the colons of a MAC, the commonest case by far, cost one replacement."""
    if "%" not in value and "+" not in value:
        return value
    simple = value.replace("%3A", ":")
    return unquote_plus(simple) if "%" in simple or "+" in simple else simple


def request_id() -> str:
    """A random UUID (version 4), made without a system call."""
    return uuid_of(random.getrandbits(128), version=4)


def uuid_of(number: int, *, version: int) -> str:
    """128 bits as the text of a UUID, version and variant filled in (RFC 9562)."""
    text = f"{number & ~(0xF000 << 64 | 0xC000 << 48) | version << 76 | 0x8000 << 48:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


BODY_LIMIT = 1 << 20
BULK_BODY_LIMIT = 10 << 20
_DRAINED_LIMIT = 64 << 20
"""Bytes of a body that is refused for its size and read all the same, so that its sender can read the refusal."""

Step = Callable[[Request], Awaitable[None]]
"""Something a request goes through before its handler; it waits, or raises what is to be answered instead."""

Handler = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """A method and a path pattern (`/a/{id}`), who may call it, and what answers.

    `scope` None means open to all; a name means a token with that scope or `admin`.
    """

    method: str
    pattern: str
    handler: Handler
    name: str
    scope: str | None = None
    body_limit: int = BODY_LIMIT
    waits: bool = field(init=False)
    timed: bool = False
    """Whether the declared service time is spent here."""
    operational: bool = False
    """Whether it is one of the operational endpoints, which a fault on `*` leaves alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "waits", inspect.iscoroutinefunction(self.handler))


class Router:
    """Finds the route of a method and path; fixed paths by one lookup, patterns by their number of segments."""

    def __init__(self, routes: Sequence[Endpoint]) -> None:
        self.routes = tuple(routes)
        self._fixed = {(route.method, route.pattern): route for route in routes if "{" not in route.pattern}
        self._patterns: dict[tuple[str, int], list[tuple[list[str], Endpoint]]] = {}
        for route in routes:
            if "{" in route.pattern:
                segments = route.pattern.split("/")
                self._patterns.setdefault((route.method, len(segments)), []).append((segments, route))

    def find(self, method: str, path: str) -> tuple[Endpoint | None, tuple[str, ...]]:
        """The route and the path's arguments, percent-decoded; None where nothing matches."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, ()
        segments = path.split("/")
        for pattern, route in self._patterns.get((method, len(segments)), ()):
            args = _arguments(pattern, segments)
            if args is not None:
                return route, args
        return None, ()

    def knows_path(self, path: str) -> bool:
        """Whether the path is routed for some method."""
        return any(self.find(method, path)[0] for method in {route.method for route in self.routes})


def _arguments(pattern: list[str], segments: list[str]) -> tuple[str, ...] | None:
    args = []
    for wanted, given in zip(pattern, segments, strict=True):
        if wanted[:1] == "{":
            if not given:
                return None
            args.append(unquote(given) if "%" in given else given)
        elif wanted != given:
            return None
    return tuple(args)


_SOCKADDR_SIZE = 16

_known: dict[str, int] = {}
"""Peer address -> descriptor, as last seen; looked up afresh where it no longer fits."""


def reset(peer: str) -> None:
    """Reset the connection whose peer is `host:port`; nothing happens where it is gone already."""
    descriptor = _known.get(peer)
    if descriptor is None or _peer_of(descriptor) != peer:
        _known.clear()
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            found = _peer_of(int(name))
            if found is not None:
                _known[found] = int(name)
        descriptor = _known.get(peer)
    if descriptor is not None:
        ctypes.CDLL(None).connect(descriptor, bytes(_SOCKADDR_SIZE), _SOCKADDR_SIZE)


def _peer_of(descriptor: int) -> str | None:
    if not Path(f"/proc/self/fd/{descriptor}").is_socket():
        return None
    borrowed = socket.socket(fileno=descriptor)
    try:
        host, port = borrowed.getpeername()[:2]
    except (OSError, ValueError):
        return None
    finally:
        borrowed.detach()
    return f"{host}:{port}"


RESET = 503
"""What a connection that was torn down counts as in the service's own metrics."""

_WRITES = frozenset({"POST", "PUT", "PATCH"})


Observe = Callable[[str, str, int, float, tuple[int, int]], None]
"""Told the route's pattern, the method, the status, the seconds, and the sizes of the request and the answer."""


def _no_observation(_route: str, _method: str, _status: int, _seconds: float, _sizes: tuple[int, int]) -> None:
    return None


class App:
    """A service as RSGI sees it: route, authorise, read, handle, answer, observe.

    By hand, because Starlette on ASGI costs a boot script a fifth to a half more processor time (bench/README.md).
    """

    def __init__(
        self,
        api_version: str,
        routes: Sequence[Endpoint],
        *,
        authorise: Callable[[Request, str], None],
    ) -> None:
        self.router = Router(routes)
        self._authorise = authorise
        self._fixed_headers = [
            ("api-version", api_version),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ]
        self.observe: Observe = _no_observation
        self.interceptors: dict[str, Step] = {}
        """By route name: what happens before the handler (service time, faults)."""
        self.fronts: dict[str, Step] = {}
        """By route name: what happens before the service notices the request, and is not part of its own timing."""
        self.threads: ThreadPoolExecutor | None = None
        """Where plain handlers run, if not in the event loop: those that wait for a database in another process."""
        self.active = 0
        """Requests in flight, the operational ones left out."""

    async def __rsgi__(self, scope: Any, proto: Any) -> None:  # noqa: ANN401 - granian's protocol objects
        """Answer one request."""
        method, path = scope.method, scope.path
        route, args = self.router.find(method, path)
        if route is None:
            self._answer_unrouted(proto, method, path)
            return
        request = Request(scope, args)
        if self.fronts and (front := self.fronts.get(route.name)) is not None:
            await front(request)
        started = perf_counter()
        self.active += not route.operational
        try:
            try:
                answer = await self._handle(route, request, proto)
            except Problem as problem:
                answer = problem.answer(request.instance)
            except Replaced as replaced:
                answer = replaced.answer
            except ResetConnection:
                answer = Response(RESET)
                reset(request.client)
            except Exception:  # noqa: BLE001 - a fault of ours is answered like a service's, and kept in the log
                traceback.print_exc()
                answer = Problem(500, "internal error").answer(request.instance)
            status = self._send(proto, request, answer)
        finally:
            self.active -= not route.operational
        self.observe(route.pattern, method, status, perf_counter() - started, (len(request.body), len(answer.body)))

    async def _handle(self, route: Endpoint, request: Request, proto: Any) -> Response:  # noqa: ANN401
        if route.scope is not None:
            self._authorise(request, route.scope)
        if route.method in _WRITES:
            request.body = await _read_body(request, proto, route.body_limit)
        if self.interceptors and (interceptor := self.interceptors.get(route.name)) is not None:
            await interceptor(request)
        if route.waits:
            return await route.handler(request)  # type: ignore[misc, no-any-return]
        if self.threads is not None:
            return await asyncio.get_running_loop().run_in_executor(self.threads, route.handler, request)  # type: ignore[arg-type]
        return route.handler(request)  # type: ignore[return-value]

    def _send(self, proto: Any, request: Request, answer: Response) -> int:  # noqa: ANN401
        """Send the answer, or 304 where the client has it already; the status that was sent."""
        headers = [*self._fixed_headers, *answer.headers]
        headers.append(("x-request-id", request.headers.get("x-request-id") or request_id()))
        body = answer.body
        if request.method == "GET":
            headers.append(("cache-control", "no-cache"))
            if answer.status == 200 and body:  # noqa: PLR2004
                tag = next((value for name, value in answer.headers if name == "etag"), None)
                if tag is None:
                    tag = etag_of(body)
                    headers.append(("etag", tag))
                if request.headers.get("if-none-match") == tag:
                    proto.response_empty(304, headers)
                    return 304
        else:
            headers.append(("cache-control", "no-store"))
        if body:
            headers.append(("content-type", answer.content_type))
            proto.response_bytes(answer.status, headers, body)
        else:
            proto.response_empty(answer.status, headers)
        return answer.status

    def _answer_unrouted(self, proto: Any, method: str, path: str) -> None:  # noqa: ANN401
        """As the services' router does: an empty 405 for a known path, plain text for an unknown one."""
        if self.router.knows_path(path):
            proto.response_empty(405, self._fixed_headers)
            status = 405
        else:
            headers = [*self._fixed_headers, ("content-type", TEXT)]
            proto.response_bytes(404, headers, b"404 page not found\n")
            status = 404
        self.observe("unrouted", method, status, 0.0, (0, 0))


async def _read_body(request: Request, proto: Any, limit: int) -> bytes:  # noqa: ANN401
    content_type = request.headers.get("content-type") or ""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise Problem(415, "Content-Type must be application/json")
    declared = request.headers.get("content-length")
    if declared is None or not declared.isdigit() or int(declared) <= limit:
        body: bytes = await proto()
        if len(body) <= limit:
            return body
    elif int(declared) <= _DRAINED_LIMIT:
        # Read and dropped: a client that is still sending when the connection closes sees a reset and no answer.
        async for _chunk in proto:
            pass
    raise Problem(413, f"the request body is larger than {limit} bytes")
