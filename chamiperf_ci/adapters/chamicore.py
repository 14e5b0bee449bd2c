"""A typed client for the Chamicore services: objects, lists, conflicts, and what a service says of itself."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from chamiperf_ci.adapters.answers import Answer, Resource
from chamiperf_ci.adapters.dialect import dialect
from chamiperf_ci.adapters.sender import Patience, Request, Sender
from chamiperf_ci.adapters.transport import Connections
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Shape, fill
from chamiperf_ci.models.target import Service, Target

PAGE: Final = 10_000
"""Items asked for at once; a stack that gives fewer is followed by its metadata."""


class Chamicore(Connections):
    """One target's services. Safe to use from several threads; close it, or use it in a `with`."""

    def __init__(
        self, target: Target, *, patience: Patience | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.target = target
        self.dialect = dialect()
        self._sender = Sender(target, self.dialect, patience or Patience(), sleep=sleep)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def send(
        self,
        method: str,
        service: Service,
        path: str,
        body: object = None,
        *,
        authorised: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request to a service's path; see `Sender.send`.

        Raises:
            ConfigurationError: The target has no such service. And what `Sender.send` raises.
        """
        base = self.target.url(service)
        if base is None:
            raise ConfigurationError(
                f"the service {service} is not configured", where="the target", remedy=f"Give --{service}-url."
            )
        return self._sender.send(Request(method, f"{base}{path}", body, headers or {}), authorised=authorised)

    def operational(self, service: Service, name: str) -> Answer:
        """Ask for `health`, `readiness` or `version`; behind a gateway they have paths of their own (contract 1.3)."""
        direct = self.target.services.get(service)
        url = f"{direct}/{name}" if direct else f"{self.target.gateway}/_ops/{service}/{name}"
        return self._sender.send(Request("GET", url), authorised=False)

    def create(self, shape: Shape, values: Mapping[str, str]) -> Resource:
        """Create an object; one of the same node that is there already is changed into it (contract 3.10).

        Raises:
            UnexpectedAnswer: It is refused, or an object of another node is in the way. And what `send` raises.
        """
        body = fill(shape.body, values)
        answer = self.send("POST", shape.service, shape.path, body)
        if answer.status == HTTPStatus.CONFLICT:
            return self._resolve(shape, values, answer)
        if not answer.ok:
            raise answer.unexpected("the object could not be created")
        return answer.resource()

    def find(self, shape: Shape, values: Mapping[str, str]) -> list[Resource]:
        """The objects of one kind that a node has; a node that the key names is found by it.

        Raises:
            UnexpectedAnswer: The service answers something else. And what `send` raises.
        """
        if shape.find:
            answer = self.send("GET", shape.service, shape.path + fill(shape.find, values))
            if not answer.ok:
                raise answer.unexpected("the list cannot be read")
            return answer.page()[0]
        found = self.read(shape, fill(shape.key, values))
        return [] if found is None else [found]

    def read(self, shape: Shape, key: str) -> Resource | None:
        """An object by the server's id; None where there is none.

        Raises:
            UnexpectedAnswer: The service answers something else. And what `send` raises.
        """
        answer = self.send("GET", shape.service, f"{shape.path}/{key}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise answer.unexpected("the object cannot be read")
        resource = answer.resource()
        return replace(resource, etag=answer.headers.get("etag", resource.etag))

    def delete(self, shape: Shape, key: str) -> bool:
        """Delete an object by the server's id; whether it was there.

        Raises:
            UnexpectedAnswer: Any status but a success and 404. And what `send` raises.
        """
        answer = self.send("DELETE", shape.service, f"{shape.path}/{key}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        if not answer.ok:
            raise answer.unexpected("the object could not be deleted")
        return True

    def count(self, shape: Shape) -> int:
        """How many objects of a kind there are, as the list's metadata says.

        Raises:
            UnexpectedAnswer: The list has no total. And what `send` raises.
        """
        return self._page(shape, {"limit": 1})[1]

    def items(self, shape: Shape) -> Iterator[Resource]:
        """All objects of a kind, oldest first, page by page as far as the metadata says.

        Raises:
            UnexpectedAnswer: A page is no list. And what `send` raises.
        """
        offset = 0
        while True:
            resources, total = self._page(shape, {"limit": PAGE, "offset": offset, "sort": "created_at"})
            yield from resources
            offset += len(resources)
            if not resources or offset >= total:
                return

    def _page(self, shape: Shape, params: Mapping[str, Any]) -> tuple[list[Resource], int]:
        answer = self.send("GET", shape.service, f"{shape.path}?{urlencode(params)}")
        if not answer.ok:
            raise answer.unexpected("the list cannot be read")
        return answer.page()

    def _resolve(self, shape: Shape, values: Mapping[str, str], conflict: Answer) -> Resource:
        """Change the node's own object that is in the way; where PATCH refuses a field, PUT carries it."""
        found = self.find(shape, values)
        if not found:
            raise conflict.unexpected("an object of another node is in the way")
        path = f"{shape.path}/{found[0].key}"
        patch = {field: shape.body[field] for field in shape.patch}
        answer = self.send("PATCH", shape.service, path, fill(patch, values))
        if answer.status == HTTPStatus.BAD_REQUEST:
            current = self.read(shape, found[0].key)
            etag = "" if current is None else current.etag
            answer = self.send("PUT", shape.service, path, fill(shape.body, values), headers={"If-Match": etag})
        if not answer.ok:
            raise answer.unexpected("the object in the way could not be changed")
        return answer.resource()
