"""What a model says of the fields it refuses, as a piece of one line that a user can act on."""

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def first_wrong(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what is wrong with the first field that is, and how many more there are.

    Args:
        error: What `model` raised.
        model: Knows what fields there are where one is unknown.
    """
    first, *others = error.errors()
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    more = f" (and {len(others)} more)" if others else ""
    if first["type"] != "extra_forbidden":
        return f"{field}: {first['msg']}{more}"
    there = _fields(model, first["loc"][:-1])
    told = f"; there are {', '.join(there)}" if there else ""
    return f"unknown field {field}{told}{more}"


def _fields(kind: object, path: Sequence[str | int]) -> list[str]:
    """The fields of the model at `path` below a type, as a file names them; none where it leads to no one model."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        named = {field.alias or name: field for name, field in kind.model_fields.items()}
        if not path:
            return list(named)
        field = named.get(str(path[0]))
        return _fields(field.annotation, path[1:]) if field else []
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _fields(arguments[0], path)
    if origin not in (Union, UnionType):
        # A list's place or a dictionary's key.
        path = path[1:]
    found = [names for each in arguments if (names := _fields(each, path))]
    return found[0] if len(found) == 1 else []
