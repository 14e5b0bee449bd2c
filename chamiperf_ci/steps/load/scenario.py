"""One scenario driven: handed to k6, watched, collected, written."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import PRODUCER, built_script, dialect, find_stack, remove, write_document, write_text
from chamiperf_ci.adapters.k6 import K6Outcome, K6Run, Segment, Stage, StopRequest, Vitals, marked, run_k6
from chamiperf_ci.adapters.machine import machine_class
from chamiperf_ci.errors import StackUnreachable, ToolkitError
from chamiperf_ci.models.dialect import Identities, new_run_id
from chamiperf_ci.models.plan import (
    SUSTAINED,
    Load,
    Plan,
    PlanIdentities,
    PlannedPhase,
    PlanTls,
    ScriptPlan,
)
from chamiperf_ci.models.run import (
    Check,
    Course,
    FailureSample,
    GeneratorHealth,
    ObjectCount,
    PhaseOutcome,
    Run,
    RunProblem,
    ScriptSummary,
    Series,
    ServerMetric,
    Shard,
    Statement,
    Uncertain,
)
from chamiperf_ci.models.shard import ShardRun
from chamiperf_ci.models.target import Fingerprint, Service, StackKind, Target
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import merging, request, validity
from chamiperf_ci.steps.load import stack_state as cooldown
from chamiperf_ci.steps.load.brake import COUNTERS, Brake, LoadSecond
from chamiperf_ci.steps.load.plan import period_warnings
from chamiperf_ci.steps.load.request import SUBJECT_TOKEN, Job, labels
from chamiperf_ci.steps.load.stack_state import Environment, inspect_stack, require_seeded
from chamiperf_ci.steps.load.validity import MOST_SAMPLES, failure_samples
from chamiperf_ci.steps.load.volume import planned_arrivals
from chamiperf_ci.steps.readiness import Readiness, Road, ask, side_by_side
from chamiperf_ci.steps.targets import k6_environment

SYNC_INTERVAL = "sync_interval_s"
SLACK_S = 300.0
"""How much longer than planned k6 may take, for making its VUs and for the summary."""
_SLACK_SHARE = 1.1


def script_plan(job: Job, plan: Plan, run_id: str) -> ScriptPlan:
    """What the script is told; holds no secret."""
    target = job.target
    urls = {service: url for service in Service if (url := target.url(service)) is not None}
    tls = target.tls
    return ScriptPlan(
        scenario=plan.scenario,
        profile=job.profile.name,
        dialect=target.dialect,
        urls={**urls, **({"kea": target.kea} if target.kea else {})},
        tls=PlanTls(
            insecure=tls.insecure, certificate_file=_path(tls.client_certificate), key_file=_path(tls.client_key)
        ),
        credential=target.credential.kind,
        connections=job.options.connections,
        identities=PlanIdentities(
            run_id=job.seed.run_id, nodes=job.seed.nodes, network=job.seed.network, written_run_id=run_id
        ),
        quantiles=merging.SHARD_QUANTILES if plan.segments > 1 else None,
        load=_with_sync_interval(target, plan),
    )


def write_plan(path: Path, plan: ScriptPlan) -> None:
    """Write what the script is told where it reads it.

    Raises:
        ConfigurationError: The folder cannot be written, or the disk is full.
    """
    write_text(path, json.dumps(plan.model_dump(mode="json", exclude_none=True), indent=2) + "\n")


def k6_runs(job: Job, plan: Plan, file: Path, run_id: str) -> tuple[K6Run, ...]:
    """The processes that share the load; `run_id` labels what they send elsewhere."""
    folder, share = file.parent, job.share
    shares = [Segment(index, plan.segments) for index in range(plan.segments)]
    if share is not None:
        shares = [Segment(share.index, share.of, alone=True)]
    parts = [folder] if len(shares) == 1 else [folder / f"segment-{each.index}" for each in shares]
    duration_s = plan.longest_s + (0.0 if share is None else max(0.0, share.wait_s))
    return tuple(
        K6Run(
            binary=job.k6.path,
            script=built_script(plan.scenario),
            folder=part.resolve(),
            environment={
                **job.output_settings,
                **k6_environment(job.target.credential),
                **_subject_token(job, plan),
                **_start(job),
            },
            plan=file.resolve(),
            timeout_s=duration_s * _SLACK_SHARE + SLACK_S,
            outputs=job.options.every_output,
            tags=labels(run_id, plan.scenario, job.target.environment, each.index, each.of),
            ca_file=job.target.tls.ca_file and job.target.tls.ca_file.resolve(),
            insecure=job.target.tls.insecure,
            segment=each,
            gogc=plan.gogc,
            memory_mb=plan.memory_mb / plan.segments,
        )
        for each, part in zip(shares, parts, strict=True)
    )


def _with_sync_interval(target: Target, load: Load) -> Load:
    """The load with the sync interval of the embedded stack, where the scenario states one and nobody gave it."""
    if load.parameters.get(SYNC_INTERVAL) != 0 or target.stack_kind is not StackKind.EMBEDDED:
        return load
    state = find_stack()
    if state is None:
        return load
    return load.model_copy(update={"parameters": {**load.parameters, SYNC_INTERVAL: state.options.sync_interval_s}})


def _subject_token(job: Job, plan: Plan) -> dict[str, str]:
    if job.subject_token is None or not plan.exchanges_token:
        return {}
    return {SUBJECT_TOKEN: job.subject_token.get_secret_value()}


def _start(job: Job) -> dict[str, str]:
    """When the script is to begin, where machines share the load: k6 waits in `setup()`, to the millisecond."""
    if job.share is None:
        return {}
    return {"CHAMIPERF_START_AT": f"{job.share.start_at:.3f}", "CHAMIPERF_CLOCK_OFFSET_S": f"{job.share.offset_s:.4f}"}


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


@dataclass(frozen=True, slots=True)
class Findings:
    """What a load left; the defaults are those of one that never began."""

    started_at: datetime
    ended_at: datetime
    problems: tuple[RunProblem, ...] = ()
    complete: bool = False
    summary: ScriptSummary | None = None
    """Of all processes; of one of several machines its own, with the quantiles that merging wants."""
    health: GeneratorHealth | None = None
    phases: tuple[PhaseOutcome, ...] = ()
    checks: tuple[Check, ...] = ()
    server: tuple[ServerMetric, ...] = ()
    statements: tuple[Statement, ...] = ()
    courses: tuple[Course, ...] = ()
    failures: tuple[FailureSample, ...] = ()
    warnings: tuple[str, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    foreign_cpu: Mapping[str, float | None] = field(default_factory=dict)
    """As in the machine's model."""


