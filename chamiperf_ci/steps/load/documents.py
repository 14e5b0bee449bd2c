"""A scenario as documents: the plan that its script reads, the k6 processes that run it, and the run's file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from chamiperf_ci.adapters.files import PRODUCER, built_script, dialect, find_stack, write_text
from chamiperf_ci.adapters.k6.command import K6Run, Segment
from chamiperf_ci.adapters.machine import machine_class
from chamiperf_ci.models.plan import SUSTAINED, Load, Plan, PlanIdentities, PlannedPhase, PlanTls, ScriptPlan
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
    Statement,
    UncertainQuantile,
)
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Fingerprint, Service, StackKind, Target
from chamiperf_ci.steps.load import merging, request
from chamiperf_ci.steps.load.plan import limits, period_warnings, sources
from chamiperf_ci.steps.load.request import SUBJECT_TOKEN, Job, labels
from chamiperf_ci.steps.load.stack_state import Environment
from chamiperf_ci.steps.load.validity import LoadSecond
from chamiperf_ci.steps.targets import k6_environment

SYNC_INTERVAL = "sync_interval_s"
SLACK_S = 300.0
"""How much longer than planned k6 may take, for making its VUs and for the summary."""
_SLACK_SHARE = 1.1


def script_plan(job: Job, plan: Plan, run_id: str) -> ScriptPlan:
    """What the script is told; holds no secret."""
    load, profile = _with_sync_interval(job.target, plan), job.profile.name
    of_all = plan_for_script(job.target, job.seed, load, scenario=plan.scenario, profile=profile, run_id=run_id)
    return of_all.model_copy(
        update={
            "connections": job.options.connections,
            "quantiles": merging.SHARD_QUANTILES if plan.segments > 1 else None,
        }
    )


def plan_for_script(target: Target, seed: Seed, load: Load, *, scenario: str, profile: str, run_id: str) -> ScriptPlan:
    """What a script is told of a target and its nodes; `run_id` names what it writes."""
    urls = {service: url for service in Service if (url := target.url(service)) is not None}
    tls = target.tls
    return ScriptPlan(
        scenario=scenario,
        profile=profile,
        dialect=target.dialect,
        urls={**urls, **({"kea": target.kea} if target.kea else {})},
        tls=PlanTls(
            insecure=tls.insecure, certificate_file=_path(tls.client_certificate), key_file=_path(tls.client_key)
        ),
        credential=target.credential.kind,
        identities=PlanIdentities(run_id=seed.run_id, nodes=seed.nodes, network=seed.network, written_run_id=run_id),
        load=load,
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
    local = sources(plan, limits(job.target), run_id=run_id, fresh=job.options.connections == "fresh")
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
            sources=local[each.index :: each.of],
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
    uncertain: tuple[UncertainQuantile, ...] = ()
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
        what = dialect(job.target.dialect).objects_left.get(traffic.endpoint)
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
