"""The first baselines file of a new environment, from its first nights, for a person to read and merge.

A target that those nights miss becomes an acknowledgement that expires, so that the gate starts green and honest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines, EnvironmentNote, KnownProblem
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import CANDIDATES, Candidate, MissedTarget, Overrule, one_environment
from chamiperf_ci.steps.baselines.proposal import Intent, Proposal, propose, refuse_edited
from chamiperf_ci.steps.compare.measurements import ERRORS
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED

EXPIRES_AFTER = timedelta(days=90)
RUNS_AT_LEAST = 3
"""With one or two accepted runs nearly every row stays inconclusive (verdict.md section 10)."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A first file.

    Attributes:
        proposal: The accepted runs, as any other proposal.
        baselines: The whole file: rules, accepted runs, the first night, acknowledgements.
        passed_over: Sentences about runs that were not taken.
        thin: What is begun from fewer than three runs; empty where nothing is.
    """

    proposal: Proposal
    baselines: Baselines
    passed_over: tuple[str, ...]
    thin: str


def begin(
    baselines: Baselines,
    candidates: Sequence[Candidate],
    *,
    who: str,
    reason: str,
    link: str,
    today: date,
    options: str = "--runs out/runs",
) -> Beginning:
    """Return the file with the newest valid runs accepted, up to five a scenario, and what they miss acknowledged.

    Args:
        baselines: Rules to start from; may hold other environments.
        candidates: The first nights of one environment.
        who: Who begins the baseline.
        reason: Why.
        link: Where the work on missed targets is tracked.
        today: The day of the act; acknowledgements expire 90 days later.
        options: The options that name these runs, for the command to use where there is a baseline already.

    Raises:
        ConfigurationError: No run can be taken, the environment has a baseline already, the runs are of several
            environments, or the link is no address.
    """
    refuse_edited(baselines)
    if not re.fullmatch(r"https?://[^\s/]+\S*", link):
        raise ConfigurationError(
            f"{link!r} is no address",
            where="--link",
            remedy="Give the page where the work on missed targets is tracked, such as an issue's, with its https://.",
        )
    chosen = _newest_five([one for one in candidates if not _bars(one)]) or list(candidates)
    one_environment(chosen, baselines, begins=True)
    name = chosen[0].fingerprint.environment
    if baselines.knows(name):
        raise ConfigurationError(
            f"the environment {name} has accepted runs already",
            where="--baselines",
            remedy=_add_instead(candidates, name, options),
        )
    passed_over = tuple(
        f"run {one.run_id} of {one.fingerprint.scenario} is passed over: {bars[0]}"
        for one in candidates
        if (bars := _bars(one))
    )
    unacknowledged = tuple(
        dict.fromkeys(
            f"{missed.key.text} is not acknowledged, since failures are to be mended: {missed.sentence}"
            for one in chosen
            for missed in one.missed
            if missed.key.metric == ERRORS
        )
    )
    if len(passed_over) == len(candidates):
        raise ConfigurationError(
            f"there is no run to accept: {passed_over[-1]}",
            where="--runs, --history, --history-branch",
            remedy="Mend what it names, and measure again.",
        )
    wanted = Intent(act="init", who=who, reason=reason, today=today, overrule=frozenset({Overrule.MISSED_TARGET}))
    proposal = propose(baselines, chosen, wanted)
    noted = baselines.environments.get(name)
    nights = [one.started_at.date() for one in candidates if one.fingerprint.environment == name]
    # Never later than what is committed: that would begin the nights of grace anew.
    first = EnvironmentNote(first_night=min([*nights, *([noted.first_night] if noted else [])]))
    known = _acknowledgements(chosen, who=who, link=link, today=today)
    return Beginning(
        proposal=proposal,
        baselines=proposal.baselines.model_copy(
            update={
                "environments": {**baselines.environments, name: first},
                "acknowledgements": (*baselines.acknowledgements, *known),
            }
        ),
        passed_over=(*passed_over, *unacknowledged),
        thin=_thin(proposal),
    )


def _add_instead(candidates: Sequence[Candidate], environment: str, options: str) -> str:
    changed = any(kind is Overrule.FINGERPRINT for one in candidates for kind, _ in one.objections)
    overrule = "--overrule fingerprint " if changed else ""
    of_history = "" if options.startswith("--runs") else f" --environment {environment}"
    how = f"{overrule}{options}{of_history}"
    why = ", since these runs were made otherwise" if changed else ""
    return (
        f"Add to them{why}: `chamiperf update-baseline propose --reason TEXT {how}`, then "
        "`chamiperf update-baseline apply`."
    )


def _thin(proposal: Proposal) -> str:
    few = [
        f"{proposal.baselines.accepted_runs[key].fingerprint.scenario} ({counted(len(runs), 'run')})"
        for key, runs in proposal.accepted.items()
        if len(runs) < RUNS_AT_LEAST
    ]
    wanted = f"a baseline is {RUNS_WANTED} runs from {RUNS_WANTED} nights, {RUNS_AT_LEAST} at least"
    return f"too few to find most slow-downs: {', '.join(few)}; {wanted}" if few else ""


def _bars(candidate: Candidate) -> tuple[str, ...]:
    """Why a run cannot begin a baseline; a missed target is no bar, it is acknowledged."""
    return tuple(text for kind, text in candidate.objections if kind is not Overrule.MISSED_TARGET)


def _newest_five(good: Sequence[Candidate]) -> list[Candidate]:
    groups: dict[str, list[Candidate]] = {}
    for one in sorted(good, key=lambda one: (one.started_at, one.run_id)):
        if one.run_kind in CANDIDATES:
            groups.setdefault(one.fingerprint.model_dump_json(), []).append(one)
    return [one for group in groups.values() for one in group[-RUNS_WANTED:]]


def _acknowledgements(chosen: Sequence[Candidate], *, who: str, link: str, today: date) -> tuple[KnownProblem, ...]:
    """One for each target that a run misses, as far as the worst of them; what fails is to be mended, not known."""
    worst: dict[tuple[str, str, str, str], MissedTarget] = {}
    for missed in (missed for one in chosen for missed in one.missed if missed.key.metric != ERRORS):
        key = (missed.key.scenario, missed.key.endpoint, missed.key.metric, missed.key.phase)
        if key not in worst or _is_worse(missed, worst[key]):
            worst[key] = missed
    environment = chosen[0].fingerprint.environment if chosen else ""
    return tuple(
        KnownProblem(
            environment=environment,
            scenario=scenario,
            endpoint=endpoint,
            metric=metric,
            phase=phase,
            what="target",
            extent=missed.value,
            reason=f"missed from the first night: {missed.sentence}",
            link=link,
            who=who,
            expires=today + EXPIRES_AFTER,
        )
        for (scenario, endpoint, metric, phase), missed in sorted(worst.items(), key=lambda item: item[0])
    )


def _is_worse(missed: MissedTarget, other: MissedTarget) -> bool:
    return missed.value < other.value if missed.bound == "at least" else missed.value > other.value
