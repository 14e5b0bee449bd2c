"""`load` from its options to its exit code: one night of scenarios, or pairs of two stacks."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr
from tabulate import tabulate

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore, Patience
from chamiperf_ci.adapters.files import catalogue, dialect, read_document
from chamiperf_ci.adapters.http_client import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.errors import ConfigurationError, ExitCode, InvalidMeasurement, StackUnreachable, ToolkitError
from chamiperf_ci.models.plan import SUSTAINED, Parameter, Profile
from chamiperf_ci.models.run import Run, RunKind, RunProblem
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import CredentialKind, Service, Target
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import request
from chamiperf_ci.steps.load.brake import Limits
from chamiperf_ci.steps.load.plan import (
    Budget,
    Fit,
    assign,
    confirmation_of,
    duration,
    limits,
    plan_table,
    require_possible,
    rows_left,
    seconds_of,
)
from chamiperf_ci.steps.load.request import SUBJECT_TOKEN, Assignment, Job, Overrides, refuse_thresholds
from chamiperf_ci.steps.load.scenario import Clients, ServerCollector, forget, not_driven, run_file, run_scenario
from chamiperf_ci.steps.load.sizing import too_large
from chamiperf_ci.steps.load.stack_state import look_around
from chamiperf_ci.steps.load.volume import KEA, in_order
from chamiperf_ci.steps.lock import Claim, Held, hold
from chamiperf_ci.steps.readiness import Readiness
from chamiperf_ci.steps.road import Road, require_outputs
from chamiperf_ci.steps.targets import GivenTarget, dialect_of, resolve


class Word(StrEnum):
    """What became of a scenario."""

    MEASURED = "measured"
    INVALID = "invalid"
    NOT_POSSIBLE = "not possible"
    NOT_RUN = "not run: budget"


@dataclass(frozen=True, slots=True)
class ScenarioEnd:
    """One scenario's outcome."""

    scenario: str
    word: Word
    text: str
    """Why, where it is not measured; else its figures."""
    file: Path
    run: Run | None = None


RECOVERY_S = 60.0
"""For so long a stack that is not ready between two scenarios is waited for."""


def run_night(
    job: Job, assignments: Sequence[Assignment], clients: Clients, budget: Budget, *, began: float | None = None
) -> list[ScenarioEnd]:
    """Drive the scenarios in the order in which they are given.

    Args:
        job: What they have in common.
        assignments: The scenarios.
        clients: To drive them with.
        budget: The time for all of them.
        began: `time.monotonic` when that time began; None for now.

    Raises:
        ToolkitError: Only of a single scenario: nobody else would be lost by it.
    """
    ends: list[ScenarioEnd] = []
    began = time.monotonic() if began is None else began
    for number, assignment in enumerate(assignments):
        if clients.stop.requested:
            break
        if number and not _pause(job, assignments[number - 1], assignment, clients):
            break
        fit = budget.fit(assignment, elapsed_s=time.monotonic() - began, rest=len(assignments) - number)
        end = _one(job, assignment, clients, fit, alone=len(assignments) == 1)
        ends.append(end)
        clients.say(f"{end.scenario}: {end.word}; {end.text}")
    return ends


def _one(job: Job, assignment: Assignment, clients: Clients, fit: Fit, *, alone: bool) -> ScenarioEnd:
    missing = assignment.missing(job.target)
    try:
        if missing:
            text = why_missing(job.target, missing)
            return _not_driven(job, assignment, clients, RunReason.NOT_POSSIBLE, text)
        if not fit.fits:
            return _not_driven(job, assignment, clients, RunReason.NOT_RUN_BUDGET, fit.text)
        require_possible(job, assignment, many_objects=job.many_objects)
        limits = replace(job.limits, max_duration_s=min(job.limits.max_duration_s, fit.seconds))
        return _ended(job, run_scenario(replace(job, limits=limits), assignment, clients))
    except ToolkitError as error:
        if alone or clients.stop.requested:
            raise
        return _not_driven(job, assignment, clients, why_not_driven(error), str(error))


def why_missing(target: Target, missing: Sequence[str]) -> str:
    """Why a scenario is not possible on a stack: what it needs and the stack does not have, or nobody can drive."""
    spoken = dialect(target.dialect)
    undescribed = [what for service, what in spoken.not_described.items() if service in missing]
    if undescribed:
        return f"not possible on this stack: its {' and '.join(undescribed)} is not described yet"
    by_nature = [
        need for need in missing if (spoken.kea is None if need == KEA else Service(need) not in spoken.services)
    ]
    if by_nature:
        return f"not possible on this stack: {target.dialect} has no {' and no '.join(by_nature)}"
    return f"the stack has no {' and no '.join(missing)}"


