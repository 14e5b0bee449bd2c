"""A load that the k6 operator spreads over a cluster: its manifest, its run, and what its runners' logs say.

Each runner is a shard like any other. It prints its summary on one line between marks, with a checksum, and the shards
are put together as those of other machines are. The operator adds nothing up and calls a test finished that failed, so
each runner's own end and exactly one summary of each are asked for.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from chamiperf_ci.adapters import bounds
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import PRODUCER, built_script, first_wrong, read_document, write_document
from chamiperf_ci.adapters.http_client import read_ca
from chamiperf_ci.adapters.k6 import K6Binary, StopRequest
from chamiperf_ci.adapters.k6.command import collecting
from chamiperf_ci.adapters.kubernetes import GROUP, VERSION, Kubernetes, Runner
from chamiperf_ci.errors import ConfigurationError, InvalidMeasurement, ToolkitError
from chamiperf_ci.models.plan import Plan
from chamiperf_ci.models.run import Run, RunProblem, ScriptSummary, Shard
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.shard import ShardRun
from chamiperf_ci.models.target import Machine
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load import validity
from chamiperf_ci.steps.load.documents import Findings, run_of, script_plan
from chamiperf_ci.steps.load.drive import describe
from chamiperf_ci.steps.load.gather import write_run
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import Job, LoadOptions, read_profile
from chamiperf_ci.steps.load.shards import shard_file
from chamiperf_ci.steps.load.stack_state import Environment, inspect_stack
from chamiperf_ci.steps.load.volume import planned_arrivals
from chamiperf_ci.steps.targets import k6_environment, resolve

_FOLDER: Final = "/test"
"""Where the operator mounts the config map."""
_RESULTS: Final = "/results"
"""Where a volume for the summaries is mounted."""
_MOST_BYTES: Final = 1_048_576
"""Of a config map, all its texts together."""
_MARKED: Final = re.compile(r"chamiperf-summary-begin sha256:([0-9a-f]{64}) (\{.*\}) chamiperf-summary-end")
_BEGUN: Final = "chamiperf-summary-begin"
_GOOD_ENDS: Final = frozenset({0, 99})
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")
_POLL_S: Final = 5.0
_OF_THE_LIMIT: Final = 0.9


@dataclass(frozen=True, slots=True)
class Runners:
    """How runners are made."""

    name: str
    namespace: str
    count: int
    image: str
    cores: float
    secret: str | None = None
    """The Kubernetes secret with the credential's variables as its keys."""
    start_at: float | None = None
    """When all begin, s since the epoch; None: as the operator starts them, one after the other."""
    spread: bool = False
    """One runner a host."""
    volume: str | None = None
    """A claim for a volume that all of them can write: each leaves its summary there as well."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run is waited for."""

    stop: StopRequest
    say: Callable[[str], None]
    within_s: float
    now: Callable[[], float]


def prepare(options: LoadOptions, runners: Runners) -> tuple[Plan, list[dict[str, Any]]]:
    """Plan a load of one scenario, keep what collecting needs of it, and return its manifests.

    Raises:
        ConfigurationError: It cannot be planned, rendered or kept.
    """
    (scenario,) = options.scenarios
    options = replace(options, shard=(0, runners.count))
    target = resolve(options.target)
    profile = read_profile(options.profile)
    seed = read_document(options.seed_file or options.out / "seed.json", Seed, remedy="Run `chamiperf seed` first.")
    if scenario not in profile.scenarios:
        raise ConfigurationError(
            f"there is no scenario {scenario!r}",
            where=f"--scenario, profile {profile.name}",
            remedy=f"There are: {', '.join(profile.scenarios)}.",
        )
    version = runners.image.rpartition(":")[2]
    job = Job(options, target, seed, profile, K6Binary(Path("k6"), version))
    plan = assign(profile, scenario, options, target.dialect)
    # The same on each runner, and another for each TestRun.
    run_id = f"w{hashlib.sha256(f'{seed.run_id} {runners.namespace} {runners.name}'.encode()).hexdigest()[:10]}"
    made = manifests(job, plan, runners, run_id)
    write_document(_kept(options.out, runners.name), blank(job, plan, runners, run_id, _inspect(job)))
    return plan, made


