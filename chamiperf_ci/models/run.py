"""A run on disk: what was planned, what the scripts and the generator reported, what was measured."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from operator import not_
from statistics import median
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from chamiperf_ci.models.document import CheckedDocument, Count, Number, Value
from chamiperf_ci.models.plan import SUSTAINED, Plan
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.vocabulary import Direction, RowReason, RunReason, TargetVerdict

CLOCKS_DIFFER = timedelta(minutes=15)
"""What begins later than this from now is of a clock that is wrong."""


def is_to_come(moment: datetime, now: datetime | None) -> bool:
    """Whether a time lies ahead of now; never where nobody knows what time it is."""
    return now is not None and moment - now > CLOCKS_DIFFER


class RunKind(StrEnum):
    """What the run was made for; only nights count for drift and as candidates for a baseline."""

    NIGHT = "night"
    QUICK = "quick"
    REPEAT = "repeat"
    PAIR_OLD = "pair-old"
    PAIR_NEW = "pair-new"
    DRILL = "drill"


class Distribution(Value):
    """The responses of one phase, pooled; exact quantiles over all of them."""

    count: Count
    min: Number
    mean: Number
    max: Number
    quantiles: dict[str, Number]


class Window(Value):
    """One slice of the sustained phase."""

    index: Count
    """From 0."""
    seconds: Number
    count: Count
    """Requests (or samples of the Trend) that ended in the window; 0 means the window has no quantiles."""
    failed: Count
    """Of these, how many failed; counts only for HTTP series."""
    quantiles: dict[str, Number]


class Series(Value):
    """The latency of one endpoint, or one Trend of the scenario's own."""

    endpoint: str
    """Value of k6's `name` tag, such as `bootscript`; for a scenario's own Trend what it times, such as `boot path`."""
    metric: str
    """`latency` for http_req_duration, else the Trend's name."""
    unit: str = "ms"
    direction: Direction = Direction.LOWER
    resolution: Annotated[Number, Field(ge=0)] = 0.001
    """The smallest step between two values, in `unit`."""
    phases: dict[str, Distribution]
    """By phase name; a phase without samples is absent."""
    windows: tuple[Window, ...]
    """Windows of the sustained phase in order; all planned ones, also empty ones."""
    compared: bool = True


class Traffic(Value):
    """Requests of one endpoint in one phase."""

    endpoint: str
    phase: str
    service: str
    """The service that answers the endpoint, such as `bss`."""
    requests: Count
    failed: Count
    """Wrong status, wrong content, no answer or no connection; 429 is not among them."""
    throttled: Count
    """Answers 429."""
    refused: Count = 0
    """Answers 401 and 403; they are among `failed`."""
    conflicts: Count = 0
    """Answers 412 where the scenario provokes them; not among `failed`."""
    failed_by: dict[str, Count] = Field(default_factory=dict)
    """`failed` by cause: `status`, `content`, `no_answer`."""
    blocked_ms: Distribution | None = None
    """Waiting for a free connection, which http_req_duration leaves out; of a sample of the requests."""
    connecting_ms: Distribution | None = None
    """Of the same sample."""


class Scalar(Value):
    """A number of the scenario's own, such as the time until all nodes have booted."""

    name: str
    endpoint: str = ""
    phase: str = SUSTAINED
    unit: str
    direction: Direction
    value: Number
    compared: bool = False
    count: Count = 1
    """Number of observations behind the value."""
    resolution: Annotated[Number, Field(ge=0)] = 0.0


class PhaseOutcome(Value):
    """One phase as it went; an achieved rate is never a capacity."""

    name: str
    offered_per_s: Number
    """Requests per second that the plan offers, all endpoints together."""
    achieved_per_s: Number
    max_vus: Count
    in_flight: Number | None = None
    """Measured requests in flight, mean over the phase; most VUs wait for their next turn."""


