"""What the stack says of itself: a stand-in or the product, and how durable its writes are."""

from dataclasses import dataclass
from typing import Any, Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import UnexpectedAnswer
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.target import Service

_SEEDED: Final = (Service.SMD, Service.BSS, Service.CLOUD_INIT)
_KIND: Final = "x-chamiperf-kind"
"""What an embedded stack's gateway says in place of the `/version` that it does not pass on."""


@dataclass(frozen=True, slots=True)
class Description:
    """A stack in its own words."""

    kind: StackKind
    durability: str
    """How the seeded services make writes durable; empty where they do not say."""


def describe(client: Chamicore) -> Description:
    """Ask every configured service; one that has no usable `/version` says nothing.

    A stand-in is recognised by its own word, not only by the state file that a local one leaves: a run on it must never
    pass for one on the product.

    Raises:
        StackUnreachable: A service does not answer.
        ConfigurationError: A certificate that is not trusted, or a redirect to a host that is not listed.
    """
    said = {service: _version(client, service) for service in Service if client.target.url(service) is not None}
    known = client.target.stack_kind is StackKind.EMBEDDED
    embedded = known or any(version.get("kind") == StackKind.EMBEDDED for version in said.values())
    statements = [str(said[service]["durability"]) for service in _SEEDED if "durability" in said.get(service, {})]
    return Description(
        kind=StackKind.EMBEDDED if embedded else StackKind.DEPLOYED,
        durability="; ".join(dict.fromkeys(statements)),
    )


def _version(client: Chamicore, service: Service) -> dict[str, Any]:
    try:
        answer = client.operational(service, "version")
        return answer.json_object() if answer.ok else {"kind": answer.headers.get(_KIND)}
    except UnexpectedAnswer:
        return {}
