"""What a service of a stack answers: a status, a body in the dialect's shape, and the words for one that is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from chamiperf_ci.adapters import bounds
from chamiperf_ci.errors import UnexpectedAnswer
from chamiperf_ci.models.dialect import Shape, field_of

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

    def plain_object(self, shape: Shape) -> "Resource":
        """The body as one object without an envelope.

        Raises:
            UnexpectedAnswer: It is something else, such as nothing at all.
        """
        return self._plain(self.json_object(), shape)

    def plain_list(self, shape: Shape) -> list["Resource"]:
        """The body as a whole list of objects without envelopes; `null` is an empty one.

        Raises:
            UnexpectedAnswer: It is something else, such as nothing at all.
        """
        body = self._json()
        items = field_of(body, shape.items) if shape.items else body
        if items is None and (shape.items in body if isinstance(body, dict) else self.content.strip() == b"null"):
            return []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self.unexpected("the answer is not a list")
        if shape.each:
            return [Resource(str(key), "", None, item) for item in items for key in item.get(shape.each) or ()]
        return [self._plain(item, shape) for item in items]

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
            return bounds.parse_json(self.content)
        except ValueError:
            return None

    def _plain(self, body: dict[str, Any], shape: Shape) -> "Resource":
        key = field_of(body, shape.id)
        if not isinstance(key, str):
            raise self.unexpected(f"the answer has an object without {shape.id}")
        return Resource(key, "", _moment(field_of(body, "metadata.createdAt")), body)

    def _resource(self, body: object) -> "Resource":
        metadata = body.get("metadata") if isinstance(body, dict) else None
        spec = body.get("spec") if isinstance(body, dict) else None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("id"), str) or not isinstance(spec, dict):
            raise self.unexpected("the answer is not an object with metadata.id and spec")
        etag = str(metadata.get("etag", ""))
        # It goes back in a header, which takes no other characters.
        etag = etag if etag.isascii() and etag.isprintable() else ""
        return Resource(metadata["id"], etag, _moment(metadata.get("createdAt")), spec)


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