def drive(cluster: Kubernetes, made: Sequence[Mapping[str, Any]], *, out: Path, watch: Watch) -> Run:
    """Run a TestRun and collect it.

    Raises:
        ToolkitError: It could not be started, or the cluster refuses.
    """
    wait(cluster, made, watch)
    meta = made[-1]["metadata"]
    return collect(out, meta["name"], cluster.runners(meta["namespace"], meta["name"]), watch.say)


def collect(out: Path, name: str, ends: Sequence[Runner], say: Callable[[str], None]) -> Run:
    """Write what each runner left as a shard, and all of them as one run, and return that.

    Raises:
        ConfigurationError: This TestRun was not rendered into `out`, or no runner is there.
    """
    shape = read_document(_kept(out, name), ShardRun, remedy="Give the --out and --name with which it was rendered.")
    if not ends:
        raise ConfigurationError(
            f"the TestRun {name} has no runners", where="its pods", remedy="Give the --namespace where it ran."
        )
    found = shards(shape, ends, shape.run.machine.cores)
    for each in found:
        write_document(shard_file(out, each.run.scenario, each.shard.index, each.shard.of), each)
    run, path = write_run(found, out)
    say(f"{run.scenario}: {'measured' if run.valid else 'invalid'}, {path}; {describe(run)}")
    return run


def in_folder(folder: Path, name: str) -> list[Runner]:
    """Runners whose logs were saved as `NAME-1.log` and so on, or that left their summaries in a volume.

    How they ended is not known, so their summary decides.

    Raises:
        ConfigurationError: A log cannot be read.
    """
    found = []
    for path in sorted(folder.glob(f"{name}-*.log")):
        number = path.stem.removeprefix(f"{name}-")
        if number.isdecimal():
            try:
                found.append(Runner(int(number), bounds.read(path), 0))
            except (OSError, ValueError) as error:
                found.append(Runner(int(number), "", 0, f"its log cannot be read: {error}"))
    return found


def _kept(out: Path, name: str) -> Path:
    return out / "k8s" / f"{name}.json"


def _inspect(job: Job) -> Environment | None:
    """The stack as it says it is; None where it is not reached from here, as where it has names of the cluster."""
    try:
        with Chamicore(job.target, retry=RetryPolicy(timeout_s=5.0, retries=0)) as client:
            return inspect_stack(client)
    except ToolkitError:
        return None


def manifests(job: Job, plan: Plan, runners: Runners, run_id: str) -> list[dict[str, Any]]:
    """The config map with script and plan, and the TestRun; no secret stands in either.

    Raises:
        ConfigurationError: The name is none, the credential has no secret to come from, the target wants a client
            certificate, or all of it is too large for a config map.
    """
    _require_possible(job, plan, runners)
    to = "-" if runners.volume is None else f"{_RESULTS}/{runners.name}-*.log"
    variables = {"CHAMIPERF_PLAN": f"{_FOLDER}/plan.json", "CHAMIPERF_SUMMARY": to}
    texts = {
        "script.js": built_script(plan.scenario).read_text(encoding="utf-8"),
        "plan.json": json.dumps(script_plan(job, plan, run_id).model_dump(mode="json", exclude_none=True)),
    }
    if job.target.tls.ca_file is not None:
        texts["ca.pem"] = read_ca(job.target.tls.ca_file)
        variables["SSL_CERT_FILE"] = f"{_FOLDER}/ca.pem"
    if runners.start_at is not None:
        variables["CHAMIPERF_START_AT"] = f"{runners.start_at:.3f}"
    if sum(len(text.encode()) for text in texts.values()) > _MOST_BYTES:
        raise ConfigurationError(
            "script and plan are larger than a config map may be",
            where=f"{_MOST_BYTES:,} bytes",
            remedy="Plan fewer parameters.",
        )
    meta = {"name": runners.name, "namespace": runners.namespace, "labels": {"app.kubernetes.io/part-of": "chamiperf"}}
    plain = [{"name": name, "value": value} for name, value in variables.items()]
    common: dict[str, Any] = {"image": runners.image, "automountServiceAccountToken": "false"}
    share_mb = plan.share(runners.count).memory_mb
    memory = f"{math.ceil(share_mb)}M"
    resources = {"requests": {"cpu": f"{runners.cores:g}", "memory": memory}, "limits": {"memory": memory}}
    # A container is killed at its limit, so the heap stays a little below.
    rarely = {} if plan.gogc is None else collecting(plan.gogc, _OF_THE_LIMIT * share_mb, least_mb=0)
    collected = [{"name": name, "value": value} for name, value in rarely.items()]
    runner = {**common, "env": [*plain, *collected, *_secrets(job, runners)], "resources": resources}
    if runners.volume is not None:
        runner["volumes"] = [{"name": "results", "persistentVolumeClaim": {"claimName": runners.volume}}]
        runner["volumeMounts"] = [{"name": "results", "mountPath": _RESULTS}]
    spec = {
        "parallelism": runners.count,
        "script": {"configMap": {"name": runners.name, "file": "script.js"}},
        "args": [
            "--no-usage-report",
            # What all of them measured is judged, not each share.
            "--no-thresholds",
            "--max-redirects=0",
            *(["--insecure-skip-tls-verify"] if job.target.tls.insecure else []),
        ],
        # Only its plain variables reach the script there, and no secret is needed to inspect it.
        "initializer": {**common, "env": plain},
        "runner": runner,
        "separate": runners.spread,
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": texts},
        {"apiVersion": f"{GROUP}/{VERSION}", "kind": "TestRun", "metadata": meta, "spec": spec},
    ]