def run_of(job: Job, plan: Plan, around: Environment, run_id: str, found: Findings) -> Run:
    """The run's document."""
    summary = found.summary
    return Run(
        producer=PRODUCER,
        run_kind=job.options.kind,
        run_id=run_id,
        seed_run_id=job.seed.run_id,
        scenario=plan.scenario,
        started_at=found.started_at,
        ended_at=found.ended_at,
        self_test=around.stack_kind is StackKind.EMBEDDED,
        complete=found.complete,
        problems=found.problems,
        fingerprint=_fingerprint(job, plan, around, summary),
        machine=around.machine.model_copy(update=found.foreign_cpu),
        identities=around.identities,
        plan=plan,
        phases=found.phases,
        series=tuple(series_of(each) for each in summary.series) if summary else (),
        traffic=summary.traffic if summary else (),
        scalars=summary.scalars if summary else (),
        objects=(*summary.objects, *_rows_left(job, summary)) if summary else (),
        checks=found.checks,
        server=found.server,
        statements=found.statements,
        courses=found.courses,
        generator=found.health,
        unavailable=summary.unavailable if summary else (),
        uncertain=found.uncertain,
        failures=found.failures,
        warnings=(
            *around.warnings,
            *job.k6.warnings,
            *period_warnings(job, plan),
            *(summary.warnings if summary else ()),
            *found.warnings,
        ),
        injected_faults=around.faults,
    )


def _rows_left(job: Job, summary: ScriptSummary) -> tuple[ObjectCount, ...]:
    """What requests have left behind for good beside objects, such as a row for each boot script that was served."""
    left: dict[str, int] = {}
    for traffic in summary.traffic:
        what = dialect(job.target.dialect).leaves.get(traffic.endpoint)
        if what is not None:
            left[what] = left.get(what, 0) + traffic.requests - traffic.failed
    return tuple(ObjectCount(kind=kind, created=count, left=count) for kind, count in left.items())


def series_of(series: Series) -> Series:
    """A series as the run keeps it: without the service that answers."""
    return Series.model_validate(series.model_dump(exclude={"service"}))


