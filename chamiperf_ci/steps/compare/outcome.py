"""What a verdict says of a scenario beside its changes: targets, circumstances, other work, database statements."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median
from typing import Final

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import (
    AcceptedRun,
    AcceptedStatement,
    Baselines,
    Bound,
    EnvironmentBaseline,
    TargetRule,
)
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import JudgedTarget, Run, RunKind, RunProblem, Series, Statement, is_to_come
from chamiperf_ci.models.target import Identity, Machine, StackKind
from chamiperf_ci.models.verdict import Fact, ScenarioOutcome, StatementChange, TargetResult
from chamiperf_ci.models.vocabulary import (
    DEFAULT_TOLERANCE,
    RUNS_WANTED,
    Direction,
    FactWord,
    RowKind,
    RowReason,
    RunReason,
    TargetVerdict,
)
from chamiperf_ci.render.sentences import NEWEST, filled_in
from chamiperf_ci.steps.baselines.entry import stored_statements
from chamiperf_ci.steps.compare.measure import LATENCY, Measurement
from chamiperf_ci.steps.compare.rows import Pairing
from chamiperf_ci.steps.compare.scenarios import ScenarioRuns, reasons
from chamiperf_ci.verdict.night import is_old
from chamiperf_ci.verdict.row import RowDecision
from chamiperf_ci.verdict.statistic import prior_sd
from chamiperf_ci.verdict.target import (
    OtherWork,
    RowLimits,
    TargetDecision,
    is_offered,
    judge_error_rate,
    judge_rate,
    judge_target,
)

NO_TARGET = TargetResult(verdict=TargetVerdict.NONE)

# Units of the same quantity, each with its size; a target may be stated in another one than its metric.
_SIZES = (
    {"us": 1e-6, "\N{MICRO SIGN}s": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    {"%": 0.01, "share": 1.0},
    {"1/s": 1.0, "/s": 1.0},
)


def target_of(row: Pairing, decision: RowDecision | None, *, run_valid: bool) -> TargetResult:
    """Judge a row's target on all current runs.

    Args:
        row: The row's numbers.
        decision: What was decided about its change, whose spread says how near to the limit is `at the limit`.
        run_valid: Whether the night's run may be judged; if not, neither may its targets.

    Raises:
        ConfigurationError: The target's unit is not the metric's.
    """
    if row.measurement is not None and row.measurement.judged is not None and not row.measurement.simulated:
        return _decided(row, row.measurement, row.measurement.judged)
    rule = row.policy.target
    if rule is None or not _is_shown_here(rule, row):
        return NO_TARGET
    limit = rule.limit * _factor(rule, row)
    judged, phase, reason = _judged(row, rule, limit, decision)
    if not run_valid:
        judged, reason = TargetDecision(TargetVerdict.INVALID, judged.value, limit), RowReason.RUN_INVALID
    return TargetResult(
        verdict=judged.verdict,
        limit=limit,
        value=judged.value,
        unit=row.unit,
        phase=phase,
        source=rule.source,
        bound="at least" if _direction(rule, row) is Direction.HIGHER else "below",
        reason=reason,
        low=judged.interval.low if judged.interval else None,
        high=judged.interval.high if judged.interval else None,
    )


def _decided(row: Pairing, now: Measurement, judged: JudgedTarget) -> TargetResult:
    """What was decided beside the samples; it looks at more than this run, whose validity does not change it."""
    return TargetResult(
        verdict=judged.verdict,
        limit=judged.limit,
        value=now.pooled,
        unit=row.unit,
        phase=row.key.phase,
        source=judged.source,
        reason=judged.reason,
    )


def _judged(
    row: Pairing, rule: TargetRule, limit: float, decision: RowDecision | None
) -> tuple[TargetDecision, str, RowReason | None]:
    """The target's verdict, the phase it was judged in, and why it was not judged if it was not."""
    phase = row.key.phase
    now = row.measurement
    if now is None:
        return TargetDecision(TargetVerdict.UNAVAILABLE, None, limit), phase, RowReason.NOT_MEASURED
    if now.simulated:
        return TargetDecision(TargetVerdict.UNAVAILABLE, now.pooled, limit), phase, RowReason.SIMULATED
    if now.pooled is None and now.formed.value is not None:
        # Windows without the phase that they are of: the value that users saw is lost, and its target with it.
        return TargetDecision(TargetVerdict.INVALID, None, limit), phase, RowReason.NOT_MEASURED
    if now.formed.reason is RowReason.TOO_FEW_REQUESTS:
        return TargetDecision(TargetVerdict.INVALID, now.pooled, limit), phase, RowReason.TOO_FEW_REQUESTS
    sigma = decision.change.spread if decision and decision.change else prior_sd(row.policy.metric_class)
    if now.kind is RowKind.ERRORS:
        judged = judge_error_rate([run.failures for run in row.in_phase(phase)], limit)
    elif rule.offered_factor is not None:
        limits = RowLimits(offered=rule.offered_factor)
        offered, chosen = _best_offer(row, limit, limits)
        phase = chosen.key.phase
        judged = judge_rate(_values(row, phase), limit, offered, sigma=sigma, limits=limits)
    else:
        judged = _quantity(_values(row, phase), limit, _direction(rule, row), sigma)
    return judged, phase, judged.reason


