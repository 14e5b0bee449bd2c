"""Which runs may be accepted: the reasons against a run, and which of them a person overruled."""

from collections.abc import Sequence
from enum import StrEnum

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.vocabulary import TargetVerdict
from chamiperf_ci.steps.compare.judge import Question, judge


class Overrule(StrEnum):
    """What a person may overrule, knowingly; the use is recorded in the accepted run."""

    INVALID = "invalid"
    INCOMPLETE = "incomplete"
    KIND = "kind"
    FAULT = "fault"
    FINGERPRINT = "fingerprint"
    MISSED_TARGET = "missed-target"


CANDIDATES = frozenset({RunKind.NIGHT, RunKind.QUICK})


def objections(run: Run, baselines: Baselines) -> tuple[tuple[Overrule, str], ...]:
    """Return each reason why a run should not be accepted, with a sentence; empty for a good candidate."""
    found = [(Overrule.INVALID, f"{problem.reason}: {problem.text}") for problem in run.problems]
    if not run.complete:
        found.append((Overrule.INCOMPLETE, "the load did not come to its planned end"))
    if run.run_kind not in CANDIDATES:
        found.append((Overrule.KIND, f"it is a {run.run_kind} run; only nights and quick runs are candidates"))
    if run.injected_faults:
        found.append((Overrule.FAULT, f"faults were injected: {', '.join(run.injected_faults)}"))
    found += [(Overrule.FINGERPRINT, text) for text in _other_circumstances(run, baselines)]
    found += [(Overrule.MISSED_TARGET, text) for text in _missed_targets(run, baselines)]
    return tuple(found)


def overruled(run: Run, found: Sequence[tuple[Overrule, str]], allowed: frozenset[Overrule]) -> tuple[str, ...]:
    """Return what is recorded of the objections that were overruled.

    Raises:
        ConfigurationError: An objection was not overruled.
    """
    for kind, text in found:
        if kind not in allowed:
            raise ConfigurationError(
                f"run {run.run_id} of {run.scenario} is not accepted: {text}",
                where=f"run {run.run_id}, started {run.started_at:%Y-%m-%d %H:%M}",
                remedy=f"Measure again, or, knowing better, give --overrule {kind}; the file will say so.",
            )
    return tuple(f"{kind}: {text}" for kind, text in found)


def one_environment(runs: Sequence[Run]) -> None:
    """Check that all runs are of one environment, each given once.

    Raises:
        ConfigurationError: There are none, there are several environments, or a run was given twice.
    """
    if not runs:
        raise ConfigurationError("there is no run to accept", where="--runs", remedy="Name run files or their folder.")
    places = sorted({f"{run.fingerprint.environment} ({run.fingerprint.stack_kind})" for run in runs})
    if len(places) > 1:
        raise ConfigurationError(
            f"the runs are of several environments: {', '.join(places)}",
            where="--runs",
            remedy="Accept the runs of one environment at a time.",
        )
    ids = [(run.scenario, run.run_id) for run in runs]
    if twice := sorted({run_id for run_id in ids if ids.count(run_id) > 1}):
        raise ConfigurationError(
            f"run {twice[0][1]} of {twice[0][0]} is given twice", where="--runs", remedy="Name each run once."
        )


def _other_circumstances(run: Run, baselines: Baselines) -> tuple[str, ...]:
    """Say how the run differs from the accepted runs of its environment, scenario and profile; empty if it fits."""
    if baselines.accepted(run.fingerprint) is not None:
        return ()
    mine = run.fingerprint
    alike = [
        mine.differences(entry.fingerprint)
        for entry in baselines.accepted_runs.values()
        if entry.runs
        and (entry.fingerprint.environment, entry.fingerprint.scenario, entry.fingerprint.profile)
        == (mine.environment, mine.scenario, mine.profile)
    ]
    if not alike:
        return ()
    nearest = min(alike, key=lambda differences: (len(differences), differences))
    return (f"the accepted runs were made otherwise ({'; '.join(nearest)})",)


def _missed_targets(run: Run, baselines: Baselines) -> tuple[str, ...]:
    """Say which targets the run misses that nobody has acknowledged; whether it may be judged is asked elsewhere."""
    alone = run.model_copy(update={"run_kind": RunKind.NIGHT, "problems": (), "complete": True})
    rows = judge(Question(runs=(alone,), baselines=baselines)).verdict.rows
    return tuple(
        f"{row.key.text} misses its target: {row.target.sentence}"
        for row in rows
        if row.target.verdict is TargetVerdict.MISSED and row.target.acknowledged is None
    )
