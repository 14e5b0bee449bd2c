"""What is kept of a night: the entry of the history, and the alerts it raised; and the trend over many nights."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from operator import not_
from typing import ClassVar, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from chamiperf_ci.models.baselines import AcceptedStatement
from chamiperf_ci.models.document import CheckedDocument, Count, Number, Value
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.vocabulary import Direction, RowVerdict, Statistic, TargetVerdict


class HistoryRow(NamedTuple):
    """One metric of the sustained phase, and what was said of it that night; an array in the file, to keep it small."""

    endpoint: str
    metric: str
    value: Number
    """As in an accepted row: of `errors` the failed requests, of `stalled-windows` their number."""
    unit: str
    observations: Count
    statistic: Statistic
    comparable: bool
    """Whether the metric may be held against a baseline at all; a paced rate may not."""
    verdict: RowVerdict | None
    """None where the run was not judged, or not this metric."""
    target: TargetVerdict | None
    """None where the metric has no target, or none was judged."""
    target_value: Number | None = None
    """What the target was held against, in its unit: the pooled value; left out where none was judged."""


class HistoryEntry(CheckedDocument):
    """One run of the history, written by `history add`, read by `compare`, `history` and `alert`."""

    KIND: ClassVar[str] = "history"

    kind: Literal["history"] = "history"
    run_kind: RunKind
    """Only nights count for drift and as candidates for a baseline."""
    run_id: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    valid: bool
    problems: tuple[str, ...] = ()
    """Why the run could not be judged, as `reason: text`."""
    fingerprint: Fingerprint
    machine: Machine
    identities: tuple[Identity, ...]
    injected_faults: tuple[str, ...] = ()
    rows: tuple[HistoryRow, ...]
    """Empty for a run that could not be judged."""
    statements: tuple[AcceptedStatement, ...] = Field(default=(), exclude_if=not_)
    """What database statements took; empty where no PostgreSQL was read."""
    word: str = ""
    """The night's outcome in one word, if it was judged."""
    exit_code: int | None = None
    baselines_digest: str = ""
    """Of the baselines file that the night was compared with."""
    link: str = ""
    """The workflow run that made it."""
    report: str = Field(default="", exclude_if=not_)
    """Where the night's report can be had, such as the artifact that holds it; empty where nobody said."""

    def contradiction(self) -> str:
        """Return whether the run ended before it began, a row occurs twice, or fails more often than it is asked."""
        if self.ended_at < self.started_at:
            return f"ended_at: the run ended {self.ended_at.isoformat()}, before it began {self.started_at.isoformat()}"
        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            if (row.endpoint, row.metric) in seen:
                return f"rows: {row.endpoint} {row.metric} occurs twice"
            seen.add((row.endpoint, row.metric))
            if row.metric == "errors" and not 0 <= row.value <= row.observations:
                return f"rows: {row.value:g} failed of {row.observations} requests of {row.endpoint}"
        return ""


NOT_MEASURING = ""
"""Topic of an environment's one alert for nights that were invalid or did not happen; other topics are scenarios."""


class AlertLine(Value):
    """One row of an alert's table."""

    name: str
    """The row, or what was not measured."""
    what: str
    """Such as `regression`, `target missed`, `generator-saturated`."""
    baseline: str = ""
    now: str = ""
    says: str
    """A sentence, without markup."""
    since: date
    """The first night that it was seen."""


class Alert(Value):
    """An alert as it stands after its last night."""

    since: date
    last: date
    """The last night that failed."""
    lines: tuple[AlertLine, ...]
    seen: tuple[str, ...] = ()
    """Everything that was ever in its table, so that what comes and goes is told of once."""
    changed: tuple[str, ...] = ()
    """The suspect range: what changed since the last good night, as sentences."""
    reproduce: tuple[str, ...] = ()
    """Commands."""
    link: str = ""
    """The workflow run of the last night."""
    self_test: bool = False
    over: bool = False
    """A clean night has ended it; an alert that is closed and not over was closed by a person."""


class Point(NamedTuple):
    """A night; `link` leads to its run and `report` to its report, where it was kept which they are."""

    when: datetime
    value: float
    link: str = ""
    report: str = ""


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
class TrendStep:
    """A lasting change of level among the nights of the newest circumstances.

    Attributes:
        when: The first night after it.
        before: The level before it, the median of those nights.
        after: The level after it, until the next step.
        builds: Which builds changed between the two nights, old and new of each; empty where that is not known.
    """

    when: datetime
    before: float
    after: float
    builds: str = ""

    @property
    def ratio(self) -> float:
        """By how much the level changed; 1 is twice as much."""
        return self.after / self.before - 1


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
        steps: Lasting changes of the last nights, oldest first, whether or not anything was accepted.
        tolerance: How much worse than what was accepted it may get; 0 where nothing says.
        target: What is demanded of it, in its unit; None where it has no target, or one in another unit.
    """

    endpoint: str
    metric: str
    unit: str
    direction: Direction
    lines: tuple[Line, ...]
    newest: Point
    recent: tuple[float, ...]
    drifting: Drifting | None = None
    steps: tuple[TrendStep, ...] = ()
    tolerance: float = 0.0
    target: float | None = None

    @property
    def limit(self) -> float | None:
        """What the comparison allows of the newest circumstances; None where nothing was accepted, or of counts."""
        accepted = self.lines[-1].accepted
        if accepted is None or not self.tolerance or self.unit in ("share", "windows"):
            return None
        return accepted * (1 + self.tolerance if self.direction is Direction.LOWER else 1 - self.tolerance)

    @property
    def name(self) -> str:
        """The row's name within its scenario."""
        return f"{self.endpoint} {self.metric}".strip()

    @property
    def has_baseline(self) -> bool:
        """Whether anything was accepted for the newest circumstances."""
        return self.lines[-1].accepted is not None

    @property
    def all_zero(self) -> bool:
        """Whether it was nothing in every night."""
        return not any(point.value for line in self.lines for point in line.points)

    @property
    def nights(self) -> list[Point]:
        """Every night that measured it, the newest first."""
        return sorted((point for line in self.lines for point in line.points), key=lambda point: point.when)[::-1]

    @property
    def changed(self) -> float:
        """How much it moved, on a log scale: by its drift, its last level against its first, or what was accepted."""
        drift = abs(math.log1p(self.drifting.ratio)) if self.drifting else 0.0
        stepped = abs(math.log(self.steps[-1].after / self.steps[0].before)) if self.steps else 0.0
        accepted = self.lines[-1].accepted
        off = abs(math.log(self.newest.value / accepted)) if accepted and self.newest.value > 0 else 0.0
        return max(drift, stepped, off if self.unit not in ("share", "windows") else 0.0)


@dataclass(frozen=True, slots=True)
class MarkedNight:
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
        weeks_before: Before this time one night in four weeks was read; None where all were.
        unread: How many were not.
        metrics: Sorted by name.
    """

    environment: str
    scenario: str
    stack: str
    first: datetime
    last: datetime
    valid: int
    invalid: tuple[MarkedNight, ...]
    missing: tuple[datetime, ...]
    breaks: tuple[MarkedNight, ...]
    weeks_before: datetime | None
    unread: int
    metrics: tuple[MetricTrend, ...]
