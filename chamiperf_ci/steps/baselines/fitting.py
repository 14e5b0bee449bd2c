"""Which nights of a range of the history a proposal takes: the newest that fit, and a sentence for what it leaves out.

A person names files one by one and a range by its ends; what lies between them may be accepted already or be invalid.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chamiperf_ci.models.baselines import Baselines, fingerprint_key
from chamiperf_ci.render.numbers import counted
from chamiperf_ci.steps.baselines.candidates import Candidate, Overrule
from chamiperf_ci.verdict.baseline_health import RUNS_WANTED

_UNFIT = frozenset({Overrule.INVALID, Overrule.INCOMPLETE, Overrule.FAULT})
"""Objections to a single night; any other is one to the range, which the person must then choose better or overrule."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """What a proposal takes of a range, and sentences about the rest."""

    taken: tuple[Candidate, ...]
    passed_over: tuple[str, ...]


def fitting(
    found: Sequence[Candidate], baselines: Baselines, *, replaces: bool, overrule: Collection[Overrule] = ()
) -> Fitting:
    """Return the newest nights that a baseline has room for, without those that are accepted already or unfit.

    Args:
        found: The nights of the range.
        baselines: What is accepted.
        replaces: The nights take the place of the accepted ones, so that those are candidates as well.
        overrule: Objections that the person overrules.
    """
    groups: dict[str, list[Candidate]] = {}
    passed_over = []
    for one in sorted(found, key=lambda one: (one.started_at, one.run_id)):
        key = fingerprint_key(one.fingerprint)
        accepted = [] if replaces else _accepted_ids(baselines, key)
        unfit = next((text for kind, text in one.objections if kind in _UNFIT and kind not in overrule), "")
        if why := "it is accepted already" if one.run_id in accepted else unfit:
            passed_over.append(f"run {one.run_id} of {one.fingerprint.scenario} is passed over: {why}")
        else:
            groups.setdefault(key, []).append(one)
    taken: list[Candidate] = []
    for key, group in sorted(groups.items()):
        room = RUNS_WANTED if replaces else max(0, RUNS_WANTED - len(_accepted_ids(baselines, key)))
        newest = group[len(group) - room :] if room < len(group) else group
        taken += newest
        if older := len(group) - len(newest):
            passed_over.append(_too_many(key, older, room))
    return Fitting(tuple(taken), tuple(passed_over))


def _accepted_ids(baselines: Baselines, key: str) -> list[str]:
    entry = baselines.accepted_runs.get(key)
    return [run.run_id for run in entry.runs] if entry else []


def _too_many(key: str, older: int, room: int) -> str:
    runs = counted(older, "run of {key} is", "runs of {key} are").format(key=key)
    if room:
        return f"{runs} passed over: a baseline has up to {RUNS_WANTED}, and the newest are taken"
    return f"{runs} passed over: its baseline has {RUNS_WANTED} already; --replace puts newer ones in their place"
