"""Runs that could be accepted: where they come from, which fit, and what speaks against one."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from chamiperf_ci.adapters.history import BranchHistory, FolderHistory, HistoryStore
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import (
    AcceptedRow,
    AcceptedStatement,
    Baselines,
    Bound,
    EnvironmentBaseline,
    fingerprint_key,
)
from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunKind, is_to_come
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.verdict import Row, RowKey, TargetResult
from chamiperf_ci.models.vocabulary import RUNS_WANTED, RowReason, TargetVerdict
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.render.sentences import target_sentence
from chamiperf_ci.render.text import sentence_in_plain_text
from chamiperf_ci.steps import history
from chamiperf_ci.steps.baselines.entry import compared_rows, shown_value, stored_row, stored_statements
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.measure import ERRORS, LATENCY, STALLED, measure
from chamiperf_ci.steps.compare.scenarios import read_runs
from chamiperf_ci.verdict.night import outlying_runs
from chamiperf_ci.verdict.statistic import PRIOR_SD, QUANTILES, is_quantity


class Override(StrEnum):
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

Objection = tuple[Override, str]

_LEAVE_OUT = "Leave it out (--runs takes single files), measure again, or, knowing better"
_INSTEAD = MappingProxyType(
    {
        Override.FINGERPRINT: "Run as they were made; or, to accept these beside them",
        Override.MISSED_TARGET: "Mend what misses it, acknowledge it, or, knowing better",
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
        statements: What its database statements took.
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
    statements: tuple[AcceptedStatement, ...] = ()


def from_run(run: Run, baselines: Baselines) -> Candidate:
    """Return a run file as a candidate; its targets are judged by the present rules."""
    found = [(Override.INVALID, f"{problem.reason}: {problem.text}") for problem in run.problems]
    if not run.complete:
        found.append((Override.INCOMPLETE, "the load did not come to its planned end"))
    if is_to_come(run.started_at, datetime.now(UTC)):
        found.append((Override.INVALID, f"it says that it began {run.started_at:%Y-%m-%d}, which is still to come"))
    found += _common_objections(run.run_kind, run.injected_faults, run.fingerprint, baselines)
    found += [(Override.FAILING, text) for text in _failing(run)]
    missed = tuple(
        MissedTarget(
            row.key, row.target.value or 0.0, row.target.bound, sentence_in_plain_text(target_sentence(row.target))
        )
        for row in missed_targets(run, baselines)
    )
    found += [(Override.MISSED_TARGET, f"{one.key.text} misses its target: {one.sentence}") for one in missed]
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
        statements=stored_statements(run),
    )


def from_history(entry: HistoryEntry, baselines: Baselines) -> Candidate:
    """Return an entry of the history as a candidate; its targets were judged in its own night."""
    found = [(Override.INVALID, problem) for problem in entry.problems]
    if not entry.valid and not found:
        found.append((Override.INCOMPLETE, "the load did not come to its planned end"))
    found += _common_objections(entry.run_kind, entry.injected_faults, entry.fingerprint, baselines)
    scenario = entry.fingerprint.scenario
    found += [
        (Override.FAILING, _failed(row.endpoint, row.value, row.observations))
        for row in entry.rows
        if row.metric == ERRORS and row.value > MOST_FAILED * row.observations
    ]
    missed = tuple(_missed_that_night(entry, baselines))
    found += [(Override.MISSED_TARGET, f"{one.key.text} missed its target that night") for one in missed]
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
        statements=entry.statements,
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


def overruled(candidate: Candidate, allowed: frozenset[Override]) -> tuple[str, ...]:
    """Return what is recorded of the objections that were overruled.

    Raises:
        ConfigurationError: An objection was not overruled.
    """
    for kind, text in candidate.objections:
        if kind is Override.FAILING and kind not in allowed:
            raise ConfigurationError(
                f"run {candidate.run_id} of {candidate.fingerprint.scenario} is not accepted: {text}",
                where=f"run {candidate.run_id}, started {candidate.started_at:%Y-%m-%d %H:%M}",
                remedy="Fix what fails and measure again: the latency of failed requests means nothing.",
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
        begins: An environment that already has accepted runs is not one to choose.

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
    """Endpoints that failed in the sustained phase (or where they were asked), were never asked, or took no time.

    Answers 429 are failures here, and a latency that is not above 0 is none.

    One that the stack does not have, as the run says itself, is not missed.
    """
    absent = {endpoint for each in run.unavailable for endpoint in each.endpoints}
    for endpoint in dict.fromkeys(traffic.endpoint for traffic in run.traffic if traffic.endpoint not in absent):
        asked = [traffic for traffic in run.traffic if traffic.endpoint == endpoint and traffic.requests > 0]
        sustained = [traffic for traffic in asked if traffic.phase == SUSTAINED] or asked
        requests = sum(one.requests for one in sustained)
        latency = next((one for one in run.series if (one.endpoint, one.metric) == (endpoint, LATENCY)), None)
        in_windows = sum(window.failed for window in latency.windows) if latency else 0
        failed = max(in_windows, sum(one.failed for one in sustained)) + sum(one.throttled for one in sustained)
        if not asked:
            yield f"{endpoint} was never asked"
        elif failed > MOST_FAILED * requests:
            yield _failed(endpoint, failed, requests)
        elif latency is None:
            yield f"{endpoint} was asked and has no latency"
    for found in measure(run):
        if found.key.metric in QUANTILES and found.formed.reason is RowReason.NOT_A_QUANTITY:
            yield f"{found.key.text} is not a positive number"
    if not any(traffic.requests for traffic in run.traffic):
        yield "nothing was asked at all"


def _failed(endpoint: str, failed: float, requests: int) -> str:
    return f"{failed:,.0f} of {requests:,} requests of {endpoint} failed; at most {100 * MOST_FAILED:g} % may"


def missed_targets(run: Run, baselines: Baselines) -> tuple[Row, ...]:
    """Return the rows whose target the run misses and nobody has acknowledged; also of a run that is not valid."""
    alone = run.model_copy(update={"run_kind": RunKind.NIGHT, "problems": (), "complete": True})
    rows = judge(NightInput(runs=(alone,), baselines=baselines)).verdict.rows
    return tuple(row for row in rows if row.target.verdict is TargetVerdict.MISSED and row.target.acknowledged is None)


def _common_objections(
    kind: RunKind, faults: Sequence[str], fingerprint: Fingerprint, baselines: Baselines
) -> list[Objection]:
    """Objections that need nothing but the head of a run."""
    found = []
    if kind not in CANDIDATES:
        found.append((Override.KIND, f"it is a {kind} run; only nights and quick runs are candidates"))
    if faults:
        found.append((Override.FAULT, f"faults were injected: {', '.join(faults)}"))
    if differences := baselines.difference_to_accepted(fingerprint):
        found.append((Override.FINGERPRINT, f"the accepted runs were made otherwise ({'; '.join(differences)})"))
    return found


_UNFIT = frozenset({Override.INVALID, Override.INCOMPLETE, Override.FAULT})
"""Objections to a single night; any other is one to the range, which the person must then choose better or overrule."""


@dataclass(frozen=True, slots=True)
class SelectedRuns:
    """What a proposal takes of a range, and sentences about the rest."""

    taken: tuple[Candidate, ...]
    skipped: tuple[str, ...]


def select_runs(
    found: Sequence[Candidate],
    baselines: Baselines,
    *,
    replaces: bool,
    overrule: Collection[Override] = (),
    unfit: Collection[Override] = _UNFIT,
) -> SelectedRuns:
    """Return the newest nights that a baseline has room for, without those that are accepted already or unfit.

    Args:
        found: The nights of the range.
        baselines: What is accepted.
        replaces: The nights take the place of the accepted ones, so that those are candidates as well.
        overrule: Objections that the person overrules.
        unfit: Objections for which a night is left out.
    """
    groups: dict[str, list[Candidate]] = {}
    skipped = []
    for one in sorted(found, key=lambda one: (one.started_at, one.run_id)):
        key = fingerprint_key(one.fingerprint)
        accepted = [] if replaces else _accepted_ids(baselines, key)
        objection = next((text for kind, text in one.objections if kind in unfit and kind not in overrule), "")
        if why := "it is accepted already" if one.run_id in accepted else objection:
            skipped.append(f"run {one.run_id} of {one.fingerprint.scenario} is skipped: {why}")
        else:
            groups.setdefault(key, []).append(one)
    taken: list[Candidate] = []
    for key, group in sorted(groups.items()):
        room = RUNS_WANTED if replaces else max(0, RUNS_WANTED - len(_accepted_ids(baselines, key)))
        newest = group[len(group) - room :] if room < len(group) else group
        taken += newest
        if older := len(group) - len(newest):
            skipped.append(_too_many(key, older, room))
    return SelectedRuns(tuple(taken), tuple(skipped))


def _accepted_ids(baselines: Baselines, key: str) -> list[str]:
    entry = baselines.accepted_runs.get(key)
    return [run.run_id for run in entry.runs] if entry else []


def _too_many(key: str, older: int, room: int) -> str:
    runs = counted(older, "run of {key} is", "runs of {key} are").format(key=key)
    if room:
        return f"{runs} skipped: a baseline has up to {RUNS_WANTED}, and the newest are taken"
    return f"{runs} skipped: its baseline has {RUNS_WANTED} already; --replace puts newer ones in their place"


def review_warnings(key: str, entry: EnvironmentBaseline, baselines: Baselines) -> tuple[str, ...]:
    """Return sentences about a baseline's runs: outliers, different builds, several of one day; empty for a good one.

    Args:
        key: The fingerprint's name.
        entry: The baseline as it would be.
        baselines: The rules, which say of which class a metric is.
    """
    runs = entry.runs
    found = [
        f"{key}: run {runs[place].run_id} lies more than 3 sigma from the others: {' '.join(row)}"
        for row, places in _outliers(entry, baselines)
        for place in places
    ]
    builds = {
        tuple(sorted((one.service, one.version, one.commit, one.image) for one in run.identities)) for run in runs
    }
    if len(builds) > 1:
        found.append(f"{key}: the accepted runs are of different builds")
    days = {run.started_at.date() for run in runs}
    if len(runs) > 1 and len(days) < len(runs):
        nights = counted(len(days), "day")
        found.append(f"{key}: {len(runs)} runs from {nights}; nights differ more than runs made back to back")
    return tuple(found)


def _outliers(entry: EnvironmentBaseline, baselines: Baselines) -> list[tuple[tuple[str, str, str], tuple[int, ...]]]:
    found = []
    for key in entry.row_keys:
        endpoint, metric, phase = key
        rows = entry.rows(*key)
        if (
            metric in (ERRORS, STALLED)
            or len(rows) < len(entry.runs)
            or not all(is_quantity(row.value) for row in rows)
        ):
            continue
        fingerprint = entry.fingerprint
        policy = baselines.policy(fingerprint.scenario, endpoint, metric, phase, stack_kind=fingerprint.stack_kind)
        if places := outlying_runs([row.value for row in rows], prior_sd=PRIOR_SD[policy.metric_class]):
            found.append((key, places))
    return found


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person named."""

    places: Sequence[Path] = ()
    store: HistoryStore | None = None
    wanted: history.EntryFilter = field(default_factory=history.EntryFilter)

    @property
    def options(self) -> str:
        """The options that name the same runs again, without the range."""
        if isinstance(self.store, BranchHistory):
            remote = () if self.store.remote == "origin" else ("--remote", self.store.remote)
            return shlex.join(("--history-branch", self.store.branch, *remote))
        if isinstance(self.store, FolderHistory):
            return shlex.join(("--history", str(self.store.root)))
        return shlex.join(part for place in self.places for part in ("--runs", str(place)))


