"""What k6 is handed for one scenario: the plan's file and the processes to run."""

import json
from pathlib import Path

from chamiperf_ci.adapters import stack_state
from chamiperf_ci.adapters.files import write_text
from chamiperf_ci.adapters.k6 import K6Run, Segment
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.plan import Load, PlanIdentities, PlanTls, ScriptPlan
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.credentials import k6_environment
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.remote_write import labels

SUBJECT_TOKEN = "CHAMIPERF_SUBJECT_TOKEN"  # noqa: S105 - a variable's name
SYNC_INTERVAL = "sync_interval_s"
SLACK_S = 300.0
"""How much longer than planned k6 may take, for making its VUs and for the summary."""
_SLACK_SHARE = 1.1


def script_plan(job: Job, assignment: Assignment, run_id: str) -> ScriptPlan:
    """What the script is told; holds no secret."""
    target = job.target
    urls = {service: url for service in Service if (url := target.url(service)) is not None}
    tls = target.tls
    return ScriptPlan(
        scenario=assignment.scenario,
        profile=job.profile.name,
        urls={**urls, **({"kea": target.kea} if target.kea else {})},
        tls=PlanTls(
            insecure=tls.insecure, certificate_file=_path(tls.client_certificate), key_file=_path(tls.client_key)
        ),
        credential=target.credential.kind,
        connections="fresh" if job.connections == "fresh" else "keep",
        identities=PlanIdentities(
            run_id=job.seed.run_id, nodes=job.seed.nodes, network=job.seed.network, written_run_id=run_id
        ),
        load=_with_sync_interval(target, assignment.load),
    )


def write_plan(path: Path, plan: ScriptPlan) -> None:
    """Write the plan where the script reads it.

    Raises:
        ConfigurationError: The folder cannot be written, or the disk is full.
    """
    write_text(path, json.dumps(plan.model_dump(mode="json", exclude_none=True), indent=2) + "\n")


def k6_runs(job: Job, assignment: Assignment, plan: Path, run_id: str) -> tuple[K6Run, ...]:
    """The processes that share the load; `run_id` labels what they send elsewhere."""
    folder = plan.parent
    parts = [folder] if assignment.segments == 1 else [folder / f"segment-{n}" for n in range(assignment.segments)]
    duration_s = assignment.longest_s
    return tuple(
        K6Run(
            binary=job.k6.path,
            script=assignment.script,
            folder=part.resolve(),
            environment={
                **job.output_settings,
                **k6_environment(job.target.credential),
                **_subject_token(job, assignment),
            },
            plan=plan.resolve(),
            expected_s=duration_s,
            timeout_s=duration_s * _SLACK_SHARE + SLACK_S,
            outputs=job.outputs,
            tags=labels(run_id, assignment.scenario, job.target.environment, index, assignment.segments),
            ca_file=job.target.tls.ca_file and job.target.tls.ca_file.resolve(),
            insecure=job.target.tls.insecure,
            segment=Segment(index, assignment.segments),
        )
        for index, part in enumerate(parts)
    )


def _with_sync_interval(target: Target, load: Load) -> Load:
    """The load with the sync interval of the embedded stack, where the scenario states one and nobody gave it."""
    if load.parameters.get(SYNC_INTERVAL) != 0 or target.stack_kind is not StackKind.EMBEDDED:
        return load
    state = stack_state.find()
    if state is None:
        return load
    return load.model_copy(update={"parameters": {**load.parameters, SYNC_INTERVAL: state.options.sync_interval_s}})


def _subject_token(job: Job, assignment: Assignment) -> dict[str, str]:
    if job.subject_token is None or not assignment.exchanges_token:
        return {}
    return {SUBJECT_TOKEN: job.subject_token.get_secret_value()}


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