def blank(job: Job, plan: Plan, runners: Runners, run_id: str, around: Environment | None) -> ShardRun:
    """A shard that has measured nothing yet: what collecting makes the others of.

    Args:
        job: What is options.
        plan: The whole load's.
        runners: Who makes it.
        run_id: Under which all of them write.
        around: The stack as it was asked; None where nobody here reaches it.
    """
    machine = Machine(
        cores=math.ceil(runners.cores),
        memory_gib=max(1, round(plan.share(runners.count).memory_mb / 1000)),
        cpu_model="a runner of the k6 operator",
        kernel="",
        load_average=0.0,
    )
    here = around or Environment(machine=machine, identities=(), stack_kind=job.target.stack_kind)
    now = datetime.now(UTC)
    seen = Environment(
        machine=machine, identities=here.identities, stack_kind=here.stack_kind, sizing=here.sizing,
        warnings=here.warnings if around else ("the stack was not asked what it is: it was not reached from here",),
    )  # fmt: skip
    run = run_of(job, plan, seen, run_id, Findings(now, now))
    return ShardRun(
        producer=PRODUCER,
        shard=Shard(index=0, of=runners.count),
        plan=script_plan(job, plan, run_id),
        run=run,
        summary=None,
    )


def wait(cluster: Kubernetes, made: Sequence[Mapping[str, Any]], watch: Watch) -> None:
    """Create the objects and wait for the TestRun's end.

    Raises:
        InvalidMeasurement: The operator gave up before the start, or it took too long.
        Interrupted: Asked to stop; the objects stay.
    """
    for manifest in made:
        cluster.create(manifest)
    meta = made[-1]["metadata"]
    end, before = watch.now() + watch.within_s, ""
    while watch.now() < end:
        stage = cluster.stage(meta["namespace"], meta["name"])
        if stage != before:
            watch.say(f"testrun {meta['name']}: {stage or 'waiting for the operator'}")
            before = stage
        if stage in ("finished", "stopped"):
            return
        if stage == "error":
            break
        watch.stop.wait(_POLL_S)
        watch.stop.check("waiting for the TestRun")
    why = "could not be started" if before == "error" else f"did not end within {watch.within_s:,.0f} s"
    raise InvalidMeasurement(
        f"the TestRun {meta['name']} {why}; its stage is {before or 'empty'}",
        where=f"namespace {meta['namespace']}",
        remedy=f"See `kubectl describe testrun {meta['name']}`, and the log of the pod {meta['name']}-initializer.",
    )


