"""The first baselines file of a new environment, from its first nights, for a person to read and merge.

A target that those nights miss becomes an acknowledgement that expires, so that the gate starts green and honest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines, EnvironmentNote, KnownProblem
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row
from chamiperf_ci.steps.baselines.candidates import CANDIDATES, Candidate, Overrule, from_run, missed_targets
from chamiperf_ci.steps.baselines.proposal import Intent, Proposal, propose
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED

EXPIRES_AFTER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A first file.

    Attributes:
        proposal: The accepted runs, as any other proposal.
        baselines: The whole file: rules, accepted runs, the first night, acknowledgements.
        passed_over: Sentences about runs that were not taken.
    """

    proposal: Proposal
    baselines: Baselines
    passed_over: tuple[str, ...]


def begin(baselines: Baselines, runs: Sequence[Run], *, who: str, reason: str, link: str, today: date) -> Beginning:
    """Return the file with the newest valid runs accepted, up to five a scenario, and what they miss acknowledged.

    Args:
        baselines: Rules to start from; may hold other environments.
        runs: The first nights of one environment.
        who: Who begins the baseline.
        reason: Why.
        link: Where the work on missed targets is tracked.
        today: The day of the act; acknowledgements expire 90 days later.

    Raises:
        ConfigurationError: No run can be taken, the environment has a baseline already, or the runs are of several
            environments.
    """
    candidates = [(run, from_run(run, baselines)) for run in runs]
    good = [(run, one) for run, one in candidates if not _bars(one)]
    chosen = _newest_five(good)
    names = {run.fingerprint.environment for run, _ in chosen}
    if there := sorted(names & {entry.fingerprint.environment for entry in baselines.accepted_runs.values()}):
        raise ConfigurationError(
            f"the environment {there[0]} has accepted runs already",
            where="--baselines",
            remedy="Change them with `chamiperf update-baseline propose`.",
        )
    wanted = Intent(act="init", who=who, reason=reason, today=today, overrule=frozenset({Overrule.MISSED_TARGET}))
    proposal = propose(baselines, [one for _, one in chosen], wanted)
    first = {
        name: EnvironmentNote(
            first_night=min(run.started_at for run in runs if run.fingerprint.environment == name).date()
        )
        for name in names
    }
    known = _acknowledgements([run for run, _ in chosen], baselines, who=who, link=link, today=today)
    return Beginning(
        proposal=proposal,
        baselines=proposal.baselines.model_copy(
            update={
                "environments": {**baselines.environments, **first},
                "acknowledgements": (*baselines.acknowledgements, *known),
            }
        ),
        passed_over=tuple(
            f"run {one.run_id} of {one.fingerprint.scenario} is passed over: {bars[0]}"
            for _, one in candidates
            if (bars := _bars(one))
        ),
    )


def _bars(candidate: Candidate) -> tuple[str, ...]:
    """Why a run cannot begin a baseline; a missed target is no bar, it is acknowledged."""
    return tuple(text for kind, text in candidate.objections if kind is not Overrule.MISSED_TARGET)


def _newest_five(good: Sequence[tuple[Run, Candidate]]) -> list[tuple[Run, Candidate]]:
    groups: dict[str, list[tuple[Run, Candidate]]] = {}
    for run, one in sorted(good, key=lambda pair: (pair[0].started_at, pair[0].run_id)):
        if run.run_kind in CANDIDATES:
            groups.setdefault(run.fingerprint.model_dump_json(), []).append((run, one))
    return [pair for group in groups.values() for pair in group[-RUNS_WANTED:]]


def _acknowledgements(
    runs: Sequence[Run], baselines: Baselines, *, who: str, link: str, today: date
) -> tuple[KnownProblem, ...]:
    """One for each target that a run misses, as far as the worst of them."""
    worst: dict[tuple[str, str, str, str], Row] = {}
    for run in runs:
        for row in missed_targets(run, baselines):
            key = (row.key.scenario, row.key.endpoint, row.key.metric, row.key.phase)
            if key not in worst or _is_worse(row, worst[key]):
                worst[key] = row
    environment = runs[0].fingerprint.environment if runs else ""
    return tuple(
        KnownProblem(
            environment=environment,
            scenario=scenario,
            endpoint=endpoint,
            metric=metric,
            phase=phase,
            what="target",
            extent=row.target.value or 0.0,
            reason=f"missed from the first night: {row.target.sentence}",
            link=link,
            who=who,
            expires=today + EXPIRES_AFTER,
        )
        for (scenario, endpoint, metric, phase), row in sorted(worst.items())
    )


def _is_worse(row: Row, other: Row) -> bool:
    mine, theirs = row.target.value or 0.0, other.target.value or 0.0
    return mine < theirs if row.target.bound == "at least" else mine > theirs
