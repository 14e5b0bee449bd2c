"""`load` from its options to its exit code: one night of scenarios, or pairs of two stacks."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import ONE_TRY, Chamicore
from chamiperf_ci.adapters.files import dialect, read_document
from chamiperf_ci.adapters.http_client import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.errors import ConfigurationError, ExitCode, InvalidMeasurement, StackUnreachable, ToolkitError
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.plan import SUSTAINED, Plan, Profile
from chamiperf_ci.models.run import Run, RunKind, RunProblem
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import CredentialKind, Service, Target, TargetOptions
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.render.text import Column, in_columns
from chamiperf_ci.steps.load import request
from chamiperf_ci.steps.load.plan import (
    Budget,
    Fit,
    assign,
    confirmation_of,
    duration,
    judged_quantiles,
    limits,
    plan_table,
    require_possible,
    seconds_of,
)
from chamiperf_ci.steps.load.request import SUBJECT_TOKEN, Job, LoadOptions, refuse_thresholds
from chamiperf_ci.steps.load.scenario import Clients, ServerCollector, not_driven, run_scenario
from chamiperf_ci.steps.load.shards import Rendezvous, ShardMissing, Share, clock_offset_s, require_start
from chamiperf_ci.steps.load.sizing import too_large
from chamiperf_ci.steps.load.stack_state import inspect_stack
from chamiperf_ci.steps.load.volume import KEA
from chamiperf_ci.steps.lock import NOBODY, HeldLock, hold
from chamiperf_ci.steps.readiness import Readiness, Road, require_outputs
from chamiperf_ci.steps.targets import dialect_of, resolve


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


_LEAD_S, _LEAD_VU_S = 20.0, 0.005
"""Between the moment at which all machines have come and the start: the stack is looked at, and VUs are made."""
RECOVERY_S = 60.0
"""For so long a stack that is not ready between two scenarios is waited for."""


def run_night(
    job: Job, plans: Sequence[Plan], clients: Clients, budget: Budget, *, began: float | None = None
) -> list[ScenarioEnd]:
    """Drive the scenarios in the order in which they are given.

    Args:
        job: What they have in common.
        plans: The scenarios.
        clients: To drive them with.
        budget: The time for all of them.
        began: `time.monotonic` when that time began; None for now.

    Raises:
        ToolkitError: Only of a single scenario: nobody else would be lost by it.
    """
    ends: list[ScenarioEnd] = []
    began = time.monotonic() if began is None else began
    for number, plan in enumerate(plans):
        if clients.stop.requested:
            break
        if number and not _pause(job, plans[number - 1], plan, clients):
            break
        fit = budget.fit(plan, elapsed_s=time.monotonic() - began, rest=len(plans) - number)
        end = _one(job, plan, clients, fit, alone=len(plans) == 1)
        ends.append(end)
        clients.say(f"{end.scenario}: {end.word}; {end.text}")
    return ends


def _one(job: Job, plan: Plan, clients: Clients, fit: Fit, *, alone: bool) -> ScenarioEnd:
    missing = plan.missing(job.target)
    try:
        if missing:
            text = why_missing(job.target, missing)
            return _not_driven(job, plan, clients, RunReason.NOT_POSSIBLE, text)
        if not fit.fits:
            return _not_driven(job, plan, clients, RunReason.NOT_RUN_BUDGET, fit.text)
        require_possible(job, plan)
        limits = job.options.limits
        limits = replace(limits, max_duration_s=min(limits.max_duration_s, fit.seconds))
        return _ended(job, run_scenario(_with(job, limits=limits), plan, clients))
    except ToolkitError as error:
        if alone or clients.stop.requested:
            raise
        return _not_driven(job, plan, clients, why_not_driven(error), str(error))


def why_missing(target: Target, missing: Sequence[str]) -> str:
    """Why a scenario is not possible on a stack: what it needs and the stack does not have, or nobody can drive."""
    return never_possible_reason(missing, dialect(target.dialect)) or f"the stack has no {' and no '.join(missing)}"


def never_possible_reason(needs: Sequence[str], spoken: Dialect) -> str:
    """Why no stack of a dialect can have what a scenario needs; empty where one can."""
    undescribed = [what for service, what in spoken.not_described.items() if service in needs]
    if undescribed:
        return f"not possible on this stack: its {' and '.join(undescribed)} is not described yet"
    by_nature = [
        need for need in needs if (spoken.kea is None if need == KEA else Service(need) not in spoken.services)
    ]
    return f"not possible on this stack: {spoken.dialect} has no {' and no '.join(by_nature)}" if by_nature else ""


def why_not_driven(error: ToolkitError) -> RunReason:
    """Why an error before the load leaves a run that cannot be judged.

    Never `not-possible`, which costs a night nothing: that is said only of what the stack was known to lack.
    """
    return RunReason.STACK_UNREACHABLE if isinstance(error, StackUnreachable) else RunReason.INCOMPLETE


def _ended(job: Job, run: Run) -> ScenarioEnd:
    word = Word.MEASURED if run.valid else Word.INVALID
    return ScenarioEnd(run.scenario, word, describe(run), job.options.run_file(run.scenario), run)


def _not_driven(job: Job, plan: Plan, clients: Clients, reason: RunReason, text: str) -> ScenarioEnd:
    """An outcome without a load; its file says why, unless the stack cannot even be asked what it is."""
    words = {RunReason.NOT_POSSIBLE: Word.NOT_POSSIBLE, RunReason.NOT_RUN_BUDGET: Word.NOT_RUN}
    end = ScenarioEnd(plan.scenario, words.get(reason, Word.INVALID), text, job.options.run_file(plan.scenario))
    try:
        around = inspect_stack(clients.chamicore)
    except InvalidMeasurement:
        return end
    return replace(end, run=not_driven(job, plan, RunProblem(reason=reason, text=text), around))


def _pause(job: Job, before: Plan, after: Plan, clients: Clients) -> bool:
    """Let the stack come to rest, and see that it is ready; False if asked to stop."""
    if clients.stop.wait(job.options.pausing_s(before)):
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
    if SUSTAINED in job.options.durations_s or sustained is None or sustained.duration_s <= LONGEST_S:
        return job
    return _with(job, durations_s={**job.options.durations_s, SUSTAINED: LONGEST_S})


def _with(job: Job, **options: Any) -> Job:  # noqa: ANN401 - fields of LoadOptions
    return replace(job, options=replace(job.options, **options))


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
            job = _with(shortened(side.job, scenario), kind=kind, file_ending=f".pair-{number}.{word}")
            plan = assign(job.profile, scenario, job.options, job.target.dialect)
            ends.extend(run_night(job, [plan], side.clients, budget, began=began))
    return ends


BASELINES = Path("baselines.json")
"""A question before or after the load that is not answered at once says something about the stack."""
Collectors = Callable[[Target], AbstractContextManager[ServerCollector]]


@dataclass(frozen=True, slots=True)
class Output:
    """Where the result goes, and where progress does."""

    result: Callable[[str], None]
    progress: Callable[[str], None]
    document: Callable[[object], None] = lambda _: None
    """Gets what the text is made of: the plans of a dry run, or how each scenario ended."""


def drive(options: LoadOptions, output: Output, collectors: Collectors | None = None) -> ExitCode:
    """Plan, show and drive; 3 if anything that was asked for was not measured.

    Raises:
        ToolkitError: Nothing could be measured; says why.
    """
    if not options.dry_run:
        # First of all: a load that is refused, or killed before k6 runs, leaves no older run to be judged in its place.
        request.forget(
            options.out,
            options.scenarios,
            file_ending=options.file_ending,
            pairs=options.pairs,
            shard=options.shard,
        )
    refuse_thresholds(os.environ, BASELINES)
    _check_pairs(options)
    _check_shard(options)
    profile = request.read_profile(options.profile)
    scenarios = request.choose_scenarios(options.scenarios, profile)
    if options.dry_run:
        spoken = dialect_of(options.target)
        plans = [assign(profile, each, options, spoken) for each in scenarios]
        never = {plan.scenario: why for plan in plans if (why := never_possible_reason(plan.needs, dialect(spoken)))}
        if possible := [plan for plan in plans if plan.scenario not in never]:
            _show(possible, options, output.result)
        output.document(possible)
        for scenario, why in never.items():
            output.result(f"{scenario}: {why}")
        return ExitCode.OK if possible and (not never or request.ALL in options.scenarios) else ExitCode.INVALID
    target = resolve(options.target)
    require_allowed(target)
    job = _job(options, target, profile)
    plans = [assign(profile, each, options, target.dialect) for each in scenarios]
    for warning in job.k6.warnings:
        output.progress(warning)
    budget = _show(plans, options, output.progress, target)
    if len(plans) == 1 and not plans[0].missing(target):
        require_possible(job, plans[0])
    with StopRequest() as stop, ExitStack() as held:
        require_outputs(job.k6, options.every_output, job.output_settings, stop)
        clients_of = partial(_clients, output=output, collectors=collectors, stop=stop, held=held)
        new = Side(job, clients_of(job))
        if options.shard is not None:
            ends = _run_shard(job, plans, new.clients, budget)
        elif options.pairs:
            old_job = _old(job)
            old = Side(old_job, clients_of(old_job))
            ends = run_pairs(old, new, scenarios, options.pairs, budget)
        else:
            ends = run_night(job, plans, new.clients, budget)
        interrupted = stop.requested
    output.document(ends)
    output.result(_table(ends))
    return _exit_code(ends, options, interrupted=interrupted)


def _clients(job: Job, *, output: Output, collectors: Collectors | None, stop: StopRequest, held: ExitStack) -> Clients:
    """What a scenario is driven with, and the stack's lock; given back when `held` ends."""
    client = held.enter_context(Chamicore(job.target, retry=ONE_TRY))
    lock, claim, shard = HeldLock(), job.options.claim, job.options.shard
    if claim is not None:
        # Machines that share a load hold one lock.
        lock = held.enter_context(hold(client, replace(claim, run=_run(job)), say=output.progress))
    # Of machines that share a load, one asks the services.
    collector = held.enter_context(collectors(job.target)) if collectors and (shard is None or shard[0] == 0) else None
    taken_by = lock.taken_by if shard is None else partial(_other_holder, lock)
    return Clients(client, stop, output.progress, Road(job.target, job.k6), collector, taken_by)


