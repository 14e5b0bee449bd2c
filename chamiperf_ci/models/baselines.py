"""`baselines.json`: what is demanded (targets, tolerances), what was accepted (runs), what is known (acknowledgements).

The file is the one source of truth of the gate: no option, variable or action input changes a target or a tolerance.
Its policy part is edited by people; its accepted runs are written by `update-baseline` only, which the digests show.
Rules cascade global -> scenario -> endpoint; within one level the level's own values come before those of its
`metrics`. A metric is named as in a verdict's row: `p99`, `throughput`, `errors`, `stalled-windows`, `boot path p99`;
of another phase than the sustained one with the phase behind it: `p99 (spike)`.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from enum import StrEnum
from operator import not_
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from chamiperf_ci.models.document import CheckedDocument, Count, Number, Value
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import Fingerprint, Identity, Machine, StackKind
from chamiperf_ci.models.vocabulary import DEFAULT_TOLERANCE, SLOW_QUARTER, Direction, MetricClass, Statistic

_UNITS_OF_TIME = frozenset({"ns", "us", "ms", "s", "min", "h"})
_COMPARED_QUANTILES = frozenset({"p50", "p95", "p99"})


class Bound(StrEnum):
    """On which side of a target's limit the good values lie."""

    AT_MOST = "at-most"
    AT_LEAST = "at-least"


Limit = Annotated[float, Field(gt=0)]
"""Of a target, in its unit; above 0, since values are held against it on a log scale."""


class StackLimit(Value):
    """The limit that one kind of stack has instead, and why."""

    limit: Limit
    source: str


class TargetRule(Value):
    """A service level objective of a metric; judged apart from the comparison."""

    limit: Limit
    unit: str
    source: str
    """Where the limit comes from, such as `ADR-012`."""
    bound: Bound = Bound.AT_MOST
    phase: str = SUSTAINED
    """The phase whose pooled value is judged; without meaning where `offered_factor` is set."""
    offered_factor: Annotated[float, Field(gt=0)] | None = None
    """For a rate: it is judged in the phase that offers at least this multiple of the limit, else `not-offered`."""
    by_stack: dict[StackKind, StackLimit] = Field(default_factory=dict)
    """Kinds of stack with a limit of their own."""
    note: str = ""
    """Why this limit, where sources differ."""

    def on(self, stack_kind: StackKind) -> "TargetRule":
        """Return the target as it holds on a kind of stack, without `by_stack`."""
        own = self.by_stack.get(stack_kind)
        update = {"by_stack": {}} | ({} if own is None else {"limit": own.limit, "source": own.source})
        return self.model_copy(update=update)


class Rule(Value):
    """What is demanded at one level; an absent field is inherited."""

    tolerance: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Slowdown accepted against the baseline, as a fraction between 0 and 1; 0.2 is 20 %."""
    tolerance_source: str | None = None
    compared: bool | None = None
    """Whether the metric is compared with the baseline; by default all of the sustained phase but quantiles other than
    p50, p95 and p99."""
    target: TargetRule | Literal["none"] | None = None
    """`none` takes an inherited target away."""
    metric_class: MetricClass | None = None
    """Decides the prior spread between runs; by default the quantile in the metric's name."""
    exempt: str | None = None
    """Why the metric needs no baseline; it is then measured and shown, and never fails the night for want of one."""


class Level(Rule):
    """A level of the cascade: values for all its metrics, then for single ones."""

    metrics: dict[str, Rule] = Field(default_factory=dict)


class ScenarioRules(Level):
    """The rules of one scenario."""

    endpoints: dict[str, Level] = Field(default_factory=dict)


class Rules(Value):
    """All rules of the file."""

    defaults: Level = Level()
    scenarios: dict[str, ScenarioRules] = Field(default_factory=dict)


class Policy(Value):
    """What is demanded of one metric, with the cascade resolved."""

    tolerance: float
    tolerance_source: str
    compared: bool
    """Whether the metric is compared with the baseline, if its measurement allows a comparison."""
    asked: bool = False
    """A rule of the metric itself asks for the comparison: it is obeyed or refused, never ignored."""
    metric_class: MetricClass
    target: TargetRule | None
    exempt: str | None


