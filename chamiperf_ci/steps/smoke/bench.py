"""What the smoke test's operations share: the client, the one node they are about, and what they have made."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from chamiperf_ci.adapters.answers import Resource
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Shape
from chamiperf_ci.models.target import Service


class NotChecked(Exception):
    """An operation that cannot be checked on this stack, and why."""


@dataclass(slots=True)
class Made:
    """An object that the smoke test made, or may have made."""

    shape: Shape
    key: str | None = None
    """The server's id; None while the answer is still out."""


@dataclass(slots=True)
class Bench:
    """One smoke test's state; its lists are appended to from several threads, which Python makes safe."""

    client: Chamicore
    values: Mapping[str, str]
    """Of the one node that all operations are about."""
    made: list[Made] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    node_settled: threading.Event = field(default_factory=threading.Event)
    """Set when SMD has the node, or will not have it: a sync may remove boot parameters of a node that SMD lacks."""

    def shape(self, name: str) -> Shape:
        """The shape of an object by the dialect's name."""
        return self.client.dialect.objects[name]

    def create(self, name: str) -> Resource:
        """Create the node's object of a kind, noted before it is asked for.

        Raises:
            ToolkitError: As `Chamicore.create`.
        """
        made = Made(self.shape(name))
        self.made.append(made)
        try:
            resource = self.client.create(made.shape, self.values)
        except ConfigurationError:
            # A refused credential or certificate: nothing was created.
            self.made.remove(made)
            raise
        made.key = resource.key
        return resource

    def made_by(self, service: Service) -> list[Made]:
        """What was made in a service, the latest first."""
        return [made for made in reversed(self.made) if made.shape.service is service]
