"""What a trend shows: a metric's nights through years, what was accepted, and where a drift began."""

from dataclasses import dataclass
from datetime import datetime

from chamiperf_ci.models.vocabulary import Direction


@dataclass(frozen=True, slots=True)
class Point:
    """A night, or the median of a week of nights."""

    when: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """A metric's nights of one fingerprint; those of two are never joined.

    Attributes:
        points: Oldest first, at least one.
        accepted: The level that was accepted for this fingerprint; None where nothing was.
        accepted_runs: Runs behind it.
    """

    points: tuple[Point, ...]
    accepted: float | None = None
    accepted_runs: int = 0


@dataclass(frozen=True, slots=True)
class Drifting:
    """The last seven nights are worse than the baseline, by verdict.md section 9.

    Attributes:
        ratio: By how much, in the metric's own direction; 0.12 is 12 % more.
        began: The night from which on it is so; None where that cannot be located.
    """

    ratio: float
    began: datetime | None


@dataclass(frozen=True, slots=True)
class MetricTrend:
    """One metric through the nights.

    Attributes:
        endpoint: What is asked.
        metric: Its name.
        unit: Of the values; errors are shares.
        direction: Which way is good.
        lines: One a fingerprint, in the order of their first nights; the last holds the newest night, `newest`.
        newest: The newest night that measured it.
        recent: Values of the last nights of the newest fingerprint, oldest first.
        drifting: None where it does not drift, or nothing was accepted.
    """

    endpoint: str
    metric: str
    unit: str
    direction: Direction
    lines: tuple[Line, ...]
    newest: Point
    recent: tuple[float, ...]
    drifting: Drifting | None = None

    @property
    def name(self) -> str:
        """The row's name within its scenario."""
        return f"{self.endpoint} {self.metric}".strip()


@dataclass(frozen=True, slots=True)
class Marked:
    """A night to be marked, and why."""

    when: datetime
    why: str


@dataclass(frozen=True, slots=True)
class ScenarioTrend:
    """All metrics of one scenario in one environment.

    Attributes:
        environment: Where.
        scenario: Which.
        stack: Kind of the stack, and the profile of the load, in words.
        first: Its first night.
        last: The newest night of the environment.
        valid: Nights that could be judged.
        invalid: Nights that could not, with their reasons.
        missing: Nights that did not happen.
        breaks: First nights of another fingerprint, with what differs from the one before.
        weeks_before: Points before this time are medians of weeks; None where every point is a night.
        metrics: Sorted by name.
    """

    environment: str
    scenario: str
    stack: str
    first: datetime
    last: datetime
    valid: int
    invalid: tuple[Marked, ...]
    missing: tuple[datetime, ...]
    breaks: tuple[Marked, ...]
    weeks_before: datetime | None
    metrics: tuple[MetricTrend, ...]