class AcceptedRow(Value):
    """What an accepted run measured of one metric, as the comparison needs it."""

    endpoint: str = ""
    metric: str
    phase: str = SUSTAINED
    value: Number
    """The run's statistic; of `errors` the failed requests, of `stalled-windows` their number."""
    unit: str
    statistic: Statistic = Statistic.MEDIAN_OF_WINDOWS
    pooled: Number | None = None
    """Beside a median of windows the quantile over the whole phase, for runs that have no other; None before it was
    kept."""
    direction: Direction | None = None
    """Which way is good; None where the unit says it, and in entries that were written before it was kept."""
    count: Count
    """Requests or samples behind the value; of `errors` all requests, of `stalled-windows` all valid windows."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Endpoint, metric, phase."""
        return (self.endpoint, self.metric, self.phase)

    @property
    def good(self) -> Direction | None:
        """Which way is good, as far as it is known."""
        return self.direction or usual_direction(self.unit, self.statistic)


class AcceptedFigure(Value):
    """One metric of all accepted runs of a fingerprint, as the file holds it: one line, its places those of `runs`."""

    endpoint: str = ""
    metric: str
    phase: str = SUSTAINED
    unit: str
    statistic: Statistic = Statistic.MEDIAN_OF_WINDOWS
    direction: Direction | None = None
    values: tuple[Number | None, ...]
    """As `AcceptedRow.value`; None where the run at this place did not measure it."""
    pooled: tuple[Number | None, ...] = ()
    """As `AcceptedRow.pooled`; empty where no run has one."""
    counts: tuple[Count | None, ...]

    def row(self, place: int) -> AcceptedRow | None:
        """Return what the run at a place measured, or None."""
        value, count = self.values[place], self.counts[place]
        if value is None or count is None:
            return None
        pooled = self.pooled[place] if self.pooled else None
        shared = {name: getattr(self, name) for name in _SHARED}
        return AcceptedRow(value=value, pooled=pooled, count=count, **shared)


class AcceptedStatement(Value):
    """What a database statement took in an accepted run."""

    fingerprint: str
    """As in the run."""
    typical_ms: float
    calls: int


class AcceptedRun(Value):
    """One run that a person accepted."""

    run_id: str
    run_kind: RunKind
    started_at: AwareDatetime
    accepted_on: date
    act: Literal["add", "replace", "init"]
    """Whether the run joined the baseline, replaced it, or began it."""
    who: str
    why: str
    overrides: tuple[str, ...] = ()
    """What was overruled by a flag when the run was accepted, such as a missed target."""
    identities: tuple[Identity, ...]
    machine: Machine
    rows: tuple[AcceptedRow, ...] = ()
    """In the file they stand in the `figures` beside the runs; files of before 0.2 have them here."""
    statements: tuple[AcceptedStatement, ...] = Field(default=(), exclude_if=not_)
    """What database statements took; empty where no PostgreSQL was read."""
    digest: str
    """SHA-256 of all other fields; differs after an edit by hand."""

    def find(self, endpoint: str, metric: str, phase: str = SUSTAINED) -> AcceptedRow | None:
        """Return the run's row of a metric, or None if it was not measured."""
        return next(
            (row for row in self.rows if row.metric == metric and row.endpoint == endpoint and row.phase == phase), None
        )

    def computed_digest(self) -> str:
        """Return the digest that the other fields have."""
        return digest_of(self.model_dump(mode="json", exclude_defaults=True, exclude={"digest"}))


_SHARED = ("endpoint", "metric", "phase", "unit", "statistic", "direction")


def figures_of(runs: Sequence[AcceptedRun]) -> tuple[AcceptedFigure, ...]:
    """Return the rows of runs turned by metric, sorted; a metric whose unit or statistic changed has one of each."""
    found: dict[tuple[Any, ...], dict[int, AcceptedRow]] = {}
    for place, run in enumerate(runs):
        for row in run.rows:
            found.setdefault(tuple(getattr(row, name) for name in _SHARED), {})[place] = row
    figures = []
    for shared, rows in sorted(found.items(), key=lambda each: tuple(str(part) for part in each[0])):
        each = [rows.get(place) for place in range(len(runs))]
        pooled = tuple(row and row.pooled for row in each)
        figures.append(
            AcceptedFigure(
                **dict(zip(_SHARED, shared, strict=True)),
                values=tuple(row and row.value for row in each),
                pooled=pooled if any(value is not None for value in pooled) else (),
                counts=tuple(row and row.count for row in each),
            )
        )
    return tuple(figures)


