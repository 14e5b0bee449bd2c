"""The seam to what the services say of themselves: a collector is started before the load and asked after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chamiperf_ci.models.run import ServerMetric


@dataclass(frozen=True, slots=True)
class Span:
    """When a phase took place, seen to half a second."""

    phase: str
    started_at: datetime
    ended_at: datetime


class ServerCollector(Protocol):
    """Reads the services' own metrics over a load; neither method raises for a service that does not answer."""

    def start(self) -> None:
        """Called just before k6 is started; must come back at once."""

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """Called when k6 has ended, with the phases that took place; not called for an interrupted load."""
