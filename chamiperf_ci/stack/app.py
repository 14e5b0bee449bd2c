"""A service as RSGI sees it: route, authorise, read, handle, answer, observe.

Follows section 1.5 of the contract: operational headers on every answer, JSON required on writes, problem documents for
what a handler refuses, plain text for what is not routed.
"""

import traceback
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from chamiperf_ci.stack.http import JSON, TEXT, Answer, Problem, Replaced, Request, ResetConnection, etag_of, request_id
from chamiperf_ci.stack.resets import reset
from chamiperf_ci.stack.routing import Route, Router, Step

RESET = 503
"""What a connection that was torn down counts as in the service's own metrics."""

_WRITES = frozenset({"POST", "PUT", "PATCH"})


def _no_observation(_route: str, _method: str, _status: int, _seconds: float, _size: int) -> None:
    return None


class App:
    """A service as RSGI sees it: route, authorise, read, handle, answer, observe."""

    def __init__(
        self,
        api_version: str,
        routes: Sequence[Route],
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
        self.observe: Callable[[str, str, int, float, int], None] = _no_observation
        """Told the route's pattern, the method, the status, the seconds and the size of the body."""
        self.interceptors: dict[str, Step] = {}
        """By route name: what happens before the handler (service time, faults)."""
        self.fronts: dict[str, Step] = {}
        """By route name: what happens before the service notices the request, and is not part of its own timing."""
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
                answer = Answer(RESET)
                reset(request.client)
            except Exception:  # noqa: BLE001 - a fault of ours is answered like a service's, and kept in the log
                traceback.print_exc()
                answer = Problem(500, "internal error").answer(request.instance)
            status = self._send(proto, request, answer)
        finally:
            self.active -= not route.operational
        self.observe(route.pattern, method, status, perf_counter() - started, len(answer.body))

    async def _handle(self, route: Route, request: Request, proto: Any) -> Answer:  # noqa: ANN401
        if route.scope is not None:
            self._authorise(request, route.scope)
        if route.method in _WRITES:
            request.body = await _read_body(request, proto, route.body_limit)
        if self.interceptors and (interceptor := self.interceptors.get(route.name)) is not None:
            await interceptor(request)
        if route.waits:
            return await route.handler(request)  # type: ignore[misc, no-any-return]
        return route.handler(request)  # type: ignore[return-value]

    def _send(self, proto: Any, request: Request, answer: Answer) -> int:  # noqa: ANN401
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
        self.observe("unrouted", method, status, 0.0, 0)


async def _read_body(request: Request, proto: Any, limit: int) -> bytes:  # noqa: ANN401
    content_type = request.headers.get("content-type") or ""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise Problem(415, "Content-Type must be application/json")
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise Problem(413, f"the request body is larger than {limit} bytes")
    body: bytes = await proto()
    if len(body) > limit:
        raise Problem(413, f"the request body is larger than {limit} bytes")
    return body