def why_not_driven(error: ToolkitError) -> RunReason:
    """Why an error before the load leaves a run that cannot be judged.

    Never `not-possible`, which costs a night nothing: that is said only of what the stack was known to lack.
    """
    return RunReason.STACK_UNREACHABLE if isinstance(error, StackUnreachable) else RunReason.INCOMPLETE


def _ended(job: Job, run: Run) -> ScenarioEnd:
    word = Word.MEASURED if run.valid else Word.INVALID
    return ScenarioEnd(run.scenario, word, describe(run), run_file(job, run.scenario), run)


def _not_driven(job: Job, assignment: Assignment, clients: Clients, reason: RunReason, text: str) -> ScenarioEnd:
    """An outcome without a load; its file says why, unless the stack cannot even be asked what it is."""
    words = {RunReason.NOT_POSSIBLE: Word.NOT_POSSIBLE, RunReason.NOT_RUN_BUDGET: Word.NOT_RUN}
    end = ScenarioEnd(assignment.scenario, words.get(reason, Word.INVALID), text, run_file(job, assignment.scenario))
    try:
        around = look_around(clients.chamicore)
    except InvalidMeasurement:
        return end
    return replace(end, run=not_driven(job, assignment, RunProblem(reason=reason, text=text), around))


def _pause(job: Job, before: Assignment, after: Assignment, clients: Clients) -> bool:
    """Let the stack come to rest, and see that it is ready; False if asked to stop."""
    if clients.stop.wait(job.pausing_s(before.load)):
        return False
    readiness = Readiness(clients.chamicore, after.services)
    end = time.monotonic() + RECOVERY_S
    while (red := readiness.red()) and time.monotonic() < end:
        clients.say(f"waiting for {', '.join(red)} to be ready")
        if clients.stop.wait(2.0):
            return False
    return True


def describe(run: Run) -> str:
    """A run in a line: its problems, or its figures."""
    if not run.valid:
        return "; ".join(f"{problem.reason}: {problem.text}" for problem in run.problems) or "not complete"
    requests = sum(traffic.requests for traffic in run.traffic)
    failed = sum(traffic.failed for traffic in run.traffic)
    parts = [f"{requests:,} requests, {failed:,} failed"]
    parts.extend(
        f"{phase.max_vus:,} VUs, up to {run.plan.connections:,} connections, {phase.in_flight:.3g} requests in flight"
        for phase in run.phases
        if phase.name == SUSTAINED and phase.in_flight is not None and run.plan.connections is not None
    )
    parts.extend(
        f"{series.endpoint} p50 {phase.quantiles['p50']:.3g} ms, p99 {phase.quantiles['p99']:.3g} ms"
        for series in run.series
        if series.metric == "latency" and (phase := series.phases.get(SUSTAINED)) is not None
    )
    parts.extend(f"without {each.what}: {each.reason}" for each in run.unavailable)
    if run.generator is not None:
        parts.append(f"generator {run.generator.cpu_percent_p95:.0f} % CPU, {run.generator.rss_mb_max:,.0f} MB")
    return "; ".join(parts)


LONGEST_S = 300.0
"""A pair's sustained phase: shorter than the profile's, because there are ten of them (verdict.md section 4)."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two stacks: a job that differs in target and seed, and the clients of its target."""

    job: Job
    clients: Clients


def order(pairs: int) -> Iterator[tuple[int, RunKind]]:
    """The runs in order, AB BA AB ..., with the number of their pair from 1; A is old."""
    for number in range(1, pairs + 1):
        sides = (RunKind.PAIR_OLD, RunKind.PAIR_NEW)
        yield from ((number, kind) for kind in (sides if number % 2 else reversed(sides)))


def shortened(job: Job, scenario: str) -> Job:
    """The job with a sustained phase of at most five minutes, unless its length was asked for."""
    sustained = job.profile.scenarios[scenario].phase(SUSTAINED)
    if SUSTAINED in job.overrides.durations_s or sustained is None or sustained.duration_s <= LONGEST_S:
        return job
    durations = {**job.overrides.durations_s, SUSTAINED: LONGEST_S}
    return replace(job, overrides=replace(job.overrides, durations_s=durations))