def _fingerprint(job: Job, plan: Plan, around: Environment, summary: ScriptSummary | None) -> Fingerprint:
    target = job.target
    return Fingerprint(
        environment=target.environment,
        dialect=target.dialect,
        stack_kind=around.stack_kind,
        stack_sizing=around.sizing,
        scenario=plan.scenario,
        # A load that left no summary is not judged, whatever its script's version.
        scenario_version=summary.scenario_version if summary else 0,
        profile=job.profile.name,
        parameters=request.describe(plan),
        seeded=job.seed.counts,
        machine_class=machine_class(around.machine),
        k6_version=job.k6.version,
        credential=target.credential.kind,
        route="direct" if all(need in target.services for need in plan.services) else "gateway",
        tls=_tls(job, plan),
        connections=job.options.connections,
        generator_on_target_host=target.generator_on_target_host,
        shards=plan.segments,
    )


def _tls(job: Job, plan: Plan) -> Literal["none", "verified", "insecure"]:
    urls = [job.target.url(service) or "" for service in plan.services]
    if not any(url.startswith("https:") for url in urls):
        return "none"
    return "insecure" if job.target.tls.insecure else "verified"


@dataclass(frozen=True, slots=True)
class Span:
    """When a phase took place, seen to half a second."""

    phase: str
    started_at: datetime
    ended_at: datetime


class ServerCollector(Protocol):
    """Reads the services' own metrics over a load; neither method raises for a service that does not answer."""

    statements: tuple[Statement, ...]
    """What the database says of its statements, after `stop`; empty where nobody reads one."""
    courses: tuple[Course, ...]
    """What the services did over the load, after `stop`."""

    def start(self) -> None:
        """Called just before k6 is started; must come back at once."""

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """Called when k6 has ended, with the phases that took place; not called for an interrupted load."""


_OLD_S = 1.0


def phase_outcomes(plan: Plan, summary: ScriptSummary, seen: Sequence[LoadSecond]) -> tuple[PhaseOutcome, ...]:
    """One outcome for each planned phase that began and whose length is known.

    Args:
        plan: What was planned.
        summary: What the script measured; a request belongs to the phase in which it was started.
        seen: What k6 said once a second while it ran.
    """
    found = []
    for phase in plan.phases:
        seconds = _seconds(phase, summary)
        if seconds:
            found.append(_outcome(phase, plan, summary, seen, seconds))
    return tuple(found)


def _seconds(phase: PlannedPhase, summary: ScriptSummary) -> float:
    """How long a phase lasted; 0 if it did not begin, or if it ended after a number of iterations that nobody timed."""
    if phase.iterations:
        windows = next((series.windows for series in summary.series if series.windows), ())
        return sum(window.seconds for window in windows) if phase.name == SUSTAINED else 0.0
    return max(0.0, min(phase.duration_s, summary.duration_s - phase.start_s))


def _outcome(
    phase: PlannedPhase, plan: Plan, summary: ScriptSummary, seen: Sequence[LoadSecond], seconds: float
) -> PhaseOutcome:
    requests = sum(traffic.requests for traffic in summary.traffic if traffic.phase == phase.name)
    return PhaseOutcome(
        name=phase.name,
        offered_per_s=phase.offered_per_s * phase.requests_per_iteration,
        achieved_per_s=requests / seconds,
        max_vus=_vus(phase, plan, summary, seen, seconds),
        in_flight=_busy_s(phase.name, summary) / seconds,
    )


def _busy_s(phase: str, summary: ScriptSummary) -> float:
    """Seconds that all requests of a phase took together: by Little's law, over its length, those in flight."""
    seen = [series.phases[phase] for series in summary.series if series.metric == "latency" and phase in series.phases]
    return sum(each.count * each.mean for each in seen) / 1000


def _vus(phase: PlannedPhase, plan: Plan, summary: ScriptSummary, seen: Sequence[LoadSecond], seconds: float) -> int:
    """The most VUs that were seen in the phase.

    k6 tells its VUs once a second, and what it tells is up to a second old, so a phase of a second or two may go by
    unseen. The one with the highest plan has the run's maximum; of another one that went by unseen, nothing larger than
    its plan and that maximum can be said.
    """
    planned = phase.most_vus
    if planned == plan.max_vus:
        return summary.max_vus
    # One that ends when its iterations are done is followed by seconds without a VU.
    end_s = phase.start_s + seconds
    vus = [each.vus for each in seen if phase.start_s + _OLD_S <= each.at_s < end_s]
    return round(max(vus, default=min(planned, summary.max_vus)))


