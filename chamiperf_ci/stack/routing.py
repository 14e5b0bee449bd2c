"""Which handler answers which method and path.

A handler is a plain function from request to answer; only one that waits (for a thread, for another service) is a
coroutine function.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from chamiperf_ci.stack.http import Answer, Request

BODY_LIMIT = 1 << 20
BULK_BODY_LIMIT = 10 << 20

Step = Callable[[Request], Awaitable[None]]
"""Something a request goes through before its handler; it waits, or raises what is to be answered instead."""

Handler = Callable[[Request], Answer] | Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True)
class Route:
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

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed = {(route.method, route.pattern): route for route in routes if "{" not in route.pattern}
        self._patterns: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        for route in routes:
            if "{" in route.pattern:
                segments = route.pattern.split("/")
                self._patterns.setdefault((route.method, len(segments)), []).append((segments, route))

    def find(self, method: str, path: str) -> tuple[Route | None, tuple[str, ...]]:
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
