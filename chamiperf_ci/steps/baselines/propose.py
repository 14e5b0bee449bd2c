"""A change of the baseline as a reviewable patch: begun, added to, replaced, retired."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

import jsonpatch
import jsonpointer

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import (
    AcceptedRow,
    AcceptedRun,
    Baselines,
    EnvironmentBaseline,
    EnvironmentNote,
    KnownProblem,
    fingerprint_key,
)
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import RUNS_WANTED
from chamiperf_ci.render.baselines import ChangedRow, content, in_file_order
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import (
    Candidate,
    MissedTarget,
    Override,
    one_environment,
    overruled,
    review_warnings,
    select_runs,
)
from chamiperf_ci.steps.compare.measure import ERRORS, STALLED
from chamiperf_ci.verdict.change import THIN_FACTORS
from chamiperf_ci.verdict.statistic import centre, is_quantity

Operation = dict[str, Any]

_DIGEST = "/accepted_digest"


def patch_between(old: Baselines, new: Baselines) -> list[Operation]:
    """Return the operations that turn the accepted runs of `old` into those of `new`; empty when they are equal."""
    before, after = content(old), content(new)
    if before == after:
        return []
    operations: list[Operation] = [{"op": "test", "path": _DIGEST, "value": before["accepted_digest"]}]
    for key in sorted(set(before["accepted_runs"]) | set(after["accepted_runs"])):
        operations += _of_fingerprint(key, before["accepted_runs"].get(key), after["accepted_runs"].get(key))
    operations.append({"op": "replace", "path": _DIGEST, "value": after["accepted_digest"]})
    return operations


def apply_patch(baselines: Baselines, operations: list[Operation], *, where: str) -> Baselines:
    """Return the file with a patch applied.

    Raises:
        ConfigurationError: The patch was made against another state, is not a patch, or leaves accepted runs whose
            digests do not fit.
    """
    again = "Propose it again from the present file: chamiperf update-baseline propose."
    try:
        data = jsonpatch.apply_patch(content(baselines), operations)
    except jsonpatch.JsonPatchTestFailed as error:
        raise ConfigurationError(
            "the patch was made against another state of baselines.json", where=where, remedy=again
        ) from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise ConfigurationError(f"the patch cannot be applied: {error}", where=where, remedy=again) from error
    patched = in_file_order(files.validate(Baselines, data, where=where, remedy=again))
    if edited := patched.edited_by_hand():
        raise ConfigurationError(edited[0], where=where, remedy=again)
    return patched


def sealed(baselines: Baselines) -> Baselines:
    """Return the file in its order, with the digest over its accepted runs."""
    ordered = in_file_order(baselines)
    return ordered.model_copy(update={"accepted_digest": ordered.computed_accepted_digest()})


def _of_fingerprint(key: str, before: Operation | None, after: Operation | None) -> list[Operation]:
    path = f"/accepted_runs/{jsonpointer.escape(key)}"
    if before == after:
        return []
    if before is None:
        return [{"op": "add", "path": path, "value": after}]
    if after is None:
        return [{"op": "remove", "path": path}]
    figures = {"op": "replace", "path": f"{path}/figures", "value": after["figures"]}
    kept = {run["run_id"] for run in before["runs"]}
    if all(run in after["runs"] for run in before["runs"]):
        return [
            *(
                {"op": "add", "path": f"{path}/runs/{place}", "value": run}
                for place, run in enumerate(after["runs"])
                if run["run_id"] not in kept
            ),
            figures,
        ]
    return [{"op": "replace", "path": f"{path}/runs", "value": after["runs"]}, figures]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a person wants, and says about it.

    Attributes:
        act: Add the runs to the baseline, put them in its place, or begin it.
        who: Who accepts.
        reason: Why; a sentence for whoever reads the file later.
        today: The day of the act.
        overrule: Objections that the person overrules.
    """

    act: Literal["add", "replace", "init"]
    who: str
    reason: str
    today: date
    overrule: frozenset[Override] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would change.

    Attributes:
        baselines: The file as it would be.
        patch: RFC 6902 operations from the present file to it.
        rows: Each metric of the fingerprints that change.
        accepted: Run ids by fingerprint's name, those newly accepted.
        overrides: What was overruled.
        warnings: What a reviewer should think about.
        skipped: Sentences about runs that a first baseline leaves out.
        thin: What a first baseline has from fewer than three runs; empty where nothing is.
    """

    baselines: Baselines
    patch: list[Operation]
    rows: tuple[ChangedRow, ...]
    accepted: dict[str, tuple[str, ...]]
    overrides: tuple[str, ...]
    warnings: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    thin: str = ""


def propose(baselines: Baselines, candidates: Sequence[Candidate], intent: Intent) -> Proposal:
    """Return the change that accepting the candidates would make.

    Raises:
        ConfigurationError: No reason is given; a run is not a candidate and that was not overruled; the runs are of
            several environments; a run is accepted already; there would be more than five; or the accepted runs were
            edited by hand, which a new digest would hide.
    """
    refuse_edited(baselines)
    if not intent.reason.strip():
        raise ConfigurationError(
            "a change of the baseline needs a reason", where="--reason", remedy="Say why, for later readers."
        )
    one_environment(candidates, baselines)
    groups: dict[str, list[Candidate]] = {}
    for run in sorted(candidates, key=lambda run: (run.started_at, run.run_id)):
        groups.setdefault(fingerprint_key(run.fingerprint), []).append(run)
    accepted = dict(baselines.accepted_runs)
    for key, group in sorted(groups.items()):
        accepted[key] = _accept(accepted.get(key), group, intent)
    proposed = sealed(baselines.model_copy(update={"accepted_runs": accepted}))
    entries = {key: proposed.accepted_runs[key] for key in sorted(groups)}
    newly = {key: frozenset(run.run_id for run in group) for key, group in groups.items()}
    return Proposal(
        baselines=proposed,
        patch=patch_between(baselines, proposed),
        rows=tuple(row for key in entries for row in _rows(baselines.accepted_runs.get(key), entries[key])),
        accepted={key: tuple(sorted(newly[key])) for key in entries},
        overrides=tuple(
            text for key in entries for run in entries[key].runs if run.run_id in newly[key] for text in run.overrides
        ),
        warnings=tuple(
            text
            for key, entry in entries.items()
            for text in (
                *_left_thin(key, baselines.accepted_runs.get(key), entry),
                *review_warnings(key, entry, proposed),
            )
        ),
    )


def retire(baselines: Baselines, keys: Sequence[str]) -> Proposal:
    """Return the change that takes the baselines of fingerprints away, such as those of a machine that is gone.

    Raises:
        ConfigurationError: There is none of that name, or the accepted runs were edited by hand.
    """
    refuse_edited(baselines)
    if unknown := sorted(set(keys) - set(baselines.accepted_runs)):
        raise ConfigurationError(
            f"there are no accepted runs of {unknown[0]}",
            where="--key",
            remedy=f"There are: {', '.join(sorted(baselines.accepted_runs)) or 'none'}.",
        )
    kept = {key: entry for key, entry in baselines.accepted_runs.items() if key not in keys}
    proposed = sealed(baselines.model_copy(update={"accepted_runs": kept}))
    return Proposal(
        baselines=proposed,
        patch=patch_between(baselines, proposed),
        rows=tuple(row for key in sorted(set(keys)) for row in _rows(baselines.accepted_runs[key], None)),
        accepted={},
        overrides=(),
        warnings=(),
    )


def refuse_edited(baselines: Baselines) -> None:
    """Stop at accepted runs that were edited by hand.

    Raises:
        ConfigurationError: Says which run.
    """
    if edited := baselines.edited_by_hand():
        raise ConfigurationError(
            edited[0], where="accepted_runs", remedy="Restore the accepted runs from version control, then try again."
        )


def _accept(present: EnvironmentBaseline | None, group: Sequence[Candidate], intent: Intent) -> EnvironmentBaseline:
    """One fingerprint's baseline after the act."""
    before = present.runs if present is not None and intent.act == "add" else ()
    entries = tuple(accepted_run(candidate, intent) for candidate in group)
    known = {run.run_id for run in before}
    if twice := [run.run_id for run in entries if run.run_id in known]:
        raise ConfigurationError(
            f"run {twice[0]} is accepted already",
            where=fingerprint_key(group[0].fingerprint),
            remedy="Leave it out: --runs takes single files, and a range of the history skips it.",
        )
    if len(before) + len(entries) > RUNS_WANTED:
        raise ConfigurationError(
            f"there would be {len(before) + len(entries)} accepted runs; a baseline has up to {RUNS_WANTED}",
            where=fingerprint_key(group[0].fingerprint),
            remedy="Accept fewer, or replace the present ones with --replace.",
        )
    return EnvironmentBaseline(fingerprint=group[0].fingerprint, runs=(*before, *entries))


