"""Which runs may be accepted: run files and entries of the history alike, and the reasons against one of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import AcceptedRow, Baselines, Bound
from chamiperf_ci.models.fingerprint import Fingerprint, Identity, Machine
from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Row, RowKey, TargetResult
from chamiperf_ci.models.vocabulary import TargetVerdict
from chamiperf_ci.render.sentences import target_sentence
from chamiperf_ci.steps.baselines.entry import compared_rows, shown_value, stored_row
from chamiperf_ci.steps.compare.judge import Question, judge
from chamiperf_ci.steps.compare.measurements import ERRORS


class Overrule(StrEnum):
    """What a person may overrule, knowingly; the use is recorded in the accepted run."""

    INVALID = "invalid"
    INCOMPLETE = "incomplete"
    KIND = "kind"
    FAULT = "fault"
    FINGERPRINT = "fingerprint"
    MISSED_TARGET = "missed-target"
    FAILING = "failing"
    """Nobody may: what answers with errors has no latency to be held against, and would pass as long as it fails."""


CANDIDATES = frozenset({RunKind.NIGHT, RunKind.QUICK})
"""Kinds of run that a baseline is made of; repeats, pairs and drills are not."""

Objection = tuple[Overrule, str]

_LEAVE_OUT = "Leave it out (--runs takes single files), measure again, or, knowing better"
_INSTEAD = MappingProxyType(
    {
        Overrule.FINGERPRINT: "Run as they were made; or, to accept these beside them",
        Overrule.MISSED_TARGET: "Mend what misses it, acknowledge it, or, knowing better",
    }
)
MOST_FAILED = 0.01
"""Share of an endpoint's requests that may fail in a run that becomes a baseline."""


@dataclass(frozen=True, slots=True)
class MissedTarget:
    """A target that a run misses and nobody has acknowledged.

    Attributes:
        key: The row.
        value: What the target was held against, in its unit.
        bound: On which side of the limit the good values lie.
        sentence: What a person reads.
    """

    key: RowKey
    value: float
    bound: Literal["below", "at least"]
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that a person may accept.

    Attributes:
        run_id: Names it.
        run_kind: What it was made for.
        started_at: When.
        fingerprint: Under which circumstances.
        identities: The builds.
        machine: The generator's machine.
        rows: Its numbers.
        objections: Each reason why it should not be accepted, with a sentence; empty for a good candidate.
        missed: The targets among them.
    """

    run_id: str
    run_kind: RunKind
    started_at: datetime
    fingerprint: Fingerprint
    identities: tuple[Identity, ...]
    machine: Machine
    rows: tuple[AcceptedRow, ...]
    objections: tuple[Objection, ...]
    missed: tuple[MissedTarget, ...] = ()


def from_run(run: Run, baselines: Baselines) -> Candidate:
    """Return a run file as a candidate; its targets are judged by the present rules."""
    found = [(Overrule.INVALID, f"{problem.reason}: {problem.text}") for problem in run.problems]
    if not run.complete:
        found.append((Overrule.INCOMPLETE, "the load did not come to its planned end"))
    found += _of_any(run.run_kind, run.injected_faults, run.fingerprint, baselines)
    found += [(Overrule.FAILING, text) for text in _failing(run)]
    missed = tuple(
        MissedTarget(row.key, row.target.value or 0.0, row.target.bound, row.target.sentence)
        for row in missed_targets(run, baselines)
    )
    found += [(Overrule.MISSED_TARGET, f"{one.key.text} misses its target: {one.sentence}") for one in missed]
    return Candidate(
        run_id=run.run_id,
        run_kind=run.run_kind,
        started_at=run.started_at,
        fingerprint=run.fingerprint,
        identities=run.identities,
        machine=run.machine,
        rows=compared_rows(run, baselines),
        objections=tuple(found),
        missed=missed,
    )


def from_history(entry: HistoryEntry, baselines: Baselines) -> Candidate:
    """Return an entry of the history as a candidate; its targets were judged in its own night."""
    found = [(Overrule.INVALID, problem) for problem in entry.problems]
    if not entry.valid and not found:
        found.append((Overrule.INCOMPLETE, "the load did not come to its planned end"))
    found += _of_any(entry.run_kind, entry.injected_faults, entry.fingerprint, baselines)
    scenario = entry.fingerprint.scenario
    found += [
        (Overrule.FAILING, _failed(row.endpoint, row.value, row.observations))
        for row in entry.rows
        if row.metric == ERRORS and row.value > MOST_FAILED * row.observations
    ]
    missed = tuple(_missed_that_night(entry, baselines))
    found += [(Overrule.MISSED_TARGET, f"{one.key.text} missed its target that night") for one in missed]
    stack_kind = entry.fingerprint.stack_kind
    return Candidate(
        run_id=entry.run_id,
        run_kind=entry.run_kind,
        started_at=entry.started_at,
        fingerprint=entry.fingerprint,
        identities=entry.identities,
        machine=entry.machine,
        rows=tuple(
            stored_row(row)
            for row in entry.rows
            if row.comparable and baselines.policy(scenario, row.endpoint, row.metric, stack_kind=stack_kind).compared
        ),
        objections=tuple(found),
        missed=missed,
    )


def _missed_that_night(entry: HistoryEntry, baselines: Baselines) -> Iterator[MissedTarget]:
    """The targets that the night's verdict called missed, in the words of the present rules where they have one."""
    made = entry.fingerprint
    for row in entry.rows:
        if row.target is not TargetVerdict.MISSED:
            continue
        value = shown_value(row) if row.target_value is None else row.target_value
        key = RowKey(scenario=made.scenario, endpoint=row.endpoint, metric=row.metric)
        rule = baselines.policy(key.scenario, key.endpoint, key.metric, stack_kind=made.stack_kind).target
        bound: Literal["below", "at least"] = "at least" if rule and rule.bound is Bound.AT_LEAST else "below"
        said = "missed that night"
        if rule is not None:
            said = target_sentence(
                TargetResult(
                    verdict=TargetVerdict.MISSED,
                    limit=rule.limit,
                    value=value,
                    unit=rule.unit,
                    source=rule.source,
                    bound=bound,
                )
            )
        yield MissedTarget(key, value, bound, said)


