"""Create, read, list, replace, patch and delete: one engine for every resource of the contract (section 3.2).

A row keeps the spec as the JSON text that is served, and beside it only the columns that are looked up, so that a list
of ten thousand is a join of texts.
"""

import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from chamicore_standin.http import (
    BULK_BODY_LIMIT,
    Endpoint,
    Problem,
    Request,
    Response,
    compact,
    encode,
    etag_of,
    uuid_of,
)
from chamicore_standin.storage import Database

ID_PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,253}[a-zA-Z0-9]")
MAC_PATTERN = re.compile(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values())


_DECODES: Mapping[str, Callable[[object], bool]] = {
    "text": _is_text,
    "number": _is_number,
    "flag": _is_flag,
    "object": _is_object,
    "texts": _is_texts,
    "text map": _is_text_map,
}


@dataclass(frozen=True)
class Field:
    """One key of a resource's spec."""

    name: str
    kind: str = "text"
    """text, number, flag, object, texts or text map."""
    required: bool = False
    choices: frozenset[str] | None = None
    pattern: re.Pattern[str] | None = None
    default: Any = None
    """What a create without the key stores; None stores nothing."""

    def decodes(self, value: object) -> bool:
        """Whether a strict decoder takes the value; null stands for an absent key."""
        return value is None or _DECODES[self.kind](value)

    def fault(self, value: object) -> str | None:
        """What makes no sense about a value that decodes; None when nothing."""
        if value in (None, "", []):
            return "is required" if self.required else None
        if self.choices is not None and value not in self.choices:
            return f"must be one of {', '.join(sorted(self.choices))}"
        if self.pattern is not None and not self.pattern.fullmatch(str(value)):
            return f"must match {self.pattern.pattern}"
        return None


def decode(fields: Sequence[Field], body: Mapping[str, Any]) -> dict[str, Any]:
    """Take a body as a strict decoder would.

    Raises:
        Problem: 400, an unknown key or a value of the wrong kind.
    """
    known = {each.name: each for each in fields}
    for name, value in body.items():
        if name not in known:
            raise Problem(400, f'malformed JSON: unknown field "{name}"')
        if not known[name].decodes(value):
            raise Problem(400, f'malformed JSON: field "{name}" must be a {known[name].kind}')
    return dict(body)


def check(fields: Sequence[Field], spec: Mapping[str, Any]) -> dict[str, Any]:
    """A whole spec in the fields' order, defaults filled in and nulls left out.

    Raises:
        Problem: 422, with an entry for each field that makes no sense.
    """
    faults = [(each.name, fault) for each in fields if (fault := each.fault(spec.get(each.name, each.default)))]
    if faults:
        raise Problem(422, "validation failed", errors=faults)
    filled = {each.name: spec.get(each.name, each.default) for each in fields}
    return {name: value for name, value in filled.items() if value is not None}


COMMON_COLUMNS = """
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    updated_ns INTEGER NOT NULL
"""
"""What every resource's table has."""

LOOKED_UP_COLUMNS = COMMON_COLUMNS.replace("id TEXT NOT NULL UNIQUE", "id TEXT NOT NULL")
"""The same for a table whose index by id has a name of its own, so that a fault can drop it."""

DEFAULT_LIMIT = 100
_LIST_TAGS_KEPT = 512


