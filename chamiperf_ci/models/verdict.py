"""What `compare` and `confirm` conclude: one row per metric, the suspects, and the night's outcome.

Facts alone: words, reasons, numbers, names. Every sentence is written where it is shown (`render/`), so that nothing a
file says can pass for the toolkit's own words.
Version history: 1 (first, with sentences); 2 (facts only).

Byte-equal for equal inputs: it holds no clock of its own. `confirm` replaces the file by rename and keeps the first
look inside. Changes are fractions (0.2 is 20 %) in the metric's own direction: a positive latency change is slower, a
negative throughput change is less.
"""

import math
from operator import not_
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from chamiperf_ci.models.document import Document, Number, Value
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.vocabulary import (
    SLOW_QUARTER,
    Direction,
    FactWord,
    RowKind,
    RowReason,
    RowVerdict,
    RunReason,
    Statistic,
    TargetVerdict,
    Word,
)


def _log1p(ratio: float) -> float:
    """As `math.log1p`; a file may hold a ratio below -1, and a loss of everything is as far as it goes."""
    return math.log1p(ratio) if ratio > -1 else -math.inf


class RowKey(Value):
    """Names a row."""

    scenario: str
    endpoint: str
    metric: str
    """`p50`, `p99`, `throughput`, `errors`, `stalled-windows`; other Trends `<trend> p99`; server metrics by name."""
    phase: str = SUSTAINED

    @property
    def whole(self) -> "RowKey":
        """The row of the whole run, of which this is the slow quarter; itself where it is none."""
        return self.model_copy(update={"metric": self.metric.replace(SLOW_QUARTER, "")})

    @property
    def text(self) -> str:
        """The row's name for people: `boot_storm / bootscript p99`, with the phase unless it is the sustained one."""
        phase = "" if self.phase == SUSTAINED else f" ({self.phase})"
        where = f"{self.scenario} / {self.endpoint}" if self.endpoint else self.scenario
        return f"{where} {self.metric}{phase}"


class Fact(Value):
    """One thing to know beside the numbers; the sentence is written where it is shown."""

    word: FactWord
    values: dict[str, Number | str] = Field(default_factory=dict)
    """Text among them is data (a name, a date, what another program said) and is shown as data, never as a sentence."""


class TargetResult(Value):
    """A row's target (SLO), apart from its comparison."""

    verdict: TargetVerdict
    limit: float | None = None
    value: float | None = None
    """The value judged: the pooled quantile of the phase, not the median of windows."""
    unit: str = ""
    phase: str = ""
    source: str = ""
    """Where the limit comes from, such as `ADR-012`."""
    bound: Literal["below", "at least"] = "below"
    """On which side of the limit the good values lie."""
    reason: RowReason | None = None
    """Why the target was not judged; None when it was."""
    low: float | None = None
    """Of an error rate: lower end of its 95 % interval."""
    high: float | None = None
    acknowledged: "Acknowledgement | None" = None


class Change(Value):
    """The change against the baseline, with its uncertainty (verdict.md section 4)."""

    ratio: float
    """exp(d) - 1 in the metric's own direction."""
    low: float
    """Lower end of the 95 % interval of `ratio`; `low <= ratio <= high`."""
    high: float
    d: float
    """On the log scale, up is worse."""
    se: float
    nu: float
    sigma: float
    p_worse: float
    p_better: float
    detectable: float
    """Smallest slow-down found in about 80 % of cases with three runs, as a positive fraction."""


class Acknowledgement(Value):
    """A known regression or missed target that does not fail the night (baselines.json)."""

    reason: str
    who: str
    link: str
    expires: str
    """ISO date."""
    extent: float
    """Largest ratio (or value, for a target) that is covered."""