def _quantity(values: Sequence[float], limit: float, direction: Direction, sigma: float) -> TargetDecision:
    if direction is Direction.LOWER and values and max(values) <= 0:
        # A lag, a queue or a slope may be nothing at all, which no logarithm can hold against a limit.
        return TargetDecision(TargetVerdict.MET, values[0], limit)
    return judge_target(values, limit, direction=direction, sigma=sigma)


def _is_shown_here(rule: TargetRule, row: Pairing) -> bool:
    """Whether this row is the one that shows the target: that of its phase; of a rate, the first of all phases."""
    if rule.offered_factor is None:
        return row.key.phase == rule.phase
    return not row.phases or row.key == row.phases[0].key


def _best_offer(row: Pairing, limit: float, limits: RowLimits) -> tuple[float, Measurement]:
    """The phase that offers enough to show the rate, the earliest such; else the one that offers most."""
    offers = [(math.inf if found.offered is None else found.offered, found) for found in row.phases]
    enough = [offer for offer in offers if is_offered(offer[0], limit, limits)]
    return enough[0] if enough else max(offers, key=lambda offer: offer[0])


def _values(row: Pairing, phase: str) -> tuple[float, ...]:
    return tuple(run.pooled for run in row.in_phase(phase) if run.pooled is not None)


def _direction(rule: TargetRule, row: Pairing) -> Direction:
    if rule.offered_factor is not None:
        return row.direction
    return Direction.LOWER if rule.bound is Bound.AT_MOST else Direction.HIGHER


def _factor(rule: TargetRule, row: Pairing) -> float:
    if not row.unit or rule.unit == row.unit:
        return 1.0
    sizes = next((sizes for sizes in _SIZES if {rule.unit, row.unit} <= sizes.keys()), None)
    if sizes is None:
        raise ConfigurationError(
            f"the target of {row.key.text} is in {rule.unit!r}, the metric in {row.unit!r}",
            where="baselines.json, rules",
            remedy="State the target in the metric's unit.",
        )
    return sizes[rule.unit] / sizes[row.unit]


def other_work_of(scenario_runs: ScenarioRuns, baselines: Baselines) -> OtherWork | None:
    """Return the other work beside a scenario's runs; None where it is not known.

    Pairs have none: old and new ran side by side, beside the same work.
    """
    accepted = baselines.accepted(scenario_runs.night.fingerprint)
    where = scenario_runs.night.fingerprint
    # An embedded stack's own processes are known and not among the other work.
    may_be_the_stack = where.generator_on_target_host and where.stack_kind is not StackKind.EMBEDDED
    before = [run.machine for run in accepted.runs] if accepted else []
    now = [run.machine for run in scenario_runs.current]
    whole, quarter = (
        OtherWork(before=max(shares), now=median(present), may_be_the_stack=may_be_the_stack)
        if (shares := _shares(before, which)) and (present := _shares(now, which))
        else None
        for which in (_foreign, _foreign_in_quarter)
    )
    return None if scenario_runs.pairs or whole is None else replace(whole, busiest_quarter=quarter)