def _run(job: Job) -> str:
    """For whom the lock is held; outside a workflow run, machines that share a load have the seed in common."""
    claim = job.options.claim
    return (claim.run if claim is not None else "") or f"shards-of-{job.seed.run_id}"


def _job(options: LoadOptions, target: Target, profile: Profile) -> Job:
    return Job(
        options,
        target,
        _seed(options.seed_file or options.out / "seed.json"),
        profile,
        find_k6(options.k6),
        request.settings(os.environ, target, native_histograms=options.native_histograms)
        if options.writes_remotely
        else {},
        SecretStr(token) if (token := os.environ.get(SUBJECT_TOKEN)) else None,
    )


def _old(job: Job) -> Job:
    """The old side's job: another target with its own seed, and with the new side's credential unless it has one."""
    options = job.options
    target = resolve(TargetOptions(name=options.against, config=options.target.config))
    if target.credential.kind is CredentialKind.NONE:
        target = target.model_copy(update={"credential": job.target.credential})
    require_allowed(target)
    path = options.against_seed_file or options.out / "old" / "seed.json"
    return replace(job, target=target, seed=_seed(path))


def _seed(path: Path) -> Seed:
    return read_document(path, Seed, remedy="Run `chamiperf seed` first, or name its file with --seed-file.")


