"""On which line of a JSON text a field stands, for messages about what is wrong with it."""

import json
import re
from collections.abc import Sequence

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line, from 1, of the member at `path`, or of the deepest container on the way that exists.

    Args:
        text: Valid JSON.
        path: Names of members and places in arrays, as in `("rows", 3, "value")`.
    """
    place = _skip(text, 0)
    for step in path:
        inner = _member(text, place, step) if text[place] == "{" else _item(text, place, step)
        if inner is None:
            break
        place = inner
    return text.count("\n", 0, place) + 1


def _member(text: str, place: int, name: str | int) -> int | None:
    """Where the value of an object's member begins; of a name given twice the last, as JSON readers take it."""
    place = _skip(text, place + 1)
    found = None
    while text[place] == '"':
        key, place = _DECODER.raw_decode(text, place)
        value = _skip(text, _skip(text, place) + 1)
        if key == name:
            found = value
        place = _after(text, value)
    return found


def _item(text: str, place: int, index: str | int) -> int | None:
    """Where an array's item begins; None in what is no array."""
    if text[place] != "[" or not isinstance(index, int):
        return None
    place = _skip(text, place + 1)
    for _ in range(index):
        if text[place] == "]":
            return None
        place = _after(text, place)
    return None if text[place] == "]" else place


def _after(text: str, value: int) -> int:
    """Where the next member or the closing bracket begins."""
    place = _skip(text, _DECODER.raw_decode(text, value)[1])
    return _skip(text, place + 1) if text[place] == "," else place


def _skip(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place
