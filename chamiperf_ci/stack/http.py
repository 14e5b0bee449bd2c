"""Requests, answers and refusals of a service, and the forms they have on the wire (contract section 1.5)."""

import hashlib
import random
from collections.abc import Sequence
from json import JSONDecodeError, JSONEncoder, loads
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
TEXT = "text/plain; charset=utf-8"

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


class Answer(NamedTuple):
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

    def answer(self, instance: str) -> Answer:
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
        return Answer(self.status, encode(document), PROBLEM_JSON, self.headers)


class Replaced(Exception):
    """Answer this instead of what the handler would have answered."""

    def __init__(self, answer: Answer) -> None:
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