def run_pairs(old: Side, new: Side, scenarios: Sequence[str], pairs: int, budget: Budget) -> list[ScenarioEnd]:
    """Run each scenario's pairs; files end in `.pair-N.old.json` and `.pair-N.new.json`.

    Raises:
        ToolkitError: A side could not be driven: half a pair says nothing.
    """
    ends: list[ScenarioEnd] = []
    began = time.monotonic()
    for scenario in scenarios:
        for number, kind in order(pairs):
            if new.clients.stop.requested:
                return ends
            side = old if kind is RunKind.PAIR_OLD else new
            word = kind.removeprefix("pair-")
            side.clients.say(f"{scenario}: pair {number} of {pairs}, {word}")
            job = replace(shortened(side.job, scenario), kind=kind, file_ending=f".pair-{number}.{word}")
            assignment = assign(job.profile, scenario, job.overrides, job.target.dialect)
            ends.extend(run_night(job, [assignment], side.clients, budget, began=began))
    return ends


BASELINES = Path("baselines.json")
PATIENCE = Patience(timeout_s=5.0, retries=0)
"""A question before or after the load that is not answered at once says something about the stack."""
Collectors = Callable[[Target], ServerCollector]


@dataclass(frozen=True, slots=True)
class Given:
    """The options of `load`, as they were given."""

    target: GivenTarget
    out: Path
    scenarios: tuple[str, ...]
    profile: str
    kind: str = "quick"
    seed_file: Path | None = None
    dry_run: bool = False
    k6: str | None = None
    vus: int | None = None
    spike_vus: int | None = None
    rate: float | None = None
    spike_rate: float | None = None
    iterations: int | None = None
    pace: float | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)
    windows: int | None = None
    herd: bool | None = None
    request_timeout: float | None = None
    connections: str = "keep"
    settings: tuple[str, ...] = ()
    max_duration: float = 19_800.0
    brake_share: float = 0.5
    brake_after: float = 30.0
    settle: float | None = None
    pause: float | None = None
    many_objects: bool = False
    outputs: tuple[str, ...] = ()
    remote_write: bool = False
    native_histograms: bool = False
    shards: int | None = None
    pairs: int | None = None
    against: str | None = None
    against_seed_file: Path | None = None
    claim: Claim | None = None
    """Who asks for the stack's lock; None leaves it alone."""
    file_ending: str = ""
    """Between a scenario's name and `.json`, such as `.repeat-1`; no option, `confirm` sets it."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Where the result goes, and where progress does."""

    result: Callable[[str], None]
    progress: Callable[[str], None]


def drive(given: Given, voice: Voice, collectors: Collectors | None = None) -> ExitCode:
    """Plan, show and drive; 3 if anything that was asked for was not measured.

    Raises:
        ToolkitError: Nothing could be measured; says why.
    """
    if not given.dry_run:
        # First of all: a load that is refused, or killed before k6 runs, leaves no older run to be judged in its place.
        for scenario in catalogue().scenarios if request.ALL in given.scenarios else in_order(given.scenarios):
            forget(given.out, scenario, file_ending=given.file_ending, pairs=given.pairs is not None)
    refuse_thresholds(os.environ, BASELINES)
    _check_pairs(given)
    profile = request.read_profile(given.profile)
    scenarios = request.choose_scenarios(given.scenarios, profile)
    if given.dry_run:
        spoken = dialect_of(given.target)
        _show([assign(profile, each, _overrides(given), spoken) for each in scenarios], given, spoken, voice.result)
        return ExitCode.OK
    target = resolve(given.target)
    require_allowed(target)
    job = _job(given, target, profile, _seed(given.seed_file or given.out / "seed.json"))
    assignments = [assign(profile, each, job.overrides, target.dialect) for each in scenarios]
    for warning in job.k6.warnings:
        voice.progress(warning)
    budget = _show(assignments, given, target.dialect, voice.progress)
    if len(assignments) == 1 and not assignments[0].missing(target):
        require_possible(job, assignments[0], many_objects=job.many_objects)
    with StopRequest() as stop, ExitStack() as held:
        require_outputs(job.k6, job.outputs, job.output_settings, stop)

        def clients_of(side: Target) -> Clients:
            client = held.enter_context(Chamicore(side, patience=PATIENCE))
            lock = Held()
            if given.claim is not None:
                lock = held.enter_context(hold(client, given.claim, say=voice.progress))
            collector = collectors(side) if collectors else None
            return Clients(client, stop, voice.progress, Road(side, job.k6), collector, lock.taken_by)

        new = Side(job, clients_of(target))
        if given.pairs:
            old_job = _old(given, job)
            old = Side(old_job, clients_of(old_job.target))
            ends = run_pairs(old, new, scenarios, given.pairs, budget)
        else:
            ends = run_night(job, assignments, new.clients, budget)
        interrupted = stop.requested
    voice.result(_table(ends))
    return _exit_code(ends, given, interrupted=interrupted)


