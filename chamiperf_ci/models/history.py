"""What is kept of a night: the entry of the history, and the alerts it raised."""

from datetime import date
from operator import not_
from typing import ClassVar, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from chamiperf_ci.models.baselines import AcceptedStatement
from chamiperf_ci.models.document import CheckedDocument, Count, Number, Value
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.vocabulary import RowVerdict, Statistic, TargetVerdict


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
        """Return whether the run ended before it began, a row is there twice, or fails more often than it is asked."""
        if self.ended_at < self.started_at:
            return f"ended_at: the run ended {self.ended_at.isoformat()}, before it began {self.started_at.isoformat()}"
        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            if (row.endpoint, row.metric) in seen:
                return f"rows: {row.endpoint} {row.metric} is there twice"
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
