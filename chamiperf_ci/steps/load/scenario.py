"""One scenario from its plan to its run's file: checked, driven, watched, cooled down, written."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chamiperf_ci.adapters import machine
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import remove, write_document, write_text
from chamiperf_ci.adapters.k6 import K6Outcome, StopRequest, Vitals, marked, run_k6
from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Check, Run, RunProblem, ServerMetric
from chamiperf_ci.models.script_summary import ScriptSummary
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import cooldown, handover, health, merging, outcomes, validity
from chamiperf_ci.steps.load.brake import COUNTERS, Brake
from chamiperf_ci.steps.load.catalogue import arrivals_per_s
from chamiperf_ci.steps.load.collect import Findings, run_of
from chamiperf_ci.steps.load.failed_answers import MOST_SAMPLES, failure_samples
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.readiness import Readiness
from chamiperf_ci.steps.load.server import ServerCollector, Span
from chamiperf_ci.steps.load.surroundings import Surroundings, look_around, require_seeded
from chamiperf_ci.steps.runs import new_run_id

_ROOM_BYTES = 1_000_000
"""A run's file takes a tenth of this."""


@dataclass(frozen=True, slots=True)
class Clients:
    """What a scenario is given to work with."""

    chamicore: Chamicore
    """One that does not try again by itself, so that what is slow or down is seen."""
    stop: StopRequest
    say: Callable[[str], None]
    server: ServerCollector | None = None
    lock_taken_by: Callable[[], str] = lambda: ""
    """Who has taken the stack's lock meanwhile; empty for nobody."""


def run_file(job: Job, scenario: str) -> Path:
    """Where a scenario's run is written."""
    return job.out / "runs" / f"{scenario}{job.file_ending}.json"


def run_scenario(job: Job, assignment: Assignment, clients: Clients) -> Run:
    """Drive one scenario and write its run, whatever becomes of it once the load has begun.

    The file of an earlier run is removed when the load begins, so that it cannot be taken for this one's.

    Raises:
        ConfigurationError: The output folder, the seed, the credential or k6 cannot be used.
        StackUnreachable: A service does not answer before the load.
        Interrupted: Asked to stop before the load began.
    """
    client, stop = clients.chamicore, clients.stop
    path = run_file(job, assignment.scenario)
    run_id = new_run_id("w")
    plan = job.out / "k6" / f"{assignment.scenario}{job.file_ending}" / "plan.json"
    handover.write_plan(plan, handover.script_plan(job, assignment, run_id))
    _require_writable(path.parent)
    around = look_around(client)
    require_seeded(client, job.seed, around.stack_kind)
    before = cooldown.look(client, job.seed, assignment.services)
    stop.check("before the load")
    remove(path)
    if clients.server is not None:
        clients.server.start()
    readiness = Readiness(client, assignment.services)
    brake = Brake(job.limits, readiness.red_for_s)
    with readiness:
        outcome = run_k6(
            handover.k6_runs(job, assignment, plan, run_id),
            stop,
            label=assignment.scenario,
            watch=brake,
            counters=COUNTERS,
            beside=around.processes,
        )
    names = tuple(Identities(client.dialect.identity, run, job.seed.network) for run in (job.seed.run_id, run_id))
    found = _Aftermath(job, assignment, clients, outcome, brake, readiness, before, names).findings()
    run = run_of(job, assignment, around, run_id, found)
    write_document(path, run)
    return run


def not_driven(job: Job, assignment: Assignment, problem: RunProblem, around: Surroundings) -> Run:
    """Write and return the run of a scenario that was not driven, so that its absence has a reason."""
    now = datetime.now(UTC)
    run = run_of(job, assignment, around, new_run_id("w"), Findings(now, now, problems=(problem,)))
    write_document(run_file(job, assignment.scenario), run)
    return run


@dataclass(frozen=True, slots=True)
class _Aftermath:
    """What is done when k6 has ended."""

    job: Job
    assignment: Assignment
    clients: Clients
    outcome: K6Outcome
    brake: Brake
    readiness: Readiness
    before: cooldown.Before
    names: tuple[Identities, ...]
    """Of the seeded nodes, and of those that the scenario wrote."""

    def findings(self) -> Findings:
        """Read what k6 left, look after the stack, and judge whether it was a measurement."""
        outcome = self.outcome
        summary, warnings = merging.merged(outcome)
        ended = validity.ended_badly(outcome, has_summary=summary is not None)
        found = Findings(
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            complete=ended is None,
            problems=() if ended is None else (ended,),
            failures=failure_samples(marked(outcome.log, "failure", most=MOST_SAMPLES), self.names),
            warnings=(*warnings, *_said(outcome)),
        )
        if summary is None:
            return found
        plan = self.assignment.plan
        phases = outcomes.phase_outcomes(self.assignment.load, plan, summary, self.brake.seen)
        rss_mb = max((each.rss_mb for each in outcome.vitals), default=0.0)
        judged = health.judge(self._under_load(), summary, cores=machine.cores(), rss_mb=rss_mb)
        sustained = next((phase for phase in phases if phase.name == SUSTAINED), None)
        arrivals = sum(arrivals_per_s(phase) * phase.duration_s for phase in self.assignment.load.phases)
        # What a load says that was stopped, or threw as a whole, is in its one problem already.
        thrown = outcome.thrown if ended is None else ()
        more = validity.problems(summary, plan, judged, sustained, arrivals=arrivals, thrown=thrown)
        more = (*more, *self._another_load())
        server = self._server()
        checks, down = self._checks(summary) if ended is None else ((), ())
        return replace(
            found,
            problems=(*found.problems, *more, *down),
            summary=summary,
            health=judged,
            phases=phases,
            checks=checks,
            server=server,
            warnings=(*found.warnings, *health.other_phases(summary)),
            foreign_cpu_percent=health.foreign_cpu_percent(self._under_load()),
        )

    def _under_load(self) -> list[Vitals]:
        """The vitals of the sustained phase, else of the load; before it VUs are made, after it the summary is."""
        began, load = self.outcome.load_began_s, self.assignment.load
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

    def _server(self) -> tuple[ServerMetric, ...]:
        began = self.outcome.load_started_at
        if self.clients.server is None or began is None or self.clients.stop.requested:
            return ()
        spans = [
            Span(
                phase.name,
                began + timedelta(seconds=phase.start_s),
                min(began + timedelta(seconds=phase.start_s + phase.duration_s), self.outcome.ended_at),
            )
            for phase in self.assignment.load.phases
            if began + timedelta(seconds=phase.start_s) < self.outcome.ended_at
        ]
        return self.clients.server.stop(spans)

    def _checks(self, summary: ScriptSummary) -> tuple[tuple[Check, ...], tuple[RunProblem, ...]]:
        """Wait a while, then see whether the services stand and answer as they did at first."""
        stop, client = self.clients.stop, self.clients.chamicore
        if stop.wait(self.job.settling_s(self.assignment.load)):
            return (), ()
        down = self.readiness.red()
        if down:
            text = f"after the load {', '.join(down)} did not say that it is ready"
            return (), (RunProblem(reason=RunReason.STACK_UNREACHABLE, text=text),)
        checks = cooldown.check(
            client,
            self.job.seed,
            self.before,
            summary,
            self.assignment.services,
            over=lambda: stop.requested,
        )
        return (() if stop.requested else checks), ()


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
