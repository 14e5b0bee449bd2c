"""`load` from what was given to its exit code: planned, shown, allowed, driven."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr
from tabulate import tabulate

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import read_document
from chamiperf_ci.adapters.hosts import require_allowed
from chamiperf_ci.adapters.k6 import StopRequest, find_k6
from chamiperf_ci.adapters.sender import Patience
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.plan import Parameter, Profile
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Target
from chamiperf_ci.steps.load import names, remote_write
from chamiperf_ci.steps.load.brake import Limits
from chamiperf_ci.steps.load.budget import Budget, confirmation_of, seconds_of
from chamiperf_ci.steps.load.foreign_variables import refuse_thresholds
from chamiperf_ci.steps.load.handover import SUBJECT_TOKEN
from chamiperf_ci.steps.load.job import Assignment, Job
from chamiperf_ci.steps.load.night import ScenarioEnd, Word, run_night
from chamiperf_ci.steps.load.overrides import Overrides
from chamiperf_ci.steps.load.pairs import Side, run_pairs
from chamiperf_ci.steps.load.plan_table import duration, plan_table
from chamiperf_ci.steps.load.planning import assign, require_possible
from chamiperf_ci.steps.load.scenario import Clients
from chamiperf_ci.steps.load.server import ServerCollector
from chamiperf_ci.steps.lock import Claim, Held, hold
from chamiperf_ci.steps.targets import GivenTarget, resolve

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
    refuse_thresholds(os.environ, BASELINES)
    _check_pairs(given)
    profile = names.read_profile(given.profile)
    scenarios = names.choose_scenarios(given.scenarios, profile)
    if given.dry_run:
        _show([assign(profile, each, _overrides(given)) for each in scenarios], given, voice.result)
        return ExitCode.OK
    target = resolve(given.target)
    require_allowed(target)
    job = _job(given, target, profile, _seed(given.seed_file or given.out / "seed.json"))
    assignments = [assign(profile, each, job.overrides) for each in scenarios]
    for warning in job.k6.warnings:
        voice.progress(warning)
    budget = _show(assignments, given, voice.progress)
    if len(assignments) == 1:
        require_possible(job, assignments[0], many_objects=job.many_objects)
    with StopRequest() as stop, ExitStack() as held:

        def clients_of(side: Target) -> Clients:
            client = held.enter_context(Chamicore(side, patience=PATIENCE))
            lock = Held()
            if given.claim is not None:
                lock = held.enter_context(hold(client, given.claim, say=voice.progress))
            collector = collectors(side) if collectors else None
            return Clients(client, stop, voice.progress, collector, lock.taken_by)

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
    written = remote_write.settings(os.environ, target, native_histograms=given.native_histograms) if writing else {}
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
        outputs=(*given.outputs, *([remote_write.OUTPUT] if writing else [])),
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


def _show(assignments: list[Assignment], given: Given, say: Callable[[str], None]) -> Budget:
    """Say the plan and how long it takes, and keep the time."""
    runs = 2 * given.pairs if given.pairs else 1
    night = given.kind == RunKind.NIGHT
    confirmation = confirmation_of(assignments) if night else 0.0
    total = runs * sum(seconds_of(each) for each in assignments)
    say(plan_table(assignments))
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
    fine = {Word.MEASURED} | ({Word.NOT_POSSIBLE} if names.ALL in given.scenarios else set())
    good = not interrupted and all(end.word in fine for end in ends) and any(end.word is Word.MEASURED for end in ends)
    return ExitCode.OK if good else ExitCode.INVALID