def overruled(candidate: Candidate, allowed: frozenset[Overrule]) -> tuple[str, ...]:
    """Return what is recorded of the objections that were overruled.

    Raises:
        ConfigurationError: An objection was not overruled.
    """
    for kind, text in candidate.objections:
        if kind is Overrule.FAILING and kind not in allowed:
            raise ConfigurationError(
                f"run {candidate.run_id} of {candidate.fingerprint.scenario} is not accepted: {text}",
                where=f"run {candidate.run_id}, started {candidate.started_at:%Y-%m-%d %H:%M}",
                remedy="Mend what fails and measure again: what fails has no speed to be held against.",
            )
        if kind not in allowed:
            raise ConfigurationError(
                f"run {candidate.run_id} of {candidate.fingerprint.scenario} is not accepted: {text}",
                where=f"run {candidate.run_id}, started {candidate.started_at:%Y-%m-%d %H:%M}",
                remedy=f"{_INSTEAD.get(kind, _LEAVE_OUT)}, give --overrule {kind}; the file will say so.",
            )
    return tuple(f"{kind}: {text}" for kind, text in candidate.objections)


def one_environment(candidates: Sequence[Candidate], baselines: Baselines, *, begins: bool = False) -> None:
    """Check that all candidates are of one environment, each given once.

    Args:
        candidates: The runs.
        baselines: What is accepted.
        begins: An environment that has accepted runs already is not one to choose.

    Raises:
        ConfigurationError: There are none, there are several environments, or a run was given twice.
    """
    if not candidates:
        raise ConfigurationError("there is no run to accept", where="--runs", remedy="Name run files or their folder.")
    fingerprints = [candidate.fingerprint for candidate in candidates]
    places = sorted({f"{one.environment} ({one.stack_kind})" for one in fingerprints})
    if len(places) > 1:
        names = sorted({one.environment for one in fingerprints})
        choice = [name for name in names if not (begins and baselines.knows(name))] or names
        options = " or ".join(f"`--environment {name}`" for name in choice)
        raise ConfigurationError(
            f"the runs are of several environments: {', '.join(places)}",
            where="--runs, --environment",
            remedy=f"Accept the runs of one environment at a time; of a history {options} chooses them.",
        )
    given = [(one.fingerprint.scenario, one.run_id) for one in candidates]
    if twice := sorted({one for one in given if given.count(one) > 1}):
        raise ConfigurationError(
            f"run {twice[0][1]} of {twice[0][0]} is given twice", where="--runs", remedy="Name each run once."
        )


def _failing(run: Run) -> Iterator[str]:
    """Endpoints that failed in the sustained phase (or where they were asked at all), or were never asked."""
    for endpoint in dict.fromkeys(traffic.endpoint for traffic in run.traffic):
        asked = [traffic for traffic in run.traffic if traffic.endpoint == endpoint and traffic.requests > 0]
        sustained = [traffic for traffic in asked if traffic.phase == SUSTAINED] or asked
        requests, failed = (sum(getattr(one, name) for one in sustained) for name in ("requests", "failed"))
        if not asked:
            yield f"{endpoint} was never asked"
        elif failed > MOST_FAILED * requests:
            yield _failed(endpoint, failed, requests)
    if not any(traffic.requests for traffic in run.traffic):
        yield "nothing was asked at all"


def _failed(endpoint: str, failed: float, requests: int) -> str:
    return f"{failed:g} of {requests} requests of {endpoint} failed; at most {100 * MOST_FAILED:g} % may"


def missed_targets(run: Run, baselines: Baselines) -> tuple[Row, ...]:
    """Return the rows whose target the run misses and nobody has acknowledged; also of a run that is not valid."""
    alone = run.model_copy(update={"run_kind": RunKind.NIGHT, "problems": (), "complete": True})
    rows = judge(Question(runs=(alone,), baselines=baselines)).verdict.rows
    return tuple(row for row in rows if row.target.verdict is TargetVerdict.MISSED and row.target.acknowledged is None)


def _of_any(kind: RunKind, faults: Sequence[str], fingerprint: Fingerprint, baselines: Baselines) -> list[Objection]:
    """Objections that need nothing but the head of a run."""
    found = []
    if kind not in CANDIDATES:
        found.append((Overrule.KIND, f"it is a {kind} run; only nights and quick runs are candidates"))
    if faults:
        found.append((Overrule.FAULT, f"faults were injected: {', '.join(faults)}"))
    if differences := baselines.made_otherwise(fingerprint):
        found.append((Overrule.FINGERPRINT, f"the accepted runs were made otherwise ({'; '.join(differences)})"))
    return found