def candidates(sources: Sources, baselines: Baselines) -> tuple[Candidate, ...]:
    """Return the named runs as candidates; of the history, nights only.

    Raises:
        ConfigurationError: Runs and a history are named, or neither; a file is wrong.
        InvalidMeasurement: There is no run at all.
    """
    if bool(sources.places) == (sources.store is not None):
        raise ConfigurationError(
            "name run files or a range of the history, one of the two",
            where="--runs, --history, --history-branch",
            remedy="Give `--runs out/runs`, or `--history-branch chamiperf-data` for the nights on that branch.",
        )
    if sources.store is None:
        return tuple(from_run(run, baselines) for run in runs_in(sources.places))
    sources.store.require()
    found = nights_of(sources.store, sources.wanted, baselines)
    if not found:
        raise ConfigurationError(
            "the history has no night in this range",
            where="--environment, --scenario, --since, --until",
            remedy=f"`chamiperf history list {sources.options}` shows what it holds.",
        )
    return found


def nights_of(store: HistoryStore, wanted: history.EntryFilter, baselines: Baselines) -> tuple[Candidate, ...]:
    """The nights of a history as candidates; nothing else of it is opened."""
    reading = history.read(store, replace(wanted, kinds=(RunKind.NIGHT,)))
    return tuple(from_history(entry, baselines) for entry in reading.entries if entry.run_kind is RunKind.NIGHT)


def runs_in(places: Sequence[Path]) -> tuple[Run, ...]:
    """Read runs; of a folder's, repeats, pairs and drills are skipped, a file that is named is not."""
    found: list[Run] = []
    for place in places:
        runs = read_runs([place])
        found += [one for one in runs if one.run_kind in CANDIDATES] if place.is_dir() else runs
    return tuple(found)