def _left_thin(key: str, before: EnvironmentBaseline | None, after: EnvironmentBaseline) -> tuple[str, ...]:
    """Say that a baseline would have fewer runs than it has, too few to decide most rows (verdict.md section 10)."""
    if before is None or len(after.runs) >= len(before.runs) or len(after.runs) > len(THIN_FACTORS):
        return ()
    runs = counted(len(after.runs), "run")
    return (f"{key}: {runs} instead of {len(before.runs)}: too few to find most slow-downs",)


def accepted_run(candidate: Candidate, intent: Intent) -> AcceptedRun:
    """Return a candidate as an accepted run, with its digest.

    Raises:
        ConfigurationError: An objection to it was not overruled.
    """
    entry = AcceptedRun(
        run_id=candidate.run_id,
        run_kind=candidate.run_kind,
        started_at=candidate.started_at,
        accepted_on=intent.today,
        act=intent.act,
        who=intent.who,
        why=intent.reason,
        overrides=overruled(candidate, intent.overrule),
        identities=candidate.identities,
        machine=candidate.machine,
        rows=candidate.rows,
        statements=candidate.statements,
        digest="",
    )
    return entry.model_copy(update={"digest": entry.computed_digest()})


def _rows(before: EnvironmentBaseline | None, after: EnvironmentBaseline | None) -> tuple[ChangedRow, ...]:
    """Each metric of one fingerprint that either side measured; at least one side is there."""
    sides = [side for side in (before, after) if side is not None]
    rows = []
    for key in sorted({key for side in sides for key in side.row_keys}):
        old, new = (side.rows(*key) if side else () for side in (before, after))
        endpoint, metric, phase = key
        rows.append(
            ChangedRow(
                key=RowKey(scenario=sides[0].fingerprint.scenario, endpoint=endpoint, metric=metric, phase=phase),
                unit="share" if metric == ERRORS else (new or old)[0].unit,
                old=accepted_level(metric, old),
                old_runs=len(old),
                new=accepted_level(metric, new),
                new_runs=len(new),
            )
        )
    return tuple(rows)


