"""`k6/api.json`: routes, payload shapes and the identity formula of the services, read by k6 and by Python alike.

Templates are strings with `{id}`, `{mac}`, `{mac_encoded}`, `{ip}`, `{key}` and the like; `fill` replaces those that it
is given values for and leaves every other brace alone.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from chamiperf_ci.models.target import Service


class _Part(BaseModel):
    """A part of the file; what only the load scripts read of it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Vector(_Part):
    """One worked example of the formula."""

    run: str
    index: int
    network: str
    id: str
    mac: str
    ip: str


class IdentityRules(_Part):
    """How a node's names follow from a run id and an index."""

    run_id: str
    """Regular expression of a run id."""
    id: str
    """Template with `{run}` and `{index}`, decimal and not padded."""
    mac: str
    ip: str
    max_index: int
    vectors: tuple[Vector, ...]


class Shape(_Part):
    """One kind of object that is created."""

    kind: str
    service: Service
    path: str
    key: str = "{key}"
    """The last part of an object's own path."""
    find: str = ""
    """Query that lists a node's objects; empty where the key follows from the node."""
    body: dict[str, Any]
    patch: tuple[str, ...] = ()
    """Fields of the body that a PATCH carries to make an object that is in the way ours."""


class Route(_Part):
    """One operation that is not the creation of an object."""

    service: Service
    method: str
    path: str
    open: bool = False
    """Whether it needs no credential."""
    contains: tuple[str, ...] = ()
    """What a good answer contains."""


class Kea(_Part):
    """How Kea is asked for its reservations."""

    path: str
    body: dict[str, Any]


class Dialect(_Part):
    """The whole file."""

    format_version: int
    dialect: str
    identity: IdentityRules
    objects: dict[str, Shape]
    seed_order: tuple[str, ...]
    """Objects in the order in which a node gets them; they are removed in the opposite one."""
    routes: dict[str, Route]
    grants: dict[str, dict[str, str]]
    kea: Kea


def fill(template: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - a template is any JSON
    """A template with its placeholders replaced, in every string inside it."""
    if isinstance(template, str):
        for name, value in values.items():
            template = template.replace(f"{{{name}}}", value)
        return template
    if isinstance(template, dict):
        return {name: fill(part, values) for name, part in template.items()}
    if isinstance(template, list | tuple):
        return [fill(part, values) for part in template]
    return template
