"""Everything that is known of a load, put together as its run; pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.adapters.machine import machine_class
from chamiperf_ci.models.fingerprint import Fingerprint, StackKind
from chamiperf_ci.models.run import (
    Check,
    FailureSample,
    GeneratorHealth,
    PhaseOutcome,
    Run,
    RunProblem,
    Series,
    ServerMetric,
)
from chamiperf_ci.models.script_summary import ScriptSummary
from chamiperf_ci.steps.load import overrides
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Findings:
    """What a load left; the defaults are those of one that never began."""

    started_at: datetime
    ended_at: datetime
    problems: tuple[RunProblem, ...] = ()
    complete: bool = False
    summary: ScriptSummary | None = None
    health: GeneratorHealth | None = None
    phases: tuple[PhaseOutcome, ...] = ()
    checks: tuple[Check, ...] = ()
    server: tuple[ServerMetric, ...] = ()
    failures: tuple[FailureSample, ...] = ()
    warnings: tuple[str, ...] = ()
    foreign_cpu_percent: float | None = None
    """As in the machine's model."""


def run_of(job: Job, assignment: Assignment, around: Surroundings, run_id: str, found: Findings) -> Run:
    """The run's document."""
    summary = found.summary
    return Run(
        producer=PRODUCER,
        run_kind=job.kind,
        run_id=run_id,
        seed_run_id=job.seed.run_id,
        scenario=assignment.scenario,
        started_at=found.started_at,
        ended_at=found.ended_at,
        self_test=around.stack_kind is StackKind.EMBEDDED,
        complete=found.complete,
        problems=found.problems,
        fingerprint=_fingerprint(job, assignment, around, summary),
        machine=around.machine.model_copy(update={"foreign_cpu_percent": found.foreign_cpu_percent}),
        identities=around.identities,
        plan=assignment.plan,
        phases=found.phases,
        series=tuple(_series(each) for each in summary.series) if summary else (),
        traffic=summary.traffic if summary else (),
        scalars=summary.scalars if summary else (),
        objects=summary.objects if summary else (),
        checks=found.checks,
        server=found.server,
        generator=found.health,
        unavailable=summary.unavailable if summary else (),
        failures=found.failures,
        warnings=(*around.warnings, *job.k6.warnings, *(summary.warnings if summary else ()), *found.warnings),
        injected_faults=around.faults,
    )


def _series(series: Series) -> Series:
    return Series.model_validate(series.model_dump(exclude={"service"}))


def _fingerprint(job: Job, assignment: Assignment, around: Surroundings, summary: ScriptSummary | None) -> Fingerprint:
    target = job.target
    return Fingerprint(
        environment=target.environment,
        stack_kind=around.stack_kind,
        stack_sizing=around.sizing,
        scenario=assignment.scenario,
        # A load that left no summary is not judged, whatever its script's version.
        scenario_version=summary.scenario_version if summary else 0,
        profile=job.profile.name,
        parameters=overrides.describe(assignment.load),
        seeded=job.seed.counts,
        machine_class=machine_class(around.machine),
        k6_version=job.k6.version,
        credential=target.credential.kind,
        route="direct" if all(need in target.services for need in assignment.services) else "gateway",
        tls=_tls(job, assignment),
        connections="fresh" if job.connections == "fresh" else "keep",
        generator_on_target_host=target.generator_on_target_host,
    )


def _tls(job: Job, assignment: Assignment) -> Literal["none", "verified", "insecure"]:
    urls = [job.target.url(service) or "" for service in assignment.services]
    if not any(url.startswith("https:") for url in urls):
        return "none"
    return "insecure" if job.target.tls.insecure else "verified"
