"""Which runs belong together, and the history and neighbours that they are compared with."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement
from chamiperf_ci.models.baselines import AcceptedRun, Baselines, EnvironmentBaseline
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunKind, RunProblem, Series, is_to_come
from chamiperf_ci.models.target import Fingerprint, Identity, Machine, StackKind
from chamiperf_ci.models.verdict import Fact, RowKey, ScenarioOutcome, TargetResult
from chamiperf_ci.models.vocabulary import DEFAULT_TOLERANCE, FactWord, RowReason, RunReason, Statistic, TargetVerdict
from chamiperf_ci.render.sentences import NEWEST, filled_in
from chamiperf_ci.steps.compare.measure import LATENCY
from chamiperf_ci.verdict.night import RUNS_WANTED, is_old
from chamiperf_ci.verdict.target import OtherWork

FRESH_AFTER = timedelta(minutes=10)
"""Runs closer together than this ran back to back, so they are not independent (verdict.md section 7)."""

_REMEDY = "Run `chamiperf load` first, or name its output with --runs."


@dataclass(frozen=True, slots=True)
class ScenarioRuns:
    """All runs of one scenario.

    Attributes:
        night: The run that the first look judges; where only pairs were measured, the first new one that is used.
        repeats: Valid fresh repeats of it, oldest first.
        pairs: Valid (old, new) pairs, oldest first; when there are any, they alone decide.
        set_aside: Repeats and pairs that could not be used, and why.
        failed: Why runs among those were invalid.
        unlike: How old and new differ in pairs that were left out for it; "here" is the new side.
    """

    night: Run
    repeats: tuple[Run, ...] = ()
    pairs: tuple[tuple[Run, Run], ...] = ()
    set_aside: tuple[Fact, ...] = ()
    failed: tuple[RunReason, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.night.scenario

    @property
    def current(self) -> tuple[Run, ...]:
        """The runs that a target looks at: the night's and its repeats; of pairs that stand alone all new ones.

        The runs of pairs beside a night are shorter than it, and no target looks at them.
        """
        if self.only_pairs and self.pairs:
            return tuple(new for _, new in self.pairs)
        return (self.night, *self.repeats)

    @property
    def judged(self) -> tuple[Run, ...]:
        """All runs that a verdict rests on, each once: the night's, its repeats, and old and new of each pair."""
        first = () if self.only_pairs and self.pairs else self.current
        return (*first, *(run for pair in self.pairs for run in pair))

    @property
    def again(self) -> bool:
        """Whether the scenario was measured again."""
        return bool(self.repeats or self.pairs)

    @property
    def only_pairs(self) -> bool:
        """Whether there are only pairs: the old side is the baseline of every row, and nothing is left to repeat."""
        return self.night.run_kind is RunKind.PAIR_NEW

    @property
    def same_sitting(self) -> bool:
        """Whether a repeat began less than ten minutes after the run before it had ended."""
        runs = (self.night, *self.repeats)
        return any(later.started_at - run.ended_at < FRESH_AFTER for run, later in itertools.pairwise(runs))