def shards(blank_shard: ShardRun, ends: Sequence[Runner], cores: int) -> list[ShardRun]:
    """What each runner left, as shards; one that left nothing that can be read has said why.

    Args:
        blank_shard: As `blank` made it.
        ends: The runners; one that is not among them is a missing shard.
        cores: Of a runner.
    """
    known = (end for end in ends if 1 <= end.number <= blank_shard.shard.of)
    return [_shard(blank_shard, end, cores) for end in sorted(known, key=lambda end: end.number)]


def summary_in(log: str) -> tuple[ScriptSummary | None, str]:
    """The summary in a runner's log, or why there is none that can be trusted."""
    found = _MARKED.findall(log)
    if len(found) != 1:
        if not found and _BEGUN in log:
            return None, "its summary was cut off: the log was rotated, or the runner was killed"
        return None, f"it printed {'more than one' if found else 'no'} summary"
    digest, text = found[0]
    if hashlib.sha256(text.encode("utf-8")).hexdigest() != digest:
        return None, "its summary does not match its checksum: lines were mixed up or changed"
    try:
        return ScriptSummary.model_validate(bounds.parse_json(text)), ""
    except ValidationError as error:
        return None, f"its summary cannot be read: {first_wrong(error, ScriptSummary)}"
    except ValueError as error:
        return None, f"its summary cannot be read: {error}"


def _shard(blank_shard: ShardRun, end: Runner, cores: int) -> ShardRun:
    which = Shard(index=end.number - 1, of=blank_shard.shard.of)
    summary, why = summary_in(end.log)
    why = end.problem or why
    if summary is not None and summary.shard != which:
        why = f"its summary is of shard {summary.shard.index + 1} of {summary.shard.of}"
        summary = None
    problems = []
    if end.exit_code not in _GOOD_ENDS:
        code = "did not end" if end.exit_code is None else f"ended with exit code {end.exit_code}"
        problems.append(RunProblem(reason=RunReason.GENERATOR_DIED, text=f"the runner {code}"))
    if why:
        problems.append(RunProblem(reason=RunReason.GENERATOR_DIED, text=why))
    run = blank_shard.run
    if summary is not None:
        health = validity.judge([], summary, cores=cores, rss_mb=0.0)
        arrivals = planned_arrivals(run.plan) / which.of
        problems.extend(validity.problems(summary, run.plan, health, None, arrivals=arrivals))
        began, ended = summary.clock.began_at, summary.clock.ended_at
        started_at = datetime.fromtimestamp(began, UTC) if began else run.started_at
        ended_at = datetime.fromtimestamp(ended, UTC) if ended else run.ended_at
        run = run.model_copy(
            update={
                "started_at": started_at,
                # A pod's clock may be set back meanwhile, and no run ends before it began.
                "ended_at": max(started_at, ended_at),
                "generator": health,
                "warnings": (*run.warnings, *validity.other_phases(summary)),
            }
        )
    run = run.model_copy(update={"problems": tuple(problems), "complete": summary is not None and not problems})
    return blank_shard.model_copy(update={"shard": which, "run": run, "summary": summary})


def _require_possible(job: Job, plan: Plan, runners: Runners) -> None:
    wrong = remedy = ""
    if not _NAME.fullmatch(runners.name):
        wrong, remedy = f"{runners.name!r} cannot name a TestRun", "Use small letters, digits and `-`, at most 52."
    elif runners.count > max(1, plan.vus):
        wrong, remedy = f"{plan.vus:,} VUs are planned for {runners.count} runners", "Use fewer runners."
    elif job.target.tls.client_certificate is not None:
        wrong, remedy = "a client certificate cannot be handed to runners", "Reach the stack without one."
    elif k6_environment(job.target.credential) and not runners.secret:
        names = ", ".join(k6_environment(job.target.credential))
        wrong = "runners take the credential from a secret of the cluster, and none is named"
        remedy = f"Make one with the keys {names}, and name it with --secret."
    if wrong:
        raise ConfigurationError(wrong, where=f"{plan.scenario} in {runners.count} runners", remedy=remedy)


def _secrets(job: Job, runners: Runners) -> Iterator[dict[str, Any]]:
    """The credential's variables, by reference: their values are the cluster's own."""
    for name in k6_environment(job.target.credential):
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": runners.secret, "key": name}}}