class EnvironmentBaseline(Value):
    """The accepted runs of one fingerprint."""

    fingerprint: Fingerprint
    runs: tuple[AcceptedRun, ...]
    """Oldest first."""
    figures: tuple[AcceptedFigure, ...] = Field(default=(), exclude_if=not_)
    """What the runs measured, in the file alone: once read, it is in their `rows`."""

    @model_validator(mode="after")
    def _rows_from_figures(self) -> Self:
        if not self.figures:
            return self
        if any(run.rows for run in self.runs):
            raise ValueError("a run has rows of its own beside the figures; keep one of the two")
        for figure in self.figures:
            lengths = {len(figure.values), len(figure.counts), len(figure.pooled or figure.values)}
            if lengths != {len(self.runs)}:
                name = " ".join(part for part in (figure.endpoint, figure.metric) if part)
                raise ValueError(f"{name} has not one value, count and pooled value for each of {len(self.runs)} runs")
        # Frozen for everybody else: it is still being made.
        self.__dict__["runs"] = tuple(
            run.model_copy(update={"rows": tuple(filter(None, (figure.row(place) for figure in self.figures)))})
            for place, run in enumerate(self.runs)
        )
        self.__dict__["figures"] = ()
        self.__pydantic_fields_set__.discard("figures")
        return self

    @property
    def newest(self) -> datetime | None:
        """Start of the newest run."""
        return max((run.started_at for run in self.runs), default=None)

    def newest_before(self, moment: datetime) -> datetime | None:
        """Start of the newest run that began before a time; one that is stamped later is never the newest."""
        return max((run.started_at for run in self.runs if run.started_at < moment), default=self.oldest)

    @property
    def oldest(self) -> datetime | None:
        """Start of the oldest run."""
        return min((run.started_at for run in self.runs), default=None)

    def rows(self, endpoint: str, metric: str, phase: str = SUSTAINED) -> tuple[AcceptedRow, ...]:
        """Return a metric's row of each run that measured it, oldest run first."""
        return tuple(row for run in self.runs if (row := run.find(endpoint, metric, phase)) is not None)

    @property
    def row_keys(self) -> tuple[tuple[str, str, str], ...]:
        """Each (endpoint, metric, phase) that at least one run measured, sorted."""
        return tuple(sorted({row.key for run in self.runs for row in run.rows}))


class NearestBaseline(Value):
    """The baseline of another fingerprint that comes closest."""

    key: str
    differences: tuple[str, ...]
    """Sentences such as `profile: quick here, full there`; at least one."""


class KnownProblem(Value):
    """A regression or missed target that a person knows of; it fails no night until it grows or expires."""

    environment: str
    scenario: str
    endpoint: str = ""
    metric: str
    phase: str = SUSTAINED
    what: Literal["regression", "target"]
    extent: Number
    """The most that is covered: of a regression the change as a positive fraction for the worse (0.4: 40 % worse), of a
    target the value in the target's unit."""
    reason: str
    link: str
    """Where the work on it is tracked."""
    who: str
    expires: date
    """The last day on which it holds."""


class EnvironmentNote(Value):
    """What is known of an environment as a whole."""

    first_night: date
    """From here the learning nights are counted when there is no history to count them in."""


