"""What the stack says of itself on `/version`: builds, and whether it is the embedded stand-in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import UnexpectedAnswer
from chamiperf_ci.models.fingerprint import Identity, StackKind
from chamiperf_ci.models.target import Service


@dataclass(frozen=True, slots=True)
class Description:
    """A stack in its own words; what it does not say is empty."""

    kind: StackKind
    sizing: str
    durability: str
    identities: tuple[Identity, ...]


def describe(client: Chamicore) -> Description:
    """Ask every configured service; one that has no usable `/version` is left out.

    A stand-in is recognised by its own word, not only by the state file that a local one leaves: a run on it must never
    pass for one on the product.

    Raises:
        StackUnreachable: A service does not answer.
        ConfigurationError: A certificate that is not trusted, or a redirect to a host that is not listed.
    """
    services = [service for service in Service if client.target.url(service) is not None]
    said = {service: version for service in services if (version := _version(client, service)) is not None}
    embedded = client.target.stack_kind is StackKind.EMBEDDED or any(
        version.get("kind") == StackKind.EMBEDDED for version in said.values()
    )
    return Description(
        kind=StackKind.EMBEDDED if embedded else StackKind.DEPLOYED,
        sizing=_first(said, "sizing"),
        durability=_common(said, "durability"),
        identities=tuple(
            Identity(service=service, version=_text(version, "version"), commit=_text(version, "commit", "gitCommit"))
            for service, version in said.items()
        ),
    )


def _version(client: Chamicore, service: Service) -> Mapping[str, Any] | None:
    try:
        answer = client.operational(service, "version")
        return answer.json_object() if answer.ok else None
    except UnexpectedAnswer:
        return None


def _text(version: Mapping[str, Any], *names: str) -> str:
    """A value as opaque text: its key differs from build to build."""
    return next((str(version[name]) for name in names if version.get(name)), "")


def _first(said: Mapping[Service, Mapping[str, Any]], name: str) -> str:
    return next((text for version in said.values() if (text := _text(version, name))), "")


def _common(said: Mapping[Service, Mapping[str, Any]], name: str) -> str:
    """What the services that are seeded say; more than one statement is joined."""
    seeded = (Service.SMD, Service.BSS, Service.CLOUD_INIT)
    return "; ".join(
        dict.fromkeys(_text(said[each], name) for each in seeded if each in said and _text(said[each], name))
    )