def _show(plans: list[Plan], options: LoadOptions, say: Callable[[str], None], target: Target | None = None) -> Budget:
    """Say the plan and how long it takes, and keep the time."""
    runs = 2 * options.pairs if options.pairs else 1
    night = options.kind == RunKind.NIGHT
    confirmation = confirmation_of(plans) if night else 0.0
    total = runs * sum(seconds_of(each) for each in plans)
    say(plan_table(plans))
    each = plans if options.shard is None else [plan.share(options.shard[1]) for plan in plans]
    costs = machine.kept_costs(target.environment if target is not None else "")
    for warning in too_large(each, cores=machine.cores(), limits=limits(target), costs=costs):
        say(f"warning: {warning}")
    for plan in plans:
        for line in judged_quantiles(plan) if options.dry_run else ():
            say(line)
        for what, count in plan.rows_left.items():
            say(f"{plan.scenario} leaves about {count:,.0f} {what} behind, for good")
    say(
        f"about {duration(round(total))} in all"
        + (f", and up to {duration(round(confirmation))} for a confirmation" if night else "")
        + f"; at most {duration(options.limits.max_duration_s)}"
    )
    return Budget(most_s=options.limits.max_duration_s, confirmation_s=confirmation)


def _check_pairs(options: LoadOptions) -> None:
    if (options.pairs is None) != (options.against is None):
        raise ConfigurationError(
            "pairs need an old side, and an old side needs pairs",
            where="--pairs and --against",
            remedy="Give both, such as --pairs 5 --against previous.",
        )