def random_id(_spec: Mapping[str, Any]) -> str:
    """A UUID (version 7), the id of what does not bring its own; ids made one after the other lie side by side."""
    return uuid_of(time.time_ns() // 1_000_000 << 80 | random.getrandbits(80), version=7)


@dataclass(frozen=True)
class ResourceType:
    """What is particular about one resource."""

    kind: str
    path: str
    table: str
    fields: tuple[Field, ...]
    columns: Callable[[Mapping[str, Any]], dict[str, Any]]
    """The values of the looked-up columns, computed from a spec."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Query parameter -> an SQL condition with one `?` for its value."""
    new_id: Callable[[Mapping[str, Any]], str] = random_id
    scopes: tuple[str, str] = ("admin", "admin")
    """To read and to write."""
    visible: str = "1 = 1"
    """An SQL condition: rows that fail it are not there."""
    keeps_id_in: str | None = None
    """The spec's key that repeats the id."""
    served: str = "spec"
    """An SQL expression: the spec, and what else `shown` makes a resource's spec of."""
    shown: Callable[[str], str] | None = None
    """What was served, as the spec that is shown."""
    listed: Callable[[str], str] | None = None
    """The spec that is shown, as a list shows it."""


class Collection:
    """The HTTP side of a resource: its handlers and routes."""

    def __init__(self, resource: ResourceType, database: Database, *, api_version: str, page_clamp: int) -> None:
        self.resource = resource
        self._database = database
        self._api_version = api_version
        self._page_clamp = page_clamp
        self._tags: dict[str, tuple[tuple[int, int], str]] = {}
        self._fields = {each.name for each in resource.fields}

    def routes(self, verbs: str = "list create get put patch delete") -> list[Endpoint]:
        """The routes for the given verbs."""
        read, write = self.resource.scopes
        path, one = self.resource.path, self.resource.path + "/{id}"
        name = self.resource.table.replace("_", "-")
        table = {
            "list": Endpoint("GET", path, self.page, f"{name}-list", read),
            "create": Endpoint("POST", path, self.create, f"{name}-create", write),
            "get": Endpoint("GET", one, self.get, f"{name}-get", read),
            "put": Endpoint("PUT", one, self.put, f"{name}-put", write),
            "patch": Endpoint("PATCH", one, self.patch, f"{name}-patch", write),
            "delete": Endpoint("DELETE", one, self.delete, f"{name}-delete", write),
            "bulk": Endpoint("POST", f"{path}/bulk", self.bulk, f"{name}-bulk", write, body_limit=BULK_BODY_LIMIT),
        }
        return [table[verb] for verb in verbs.split()]

    # What the handlers answer with

    def single(self, status: int, row: Sequence[Any], headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """An answer with one resource, from a row as `row` gives it, and its tag."""
        ident, spec, created_at, updated_at, updated_ns = row
        tag = f'W/"{ident}-{updated_ns}"'
        metadata = (
            f'{{"id":"{ident}","etag":"W/\\"{ident}-{updated_ns}\\"",'
            f'"createdAt":"{created_at}","updatedAt":"{updated_at}"}}'
        )
        head = f'{{"kind":"{self.resource.kind}","apiVersion":"{self._api_version}"'
        text = f'{head},"metadata":{metadata},"spec":{spec}}}\n'
        return Response(status, text.encode(), headers=(("etag", tag), *headers))

    def row(self, ident: str) -> tuple[Any, ...]:
        """The row of an id: id, spec, created_at, updated_at, updated_ns.

        Raises:
            Problem: 404, there is none.
        """
        row = self._database.one(
            f"SELECT id, {self.resource.served}, created_at, updated_at, updated_ns"  # noqa: S608 - all our own
            f" FROM {self.resource.table} WHERE id = ? AND {self.resource.visible}",
            (ident,),
        )
        if row is None:
            raise Problem(404, f"{self.resource.kind} {ident} not found")
        return row if self.resource.shown is None else (row[0], self.resource.shown(row[1]), *row[2:])

    # Handlers

    def get(self, request: Request) -> Response:
        """One resource."""
        return self.single(200, self.row(request.args[0]))

    def page(self, request: Request) -> Response:
        """A page, newest first; answered without a query where nothing changed since the client's tag was made."""
        wanted = request.header("if-none-match")
        version = self._database.version()
        if wanted is not None and self._tags.get(request.query_string) == (version, wanted):
            return Response(200, b" ", headers=(("etag", wanted),))
        limit, offset = page_of(request.query, self._page_clamp)
        where, values = self._condition(request.query_pairs())
        count = self._database.one(f"SELECT count(*) FROM {self.resource.table} WHERE {where}", values)  # noqa: S608
        order = "" if request.query.get("sort") == "created_at" else " DESC"
        rows = self._database.all(
            f"SELECT id, created_at, updated_at, {self.resource.served}"  # noqa: S608 - our own
            f" FROM {self.resource.table}"
            f" WHERE {where} ORDER BY seq{order} LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        for change in filter(None, (self.resource.shown, self.resource.listed)):
            rows = [(*row[:3], change(row[3])) for row in rows]
        body = self._list_body(rows, _fields_of(request.query), (count or (0,))[0], limit, offset)
        tag = etag_of(body)
        if len(self._tags) >= _LIST_TAGS_KEPT:
            self._tags.clear()
        self._tags[request.query_string] = (version, tag)
        return Response(200, body, headers=(("etag", tag),))

    def _condition(self, pairs: Sequence[tuple[str, str]]) -> tuple[str, list[Any]]:
        """A filter's values, given by repetition or by commas, are alternatives; different filters hold together."""
        given: dict[str, list[str]] = {}
        for parameter, value in pairs:
            if parameter in self.resource.filters:
                given.setdefault(parameter, []).extend(value.split(","))
        conditions = [self.resource.visible]
        conditions += [f"({' OR '.join([self.resource.filters[name]] * len(each))})" for name, each in given.items()]
        return " AND ".join(conditions), [value for each in given.values() for value in each]

    def _list_body(
        self, rows: Sequence[Sequence[Any]], wanted: frozenset[str] | None, total: int, limit: int, offset: int
    ) -> bytes:
        head = f'{{"kind":"{self.resource.kind}","apiVersion":"{self._api_version}","metadata":{{"id":'
        items = ",".join(
            f'{head}"{ident}","createdAt":"{created}","updatedAt":"{updated}"}},'
            f'"spec":{spec if wanted is None else _sparse(spec, wanted)}}}'
            for ident, created, updated, spec in rows
        )
        return (
            f'{{"kind":"{self.resource.kind}List","apiVersion":"{self._api_version}",'
            f'"metadata":{{"total":{total},"limit":{limit},"offset":{offset}}},"items":[{items}]}}\n'
        ).encode()

    def create(self, request: Request) -> Response:
        """Store a new resource: 201 with its place and tag."""
        row = self.insert(decode(self.resource.fields, request.json_object()))
        return self.single(201, row, (("location", f"{self.resource.path}/{row[0]}"),))

    def insert(self, body: Mapping[str, Any]) -> tuple[Any, ...]:
        """Check and store a decoded body; its row, as `row` gives it.

        Raises:
            Problem: 422 it makes no sense, 409 it is there already.
        """
        spec = check(self.resource.fields, body)
        key = self.resource.keeps_id_in
        ident = spec.get(key) if key else None
        if ident is None:
            ident = self.resource.new_id(spec)
            if key:
                spec = {key: ident, **spec}
        text = compact(spec)
        columns = self.resource.columns(spec)
        at, stamp = now()
        names = "".join(f", {name}" for name in columns)
        marks = ", ?" * len(columns)
        self._database.write(
            f"INSERT INTO {self.resource.table} (id, spec, created_at, updated_at, updated_ns{names})"  # noqa: S608
            f" VALUES (?, ?, ?, ?, ?{marks})",
            (ident, text, at, at, stamp, *columns.values()),
        )
        return ident, text, at, at, stamp

    def put(self, request: Request) -> Response:
        """Replace the whole spec; the client must name the version it replaces."""
        row = self.row(request.args[0])
        if request.header("if-match") is None:
            raise Problem(428, "If-Match is required")
        _require_match(request, row)
        body = decode(self.resource.fields, request.json_object())
        return self._update(row, body)

    def patch(self, request: Request) -> Response:
        """Merge into the spec: an absent key is unchanged, null removes (RFC 7396)."""
        row = self.row(request.args[0])
        _require_match(request, row)
        changes = decode(self.resource.fields, request.json_object())
        return self._update(row, {**json.loads(row[1]), **changes})

    def _update(self, row: Sequence[Any], body: Mapping[str, Any]) -> Response:
        ident, _, created_at = row[:3]
        key = self.resource.keeps_id_in
        if key and body.get(key, ident) != ident:
            raise Problem(422, "validation failed", errors=[(key, "cannot be changed")])
        spec = check(self.resource.fields, {**body, key: ident} if key else body)
        text = compact(spec)
        columns = self.resource.columns(spec)
        at, stamp = now()
        names = "".join(f", {name} = ?" for name in columns)
        self._database.write(
            f"UPDATE {self.resource.table} SET spec = ?, updated_at = ?, updated_ns = ?{names} WHERE id = ?",  # noqa: S608
            (text, at, stamp, *columns.values(), ident),
        )
        return self.single(200, (ident, text, created_at, at, stamp))

    def delete(self, request: Request) -> Response:
        """Remove it: 204."""
        self.row(request.args[0])
        self._database.write(f"DELETE FROM {self.resource.table} WHERE id = ?", request.args)  # noqa: S608
        return Response(204)

    def bulk(self, request: Request) -> Response:
        """Create many, each on its own: 207 with a status per item (contract 3.3; off unless asked for)."""
        bodies = request.json()
        if not isinstance(bodies, list) or len(bodies) > 10_000:  # noqa: PLR2004 - the contract's limit
            raise Problem(400, "an array of at most 10000 objects is expected")
        items = []
        with self._database.transaction():
            for body in bodies:
                try:
                    if not isinstance(body, dict):
                        raise Problem(400, "malformed JSON: an object is expected")  # noqa: TRY301
                    row = self.insert(decode(self.resource.fields, body))
                    items.append({"id": row[0], "status": 201})
                except Problem as problem:
                    ident = body.get("id", "") if isinstance(body, dict) else ""
                    items.append({"id": ident, "status": problem.status, "message": problem.detail})
        succeeded = sum(item["status"] == 201 for item in items)  # noqa: PLR2004
        metadata = {"total": len(items), "succeeded": succeeded, "failed": len(items) - succeeded}
        result = {"kind": "BulkResult", "apiVersion": self._api_version, "metadata": metadata, "items": items}
        return Response(207, encode(result))


def now() -> tuple[str, int]:
    """This instant as RFC 3339 in UTC, and as Unix nanoseconds."""
    stamp = time.time_ns()
    second, fraction = divmod(stamp, 1_000_000_000)
    return f"{_second(second)}.{fraction // 1000:06d}Z", stamp


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def page_of(query: Mapping[str, str], clamp: int) -> tuple[int, int]:
    """Limit (default 100, silently clamped) and offset of a list request.

    Raises:
        Problem: 400, one of them is no number or out of range.
    """
    try:
        limit, offset = int(query.get("limit", min(DEFAULT_LIMIT, clamp))), int(query.get("offset", "0"))
    except ValueError:
        raise Problem(400, "limit and offset must be numbers") from None
    if limit < 1 or offset < 0:
        raise Problem(400, "limit must be at least 1 and offset at least 0")
    return min(limit, clamp), offset


def _fields_of(query: Mapping[str, str]) -> frozenset[str] | None:
    wanted = query.get("fields")
    return None if not wanted else frozenset(wanted.split(","))


def _sparse(spec: str, wanted: frozenset[str]) -> str:
    kept = {name: value for name, value in json.loads(spec).items() if name in wanted}
    return compact(kept)


def _require_match(request: Request, row: Sequence[Any]) -> None:
    given = request.header("if-match")
    if given is not None and given not in ("*", f'W/"{row[0]}-{row[4]}"'):
        raise Problem(412, "the resource was changed since it was read")