_BEFORE_S = 120.0
"""For all questions before the load together."""
_AFTER_S = 90.0
"""For all questions after the load together, on top of the rest before the checks."""
_ROOM_BYTES = 1_000_000
"""A run's file takes a tenth of this."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What a scenario is given to work with."""

    chamicore: Chamicore
    """One that does not try again by itself, so that what is slow or down is seen."""
    stop: StopRequest
    say: Callable[[str], None]
    road: Road
    server: ServerCollector | None = None
    lock_taken_by: Callable[[], str] = lambda: ""
    """Who has taken the stack's lock meanwhile; empty for nobody."""


def run_scenario(job: Job, plan: Plan, clients: Clients) -> Run:
    """Drive one scenario and write its run, whatever becomes of it once the load has begun.

    The run is written as soon as k6 has ended, before anybody is asked anything, as one that is not complete; what the
    services and Prometheus say is added under one deadline. So nothing that was measured hangs on their answers, and
    whatever ends this process meanwhile leaves no run that looks whole.

    Raises:
        ConfigurationError: The output folder, the seed, the credential or k6 cannot be used.
        StackUnreachable: A service does not answer before the load.
        Interrupted: Asked to stop before the load began.
    """
    client, stop = clients.chamicore, clients.stop
    path = job.options.run_file(plan.scenario)
    run_id = _written_run_id(job, plan)
    # Of its own for each share: nothing keeps several of them from running on one machine.
    told = job.options.out / "k6" / path.stem / "plan.json"
    remove(path)
    write_plan(told, script_plan(job, plan, run_id))
    _require_writable(path.parent)
    around, before = _look_before(job, plan, clients)
    clients.road.require(plan.services, stop)
    if clients.server is not None:
        clients.server.start()
    readiness = Readiness(client, plan.services)
    brake = Brake(job.options.limits, readiness.red_for_s)
    with readiness:
        outcome = run_k6(
            k6_runs(job, plan, told, run_id),
            stop,
            label=plan.scenario,
            watch=brake,
            counters=COUNTERS,
            own_pids=around.processes,
            stages=[
                Stage(
                    phase.name,
                    phase.start_s + phase.duration_s,
                    sum(phase.sent_per_s.values()) or phase.offered_per_s * phase.requests_per_iteration,
                )
                for phase in plan.phases
            ],
        )
    names = tuple(Identities(client.dialect.identity, run, job.seed.network) for run in (job.seed.run_id, run_id))
    aftermath = _Aftermath(job, plan, clients, outcome, brake, readiness, before, names)
    found = aftermath.measured()
    _write(job, plan, found, run_of(job, plan, around, run_id, _unfinished(found)))
    run = run_of(job, plan, around, run_id, aftermath.looked_after(found))
    _write(job, plan, found, run)
    return run


def _written_run_id(job: Job, plan: Plan) -> str:
    """Under which the scenario writes: one for all machines that share the load."""
    return new_run_id("w") if job.share is None else job.share.run_id(job.seed.run_id, plan.scenario)


def _write(job: Job, plan: Plan, found: Findings, run: Run) -> None:
    """Write the run, or what this machine has of one that several make together."""
    share = job.share
    path = job.options.run_file(plan.scenario)
    if share is None:
        write_document(path, run)
        return
    document = ShardRun(
        producer=PRODUCER,
        shard=Shard(index=share.index, of=share.of),
        plan=script_plan(job, plan, run.run_id),
        # They stand in the summary, with the quantiles that merging wants.
        run=run.model_copy(update={"series": ()}),
        summary=found.summary,
    )
    write_document(path, document)


def _look_before(job: Job, plan: Plan, clients: Clients) -> tuple[Environment, cooldown.Before]:
    """What the stack is before the load; a service that drips its answer holds up no signal.

    Raises:
        StackUnreachable: It takes too long to say so. And what `inspect_stack` and `require_seeded` raise.
        Interrupted: Asked to stop meanwhile.
    """
    client, stop = clients.chamicore, clients.stop

    def look() -> tuple[Environment, cooldown.Before]:
        around = inspect_stack(client)
        require_seeded(client, job.seed, around.stack_kind)
        return around, cooldown.look(client, job.seed, plan.services)

    found = ask(look, seconds=_BEFORE_S, over=lambda: stop.requested)
    stop.check("before the load")
    if found is None:
        raise StackUnreachable(
            f"the stack does not say within {_BEFORE_S:.0f} s what it is",
            where=", ".join(filter(None, map(client.target.url, plan.services))),
            remedy="Read the services' logs.",
        )
    return found


