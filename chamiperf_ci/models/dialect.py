"""The routes, payloads and id formula that k6 and Python share, and the identities made by them."""

import ipaddress
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from chamiperf_ci.models.target import Service


class _Part(BaseModel):
    """A part of the file; what only the load scripts read of it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Vector(_Part):
    """One worked example of the formula."""

    run: str
    index: int
    network: str
    id: str
    mac: str
    ip: str
    bmc: str = ""


class IdentityRules(_Part):
    """How a node's names follow from a run id and an index."""

    run_id: str
    """Regular expression of a run id."""
    id: str
    """Template with `{run}` or, as the decimal number that it is in base 36, `{run36}`; and `{index}`, not padded."""
    bmc: str = ""
    """The same for the node's controller; empty where the dialect has none."""
    mac: str
    ip: str
    ip_from: Literal["network", "run"] = "network"
    """Where addresses begin: at the first of the network, or at one of the run, for a stack that never forgets whose an
    address once was."""
    max_index: int
    vectors: tuple[Vector, ...]


class Probe(_Part):
    """One operational route, and what a good answer looks like: a service may answer 200 to any path."""

    path: str
    status: int = 200
    contains: str = ""
    """Text that a good body holds; empty where the status says it all."""
    key: str = ""
    """Of a version: the field that names it; empty for the usual ones."""


class Probes(_Part):
    """A service's operational routes; None for one that it does not have."""

    health: Probe
    readiness: Probe
    version: Probe | None = None


class Gateway(_Part):
    """How paths behind a gateway differ from those of the services themselves."""

    prefixes: dict[Service, str] = {}
    """Put before every path of a service."""
    probes: str = ""
    """Put before the probes of a service, `{service}` for its name; empty where they are where the service has them."""


class PlainRequest(_Part):
    """A request of no object: its body is empty."""

    service: Service
    method: str
    path: str


class ShapeRequest(_Part):
    """How one request about an object differs from the usual; `{key}` is the object's own key."""

    method: str | None = None
    path: str | None = None
    body: dict[str, Any] | None = None


class Shape(_Part):
    """One kind of object that is created."""

    kind: str
    service: Service
    path: str
    """Of the collection."""
    key: str = "{key}"
    """An object's key, where it follows from the node; `{key}` where the server makes it."""
    one: str = ""
    """Path of one object by its `{key}`; empty: the collection's with the key behind it."""
    listing: str = ""
    """Path and query that list all; empty: the collection's."""
    find: str = ""
    """Query that lists a node's objects; empty where the key follows from the node."""
    body: dict[str, Any]
    shows: dict[str, Any] | None = None
    """What an object that is read back has at least; None: what was sent."""
    change: dict[str, Any] | None = None
    """Body of a PATCH that changes it visibly."""
    patch: tuple[str, ...] = ()
    """Fields of the body that a PATCH carries to make an object that is in the way ours."""
    requests: dict[str, ShapeRequest] = {}
    """By verb: `create`, `get`, `change`, `patch`, `put`, `delete`."""
    items: str = "items"
    """Of plain lists: the field that holds the objects; empty where the answer is the list itself."""
    id: str = ""
    """Of plain objects: path of the field with the key."""
    each: str = ""
    """Of plain objects: a field whose entries are the keys of as many objects, which the service tells as one."""
    owner: str = "{id}"
    """Which of a node's names says whose an object is."""
    owner_field: str = ""
    """Path of the field with that name; empty: the key is it."""
    mac_field: str = ""
    conflict: tuple[int, ...] = (409,)
    """Statuses that say that such an object is there already."""
    gone: tuple[int, ...] = (404,)
    """Statuses of a DELETE that say that there was none."""
    settle: Literal["find and patch", "put"] = "find and patch"
    """How an object that is in the way is made ours."""
    implied: bool = False
    """The creation of another object makes it."""
    listed: bool = True
    """Whether it can be read back at all."""
    removable: bool = True

    @property
    def ours(self) -> bool:
        """Whether its key follows from the node."""
        return self.key != "{key}"

    def path_of(self, key: str) -> str:
        """The path of one object."""
        return (self.one or f"{self.path}/{{key}}").replace("{key}", key)

    def owner_of(self, key: str, spec: Mapping[str, Any]) -> str:
        """The name, of a plain object, that says whose it is; empty where there is none."""
        named = field_of(spec, self.owner_field) if self.owner_field else key
        return named if isinstance(named, str) else ""

    def request(self, verb: str, key: str, *, method: str, path: str, body: object = None) -> tuple[str, str, object]:
        """Method, path and body of a request about an object: those given, unless the dialect has its own."""
        own = self.requests.get(verb, ShapeRequest())
        mine = body if own.body is None else own.body
        return own.method or method, fill(own.path or path, {"key": key}), fill(mine, {"key": key})