def _foreign(machine: Machine) -> float | None:
    return machine.foreign_cpu_percent


def _foreign_in_quarter(machine: Machine) -> float | None:
    return machine.foreign_cpu_percent_busiest_quarter


def _shares(machines: Sequence[Machine], which: Callable[[Machine], float | None]) -> list[float]:
    known = [percent for each in machines if (percent := which(each)) is not None]
    return [min(1.0, max(0.0, percent / 100)) for percent in known]


def described(work: OtherWork) -> Fact:
    """Return what a reader is told of it."""
    values = {"now": work.now, "before": work.before, "may_be_the_stack": float(work.may_be_the_stack)}
    return Fact(word=FactWord.OTHER_WORK, values=values)


def excused(target: TargetResult, work: OtherWork) -> TargetResult:
    """Return what is left of a target: a miss that other work can explain says nothing about the service."""
    excuses = not work.may_be_the_stack and work.moves(DEFAULT_TOLERANCE)
    if not excuses or target.verdict is not TargetVerdict.MISSED or target.low is not None:
        return target
    if target.value and target.limit:
        missed_by = target.value / target.limit if target.bound == "below" else target.limit / target.value
        if missed_by > work.factor:
            return target
    return target.model_copy(update={"verdict": TargetVerdict.INVALID, "reason": RowReason.MACHINE_BUSY})


BUSY = 0.5
"""Load average per core, at the start of a run, from which it is worth a line."""


def scenario_outcome(
    scenario_runs: ScenarioRuns,
    baselines: Baselines,
    *,
    nights_alike: int,
    is_learning: bool,
    other_work: OtherWork | None = None,
    now: datetime | None = None,
) -> ScenarioOutcome:
    """Return one scenario's outcome.

    Args:
        scenario_runs: Its runs.
        baselines: What was accepted.
        nights_alike: Valid nights of the same fingerprint before: a first baseline is made from them, or a drift seen.
        is_learning: The environment's baseline is still being gathered.
        other_work: Work of others that the scenario has to speak of, since no row does.
        now: By which stamps are still to come.
    """
    night = scenario_runs.night
    accepted = None if scenario_runs.only_pairs else baselines.accepted(night.fingerprint)
    old = [pair[0] for pair in scenario_runs.pairs] if scenario_runs.only_pairs else []
    before: Sequence[AcceptedRun | Run] = old or _oldest_first(accepted, night.started_at)
    newest = before[-1] if before else None
    own = [] if other_work is None else [described(other_work)]
    return ScenarioOutcome(
        scenario=scenario_runs.scenario,
        valid=night.valid,
        reasons=reasons(night),
        problems=_problems(night),
        runs=tuple(run.run_id for run in scenario_runs.judged),
        fingerprint=night.fingerprint,
        machine=night.machine,
        identities=night.identities,
        baseline_identities=newest.identities if newest else (),
        baseline_runs=len(before),
        baseline_newest=before[-1].started_at.date().isoformat() if before else "",
        baseline_oldest=before[0].started_at.date().isoformat() if before else "",
        learning_runs=min(nights_alike + night.valid, RUNS_WANTED) if is_learning else None,
        drift_nights=nights_alike + 1 if accepted and night.valid and night.run_kind is RunKind.NIGHT else None,
        accepted_otherwise=() if scenario_runs.only_pairs else baselines.difference_to_accepted(night.fingerprint),
        environment_accepted=baselines.knows(night.fingerprint.environment),
        # A fault set on purpose makes the same build another one.
        same_build=bool(newest and not night.injected_faults)
        and _changed_services(night.identities, newest.identities if newest else ()) == (),
        reported_differences=_reported(night, newest, pairs=bool(old)),
        started_at=night.started_at,
        repeated=len(scenario_runs.pairs) or len(scenario_runs.repeats),
        back_to_back=scenario_runs.back_to_back,
        warnings=_distinct((*own, *_ahead(scenario_runs, accepted, now), *_warnings(scenario_runs, accepted))),
        baseline_commits=_commits(before),
        repeat_reasons=scenario_runs.failed,
        judged_targets_only=judges_targets_only(night, baselines),
    )