class Baselines(CheckedDocument):
    """What is accepted and demanded, changed by merged patches alone, read by `compare`."""

    KIND: ClassVar[str] = "baselines"

    model_config = ConfigDict(populate_by_name=True)

    schema_uri: str = Field(default="", alias="$schema")
    """JSON Schema for editors."""
    kind: Literal["baselines"] = "baselines"
    rules: Rules = Rules()
    environments: dict[str, EnvironmentNote] = Field(default_factory=dict)
    acknowledgements: tuple[KnownProblem, ...] = ()
    accepted_digest: str = ""
    """SHA-256 over all accepted runs, empty without any; a patch made against another state is refused by it."""
    accepted_runs: dict[str, EnvironmentBaseline] = Field(default_factory=dict)
    """By `environment:scenario:profile:hash`, the hash being that of the fingerprint."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, entry in self.accepted_runs.items():
            ids = [run.run_id for run in entry.runs]
            if len(ids) != len(set(ids)):
                raise ValueError(f"accepted_runs.{key}: a run is accepted twice")
        return self

    def contradiction(self) -> str:
        """Return the first accepted run that holds a row twice, or more failures than requests."""
        for key, entry in self.accepted_runs.items():
            for run in entry.runs:
                where = f"accepted_runs.{key}, run {run.run_id}"
                seen: set[tuple[str, str, str]] = set()
                for row in run.rows:
                    if row.key in seen:
                        return f"{where}: {' '.join(row.key)} occurs twice"
                    seen.add(row.key)
                    if row.metric == "errors" and not 0 <= row.value <= row.count:
                        return f"{where}: {row.value:g} failed of {row.count} requests of {row.endpoint}"
        return ""

    def policy(
        self, scenario: str, endpoint: str, metric: str, phase: str = SUSTAINED, *, stack_kind: StackKind
    ) -> Policy:
        """Resolve the cascade for one metric.

        A rate target (one with `offered_factor`) is asked for without a phase: it holds for whichever phase offers
        enough. A server metric with labels (`db_query_p99 boot`) obeys the rule of its bare name where it has no own.
        """
        chain = _chain(self.rules, scenario, endpoint, metric, phase)
        quantile = metric.rsplit(" ", 1)[-1]
        # A part of a run obeys the tolerance of the whole, whose target users see in the whole alone.
        target = None if SLOW_QUARTER in metric else _last(chain, "target")
        return Policy(
            tolerance=_last(chain, "tolerance", DEFAULT_TOLERANCE),
            tolerance_source=_last(chain, "tolerance_source", "ADR-012"),
            compared=_last(chain, "compared", phase == SUSTAINED and _compared_by_name(quantile)),
            asked=bool(_last([rule for rule in chain if not isinstance(rule, Level)], "compared")),
            metric_class=_last(chain, "metric_class", _class_of(quantile)),
            target=target.on(stack_kind) if isinstance(target, TargetRule) else None,
            exempt=_last(chain, "exempt"),
        )

    def unmatched(
        self, scenario: str, rows: Collection[tuple[str, str, str]]
    ) -> tuple[tuple[str, str, str, Rule], ...]:
        """Return the rules that no row obeys, with endpoint, metric and phase as each names them.

        Of the rules for all scenarios only those that ask for a comparison: not every stack shows what has a target.
        """
        mine = self.rules.scenarios.get(scenario, ScenarioRules())
        asked = {name: rule for name, rule in self.rules.defaults.metrics.items() if rule.compared}
        found = []
        for endpoint, rules in (
            ("", asked),
            ("", mine.metrics),
            *((name, level.metrics) for name, level in mine.endpoints.items()),
        ):
            obeyed = {name for e, metric, phase in rows if endpoint in ("", e) for name in _names(metric, phase)}
            for name, rule in rules.items():
                if name not in obeyed:
                    metric, _, phase = name.removesuffix(")").partition(" (")
                    found.append((endpoint, metric, phase or SUSTAINED, rule))
        return tuple(found)

    def accepted(self, fingerprint: Fingerprint) -> EnvironmentBaseline | None:
        """Return the accepted runs of exactly this fingerprint."""
        entry = self.accepted_runs.get(fingerprint_key(fingerprint))
        return entry if entry is not None and entry.fingerprint == fingerprint and entry.runs else None

    def knows(self, environment: str) -> bool:
        """Whether runs of this environment are accepted, whatever their circumstances."""
        return any(entry.fingerprint.environment == environment for entry in self.accepted_runs.values() if entry.runs)

    def difference_to_accepted(self, mine: Fingerprint) -> tuple[str, ...]:
        """Say how a run differs from the accepted runs of its environment, scenario and profile; empty if it fits.

        Empty also where there is none that it could differ from.
        """
        if self.accepted(mine) is not None:
            return ()
        alike = [
            mine.differences(entry.fingerprint)
            for entry in self.accepted_runs.values()
            if entry.runs
            and (entry.fingerprint.environment, entry.fingerprint.scenario, entry.fingerprint.profile)
            == (mine.environment, mine.scenario, mine.profile)
        ]
        return min(alike, key=lambda differences: (len(differences), differences), default=())

    def nearest(self, fingerprint: Fingerprint) -> NearestBaseline | None:
        """Return the same scenario's baseline that differs in the fewest fields, or None if the scenario has none."""
        others = sorted(
            (len(differences), key, differences)
            for key, entry in self.accepted_runs.items()
            if entry.fingerprint.scenario == fingerprint.scenario
            and (differences := fingerprint.differences(entry.fingerprint))
        )
        return NearestBaseline(key=others[0][1], differences=others[0][2]) if others else None

    def digest(self) -> str:
        """Return the SHA-256 of the file's content, whatever its layout."""
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    def computed_accepted_digest(self) -> str:
        """Return what `accepted_digest` must be; it covers each run's own digest and which runs there are."""
        if not self.accepted_runs:
            return ""
        return digest_of({key: sorted(run.digest for run in entry.runs) for key, entry in self.accepted_runs.items()})

    def edited_by_hand(self) -> tuple[str, ...]:
        """Say which accepted runs were changed, added or removed by another hand than `update-baseline`."""
        found = [
            f"accepted run {run.run_id} of {key} was edited by hand: its digest does not match its content"
            for key, entry in sorted(self.accepted_runs.items())
            for run in entry.runs
            if run.digest != run.computed_digest()
        ]
        found += [
            f"the fingerprint of {key} was edited by hand: its key would be {fingerprint_key(entry.fingerprint)}"
            for key, entry in sorted(self.accepted_runs.items())
            if key != fingerprint_key(entry.fingerprint)
        ]
        if not found and self.accepted_digest != self.computed_accepted_digest():
            found.append("accepted runs were added or removed by hand: accepted_digest does not match them")
        return tuple(found)


