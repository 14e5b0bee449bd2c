"""Where an endpoint's time went: in the database, in the service, in front of it, in the generator."""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.surface import Surface

TITLE = "Where the time went"
HEADERS = ("endpoint", "seen", "database", "service", "in front", "generator")
EXPLAINED = (
    "Means over the sustained phase, which add up: what was seen is the database, the rest of the service, and what "
    "lies in front of it (network, queue, gateway). The database's share is that of all requests of the service. "
    "What a request waited in the generator for a connection is on top of what was seen."
)


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """One endpoint's mean time in ms, in parts; None for a part that was not measured.

    Attributes:
        scenario: Of the run.
        endpoint: As the client calls it.
        seen: What the client saw.
        database: Spent in statements, for each request of the service.
        service: Spent in the service, apart from the database where that is known.
        front: Between client and service: network, queue, gateway. Below 0 where two clocks disagree by that little.
        generator: Waiting for a free connection, which is not part of what was seen.
    """

    scenario: str
    endpoint: str
    seen: float
    database: float | None
    service: float
    front: float
    generator: float | None


def time_split(splits: Sequence[TimeSplit], surface: Surface) -> str:
    """The table with its heading."""
    rows = [
        [
            surface.name(f"{split.scenario} / {split.endpoint}"),
            *(
                surface.text("" if part is None else amount(max(0.0, part), "ms"))
                for part in (split.seen, split.database, split.service, split.front, split.generator)
            ),
        ]
        for split in splits
    ]
    return "\n".join((surface.heading(TITLE), surface.paragraph(surface.text(EXPLAINED)), surface.table(HEADERS, rows)))