def _unfinished(found: Findings) -> Findings:
    """What was measured, as it stands until somebody has looked at the stack."""
    if not found.complete:
        return found
    problem = RunProblem(reason=RunReason.INCOMPLETE, text="the command was ended before it had looked at the stack")
    return replace(found, complete=False, problems=(*found.problems, problem))


def not_driven(job: Job, plan: Plan, problem: RunProblem, around: Environment) -> Run:
    """Write and return the run of a scenario that was not driven, so that its absence has a reason."""
    now = datetime.now(UTC)
    found = Findings(now, now, problems=(problem,))
    run = run_of(job, plan, around, _written_run_id(job, plan), found)
    _write(job, plan, found, run)
    return run


@dataclass(frozen=True, slots=True)
class _Aftermath:
    """What is done when k6 has ended."""

    job: Job
    plan: Plan
    clients: Clients
    outcome: K6Outcome
    brake: Brake
    readiness: Readiness
    before: cooldown.Before
    names: tuple[Identities, ...]
    """Of the seeded nodes, and of those that the scenario wrote."""

    def measured(self) -> Findings:
        """Read what k6 left and judge whether it was a measurement; asks nobody anything."""
        outcome = self.outcome
        parts, unread = merging.summaries_of(outcome)
        summary, unsure, warnings = merging.merged(parts, of=len(outcome.ends))
        ended = validity.ended_badly(outcome, has_summary=len(parts) == len(outcome.ends))
        found = Findings(
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            complete=ended is None,
            problems=() if ended is None else (ended,),
            failures=failure_samples(marked(outcome.log, "failure", most=MOST_SAMPLES), self.names),
            warnings=(*unread, *warnings, *_said(outcome)),
        )
        if summary is None:
            return found
        phases = phase_outcomes(self.plan, summary, self.brake.seen)
        rss_mb = max((each.rss_mb for each in outcome.vitals), default=0.0)
        judged = validity.judge(self._under_load(), summary, cores=machine.cores(), rss_mb=rss_mb, parts=parts)
        sustained = next((phase for phase in phases if phase.name == SUSTAINED), None)
        arrivals = planned_arrivals(self.plan)
        if self.job.share is not None:
            # Whether the load was reached shows when all machines are put together.
            sustained, arrivals = None, arrivals / self.job.share.of
        # What a load says that was stopped, or threw as a whole, is in its one problem already.
        thrown = outcome.thrown if ended is None else ()
        more = validity.problems(summary, self.plan, judged, sustained, arrivals=arrivals, thrown=thrown)
        return replace(
            found,
            problems=(*found.problems, *more),
            summary=summary,
            uncertain=unsure,
            health=judged,
            phases=phases,
            courses=self._generator(),
            warnings=(*found.warnings, *validity.other_phases(summary, parts)),
            foreign_cpu=validity.foreign_cpu(self._under_load()),
        )

    def looked_after(self, found: Findings) -> Findings:
        """Add what the services, Prometheus and the lock say now: side by side, under one deadline.

        A signal ends the asking at once, and leaves a run that says that it is not complete.
        """
        summary, stop = found.summary, self.clients.stop
        if summary is not None and not stop.requested:
            seen = _Answers(found)
            over = threading.Event()
            jobs: dict[str, Callable[[], None]] = {
                "the lock": lambda: seen.take(problems=self._another_load()),
                "the services' metrics": lambda: seen.take(**self._server()),
            }
            # Of machines that share a load, one looks at the stack.
            if found.complete and (self.job.share is None or self.job.share.index == 0):
                jobs["the checks after the load"] = lambda: seen.take(**self._checks(summary, over))
            settling_s = self.job.options.settling_s(self.plan) if found.complete else 0.0
            try:
                late = side_by_side(
                    {name: partial(seen.unless_it_fails, name, job) for name, job in jobs.items()},
                    settling_s + _AFTER_S,
                    over=lambda: stop.requested,
                )
            finally:
                over.set()
            found = seen.so_far()
            if late and not stop.requested:
                text = f"{' and '.join(sorted(late))} did not come within {_AFTER_S:.0f} s and are left out"
                found = replace(found, warnings=(*found.warnings, text))
        if stop.requested and found.complete:
            text = f"interrupted by {stop.by} after the load, before the stack had been looked at"
            problem = RunProblem(reason=RunReason.INCOMPLETE, text=text)
            found = replace(found, complete=False, problems=(*found.problems, problem))
        return found

    def _under_load(self) -> list[Vitals]:
        """The vitals of the sustained phase, else of the load; before it VUs are made, after it the summary is."""
        began, load = self.outcome.load_began_s, self.plan
        if began is None:
            return list(self.outcome.vitals)
        phase = load.phase(SUSTAINED)
        end = began + (load.duration_s if phase is None else phase.start_s + phase.duration_s)
        began += 0.0 if phase is None else phase.start_s
        return [vitals for vitals in self.outcome.vitals if began < vitals.at_s <= end]

    def _another_load(self) -> tuple[RunProblem, ...]:
        """A lock that was broken under load: somebody else used the stack meanwhile, and both measured each other."""
        whose = self.clients.lock_taken_by()
        if not whose:
            return ()
        text = f"the stack's lock was taken under load, now it is held by {whose}; two loads at once measure each other"
        return (RunProblem(reason=RunReason.LOCK_LOST, text=text),)

    def _server(self) -> dict[str, Any]:
        """What the services, and the database behind them, say of themselves."""
        began, ended, collector = self.outcome.load_started_at, self.outcome.load_ended_at, self.clients.server
        if collector is None or began is None or ended is None:
            return {}
        spans = [
            Span(
                phase.name,
                began + timedelta(seconds=phase.start_s),
                min(began + timedelta(seconds=phase.start_s + phase.duration_s), ended),
            )
            for phase in self.plan.phases
            if began + timedelta(seconds=phase.start_s) < ended
        ]
        server = collector.stop(spans)
        return {
            "server": server,
            "statements": collector.statements,
            "courses": (*self._generator(), *collector.courses),
        }

    def _generator(self) -> tuple[Course, ...]:
        """The generator's own processor time and memory over the load."""
        began = self.outcome.load_began_s or 0.0
        seen = [one for one in self.outcome.vitals if one.at_s >= began]
        quantities = (
            ("processor time", "cores", [(one.at_s - began, one.cpu_percent / 100) for one in seen]),
            ("memory", "MB", [(one.at_s - began, one.rss_mb) for one in seen]),
        )
        return tuple(Course.of_points("generator", *each) for each in quantities if seen)

    def _checks(self, summary: ScriptSummary, over: threading.Event) -> dict[str, Any]:
        """Wait a while, then see whether the services stand and answer as they did at first."""
        if over.wait(self.job.options.settling_s(self.plan)):
            return {}
        down = self.readiness.red()
        if down:
            text = f"after the load {', '.join(down)} did not say that it is ready"
            return {"problems": (RunProblem(reason=RunReason.STACK_UNREACHABLE, text=text),)}
        client, services = self.clients.chamicore, self.plan.services
        alone = self.job.share is None
        return {
            "checks": cooldown.check(
                client, self.job.seed, self.before, summary, services, whole=alone, over=over.is_set
            )
        }


