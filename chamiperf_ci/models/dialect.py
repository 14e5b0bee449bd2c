"""The routes, payloads and id formula that k6 and Python share, and the identities made by them."""

import ipaddress
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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


_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_32_BITS = 0xFFFFFFFF
_20_BITS = 0xFFFFF


@dataclass(frozen=True, slots=True)
class Identities:
    """The names of one run's nodes.

    Args:
        rules: As the dialect states them.
        run_id: Matches the rules' expression.
        network: IPv4 CIDR of the addresses, which repeat when it is smaller than the number of nodes.
    """

    rules: IdentityRules
    run_id: str
    network: str

    def id(self, index: int) -> str:
        """The component id of a node, `index` from 0."""
        return self.rules.id.replace("{run}", self.run_id).replace("{index}", str(index))

    def mac(self, index: int) -> str:
        """The MAC of a node, in lower case with colons; locally administered."""
        digits = f"02{fold(self.run_id):05x}{index:05x}"
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))

    def ip(self, index: int) -> str:
        """The address of a node, never the network's first or last."""
        network = ipaddress.IPv4Network(self.network)
        return str(network.network_address + 1 + index % (network.num_addresses - 2))

    def values(self, index: int) -> dict[str, str]:
        """What the dialect's templates take."""
        mac = self.mac(index)
        return {"id": self.id(index), "mac": mac, "mac_encoded": mac.replace(":", "%3A"), "ip": self.ip(index)}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose node an id is: its run and its index."""

    run_id: str
    index: int


def owner_of(component_id: str, rules: IdentityRules) -> Owner | None:
    """Read an id back; None for one that the formula does not make, down to a padded index."""
    pattern = (
        re.escape(rules.id).replace(re.escape("{run}"), "(?P<run>.+)").replace(re.escape("{index}"), r"(?P<n>\d+)")
    )
    match = re.fullmatch(pattern, component_id, re.ASCII)
    if match is None or re.fullmatch(rules.run_id.removeprefix("^").removesuffix("$"), match["run"]) is None:
        return None
    index = int(match["n"])
    if str(index) != match["n"] or index > rules.max_index:
        return None
    return Owner(match["run"], index)


def fold(run_id: str) -> int:
    """FNV-1a (32 bits) over the run id's ASCII bytes, folded to 20 bits."""
    value = _FNV_OFFSET
    for byte in run_id.encode("ascii"):
        value = ((value ^ byte) * _FNV_PRIME) & _32_BITS
    return (value ^ (value >> 20)) & _20_BITS


_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 4


def new_run_id(prefix: str) -> str:
    """An id that no other run has: one letter, the time in seconds, four random digits, all in base 36."""
    return prefix + _base36(int(time.time())) + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
