"""The fields of a resource, and the two ways in which a body can be wrong.

A body that a strict decoder would not take (an unknown key, a number where a text belongs) is malformed: 400. One that
decodes and makes no sense (a required field left out, a role that does not exist) is unprocessable: 422, with one entry
per field (contract sections 3.2 and 8, row 3).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chamiperf_ci.stack.http import Problem

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