class GeneratorHealth(Value):
    """Was the load generator itself the bottleneck?"""

    cpu_percent_p95: float
    """95th percentile of the generator's CPU use, percent of one core."""
    machine_cpu_percent_p95: float
    """95th percentile of the machine's CPU use, percent of all cores."""
    cores: int
    rss_mb_max: float
    dropped_iterations: int
    overrun_ms_p99: float
    """99th percentile of an iteration's time outside its requests and its pacing sleep, ms."""
    stall_ms_max: float
    """Longest time by which a pacing sleep overslept, ms."""
    time_series: int
    """Time series that k6 held at the end."""
    saturated: bool
    reasons: tuple[str, ...]
    """Why it counts as saturated, with numbers; empty if it does not."""
    late_ms: Number | None = None
    """How late iterations or wake-ups were in the phase that is compared, 99th percentile, the later of the two, ms."""
    tolerated_ms: Number | None = None
    """Lateness up to which the generator is not the bottleneck, ms."""
    other_percent: Number | None = Field(default=None, exclude_if=lambda found: found is None)
    """What other processes took of the machine, percent of all cores, where the generator was the bottleneck and it was
    worth a word."""


class JudgedTarget(Value):
    """A target that was decided where the samples are, because one number cannot show it, such as stable memory."""

    verdict: TargetVerdict
    limit: float
    """In the metric's unit; the good values lie below."""
    reason: RowReason | None = None
    """Why it was not judged; None when it was."""
    source: str = ""
    """Where the limit comes from, such as `ADR-012`."""


class ServerMetric(Value):
    """A number the services say of themselves, read over the sustained phase unless it says otherwise."""

    service: str
    name: str
    """Our name of the quantity, such as `db_query_p99`, `pool_utilisation`, `memory_growth`."""
    unit: str
    direction: Direction
    value: Number | None
    """None if unavailable; `reason` then says why."""
    reason: str = ""
    source: str = ""
    """The PromQL query, or the URL path scraped and the family used."""
    tried: tuple[str, ...] = ()
    """Names of families that were looked for."""
    resolution: Annotated[Number, Field(ge=0)] = 0.0
    """Bucket width around a histogram quantile, in `unit`."""
    simulated: bool = False
    """True for figures of a stand-in; they never meet or miss a target."""
    labels: dict[str, str] = Field(default_factory=dict)
    observed_s: Number = 0.0
    judged: JudgedTarget | None = None
    """The verdict on its target, where the value alone does not decide it; None: the rules of baselines.json do."""


class StatementPoint(Value):
    """One stretch of the sustained phase."""

    at_s: float
    """Its end, seconds since the phase began: the time axis of the latency's windows."""
    calls: int
    mean_ms: float


class Statement(Value):
    """What one database statement took over the sustained phase, as PostgreSQL counted it."""

    fingerprint: str
    """Sixteen hex digits of role, database and text: the same from run to run."""
    text: str
    """Normalized, without literals; a SELECT, INSERT, UPDATE or DELETE."""
    role: str
    database: str
    calls: int
    mean_ms: float
    """A mean; the server knows no quantiles."""
    total_ms: float
    """Its whole time over the phase, all its calls together."""
    rows: int
    points: tuple[StatementPoint, ...] = ()

    @property
    def typical_ms(self) -> float:
        """The median of its means over the phase's stretches, which one stall of the machine leaves as it is."""
        return median(point.mean_ms for point in self.points) if self.points else self.mean_ms


MOST_POINTS = 120
"""Of one course: more than that no chart shows, and every run's file holds them."""