def read_runs(places: Sequence[Path]) -> tuple[Run, ...]:
    """Read run files, and all `*.json` files of folders, in the order of their names.

    Raises:
        ConfigurationError: A place does not exist, or a file is not a run.
        InvalidMeasurement: There is no run at all.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise ConfigurationError("the runs do not exist", where=str(place), remedy=_REMEDY)
        found += sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not found:
        raise InvalidMeasurement("there is no run to judge", where=", ".join(map(str, places)), remedy=_REMEDY)
    return tuple(files.read_document(path, Run) for path in found)


def runs_by_scenario(runs: Sequence[Run]) -> tuple[ScenarioRuns, ...]:
    """Group runs by scenario, in the order of scenario names; the order of `runs` is irrelevant.

    Raises:
        ConfigurationError: A scenario has no run to begin with, or two; or the runs are of several environments.
    """
    environments = _environments(runs)
    if len(environments) > 1:
        raise ConfigurationError(
            f"the runs are of several environments: {', '.join(environments)}",
            where="--runs",
            remedy="Judge one environment at a time; give each its own output folder (--out).",
        )
    return tuple(_sitting(name, [run for run in runs if run.scenario == name]) for name in _names(runs))


def environment_of(runs: Sequence[Run]) -> str:
    """The environment that is judged; the old side of pairs is another target, and gives no name."""
    return next(iter(_environments(runs)), runs[0].fingerprint.environment)


def _environments(runs: Sequence[Run]) -> list[str]:
    return sorted({run.fingerprint.environment for run in runs if run.run_kind is not RunKind.PAIR_OLD})


def _names(runs: Sequence[Run]) -> list[str]:
    return sorted({run.scenario for run in runs})


def _sitting(scenario: str, runs: Sequence[Run]) -> ScenarioRuns:
    ordered = sorted(runs, key=lambda run: (run.started_at, run.run_id))
    of_kind = {kind: [run for run in ordered if run.run_kind is kind] for kind in RunKind}
    first = [run for run in ordered if run.run_kind not in (RunKind.REPEAT, RunKind.PAIR_OLD, RunKind.PAIR_NEW)]
    old, new = of_kind[RunKind.PAIR_OLD], of_kind[RunKind.PAIR_NEW]
    only_pairs = not first and bool(old) and bool(new)
    problems: list[Fact] = []
    if len(old) != len(new):
        problems.append(Fact(word=FactWord.UNPAIRED, values={"old": len(old), "new": len(new)}))
    pairs = [pair for pair in zip(old, new, strict=False) if _pairs_up(*pair, problems)]
    if only_pairs:
        first = [pairs[0][1] if pairs else next((run for run in new if run.valid), new[0])]
    if len(first) != 1:
        found = ", ".join(run.run_id for run in first) or "none"
        raise ConfigurationError(
            f"{scenario} needs exactly one run to judge, found {found}",
            where="--runs",
            remedy="Give the folder of one `chamiperf load`; repeats and pairs may lie beside its run.",
        )
    night = first[0]
    repeats = [run for run in of_kind[RunKind.REPEAT] if _fits(run, night, problems)]
    again = (*of_kind[RunKind.REPEAT], *old, *new)
    failed = [reason for run in again if only_pairs or run.started_at >= night.started_at for reason in reasons(run)]
    valid = [pair for pair in zip(old, new, strict=False) if all(run.valid for run in pair)]
    unlike = dict.fromkeys(difference for pair in valid for difference in _differences(*pair))
    return ScenarioRuns(night, tuple(repeats), tuple(pairs), tuple(problems), tuple(failed), tuple(unlike))


def reasons(run: Run) -> tuple[RunReason, ...]:
    """Return why a run cannot be judged; empty when it can."""
    if run.valid:
        return ()
    return tuple(problem.reason for problem in run.problems) or (RunReason.INCOMPLETE,)


def _differences(old: Run, new: Run) -> tuple[str, ...]:
    """How two sides of a pair differ, but for the name of where they run."""
    there = old.fingerprint.model_copy(update={"environment": new.fingerprint.environment})
    return tuple(new.fingerprint.differences(there))


def _fits(repeat: Run, night: Run, problems: list[Fact]) -> bool:
    """Whether a repeat may stand beside the night's run; if not, say why."""
    if repeat.started_at < night.started_at:
        problems.append(Fact(word=FactWord.OLDER_THAN_NIGHT, values={"run": repeat.run_id}))
    elif not repeat.valid:
        problems.append(_left_out(FactWord.INVALID_AGAIN, f"repeat {repeat.run_id}", _why_invalid(repeat)))
    elif differences := repeat.fingerprint.differences(night.fingerprint):
        problems.append(_left_out(FactWord.UNLIKE_AGAIN, f"repeat {repeat.run_id}", "; ".join(differences)))
    else:
        return True
    return False


def _pairs_up(old: Run, new: Run, problems: list[Fact]) -> bool:
    """Whether two runs are a pair: both valid, and alike in all but the build and the name of where it runs."""
    names = f"pair {old.run_id} / {new.run_id}"
    invalid = [run for run in (old, new) if not run.valid]
    if invalid:
        problems.append(_left_out(FactWord.INVALID_AGAIN, names, "; ".join(map(_why_invalid, invalid))))
    elif differences := _differences(old, new):
        problems.append(_left_out(FactWord.UNLIKE_AGAIN, names, "; ".join(differences)))
    else:
        return True
    return False


def _left_out(word: FactWord, run: str, why: str) -> Fact:
    return Fact(word=word, values={"run": run, "text": why})


def _why_invalid(run: Run) -> str:
    return "; ".join(problem.text.rstrip(".") for problem in run.problems) or "it did not come to its planned end"


MOST_NIGHTS = 30