class Route(_Part):
    """One operation that is not the creation of an object."""

    service: Service
    method: str
    path: str
    open: bool = False
    """Whether it needs no credential."""
    headers: dict[str, str] = {}
    """By name, with templates."""
    contains: tuple[str, ...] = ()
    """What a good answer contains."""
    not_yet: tuple[str, ...] = ()
    """Texts of an answer that means: not yet."""
    not_yet_status: tuple[int, ...] = ()

    def is_not_yet(self, status: int, content: bytes) -> bool:
        """Whether an answer says that the service does not know the node yet."""
        return status in self.not_yet_status or any(text.encode() in content for text in self.not_yet)


class Kea(_Part):
    """How Kea is asked for its reservations."""

    path: str
    body: dict[str, Any]


class SmokeStep(_Part):
    """One operation of the smoke test: its name, and the strategy that carries it out."""

    name: str
    do: Literal[
        "health", "token", "bad token", "create the node", "create", "read back", "serve", "serve byte for byte",
        "dry run", "tools",
    ]  # fmt: skip
    objects: tuple[str, ...] = ()
    route: str = ""
    path: str = ""
    needs: tuple[Service, ...] = ()
    """Other services without which it cannot succeed."""


class Stress(_Part):
    """One kind of object that `database_stress` writes, and what it does with it."""

    schema_: str = Field(alias="schema")
    object: str
    verbs: tuple[str, ...]


class Operations(_Part):
    """Requests by endpoint: all of `each`, and one of `in_turn`."""

    each: tuple[str, ...] = ()
    in_turn: tuple[str, ...] = ()
    times: str = ""
    """The parameter that says how often; empty for once."""
    items: str = ""
    """The parameter that says how many objects one request creates; empty for one."""


class CreatedOnce(_Part):
    """Objects that are created before or during the iterations, where the load's parameters are these."""

    creates: float
    where: dict[str, str] = {}


class CreatedEach(_Part):
    """Objects that an iteration creates, where its own requests do not say it."""

    each: float
    times: str
    """The parameter by which it is multiplied."""


class Catalogued(_Part):
    """What one iteration of a scenario sends and makes."""

    what: str
    """What a VU or an arrival is."""
    iteration: Operations = Operations()
    mix: dict[str, Operations] = {}
    """In place of `iteration`: one of these, in the shares that the parameters of these names say."""
    phases: dict[str, Operations] = {}
    """Phases whose iterations do something else."""
    arrival: Operations | None = None
    """Of one arrival, where VUs do something else."""
    arrival_s: float = 0.0
    """Seconds that an arrival may take: VUs are provided for it."""
    unmeasured_requests: Operations = Operations()
    """What is sent and not measured: what was written is removed."""
    creates: CreatedEach | None = None
    clears: bool = False
    """What iterations leave is removed afterwards."""
    once: CreatedOnce | None = None
    setup_s: str = ""
    """The parameter that says how long it waits at most before its phases."""
    addresses: bool = False
    """It writes interfaces, whose addresses reach a DHCP server by themselves."""
    splits: bool = True
    """Whether several processes can share it."""
    needs: tuple[Service | Literal["kea"], ...] = ()
    """Without which it has nothing to measure."""


class Catalogue(_Part):
    """The file `k6/scenarios.json`, in the order in which scenarios disturb each other least."""

    format_version: int
    scenarios: dict[str, Catalogued]


class Dialect(_Part):
    """The whole file."""

    format_version: int
    dialect: str
    envelope: Literal["chamicore", "plain"]
    """`chamicore`: objects with `metadata` and `spec`, lists with a total; `plain`: neither."""
    services: tuple[Service, ...]
    """Those that there are; the absence of another is not a failure."""
    not_described: dict[Service, str] = {}
    """Services that there are and that the dialect cannot drive yet, by what they are called."""
    probes: dict[Service, Probes]
    gateway: Gateway = Gateway()
    identity: IdentityRules
    objects: dict[str, Shape]
    seed_order: tuple[str, ...]
    """Objects in the order in which a node gets them; they are removed in the opposite one."""
    after_seed: tuple[PlainRequest, ...] = ()
    """Sent once when all nodes are written."""
    settle_s: float = 0.0
    """Seconds until every service knows a node that was written, at the longest."""
    periods_s: dict[Service, float] = {}
    """How often a service does what stops it for a moment, s; a phase that is compared spans whole periods."""
    served: tuple[str, ...]
    """Routes that serve what was written."""
    stress: tuple[Stress, ...]
    objects_left: dict[str, str] = {}
    """What each request of an endpoint leaves behind for good."""
    routes: dict[str, Route]
    grants: dict[str, dict[str, str]]
    kea: Kea | None = None
    smoke: dict[Service, tuple[SmokeStep, ...]]
    scenarios: dict[str, dict[str, Any]] = {}
    """By scenario, what stands in place of the catalogue's fields."""

    def service_of(self, endpoint: str) -> Service | None:
        """The service of a route, or of a request about an object (`component-get`); None if there is neither."""
        entry = self.routes.get(endpoint) or self.objects.get(endpoint.rpartition("-")[0])
        return None if entry is None else entry.service

    @property
    def listed(self) -> tuple[str, ...]:
        """The objects of a node that can be read back."""
        return tuple(name for name in self.seed_order if self.objects[name].listed)

    @property
    def created(self) -> tuple[str, ...]:
        """The objects of a node that are written; others come with them."""
        return tuple(name for name in self.seed_order if not self.objects[name].implied)


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


