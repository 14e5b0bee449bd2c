"""A proposed change of the baseline: what would be accepted, what that does to each metric, and what to think about.

Adding runs to a baseline and replacing it are two acts. Nothing here writes; nothing but a person's command calls it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import (
    AcceptedRow,
    AcceptedRun,
    Baselines,
    EnvironmentBaseline,
    fingerprint_key,
)
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render.baseline_change import ChangedRow
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import Candidate, Overrule, one_environment, overruled
from chamiperf_ci.steps.baselines.doubts import doubts
from chamiperf_ci.steps.baselines.patch import Operation, patch_between, sealed
from chamiperf_ci.steps.compare.measurements import ERRORS, STALLED
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED
from chamiperf_ci.verdict.centre import centre
from chamiperf_ci.verdict.change import THIN_FACTORS
from chamiperf_ci.verdict.metric_class import is_quantity


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
    overrule: frozenset[Overrule] = frozenset()


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
    """

    baselines: Baselines
    patch: list[Operation]
    rows: tuple[ChangedRow, ...]
    accepted: dict[str, tuple[str, ...]]
    overrides: tuple[str, ...]
    warnings: tuple[str, ...]


def propose(baselines: Baselines, candidates: Sequence[Candidate], intent: Intent) -> Proposal:
    """Return the change that accepting the candidates would make.

    Raises:
        ConfigurationError: No reason is given; a run is no candidate and that was not overruled; the runs are of
            several environments; a run is accepted already; there would be more than five; or the accepted runs were
            edited by hand, which a new digest would hide.
    """
    refuse_edited(baselines)
    if not intent.reason.strip():
        raise ConfigurationError(
            "a change of the baseline needs a reason", where="--reason", remedy="Say why, for whoever reads it later."
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
            for text in (*_left_thin(key, baselines.accepted_runs.get(key), entry), *doubts(key, entry, proposed))
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
            remedy="Leave it out: --runs takes single files, and a range of the history passes over it by itself.",
        )
    if len(before) + len(entries) > RUNS_WANTED:
        raise ConfigurationError(
            f"there would be {len(before) + len(entries)} accepted runs; a baseline has up to {RUNS_WANTED}",
            where=fingerprint_key(group[0].fingerprint),
            remedy="Accept fewer, or put these in the place of the present ones with --replace.",
        )
    return EnvironmentBaseline(fingerprint=group[0].fingerprint, runs=(*before, *entries))


def _left_thin(key: str, before: EnvironmentBaseline | None, after: EnvironmentBaseline) -> tuple[str, ...]:
    """Say that a baseline would have fewer runs than it has, too few to decide most rows (verdict.md section 10)."""
    if before is None or len(after.runs) >= len(before.runs) or len(after.runs) > len(THIN_FACTORS):
        return ()
    runs = counted(len(after.runs), "run")
    return (f"{key}: {runs} in the place of {len(before.runs)}: too few to find most slow-downs",)


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