class Row(Value):
    """One metric's verdict."""

    key: RowKey
    kind: RowKind = RowKind.QUANTITY
    """How it is judged."""
    unit: str
    direction: Direction
    statistic: Statistic
    verdict: RowVerdict
    reason: RowReason
    baseline: float | None
    """Centre of the accepted runs."""
    baseline_runs: int
    current: float | None
    """Centre of the current runs."""
    current_values: tuple[float, ...]
    """Each current run's statistic, in order; of pairs the new ones."""
    change: Change | None
    tolerance: float
    target: TargetResult
    suspect: bool = False
    by_pairs: bool = False
    history_nights: int = 0
    notes: tuple[Fact, ...] = ()
    acknowledged: Acknowledgement | None = None
    simulated: bool = False
    above_tolerance_unconfirmed: bool = False
    """The estimate exceeds the tolerance and the row is not a regression (the ADR's literal comparison)."""
    compared: bool = True
    """False: shown, and held against its target only; it is in no count of verdicts."""
    offered: float | None = None
    """What the plan offered, of a paced rate; `current` is then what was achieved, never a capacity."""
    baseline_values: tuple[float, ...] = ()
    """Each accepted run's statistic, oldest first; of pairs the old ones."""
    history_values: tuple[float, ...] = ()
    """The nights before, oldest first, at most 30: they widen or narrow the interval, and a chart shows them."""
    baseline_at: tuple[AwareDatetime, ...] = Field(default=(), exclude_if=not_)
    """When each of `baseline_values` was measured; empty where that is not known, as of pairs."""
    history_at: tuple[AwareDatetime, ...] = Field(default=(), exclude_if=not_)
    """When each of `history_values` was measured; empty where that is not known."""
    detail: str = ""
    """What goes with the reason, such as the field of the fingerprint that differs."""
    already_there: bool = False
    """A regression that the seven nights before tonight had as well; it is not news, and stays red."""
    already_there_since: str = ""
    """ISO date of the night it began in, where a change point tells it; empty: for at least seven nights."""
    far_above: bool = False
    """One run lies so far above the baseline that nothing was decided until it is measured again."""
    forgiven: bool = False
    """That it has no baseline costs the night nothing: it needs none, or the environment is learning."""

    @property
    def worse_at_least(self) -> float:
        """The lower end of the change's 95 % interval on the log scale turned so that up is worse; 0 without one."""
        if self.change is None:
            return 0.0
        lower = self.direction is Direction.LOWER
        return _log1p(self.change.low) if lower else -_log1p(self.change.high)

    @property
    def surely_beyond(self) -> bool:
        """Whether a row that one run made suspect exceeds its tolerance by the whole interval."""
        higher = self.direction is Direction.HIGHER
        theta = -_log1p(-self.tolerance) if higher else _log1p(self.tolerance)
        return self.suspect and self.change is not None and self.worse_at_least >= theta


class ScenarioOutcome(Value):
    """What became of one scenario's runs."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    scenario: str
    valid: bool
    reasons: tuple[RunReason, ...]
    problems: tuple[RunProblem, ...]
    """One per reason, as the run's file has them; their texts are data."""
    runs: tuple[str, ...]
    """Run ids that were judged, in order."""
    fingerprint: Fingerprint
    machine: Machine
    identities: tuple[Identity, ...]
    baseline_identities: tuple[Identity, ...] = ()
    baseline_runs: int = 0
    baseline_newest: str = ""
    """ISO date of the newest accepted run; empty without a baseline."""
    baseline_oldest: str = ""
    learning_runs: int | None = None
    """Set while the environment is learning: valid nights so far, of the five that a first baseline is made of."""
    drift_nights: int | None = None
    """Nights of the same fingerprint, tonight's among them; seven show a slow drift. None where none is looked for."""
    accepted_otherwise: tuple[str, ...] = ()
    """How the run differs from the accepted runs of its environment, where none of its scenario and profile fits it."""
    environment_accepted: bool = False
    """Runs of the environment are accepted, of this scenario or another."""
    same_build: bool = False
    """Both sides have equal identities: an A/A comparison."""
    reported_differences: tuple[Fact, ...] = ()
    """Differences that do not forbid a comparison (CPU model, load average, stack version)."""
    started_at: AwareDatetime
    repeated: int = 0
    back_to_back: bool = Field(default=False, alias="same_sitting")
    """Each repeat began less than ten minutes after the run before it had ended."""
    warnings: tuple[Fact, ...] = ()
    baseline_commits: tuple[str, ...] = ()
    """Commits (or images) of the accepted runs, as `bss 1a2b3c4`, without repetition."""
    repeat_reasons: tuple[RunReason, ...] = ()
    """Why repeats or pairs were invalid; such a scenario was measured again and not decided."""
    judged_targets_only: bool = False
    """A quick run without accepted runs of its own profile: nothing was compared, and the first sentence says so."""

    @property
    def never_possible(self) -> bool:
        """The stack lacks what the scenario needs, and had it in no accepted run: that is said, and costs nothing."""
        return {*self.reasons, *self.repeat_reasons} == {RunReason.NOT_POSSIBLE} and self.baseline_runs == 0


