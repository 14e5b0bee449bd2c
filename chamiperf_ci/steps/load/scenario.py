"""One scenario driven: handed to k6, watched, collected, written."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import PRODUCER, remove, write_document, write_text
from chamiperf_ci.adapters.k6 import K6Outcome, ResourceSample, Stage, StopRequest, marked, run_k6
from chamiperf_ci.errors import StackUnreachable, ToolkitError
from chamiperf_ci.models.dialect import Identities, new_run_id
from chamiperf_ci.models.plan import (
    SUSTAINED,
    Plan,
)
from chamiperf_ci.models.run import (
    Course,
    Run,
    RunProblem,
    ScriptSummary,
    ServerMetric,
    Shard,
    Statement,
)
from chamiperf_ci.models.shard import ShardRun
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import merging, validity
from chamiperf_ci.steps.load import stack_state as cooldown
from chamiperf_ci.steps.load.documents import Findings, k6_runs, phase_outcomes, run_of, script_plan, write_plan
from chamiperf_ci.steps.load.request import Job
from chamiperf_ci.steps.load.stack_state import Environment, inspect_stack, require_seeded
from chamiperf_ci.steps.load.validity import COUNTERS, MOST_SAMPLES, Brake, failure_samples
from chamiperf_ci.steps.load.volume import planned_arrivals
from chamiperf_ci.steps.readiness import Readiness, Road, side_by_side, within_deadline


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
    run = run_of(job, plan, around, run_id, aftermath.inspect_after(found))
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

    found = within_deadline(look, seconds=_BEFORE_S, over=lambda: stop.requested)
    stop.check("before the load")
    if found is None:
        raise StackUnreachable(
            f"the stack did not identify itself within {_BEFORE_S:.0f} s",
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
            warnings=(*unread, *warnings, *[f"k6 said {said.times:,} times: {said.text}" for said in outcome.said[:3]]),
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

    def inspect_after(self, found: Findings) -> Findings:
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
                    {name: partial(seen.try_or_warn, name, job) for name, job in jobs.items()},
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

    def _under_load(self) -> list[ResourceSample]:
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

    def try_or_warn(self, name: str, job: Callable[[], None]) -> None:
        """Do a job; what was measured does not hang on it."""
        try:
            job()
        except ToolkitError as error:
            self.take(warnings=(f"{name} could not be read: {error}",))


def _require_writable(folder: Path) -> None:
    """Stop before the load rather than after it.

    Raises:
        ConfigurationError: The folder cannot be written, or has no room for a run's file.
    """
    probe = folder / ".writable"
    write_text(probe, " " * _ROOM_BYTES)
    probe.unlink(missing_ok=True)
