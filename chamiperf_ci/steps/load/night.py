"""Several scenarios one after the other on one stack: what does not fit is named, what fails loses no other.

Each ends in an outcome with a name: measured, invalid, not possible on this stack, not run for lack of time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from chamiperf_ci.errors import InvalidMeasurement, StackUnreachable, ToolkitError
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load.budget import Budget, Fit
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.planning import require_possible
from chamiperf_ci.steps.load.readiness import Readiness
from chamiperf_ci.steps.load.scenario import Clients, not_driven, run_file, run_scenario
from chamiperf_ci.steps.load.surroundings import look_around


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
            text = f"the stack has no {' and no '.join(missing)}"
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
