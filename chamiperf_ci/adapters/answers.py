"""What a Chamicore service answers: envelopes, problems, and whatever else stands in their place.

Answers that are not what the contract says (HTML from a proxy, a list without a total) become errors with a text of
their own, never a zero.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from chamiperf_ci.errors import UnexpectedAnswer

_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with its request for messages."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        body = self._json()
        if not isinstance(body, dict):
            raise self.unexpected("the answer is not a JSON object")
        return body

    def resource(self) -> "Resource":
        """The body as one object in its envelope.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        return self._resource(self.json_object())

    def page(self) -> tuple[list["Resource"], int]:
        """The body as a page of a list, and how many objects the whole list has.

        Raises:
            UnexpectedAnswer: It is something else.
        """
        body = self.json_object()
        metadata, items = body.get("metadata"), body.get("items")
        total = metadata.get("total") if isinstance(metadata, dict) else None
        if not isinstance(items, list) or not isinstance(total, int):
            raise self.unexpected("the answer is not a list with a total")
        return [self._resource(item) for item in items], total

    def detail(self) -> str:
        """What an error answer says: the problem's detail, else the start of its text, printable and on one line."""
        body = self._json()
        said = body.get("detail") if isinstance(body, dict) else None
        text = said if isinstance(said, str) else self.content[: 4 * _SHOWN].decode("utf-8", "replace")
        return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_SHOWN]

    def unexpected(self, wrong: str) -> UnexpectedAnswer:
        """The error that this answer is, with what it says itself."""
        detail = self.detail()
        return UnexpectedAnswer(
            f"{wrong}: {detail}" if detail else wrong,
            where=f"{self.method} {self.url}, status {self.status}",
            remedy="See the service's log, and whether the URL is that of the service.",
        )

    def _json(self) -> Any:  # noqa: ANN401 - whatever was sent
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    def _resource(self, body: object) -> "Resource":
        metadata = body.get("metadata") if isinstance(body, dict) else None
        spec = body.get("spec") if isinstance(body, dict) else None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("id"), str) or not isinstance(spec, dict):
            raise self.unexpected("the answer is not an object with metadata.id and spec")
        return Resource(metadata["id"], str(metadata.get("etag", "")), _moment(metadata.get("createdAt")), spec)


@dataclass(frozen=True, slots=True)
class Resource:
    """One object in a service."""

    key: str
    """The server's own id of it."""
    etag: str
    created_at: datetime | None
    """None where the service does not say it readably."""
    spec: Mapping[str, Any]


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