class _Answers:
    """What those who were asked after the load have said so far; each from a thread of its own."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._lock = threading.Lock()

    def take(self, *, problems: tuple[RunProblem, ...] = (), warnings: tuple[str, ...] = (), **changes: Any) -> None:  # noqa: ANN401 - fields of Findings
        """Add problems and warnings, and set other fields."""
        with self._lock:
            found = self._found
            problems, warnings = (*found.problems, *problems), (*found.warnings, *warnings)
            self._found = replace(found, problems=problems, warnings=warnings, **changes)

    def so_far(self) -> Findings:
        """What was said until now; what comes later is not waited for."""
        with self._lock:
            return self._found

    def unless_it_fails(self, name: str, job: Callable[[], None]) -> None:
        """Do a job; what was measured does not hang on it."""
        try:
            job()
        except ToolkitError as error:
            self.take(warnings=(f"{name} could not be had: {error}",))


def _said(outcome: K6Outcome) -> list[str]:
    """The three most frequent things that k6 complained of."""
    return [f"k6 said {said.times:,} times: {said.text}" for said in outcome.said[:3]]


def _require_writable(folder: Path) -> None:
    """Stop before the load rather than after it.

    Raises:
        ConfigurationError: The folder cannot be written, or has no room for a run's file.
    """
    probe = folder / ".writable"
    write_text(probe, " " * _ROOM_BYTES)
    probe.unlink(missing_ok=True)