def judges_targets_only(night: Run, baselines: Baselines) -> bool:
    """Whether a quick run has no accepted run of its own profile in its environment to stand against."""
    if night.run_kind is not RunKind.QUICK:
        return False
    mine = night.fingerprint
    return not any(
        (other.environment, other.stack_kind, other.profile) == (mine.environment, mine.stack_kind, mine.profile)
        for other in (entry.fingerprint for entry in baselines.accepted_runs.values() if entry.runs)
    )


def _distinct(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    return tuple({fact.model_dump_json(): fact for fact in facts}.values())


def _problems(night: Run) -> tuple[RunProblem, ...]:
    if not night.complete and not night.problems:
        return (RunProblem(reason=RunReason.INCOMPLETE, text=""),)
    return night.problems


def _warnings(scenario_runs: ScenarioRuns, accepted: EnvironmentBaseline | None) -> Iterator[Fact]:
    """What a reader should know of the runs beside their numbers."""
    for run in scenario_runs.current:
        yield from (Fact(word=FactWord.RUN_WARNING, values={"text": text}) for text in run.warnings)
        for check in run.checks:
            if not check.ok:
                word = FactWord.CHECK_UNKNOWN if check.ok is None else FactWord.CHECK_FAILED
                yield Fact(word=word, values={"check": check.name, "text": check.problem or "failed"})
        for missing in run.unavailable:
            yield Fact(word=FactWord.NOT_MEASURED, values={"what": missing.what, "text": missing.reason})
        for what in missing_parts(run):
            yield Fact(word=FactWord.LOST, values={"run": run.run_id, "what": what})
        if run.injected_faults:
            yield Fact(word=FactWord.FAULTS_INJECTED, values={"faults": ", ".join(run.injected_faults)})
    yield from scenario_runs.set_aside
    yield from _ageing(scenario_runs.night, accepted)


def missing_parts(run: Run) -> Iterator[str]:
    """Say what a run's file should hold and does not: no comparison passes over a gap without a word."""
    planned = {phase.name for phase in run.plan.phases}
    if SUSTAINED in planned and SUSTAINED not in {phase.name for phase in run.phases}:
        yield f"what rate the phase {SUSTAINED} achieved"
    for series in run.series:
        yield from _lost_windows(series, run.plan.windows)
        if series.metric == LATENCY:
            yield from _lost_phases(series, run)


def _lost_windows(series: Series, planned: int) -> Iterator[str]:
    name = f"{series.endpoint} {series.metric}"
    absent = sorted(set(range(planned)) - {window.index for window in series.windows})
    if series.windows and absent:
        yield f"{len(absent)} of {planned} windows of {name} ({', '.join(map(str, absent))})"
    usual = {quantile for window in series.windows for quantile in window.quantiles}
    bare = [window.index for window in series.windows if window.count > 0 and usual - window.quantiles.keys()]
    if bare:
        yield f"quantiles of {name} in windows {', '.join(map(str, bare))}"
    if SUSTAINED in series.phases and (gone := sorted(usual - series.phases[SUSTAINED].quantiles.keys())):
        yield f"{', '.join(gone)} of {name} over the whole phase"


def _lost_phases(series: Series, run: Run) -> Iterator[str]:
    recorded = {traffic.phase: traffic for traffic in run.traffic if traffic.endpoint == series.endpoint}
    if SUSTAINED not in series.phases and any(window.count for window in series.windows):
        yield f"the responses of {series.endpoint} over the whole phase {SUSTAINED}"
    for phase in series.phases:
        if phase not in recorded:
            yield f"how often {series.endpoint} was asked in phase {phase}, and how often it failed"
    for phase, traffic in recorded.items():
        if traffic.requests > traffic.failed and phase not in series.phases:
            yield f"the responses of {series.endpoint} in phase {phase}"


def _oldest_first(accepted: EnvironmentBaseline | None, tonight: datetime) -> list[AcceptedRun]:
    """The accepted runs; what is stamped later than tonight comes first, as it is not known when it was."""
    ordered = sorted(accepted.runs, key=lambda run: (run.started_at, run.run_id)) if accepted else []
    return sorted(ordered, key=lambda run: run.started_at <= tonight)


def _ahead(scenario_runs: ScenarioRuns, accepted: EnvironmentBaseline | None, now: datetime | None) -> Iterator[Fact]:
    """Stamps that cannot be: a run that is still to come, or was accepted from after tonight."""
    tonight = scenario_runs.night.started_at
    wrong: list[Run | AcceptedRun] = [run for run in scenario_runs.current if is_to_come(run.started_at, now)]
    wrong += [run for run in accepted.runs if run.started_at > tonight] if accepted and not wrong else []
    for run in wrong:
        values: dict[str, float | str] = {"run": run.run_id, "at": f"{run.started_at:%Y-%m-%d %H:%M} UTC"}
        yield Fact(word=FactWord.STAMPED_AHEAD, values=values)


def _changed_services(now: tuple[Identity, ...], then: tuple[Identity, ...]) -> tuple[str, ...] | None:
    """The services whose build differs; None where neither side says enough to tell."""
    before = {identity.service: identity for identity in then}
    known = [identity for identity in now if identity.commit or identity.image]
    if not known or {identity.service for identity in known} - before.keys():
        return None
    return tuple(identity.service for identity in known if identity != before[identity.service])


def _reported(night: Run, newest: AcceptedRun | Run | None, *, pairs: bool) -> tuple[Fact, ...]:
    """Differences that forbid no comparison, and a busy machine."""
    found = []
    if night.fingerprint.tls == "insecure":
        found.append(Fact(word=FactWord.INSECURE))
    if night.machine.load_average > BUSY * night.machine.cores:
        found.append(Fact(word=FactWord.BUSY_AT_START, values={"load": night.machine.load_average}))
    if newest is None:
        return tuple(found)
    found += _machine(night.machine, newest.machine, pairs=pairs)
    before = {identity.service: identity for identity in newest.identities}
    named = {identity.service for identity in night.identities}
    found += [
        Fact(word=FactWord.BUILD_UNNAMED, values={"service": service}) for service in before if service not in named
    ]
    for identity in night.identities:
        then = before.get(identity.service)
        if then is not None and then != identity:
            values: dict[str, float | str] = {
                "service": identity.service,
                "here": identity.build,
                "there": then.build,
            }
            found.append(Fact(word=FactWord.BUILD_DIFFERS, values=values))
    return tuple(found)


def _machine(now: Machine, then: Machine, *, pairs: bool) -> list[Fact]:
    sides = ((0, now.cpu_model, then.cpu_model), (1, now.kernel, then.kernel))
    return [
        Fact(
            word=FactWord.MACHINE_DIFFERS,
            values={"kernel": kernel, "here": here, "there": there, "pairs": int(pairs)},
        )
        for kernel, here, there in sides
        if here != there
    ]


def _commits(runs: Sequence[AcceptedRun | Run]) -> tuple[str, ...]:
    named = (f"{identity.service} {identity.build}" for run in runs for identity in run.identities)
    return tuple(dict.fromkeys(named))


def _ageing(night: Run, accepted: EnvironmentBaseline | None) -> tuple[Fact, ...]:
    newest = accepted.newest_before(night.started_at) if accepted else None
    if accepted is None or newest is None:
        return ()
    nights = (night.started_at.date() - newest.date()).days
    found = []
    if is_old(nights):
        newer = filled_in(NEWEST, environment=night.fingerprint.environment, scenario=night.scenario)
        found.append(Fact(word=FactWord.BASELINE_OLD, values={"nights": nights, "command": newer}))
    if len(accepted.runs) < RUNS_WANTED:
        values: dict[str, float | str] = {"runs": len(accepted.runs), "wanted": RUNS_WANTED}
        found.append(Fact(word=FactWord.BASELINE_SMALL, values=values))
    return tuple(found)


FACTOR: Final = 3.0
"""How many times as long as before, over what all statements became slower by together."""
LEAST_MS: Final = 0.05
"""What a statement must have gained; below it a mean is the machine's noise."""
FEWEST_CALLS: Final = 50
_SHARE: Final = 0.1
"""What a statement must have gained over the phase, as a share of what the worst one gained: while one reads a whole
table, the database's processors are taken, and short statements beside it wait. Those are an effect, not the cause."""
_COMMON: Final = 4
"""Statements known from both sides of which a slow-down of the whole machine can be told."""


def slower_statements(scenario_runs: ScenarioRuns, baselines: Baselines) -> tuple[StatementChange, ...]:
    """The statements of a scenario that became much slower, the one that cost most time first.

    A statement is no row of its own. Its latency is a mean, which says nothing about users; but where a boot script
    became slower, the statement that did it is what a person wants to read. So the bar is high: an index that is gone
    makes a statement slower by an order of magnitude, and a busy machine makes all of them slower by less.

    Compared are the accepted runs, or the old side of pairs that stand alone, with every current run: the least of the
    latter against the most of the former.
    """
    if scenario_runs.only_pairs:
        before = [stored_statements(old) for old, _ in scenario_runs.pairs]
    else:
        accepted = baselines.accepted(scenario_runs.night.fingerprint)
        before = [run.statements for run in accepted.runs] if accepted is not None else []
    current = [{each.fingerprint: each for each in run.statements} for run in scenario_runs.current if run.statements]
    known = _by_fingerprint(before)
    shared = {
        fingerprint: [run[fingerprint].typical_ms for run in current if fingerprint in run]
        for fingerprint in known
        if current and fingerprint in current[0]
    }
    common = _common_slowdown(known, shared)
    found = [
        _change(scenario_runs.scenario, current[0][fingerprint], median(known[fingerprint]), median(now))
        for fingerprint, now in shared.items()
        if current[0][fingerprint].calls >= FEWEST_CALLS
        and min(now) >= FACTOR * common * max(known[fingerprint])
        and min(now) - max(known[fingerprint]) >= LEAST_MS
    ]
    worst = max(map(_gained_ms, found), default=0.0)
    named = [change for change in found if _gained_ms(change) >= _SHARE * worst]
    return tuple(sorted(named, key=_gained_ms, reverse=True))


def _gained_ms(change: StatementChange) -> float:
    """What all its calls took more than before, ms over the phase."""
    return (change.now_ms - change.before_ms) * change.calls


def _by_fingerprint(runs: Sequence[Sequence[AcceptedStatement]]) -> dict[str, list[float]]:
    """What each statement took in the runs that have enough of its calls, ms."""
    known: dict[str, list[float]] = {}
    for run in runs:
        for each in run:
            if each.calls >= FEWEST_CALLS and each.typical_ms > 0:
                known.setdefault(each.fingerprint, []).append(each.typical_ms)
    return known


def _common_slowdown(known: dict[str, list[float]], shared: dict[str, list[float]]) -> float:
    """By which factor the usual statement became slower, at least 1: what the machine or the server as a whole did."""
    factors = [median(now) / median(known[fingerprint]) for fingerprint, now in shared.items()]
    return max(1.0, median(factors)) if len(factors) >= _COMMON else 1.0


def _change(scenario: str, statement: Statement, before_ms: float, now_ms: float) -> StatementChange:
    return StatementChange(
        scenario=scenario,
        fingerprint=statement.fingerprint,
        text=statement.text,
        role=statement.role,
        database=statement.database,
        before_ms=before_ms,
        now_ms=now_ms,
        factor=now_ms / before_ms,
        calls=statement.calls,
        total_ms=statement.total_ms,
    )