def accepted_level(metric: str, rows: Sequence[AcceptedRow]) -> float | None:
    """The accepted level as a person reads it: the centre of the runs, of errors the pooled share."""
    if not rows:
        return None
    values = [row.value for row in rows]
    if metric == ERRORS:
        return sum(values) / max(1, sum(row.count for row in rows))
    if metric == STALLED or not all(map(is_quantity, values)):
        return centre(sorted(values))
    return math.exp(centre(sorted(math.log(value) for value in values)))


EXPIRES_AFTER = timedelta(days=90)
RUNS_AT_LEAST = 3
"""With one or two accepted runs nearly every row stays inconclusive (verdict.md section 10)."""


def init_baseline(
    baselines: Baselines,
    candidates: Sequence[Candidate],
    *,
    who: str,
    reason: str,
    link: str,
    today: date,
    options: str = "--runs out/runs",
) -> Proposal:
    """Return the change to a file with the newest valid runs, up to five a scenario, and what they miss acknowledged.

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
            f"{link!r} is not a URL",
            where="--link",
            remedy="Give the https:// URL of the page that tracks missed targets, such as an issue's.",
        )
    # A missed target is no bar: it is acknowledged.
    selected = select_runs(candidates, baselines, replaces=True, unfit=frozenset(Override) - {Override.MISSED_TARGET})
    chosen = selected.taken or candidates
    one_environment(chosen, baselines, begins=True)
    name = chosen[0].fingerprint.environment
    if baselines.knows(name):
        raise ConfigurationError(
            f"the environment {name} already has accepted runs",
            where="--baselines",
            remedy=_add_instead(candidates, name, options),
        )
    unacknowledged = tuple(
        dict.fromkeys(
            f"{missed.key.text} is not acknowledged, since failures are to be mended: {missed.sentence}"
            for one in chosen
            for missed in one.missed
            if missed.key.metric == ERRORS
        )
    )
    if not selected.taken:
        raise ConfigurationError(
            f"there is no run to accept: {selected.skipped[-1]}",
            where="--runs, --history, --history-branch",
            remedy="Fix what it names, and measure again.",
        )
    wanted = Intent(act="init", who=who, reason=reason, today=today, overrule=frozenset({Override.MISSED_TARGET}))
    proposal = propose(baselines, chosen, wanted)
    noted = baselines.environments.get(name)
    nights = [one.started_at.date() for one in candidates if one.fingerprint.environment == name]
    # Never later than what is committed: that would begin the nights of grace anew.
    first = EnvironmentNote(first_night=min([*nights, *([noted.first_night] if noted else [])]))
    known = _acknowledgements(chosen, who=who, link=link, today=today)
    return replace(
        proposal,
        baselines=proposal.baselines.model_copy(
            update={
                "environments": {**baselines.environments, name: first},
                "acknowledgements": (*baselines.acknowledgements, *known),
            }
        ),
        skipped=(*selected.skipped, *unacknowledged),
        thin=_thin(proposal),
    )


def _add_instead(candidates: Sequence[Candidate], environment: str, options: str) -> str:
    changed = any(kind is Override.FINGERPRINT for one in candidates for kind, _ in one.objections)
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