class StatementChange(Value):
    """A database statement that takes several times as long as in the accepted runs; it decides nothing by itself."""

    scenario: str
    fingerprint: str
    text: str
    """Normalized, without literals."""
    role: str
    database: str
    before_ms: float
    """Median over the accepted runs of what it typically took."""
    now_ms: float
    factor: float
    """`now_ms` over `before_ms`."""
    calls: int
    """In the night's sustained phase."""
    total_ms: float
    """Its whole time in that phase."""


class Counts(Value):
    """How many rows of each verdict."""

    by_verdict: dict[RowVerdict, int]
    targets_missed: int
    targets_met: int
    not_measured: int
    acknowledged: int = 0


class Outcome(Value):
    """The night's outcome (verdict.md section 5)."""

    exit_code: Literal[0, 1, 3]
    word: Word
    nothing_judged: bool = False
    """No row was compared and no target judged, outside the learning nights."""
    environment_nights: int | None = None
    """Nights of the environment with tonight; None where they cannot be counted."""


class Sensitivity(Value):
    """What a drill has shown of this gate for one scenario, or why it does not count."""

    scenario: str
    measured_on: str
    """ISO date of the drill."""
    word: Literal["proved", "not proved", "too few runs", "unknown", "other circumstances"]
    endpoint: str = ""
    metric: str = ""
    smallest: float | None = None
    """Smallest slow-down that the gate found, as a fraction; None where it is not known."""
    method: Literal["injected", "computed"] = "injected"
    effect: float = 0.0
    """Largest slow-down that was tried, as a fraction."""
    caught: int = 0
    comparisons: int = 0
    """With the largest slow-down."""
    false_alarms: int = 0
    unchanged_comparisons: int = 0
    differences: tuple[str, ...] = ()
    """How the circumstances differ; data."""
    stale_days: int | None = None
    """Age at the night in days, where it is stale."""


_SENTENCES_OF_VERSION_1 = frozenset(
    {
        "sentence", "what_could_not_be_seen", "notes", "detail", "problems", "reported_differences", "warnings",
        "gate_sight",
    }
)  # fmt: skip


def _facts_of(value: Any) -> Any:  # noqa: ANN401 - JSON
    """What version 1 holds beside its sentences."""
    if isinstance(value, list):
        return [_facts_of(item) for item in value]
    if isinstance(value, dict):
        return {name: _facts_of(item) for name, item in value.items() if name not in _SENTENCES_OF_VERSION_1}
    return value


class Verdict(Document):
    """A judged night, as `verdict.json` holds it."""

    KIND: ClassVar[str] = "verdict"
    SCHEMA_VERSION: ClassVar[int] = 2

    kind: Literal["verdict"] = "verdict"
    schema_version: int = 2
    environment: str
    self_test: bool
    stage: Literal["first look", "confirmed"]
    gate: Literal["verdict", "adr"] = "verdict"
    outcome: Outcome
    counts: Counts
    scenarios: tuple[ScenarioOutcome, ...]
    rows: tuple[Row, ...]
    statements: tuple[StatementChange, ...] = Field(default=(), exclude_if=not_)
    """Database statements that became slower, the slowest first; empty where no PostgreSQL was read."""
    suspects: tuple[RowKey, ...]
    suspect_scenarios: tuple[str, ...]
    """Scenarios worth repeating, the most suspect first; `confirm` takes as many as its budget allows."""
    confirmed_by: Literal["", "repeats", "pairs"] = ""
    baselines_digest: str
    """SHA-256 of the baselines file that was compared with; empty if there is none."""
    fail_on: tuple[str, ...] = ()
    warnings: tuple[Fact, ...] = ()
    sensitivity: tuple[Sensitivity, ...] = ()
    """What drills have shown of this gate, at most one a scenario."""
    first_look: "Verdict | None" = None

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any] | None:
        """Return version 1 as version 2: its facts, without its sentences; None for any other version."""
        if version != 1:
            return None
        facts: dict[str, Any] = _facts_of(data)
        for look in (facts, facts.get("first_look")):
            if isinstance(look, dict):
                look["schema_version"] = 2
                scenarios = look.get("scenarios")
                for scenario in scenarios if isinstance(scenarios, list) else ():
                    if isinstance(scenario, dict):
                        scenario["problems"] = []
        return facts