@dataclass(frozen=True, slots=True)
class PastValue:
    """A night's number for one row, how it was formed, and its unit, empty where that is not known."""

    value: float
    statistic: Statistic
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PastNight:
    """One valid nightly run; the confirming repeats, drills and quick runs of history are not among them.

    Attributes:
        run_id: Names the run.
        started_at: When.
        fingerprint: Under which circumstances.
        values: By row.
        commits: The builds, as `bss 1a2b3c4`.
    """

    run_id: str
    started_at: datetime
    fingerprint: Fingerprint
    values: Mapping[RowKey, PastValue]
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """All nights that are known, oldest first; None in place of a Past means that no history was given."""

    nights: tuple[PastNight, ...] = ()
    earlier: frozenset[date] = frozenset()
    """Days with a night in this environment before those, of which nothing else is known."""

    def alike(self, fingerprint: Fingerprint, before: datetime) -> tuple[PastNight, ...]:
        """Return the nights of the same fingerprint that began before a time, oldest first.

        Two runs of one night are one night, of which the newest is told. That of a time's own date is the one that is
        judged just now, however many attempts it took.
        """
        of_date = {
            n.started_at.date(): n
            for n in sorted(self.nights, key=lambda night: (night.started_at, night.run_id))
            if n.started_at < before and n.started_at.date() != before.date() and n.fingerprint == fingerprint
        }
        return tuple(of_date.values())

    def count_environment(self, fingerprint: Fingerprint, before: datetime) -> int:
        """Count the calendar days with a night in the same environment and kind of stack, before a time."""
        known = {
            night.started_at.date()
            for night in self.nights
            if night.started_at.date() < before.date()
            and night.fingerprint.environment == fingerprint.environment
            and night.fingerprint.stack_kind == fingerprint.stack_kind
        }
        return len(known | {day for day in self.earlier if day < before.date()})


def series(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str = "") -> tuple[float, ...]:
    """Return a row's numbers of the last 30 nights that have one formed in the same way and unit, oldest first."""
    return tuple(night.values[key].value for night in _with_the_row(nights, key, statistic, unit))


def dates(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str = "") -> tuple[datetime, ...]:
    """Return when each night of `series` began."""
    return tuple(night.started_at for night in _with_the_row(nights, key, statistic, unit))


def _with_the_row(nights: Sequence[PastNight], key: RowKey, statistic: Statistic, unit: str) -> list[PastNight]:
    return [
        night
        for night in nights
        if (past := night.values.get(key)) is not None and past.statistic is statistic and alike(past.unit, unit)
    ][-MOST_NIGHTS:]


def alike(unit: str, other: str) -> bool:
    """Whether two units are the same, as far as both are known."""
    return not unit or not other or unit == other


def work_beside(scenario_runs: ScenarioRuns, baselines: Baselines) -> OtherWork | None:
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
    beside: OtherWork | None = None,
    now: datetime | None = None,
) -> ScenarioOutcome:
    """Return one scenario's outcome.

    Args:
        scenario_runs: Its runs.
        baselines: What was accepted.
        nights_alike: Valid nights of the same fingerprint before: a first baseline is made from them, or a drift seen.
        is_learning: The environment's baseline is still being gathered.
        beside: Other work that the scenario has to speak of, since no row does.
        now: By which stamps are still to come.
    """
    night = scenario_runs.night
    accepted = None if scenario_runs.only_pairs else baselines.accepted(night.fingerprint)
    old = [pair[0] for pair in scenario_runs.pairs] if scenario_runs.only_pairs else []
    before: Sequence[AcceptedRun | Run] = old or _oldest_first(accepted, night.started_at)
    newest = before[-1] if before else None
    own = [] if beside is None else [described(beside)]
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
        accepted_otherwise=() if scenario_runs.only_pairs else baselines.made_otherwise(night.fingerprint),
        environment_accepted=baselines.knows(night.fingerprint.environment),
        # A fault set on purpose makes the same build another one.
        same_build=bool(newest and not night.injected_faults)
        and _told_apart(night.identities, newest.identities if newest else ()) == (),
        reported_differences=_reported(night, newest, pairs=bool(old)),
        started_at=night.started_at,
        repeated=len(scenario_runs.pairs) or len(scenario_runs.repeats),
        same_sitting=scenario_runs.same_sitting,
        warnings=_each_once((*own, *_ahead(scenario_runs, accepted, now), *_warnings(scenario_runs, accepted))),
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


def _each_once(facts: Iterable[Fact]) -> tuple[Fact, ...]:
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
        for what in lost(run):
            yield Fact(word=FactWord.LOST, values={"run": run.run_id, "what": what})
        if run.injected_faults:
            yield Fact(word=FactWord.FAULTS_INJECTED, values={"faults": ", ".join(run.injected_faults)})
    yield from scenario_runs.set_aside
    yield from _ageing(scenario_runs.night, accepted)


def lost(run: Run) -> Iterator[str]:
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


def _told_apart(now: tuple[Identity, ...], then: tuple[Identity, ...]) -> tuple[str, ...] | None:
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
                "here": build(identity),
                "there": build(then),
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


def build(identity: Identity) -> str:
    """Return a build's shortest name: commit, else image, else version."""
    return identity.commit[:12] or identity.image or identity.version or "unknown build"


def _commits(runs: Sequence[AcceptedRun | Run]) -> tuple[str, ...]:
    named = (f"{identity.service} {build(identity)}" for run in runs for identity in run.identities)
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