def _check_shard(options: LoadOptions) -> None:
    """Stop where several machines could not do together what is asked.

    Raises:
        ConfigurationError: Says which options exclude each other.
    """
    if options.shard is None:
        if options.start_at is not None:
            raise ConfigurationError(
                "a common start is for a load that several machines share",
                where="--start-at",
                remedy="Leave it out, or give --shard K/N.",
            )
        return
    several = len(options.scenarios) > 1 or request.ALL in options.scenarios
    excluded = [
        *(["--pairs"] if options.pairs is not None else []),
        *(["--shards"] if options.shards is not None else []),
        *(["several scenarios with --start-at"] if several and options.start_at is not None else []),
    ]
    if excluded:
        raise ConfigurationError(
            f"--shard does not go with {' and '.join(excluded)}: all machines begin a scenario once, together",
            where="--shard",
            remedy="Leave one of them out.",
        )


def _run_shard(job: Job, plans: Sequence[Plan], clients: Clients, budget: Budget) -> list[ScenarioEnd]:
    """This machine's share of each scenario; where it does not come to a load, a file that says so."""
    ends: list[ScenarioEnd] = []
    began = time.monotonic()
    for number, plan in enumerate(plans):
        if clients.stop.requested or (number and not _pause(job, plans[number - 1], plan, clients)):
            break
        with ExitStack() as held:
            try:
                share = _share(job, plan, clients, held)
            except ShardMissing as error:
                never = replace(job, share=Share(*(job.options.shard or (0, 1)), start_at=0.0))
                ends.append(_not_driven(never, plan, clients, RunReason.SHARD_MISSING, str(error)))
                clients.say(f"{plan.scenario}: {ends[-1].word}; {ends[-1].text}")
                continue
            ends.extend(run_night(replace(job, share=share), [plan], clients, budget, began=began))
    return ends


def _share(job: Job, plan: Plan, clients: Clients, held: ExitStack) -> Share:
    """This machine's share, with the common start.

    Raises:
        ConfigurationError: The start is further ahead than k6 waits, or the stack has no groups.
        ShardMissing: Not all machines came in time, or this one is late or its clock is off.
    """
    index, of = job.options.shard or (0, 1)
    client = clients.chamicore
    offset = clock_offset_s(client, plan.services[0], wait=clients.stop.wait)
    if offset is None:
        clients.say("the stack does not tell its time: see that the machines' clocks agree")
    start_at = job.options.start_at
    if start_at is None:
        meeting = Rendezvous(client, f"{_run(job)} {plan.scenario}", index, of)
        held.callback(meeting.leave)
        start_at = meeting.hold(
            clients.stop,
            clients.say,
            lead_s=_LEAD_S + plan.share(of).vus * _LEAD_VU_S,
            within_s=job.options.rendezvous,
            now=lambda: time.time() + (offset or 0.0),
        )
    share = Share(index, of, start_at=start_at, offset_s=offset or 0.0)
    require_start(share)
    when = datetime.fromtimestamp(start_at, UTC)
    clients.say(
        f"{share.name} begins at {when:%H:%M:%S} UTC, in {share.wait_s:.0f} s; clock off {share.offset_s:+.3f} s"
    )
    return share


def _other_holder(lock: HeldLock) -> str:
    """Who took the lock; nobody, where another machine that shares the load was the first to give it back."""
    whose = lock.taken_by()
    return "" if whose == NOBODY else whose


def _table(ends: list[ScenarioEnd]) -> str:
    rows = [(end.scenario, end.word.value, str(end.file) if end.run else "-", end.text) for end in ends]
    return in_columns(
        (Column("scenario"), Column("outcome"), Column("file", goes=1), Column("figures", wraps=True)), rows
    )


def _exit_code(ends: list[ScenarioEnd], options: LoadOptions, *, interrupted: bool) -> ExitCode:
    """A scenario that this stack cannot do fails only where it was asked for by its name."""
    fine = {Word.MEASURED} | ({Word.NOT_POSSIBLE} if request.ALL in options.scenarios else set())
    good = not interrupted and all(end.word in fine for end in ends) and any(end.word is Word.MEASURED for end in ends)
    return ExitCode.OK if good else ExitCode.INVALID
