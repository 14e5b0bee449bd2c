"""The first baseline of an environment as a pull request, once five valid nights are there; a person merges it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.adapters.github.api import Api
from chamiperf_ci.adapters.github.comments import PullRequest
from chamiperf_ci.adapters.github.pull_requests import (
    Base,
    ProposedChange,
    base_of,
    newest_from_branch,
    open_or_update_pull_request,
)
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.schemas import exported
from chamiperf_ci.models.vocabulary import RUNS_WANTED
from chamiperf_ci.render.baselines import layout
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import Candidate, Override, Sources, candidates, nights_of
from chamiperf_ci.steps.baselines.propose import Intent, init_baseline
from chamiperf_ci.steps.baselines.update import Destination, at_github, body, title
from chamiperf_ci.steps.compare.step import RESTORE

REASON = "first baseline"


@dataclass(frozen=True, slots=True)
class FirstBaseline:
    """What became of it."""

    sentence: str
    opened: PullRequest | None = None
    text: str = ""


def propose_first(
    sources: Sources, baselines: Path, destination: Destination, api: Api, *, who: str, today: date
) -> FirstBaseline:
    """Open the pull request, or say what it waits for.

    It is opened once: one that a person has closed is an answer, and one that is open belongs to its reviewer.

    Args:
        sources: The history, with one environment wanted.
        baselines: The file as it is on the default branch; need not exist.
        destination: Where the pull request goes.
        api: GitHub.
        who: Who proposes; stands in the file.
        today: The day of the act.

    Raises:
        ConfigurationError: A file is wrong, or no environment is named.
        GitHubFailed: GitHub refuses; names the missing permission or setting.
    """
    environment = sources.wanted.environment
    if not environment:
        raise ConfigurationError(
            "no environment is named", where="--environment", remedy="Name the environment of the nights."
        )
    rules = files.read_document(baselines if baselines.exists() else default_baselines(), Baselines, remedy=RESTORE)
    if rules.knows(environment):
        return FirstBaseline(f"{environment} has a baseline: nothing is to be proposed.")
    ready, nights = _ready(_nights(sources, rules))
    if not ready:
        have = f"{environment} has {counted(nights, 'valid night')} of the {RUNS_WANTED} that a baseline takes"
        return FirstBaseline(f"{have}. After the last, a pull request with the first baseline opens automatically.")
    branch = destination.branch or f"chamiperf/first-baseline-{environment}"
    earlier = newest_from_branch(api, destination.repository, branch)
    if earlier is not None:
        how = "is open" if earlier.open else "was closed"
        return FirstBaseline(
            f"The pull request with the first baseline of {environment}, #{earlier.number}, {how}: {earlier.url}"
        )
    wanted = Intent(act="init", who=who, reason=REASON, today=today, overrule=frozenset({Override.MISSED_TARGET}))
    there = at_github(api, destination, base_of(api, destination.repository, destination.base))
    if there is not None and there.knows(environment):
        return FirstBaseline(f"{environment} has a baseline: nothing is to be proposed.")

    def change(onto: Base) -> ProposedChange:
        # From the file as it is there now, so that what was merged since this checkout is not undone.
        base = at_github(api, destination, onto) or rules
        begun = init_baseline(
            base, ready, who=who, reason=REASON, link=destination.link, today=today, options=sources.options
        )
        written = {destination.path: layout(begun.baselines)}
        if begun.baselines.schema_uri and not (baselines.parent / begun.baselines.schema_uri).exists():
            schema = str(Path(destination.path).parent / begun.baselines.schema_uri)
            written[schema] = exported()["baselines.schema.json"]
        name = title(begun, wanted, environment)
        text = body(base, begun.baselines, begun, wanted, ready, link=destination.link)
        return ProposedChange(branch, name, text, f"{name}\n\n{REASON}", written, ("baseline",))

    pull, made = open_or_update_pull_request(api, destination.repository, change, base=destination.base, branch=branch)
    sentence = f"Opened pull request #{pull.number} with the first baseline: {pull.url}"
    return FirstBaseline(sentence, pull, made.body)


def _nights(sources: Sources, rules: Baselines) -> tuple[Candidate, ...]:
    """The nights that are kept; none is the state of the first night that was not valid."""
    if sources.store is not None and not sources.places:
        return nights_of(sources.store, sources.wanted, rules)
    return candidates(sources, rules)


def _ready(found: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], int]:
    """The runs of what has been measured in five valid nights, and how many nights the most measured has."""
    groups: dict[str, list[Candidate]] = {}
    for one in found:
        if all(kind is Override.MISSED_TARGET for kind, _ in one.objections):
            groups.setdefault(one.fingerprint.model_dump_json(), []).append(one)
    nights = {key: len({one.started_at.date() for one in runs}) for key, runs in groups.items()}
    ready = tuple(one for key, runs in groups.items() if nights[key] >= RUNS_WANTED for one in runs)
    return ready, max(nights.values(), default=0)