def _job(given: Given, target: Target, profile: Profile, seed: Seed) -> Job:
    writing = given.remote_write or given.native_histograms
    written = request.settings(os.environ, target, native_histograms=given.native_histograms) if writing else {}
    return Job(
        target=target,
        seed=seed,
        profile=profile,
        k6=find_k6(given.k6),
        out=given.out,
        kind=RunKind(given.kind),
        overrides=_overrides(given),
        connections=given.connections,
        limits=Limits(given.brake_share, given.brake_after, given.max_duration),
        settle_s=given.settle,
        pause_s=given.pause,
        many_objects=given.many_objects,
        outputs=(*given.outputs, *([request.OUTPUT] if writing else [])),
        output_settings=written,
        subject_token=SecretStr(token) if (token := os.environ.get(SUBJECT_TOKEN)) else None,
        file_ending=given.file_ending,
    )


def _overrides(given: Given) -> Overrides:
    return Overrides(
        vus=given.vus,
        spike_vus=given.spike_vus,
        rate=given.rate,
        spike_rate=given.spike_rate,
        iterations=given.iterations,
        pace_s=given.pace,
        durations_s=given.durations_s,
        windows=given.windows,
        herd=given.herd,
        request_timeout_s=given.request_timeout,
        parameters=dict(_setting(text) for text in given.settings),
        shards=given.shards,
    )


def _old(given: Given, job: Job) -> Job:
    """The old side's job: another target with its own seed, and with the new side's credential unless it has one."""
    target = resolve(GivenTarget(name=given.against, config=given.target.config))
    if target.credential.kind is CredentialKind.NONE:
        target = target.model_copy(update={"credential": job.target.credential})
    require_allowed(target)
    path = given.against_seed_file or given.out / "old" / "seed.json"
    return replace(job, target=target, seed=_seed(path))


def _setting(text: str) -> tuple[str, Parameter]:
    """A scenario's parameter; a value that reads as a number or as true or false is one."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigurationError(f"{text!r} is not NAME=VALUE", where="--set", remedy="Give one such as readers=40.")
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def _seed(path: Path) -> Seed:
    return read_document(path, Seed, remedy="Run `chamiperf seed` first, or name its file with --seed-file.")


def _show(assignments: list[Assignment], given: Given, spoken: str, say: Callable[[str], None]) -> Budget:
    """Say the plan and how long it takes, and keep the time."""
    runs = 2 * given.pairs if given.pairs else 1
    night = given.kind == RunKind.NIGHT
    confirmation = confirmation_of(assignments) if night else 0.0
    total = runs * sum(seconds_of(each) for each in assignments)
    say(plan_table(assignments))
    for warning in too_large(assignments, cores=machine.cores(), limits=limits(None)):
        say(f"warning: {warning}")
    for assignment in assignments:
        for what, count in rows_left(assignment, spoken).items():
            say(f"{assignment.scenario} leaves about {count:,.0f} {what} behind, for good")
    say(
        f"about {duration(round(total))} in all"
        + (f", and up to {duration(round(confirmation))} for a confirmation" if night else "")
        + f"; at most {duration(given.max_duration)}"
    )
    return Budget(most_s=given.max_duration, confirmation_s=confirmation)


def _check_pairs(given: Given) -> None:
    if (given.pairs is None) != (given.against is None):
        raise ConfigurationError(
            "pairs need an old side, and an old side needs pairs",
            where="--pairs and --against",
            remedy="Give both, such as --pairs 5 --against previous.",
        )


def _table(ends: list[ScenarioEnd]) -> str:
    rows = [(end.scenario, end.word, end.file if end.run else "-", end.text) for end in ends]
    return tabulate(
        rows, headers=("scenario", "outcome", "file", ""), tablefmt="simple", maxcolwidths=[None, None, None, 90]
    )


def _exit_code(ends: list[ScenarioEnd], given: Given, *, interrupted: bool) -> ExitCode:
    """A scenario that this stack cannot do fails only where it was asked for by its name."""
    fine = {Word.MEASURED} | ({Word.NOT_POSSIBLE} if request.ALL in given.scenarios else set())
    good = not interrupted and all(end.word in fine for end in ends) and any(end.word is Word.MEASURED for end in ends)
    return ExitCode.OK if good else ExitCode.INVALID
