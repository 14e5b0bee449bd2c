"""What became of each scenario's runs, and what they were compared with; no row is looked at."""

from collections.abc import Iterator, Sequence

from chamiperf_ci.models.baselines import AcceptedRun, Baselines, EnvironmentBaseline
from chamiperf_ci.models.fingerprint import Identity, Machine
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import ScenarioOutcome
from chamiperf_ci.render.accepting import NEWEST, filled_in
from chamiperf_ci.steps.compare.sittings import Sitting, reasons
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED, is_old

BUSY = 0.5
"""Load average per core, at the start of a run, from which it is worth a line."""


def scenario_outcome(
    sitting: Sitting, baselines: Baselines, *, nights_alike: int, is_learning: bool
) -> ScenarioOutcome:
    """Return one scenario's outcome.

    Args:
        sitting: Its runs.
        baselines: What was accepted.
        nights_alike: Valid nights of the same fingerprint before: a first baseline is made from them, or a drift seen.
        is_learning: The environment's baseline is still being gathered.
    """
    night = sitting.night
    accepted = None if sitting.only_pairs else baselines.accepted(night.fingerprint)
    old = [pair[0] for pair in sitting.pairs] if sitting.only_pairs else []
    before: Sequence[AcceptedRun | Run] = old or _oldest_first(accepted)
    newest = before[-1] if before else None
    return ScenarioOutcome(
        scenario=sitting.scenario,
        valid=night.valid,
        reasons=reasons(night),
        problems=_problems(night),
        runs=tuple(run.run_id for run in sitting.judged),
        fingerprint=night.fingerprint,
        machine=night.machine,
        identities=night.identities,
        baseline_identities=newest.identities if newest else (),
        baseline_runs=len(before),
        baseline_newest=before[-1].started_at.date().isoformat() if before else "",
        baseline_oldest=before[0].started_at.date().isoformat() if before else "",
        learning_runs=min(nights_alike + night.valid, RUNS_WANTED) if is_learning else None,
        drift_nights=nights_alike + 1 if accepted and night.valid and night.run_kind is RunKind.NIGHT else None,
        accepted_otherwise=() if sitting.only_pairs else baselines.made_otherwise(night.fingerprint),
        environment_accepted=baselines.knows(night.fingerprint.environment),
        # A fault set on purpose makes the same build another one.
        same_build=bool(newest and not night.injected_faults)
        and _told_apart(night.identities, newest.identities if newest else ()) == (),
        reported_differences=_reported(night, newest, "on the old side" if old else "in the newest accepted run"),
        started_at=night.started_at,
        repeated=len(sitting.pairs) or len(sitting.repeats),
        same_sitting=sitting.same_sitting,
        warnings=tuple(dict.fromkeys(_warnings(sitting, accepted))),
        baseline_commits=_commits(before),
        repeat_reasons=sitting.failed,
        judged_targets_only=judges_targets_only(night, baselines),
    )


def judges_targets_only(night: Run, baselines: Baselines) -> bool:
    """Whether a quick run has no accepted run of its own profile in its environment to stand against."""
    if night.run_kind is not RunKind.QUICK:
        return False
    mine = night.fingerprint
    return not any(
        (other.environment, other.stack_kind, other.profile) == (mine.environment, mine.stack_kind, mine.profile)
        for other in (entry.fingerprint for entry in baselines.accepted_runs.values() if entry.runs)
    )


def _problems(night: Run) -> tuple[str, ...]:
    if not night.complete and not night.problems:
        return ("the run did not come to its planned end",)
    return tuple(problem.text for problem in night.problems)


def _warnings(sitting: Sitting, accepted: EnvironmentBaseline | None) -> Iterator[str]:
    """What a reader should know of the runs beside their numbers."""
    for run in sitting.current:
        yield from run.warnings
        yield from (f"{check.name}: {check.problem or 'failed'}" for check in run.checks if check.ok is False)
        yield from (f"{check.name} could not be checked: {check.problem}" for check in run.checks if check.ok is None)
        yield from (f"not measured: {missing.what}: {missing.reason}" for missing in run.unavailable)
        if run.injected_faults:
            yield f"faults were injected on purpose: {', '.join(run.injected_faults)}"
    yield from sitting.set_aside
    yield from _ageing(sitting.night, accepted)


def _oldest_first(accepted: EnvironmentBaseline | None) -> list[AcceptedRun]:
    return sorted(accepted.runs, key=lambda run: (run.started_at, run.run_id)) if accepted else []


def _told_apart(now: tuple[Identity, ...], then: tuple[Identity, ...]) -> tuple[str, ...] | None:
    """The services whose build differs; None where neither side says enough to tell."""
    before = {identity.service: identity for identity in then}
    known = [identity for identity in now if identity.commit or identity.image]
    if not known or {identity.service for identity in known} - before.keys():
        return None
    return tuple(identity.service for identity in known if identity != before[identity.service])


def _reported(night: Run, newest: AcceptedRun | Run | None, there: str) -> tuple[str, ...]:
    """Differences that forbid no comparison, and a busy machine."""
    found = []
    if night.fingerprint.tls == "insecure":
        found.append("certificates were not verified (--insecure)")
    if night.machine.load_average > BUSY * night.machine.cores:
        found.append(f"the machine was busy when the run began: load average {night.machine.load_average:.1f}")
    if newest is None:
        return tuple(found)
    found += _machine(night.machine, newest.machine, there)
    before = {identity.service: identity for identity in newest.identities}
    for identity in night.identities:
        then = before.get(identity.service)
        if then is not None and then != identity:
            found.append(f"{identity.service}: {build(identity)} here, {build(then)} {there}")
    return tuple(found)


def _machine(now: Machine, then: Machine, where: str) -> list[str]:
    pairs = (("CPU model", now.cpu_model, then.cpu_model), ("kernel", now.kernel, then.kernel))
    return [f"{name}: {here} here, {there} {where}" for name, here, there in pairs if here != there]


def build(identity: Identity) -> str:
    """Return a build's shortest name: commit, else image, else version."""
    return identity.commit[:12] or identity.image or identity.version or "unknown build"


def _commits(runs: Sequence[AcceptedRun | Run]) -> tuple[str, ...]:
    named = (f"{identity.service} {build(identity)}" for run in runs for identity in run.identities)
    return tuple(dict.fromkeys(named))


def _ageing(night: Run, accepted: EnvironmentBaseline | None) -> tuple[str, ...]:
    if accepted is None or accepted.newest is None:
        return ()
    nights = (night.started_at.date() - accepted.newest.date()).days
    newer = filled_in(NEWEST, environment=night.fingerprint.environment, scenario=night.scenario)
    found = []
    if is_old(nights):
        found.append(
            f"The baseline is old: its newest run was {nights} nights ago, and runs drift apart in 60. "
            f"Accept newer ones in their place: `{newer}`."
        )
    if len(accepted.runs) < RUNS_WANTED:
        found.append(f"The baseline has {len(accepted.runs)} of {RUNS_WANTED} runs: intervals are wide.")
    return tuple(found)