def field_of(body: Any, path: str) -> Any:  # noqa: ANN401 - whatever a service sent
    """What stands at a path such as `metadata.uid`; None where nothing does."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_32_BITS = 0xFFFFFFFF
_20_BITS = 0xFFFFF
_READ = {"{run}": "(?P<run>.+)", "{run36}": r"(?P<number>\d{1,20})", "{index}": r"(?P<n>\d{1,9})"}
"""What stands for each placeholder when a name is read back."""


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
        return self.named(self.rules.id, index)

    def mac(self, index: int) -> str:
        """The MAC of a node, in lower case with colons; locally administered."""
        digits = f"02{fold(self.run_id):05x}{index:05x}"
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2))

    def ip(self, index: int) -> str:
        """The address of a node, never the network's first or last."""
        network = ipaddress.IPv4Network(self.network)
        first = fold(self.run_id) if self.rules.ip_from == "run" else 0
        return str(network.network_address + 1 + (first + index) % (network.num_addresses - 2))

    def values(self, index: int) -> dict[str, str]:
        """What the dialect's templates take."""
        mac = self.mac(index)
        return {
            "id": self.id(index),
            "bmc": self.named(self.rules.bmc, index),
            "mac": mac,
            "mac_encoded": mac.replace(":", "%3A"),
            "mac_plain": mac.replace(":", ""),
            "ip": self.ip(index),
        }

    def named(self, form: str, index: int) -> str:
        """The name that a template with `{run}` or `{run36}`, and `{index}`, gives a node."""
        number = str(int(self.run_id, 36)) if "{run36}" in form else ""
        return form.replace("{run}", self.run_id).replace("{run36}", number).replace("{index}", str(index))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose node an id is: its run and its index."""

    run_id: str
    index: int


def owner_of(name: str, rules: IdentityRules, form: str = "") -> Owner | None:
    """Read an id back, or another name made by `form`; None for one that the formula does not make, down to padding."""
    pattern = re.escape(form or rules.id)
    for placeholder, group in _READ.items():
        pattern = pattern.replace(re.escape(placeholder), group)
    match = re.fullmatch(pattern, name, re.ASCII)
    if match is None:
        return None
    found = match.groupdict()
    run = found["run"] if "run" in found else _base36(int(found["number"]))
    index = int(found["n"])
    if re.fullmatch(rules.run_id.removeprefix("^").removesuffix("$"), run) is None or index > rules.max_index:
        return None
    made = Identities(rules, run, "0.0.0.0/0")
    return Owner(run, index) if made.named(form or rules.id, index) == name else None


@dataclass(frozen=True, slots=True)
class Owners:
    """Tells whose an object is by whichever of a node's names it has.

    Args:
        rules: As the dialect states them.
        runs: Run ids that are known; of a MAC, which holds but a hash, the run can only be one of them.
    """

    rules: IdentityRules
    runs: Collection[str]

    def of(self, kind: str, name: str) -> Owner | None:
        """The owner by a name of this kind: `{id}`, `{bmc}` or `{mac}`; None for what is nobody's of ours."""
        match kind:
            case "{id}":
                return owner_of(name, self.rules)
            case "{bmc}":
                return owner_of(name, self.rules, self.rules.bmc)
            case "{mac}":
                return self._of_mac(name.lower())
        return None

    def _of_mac(self, mac: str) -> Owner | None:
        if re.fullmatch(r"02(?::[0-9a-f]{2}){5}", mac) is None:
            return None
        digits = mac.replace(":", "")
        run = next((run for run in self.runs if f"{fold(run):05x}" == digits[2:7]), None)
        return None if run is None else Owner(run, int(digits[7:], 16))


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


_SECONDS: Final = 6
"""Digits of the time, from 1971 to 2038."""


def drawn_at(run_id: str) -> datetime | None:
    """When `new_run_id` made an id; None for one that it cannot have made."""
    if re.fullmatch(rf"[a-z][0-9a-z]{{{_SECONDS + _RANDOM}}}", run_id, re.ASCII) is None:
        return None
    return datetime.fromtimestamp(int(run_id[1 : 1 + _SECONDS], 36), UTC)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