class Course(Value):
    """How a quantity beside the requests went over the load: of the generator, of a service or of the database."""

    of: str
    """Whose: `generator`, a service, `database`."""
    what: str
    """Which, in words, such as `processor time`."""
    unit: str
    points: tuple[tuple[Number, Number], ...]
    """Seconds since the load began, and the value; at most `MOST_POINTS`."""

    @classmethod
    def of_points(cls, of: str, what: str, unit: str, points: Sequence[tuple[float, float]]) -> "Course":
        """Every so many of the points, to four digits."""
        shown = points[:: -(-len(points) // MOST_POINTS) or 1]
        rounded = ((round(at_s, 1), float(f"{value:.4g}")) for at_s, value in shown)
        return cls(of=of, what=what, unit=unit, points=tuple(rounded))


class Check(Value):
    """Something verified around the load, such as the cooldown."""

    name: str
    ok: bool | None
    """None if it could not be checked; `problem` then says why."""
    problem: str = ""


class RunProblem(Value):
    """Why the run cannot be judged."""

    reason: RunReason
    text: str
    """For the run's own log and file; where a verdict is shown, it is data."""
    measured: dict[str, Number] = Field(default_factory=dict)
    """The numbers behind it, such as `late_ms` and `tolerated_ms` of a generator that was the bottleneck."""


class ObjectCount(Value):
    """What the scenario itself did to objects of one kind."""

    kind: str
    created: int
    resolved: int = 0
    """409s that were resolved by list and PATCH."""
    failed: int = 0
    removed: int = 0
    left: int
    """Created and not removed."""


class UncertainQuantile(Value):
    """A quantile of several shards together that is known only to lie between two values, more than 1 % apart."""

    endpoint: str
    metric: str
    phase: str
    window: Count | None = None
    """From 0; None for the whole phase."""
    quantile: str
    low: Number
    high: Number


class Unavailable(Value):
    """Something that was meant to be measured and was not."""

    what: str
    reason: str
    endpoints: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Those that were not asked because of it."""


class FailureSample(Value):
    """One failed answer, kept as evidence; at most three a run, bodies of at most 512 bytes, of our own ids only."""

    endpoint: str
    status: int
    error: str
    body: str


class Run(CheckedDocument):
    """One scenario driven once, written by `load`, read by `compare`, `confirm` and `history add`."""

    KIND: ClassVar[str] = "run"

    kind: Literal["run"] = "run"
    run_kind: RunKind = RunKind.QUICK
    run_id: str
    seed_run_id: str
    scenario: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    self_test: bool
    """True when the stack was the embedded one: no product was measured."""
    complete: bool
    """False when k6 did not come to the planned end."""
    problems: tuple[RunProblem, ...]
    """Empty: the run is valid."""
    fingerprint: Fingerprint
    machine: Machine
    identities: tuple[Identity, ...]
    plan: Plan
    phases: tuple[PhaseOutcome, ...]
    series: tuple[Series, ...]
    traffic: tuple[Traffic, ...]
    scalars: tuple[Scalar, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    checks: tuple[Check, ...] = ()
    server: tuple[ServerMetric, ...] = ()
    statements: tuple[Statement, ...] = Field(default=(), exclude_if=not_)
    """Those that took most of the database's time, the most first; empty where no PostgreSQL was read."""
    courses: tuple[Course, ...] = Field(default=(), exclude_if=not_)
    """What generator, services and database did over the load; empty in files of versions before 0.3."""
    generator: GeneratorHealth | None
    """None when the generator left no summary."""
    uncertain: tuple[UncertainQuantile, ...] = Field(default=(), exclude_if=not_)
    """Merged quantiles that the shards leave open by more than 1 %."""
    unavailable: tuple[Unavailable, ...] = ()
    failures: tuple[FailureSample, ...] = ()
    warnings: tuple[str, ...] = ()
    injected_faults: tuple[str, ...] = ()
    """Faults that were set on the embedded stack, as the stack names them."""

    @property
    def valid(self) -> bool:
        """Whether the run can be judged."""
        return not self.problems and self.complete

    def contradiction(self) -> str:
        """Return the first of `_contradictions`."""
        return next(self._contradictions(), "")

    def _contradictions(self) -> Iterator[str]:
        if self.ended_at < self.started_at:
            yield f"ended_at: the run ended {self.ended_at.isoformat()}, before it began {self.started_at.isoformat()}"
        names = {
            "plan.phases": (phase.name for phase in self.plan.phases),
            "phases": (phase.name for phase in self.phases),
            "series": (f"{series.endpoint} {series.metric}" for series in self.series),
            "traffic": (f"{traffic.endpoint} ({traffic.phase})" for traffic in self.traffic),
            "identities": (identity.service for identity in self.identities),
            "scalars": (f"{scalar.endpoint} {scalar.name} ({scalar.phase})" for scalar in self.scalars),
            "server": (f"{each.service} {each.name} {sorted(each.labels.items())}" for each in self.server),
        }
        for field, found in names.items():
            if twice := _duplicate(found):
                yield f"{field}: {twice} occurs twice"
        for series in self.series:
            where = f"series of {series.endpoint} {series.metric}"
            if twice := _duplicate(str(window.index) for window in series.windows):
                yield f"{where}: window {twice} occurs twice"
            for window in series.windows:
                if window.failed > window.count or window.seconds < 0:
                    counts = f"{window.failed} failed of {window.count} requests in {window.seconds:g} s"
                    yield f"{where}, window {window.index}: {counts}"
        yield from self._impossible_counts()

    def _impossible_counts(self) -> Iterator[str]:
        for phase in self.phases:
            if min(phase.achieved_per_s, phase.offered_per_s) < 0:
                yield f"phase {phase.name}: {phase.achieved_per_s:g} of {phase.offered_per_s:g} requests/s"
        for each in self.traffic:
            if max(each.failed, each.throttled, each.conflicts) > each.requests or each.refused > each.failed:
                yield (
                    f"traffic of {each.endpoint} ({each.phase}): {each.failed} failed ({each.refused} refused), "
                    f"{each.throttled} throttled, {each.conflicts} conflicts of {each.requests} requests"
                )


def _duplicate(names: Iterable[str]) -> str:
    """The first name that is there more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), "")


class ScriptSeries(Series):
    """A series with the service that answers; empty for a Trend of the scenario's own."""

    service: str = ""


class PhaseHealth(Value):
    """What the VUs saw of their own generator; None where nothing was sampled."""

    overrun_ms: Distribution | None = None
    """An iteration's time outside its requests and its pacing sleep."""
    stall_ms: Distribution | None = None
    """By how much pacing sleeps overslept."""


class ScriptHealth(PhaseHealth):
    """The same of the whole load, and by phase."""

    phases: dict[str, PhaseHealth] = Field(default_factory=dict)


class Merge(Value):
    """How a figure is worked out, so that it can be worked out again from several shards' counts.

    `sum` and `max` take the shards' values. `rate` is the sum of the amounts over the longest of the seconds,
    `remainder` is the whole less the sum of the parts, `change` is what a merged latency quantile gained from one phase
    to another in percent, and `spread` is 80 % of the sum of the amounts over the seconds from p10 to p90 of the merged
    progress of a phase.
    """

    model_config = ConfigDict(populate_by_name=True)

    by: Literal["sum", "max", "rate", "remainder", "change", "spread"]
    amount: float = 0.0
    """Of `rate` and `spread`: what this shard did."""
    seconds: float | None = None
    """Of `rate`; None where this shard did nothing."""
    whole: float = 0.0
    """Of `remainder`: what all shards should do together."""
    part: float = 0.0
    """Of `remainder`: what this shard did."""
    endpoint: str = ""
    """Of `change`."""
    quantile: str = ""
    """Of `change`, such as `p95`."""
    start: Annotated[str, Field(alias="from")] = ""
    """Of `change`: the phase before."""
    end: Annotated[str, Field(alias="to")] = ""
    """Of `change`: the phase after."""
    phase: str = ""
    """Of `spread`."""


class ScriptScalar(Scalar):
    """A number of the scenario's own, and how those of several shards become one."""

    merge: Merge = Merge(by="sum")


class Shard(Value):
    """Which of how many equal shares of a load a process had; from 0."""

    index: int = 0
    of: int = 1


class ScriptClock(Value):
    """When a load was on, without setup and teardown: seconds since the epoch by the clock that all shards agree on."""

    start_at: float | None = None
    """When it was asked to begin; None for at once."""
    offset_s: float = 0.0
    """What was added to this machine's clock."""
    began_at: float | None = None
    """When setup ended; None where it did not."""
    ended_at: float | None = None
    """When teardown began; None where it did not."""


class ScriptSummary(Value):
    """One k6 process's summary."""

    format: Literal["chamiperf-summary"]
    format_version: Literal[1]
    scenario: str
    scenario_version: int
    profile: str
    duration_s: Annotated[float, Field(ge=0)]
    """Seconds from the end of setup to the beginning of teardown."""
    clock: ScriptClock = ScriptClock()
    shard: Shard = Shard()
    iterations: float
    dropped_iterations: float = 0
    max_vus: int
    time_series: int = 0
    """Metrics and sub-metrics that k6 held; 0 if the script did not say."""
    series: tuple[ScriptSeries, ...]
    traffic: tuple[Traffic, ...]
    good: dict[str, int] = Field(default_factory=dict)
    """Requests with a good answer, by phase."""
    scalars: tuple[ScriptScalar, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    progress: dict[str, Distribution] = Field(default_factory=dict)
    """By phase, when its iterations were done, ms since it began; only where windows are shares of the iterations."""
    window_ends_s: tuple[float, ...] = ()
    """When each of those windows ended, in seconds since its phase began."""
    health: ScriptHealth
    unavailable: tuple[Unavailable, ...] = ()
    warnings: tuple[str, ...] = ()