def usual_direction(unit: str, statistic: Statistic) -> Direction | None:
    """Return which way is good by the unit alone: rates up, quantiles of time down; None for any other number."""
    if unit.endswith("/s"):
        return Direction.HIGHER
    return Direction.LOWER if statistic is not Statistic.VALUE and unit in _UNITS_OF_TIME else None


def digest_of(data: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the SHA-256 of JSON data, independent of layout, order of keys, and of writing 1 or 1.0."""
    canonical = json.dumps(
        _with_plain_numbers(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _with_plain_numbers(data: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(data, dict):
        return {key: _with_plain_numbers(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_plain_numbers(value) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() else data


def fingerprint_key(fingerprint: Fingerprint) -> str:
    """Return the name of a fingerprint in `accepted_runs`: readable, and unique by the hash of all its fields."""
    short = digest_of(fingerprint.model_dump(mode="json"))[:10]
    return f"{fingerprint.environment}:{fingerprint.scenario}:{fingerprint.profile}:{short}"


def _names(metric: str, phase: str) -> tuple[str, ...]:
    """The names by which rules speak of a metric, the most general first."""
    suffix = "" if phase == SUSTAINED else f" ({phase})"
    whole = metric.replace(SLOW_QUARTER, "")
    return tuple(dict.fromkeys(name + suffix for name in (whole.split(" ", 1)[0], whole, metric)))


def _chain(rules: Rules, scenario: str, endpoint: str, metric: str, phase: str) -> tuple[Rule, ...]:
    """The rules that bear on a metric, the most general first."""
    names = _names(metric, phase)
    levels: list[Level] = [rules.defaults]
    if (of_scenario := rules.scenarios.get(scenario)) is not None:
        levels.append(of_scenario)
        if (of_endpoint := of_scenario.endpoints.get(endpoint)) is not None:
            levels.append(of_endpoint)
    named = ((level, *(level.metrics.get(name) for name in names)) for level in levels)
    return tuple(rule for level in named for rule in level if rule is not None)


def _last(chain: Sequence[Rule], field: str, default: Any = None) -> Any:  # noqa: ANN401 - fields of many types
    """The most specific value of a field that is set."""
    return next((value for rule in reversed(chain) if (value := getattr(rule, field)) is not None), default)


def _compared_by_name(quantile: str) -> bool:
    """Quantiles other than p50, p95 and p99 are shown only; every other kind of metric is compared."""
    return quantile in _COMPARED_QUANTILES or not (quantile[:1] == "p" and quantile[1:].replace(".", "").isdigit())


def _class_of(quantile: str) -> MetricClass:
    """The class in the metric's name; what has none is taken for as noisy as a p99, to err on that side."""
    return next((known for known in MetricClass if known == quantile), MetricClass.P99)
