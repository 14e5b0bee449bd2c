"""Which gates a change of `baselines.json` weakens: for the reviewer of its pull request.

Loosening is looked for in what the rules come to for each metric, not in how they are written, so that a stricter rule
that was removed is found as well.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chamiperf_ci.models.baselines import (
    AcceptedRun,
    Baselines,
    Bound,
    KnownProblem,
    Level,
    Policy,
    TargetRule,
)
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.render.baseline_findings import Finding, Gravity
from chamiperf_ci.render.numbers import counted, percent, significant

_NAMED = 3
"""Metrics named for one change; of more the number is given."""
_ANY = "any other"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A metric that a rule may bear on."""

    scenario: str
    endpoint: str
    metric: str

    @property
    def text(self) -> str:
        """The place for people."""
        return " / ".join(part for part in (self.scenario, self.endpoint) if part) + f" {self.metric}"


def weakened(base: Baselines, now: Baselines) -> tuple[Finding, ...]:
    """Return what is weaker in `now` than in `base`, and which accepted runs came and went."""
    return (
        *_weakened_rules(base, now),
        *_new_grace(base, now),
        *_changed_runs(base, now),
        *_new_acknowledgements(base, now),
    )


def name_of(problem: KnownProblem) -> str:
    """Return what an acknowledgement is about, for people."""
    return Place(problem.scenario, problem.endpoint, problem.metric).text


def _weakened_rules(base: Baselines, now: Baselines) -> Iterator[Finding]:
    places = sorted({*_places(base), *_places(now)})
    changes: dict[tuple[str, str, str], list[str]] = {}
    for place in places:
        for kind in StackKind:
            before, after = (_policy(one, place, kind) for one in (base, now))
            for change in _weaker(before, after):
                named = changes.setdefault(change, [])
                if place.text not in named:
                    named.append(place.text)
    for (what, old, new), named in sorted(changes.items()):
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        yield Finding(Gravity.WEAKER, what, ", ".join(named[:_NAMED]) + more, old, new)


def _new_grace(base: Baselines, now: Baselines) -> Iterator[Finding]:
    """Learning nights that begin anew: in them a metric without a baseline costs nothing."""
    for name, note in sorted(now.environments.items()):
        before = base.environments.get(name)
        if before is None and base.knows(name):
            yield Finding(Gravity.WEAKER, "learning nights begin anew", name, "", f"from {note.first_night}")
        if before is not None and note.first_night > before.first_night:
            old, new = f"from {before.first_night}", f"from {note.first_night}"
            yield Finding(Gravity.WEAKER, "learning nights begin anew", name, old, new)


def _weaker(before: Policy, after: Policy) -> Iterator[tuple[str, str, str]]:
    """What is weaker now, before and now."""
    if after.tolerance > before.tolerance:
        yield "tolerance loosened", f"{percent(before.tolerance)} %", f"{percent(after.tolerance)} %"
    if before.compared and not after.compared:
        yield "no longer compared", "compared", "shown only"
    if after.exempt and not before.exempt:
        yield "exempt from a baseline", "", after.exempt
    old, new = before.target, after.target
    if old is not None and new is None:
        yield "target removed", _limit(old), ""
    elif old is not None and new is not None and _is_looser(old, new):
        yield "target weakened", _limit(old), _limit(new)


def _is_looser(old: TargetRule, new: TargetRule) -> bool:
    if old.unit != new.unit or old.bound != new.bound or old.phase != new.phase:
        return True
    if (new.offered_factor or 0) > (old.offered_factor or 0):
        return True
    return new.limit > old.limit if old.bound is Bound.AT_MOST else new.limit < old.limit


def _limit(target: TargetRule) -> str:
    where = f", offered {target.offered_factor:g} x" if target.offered_factor else f", {target.phase}"
    return f"{target.bound.replace('-', ' ')} {significant(target.limit)} {target.unit}{where} ({target.source})"


def _policy(baselines: Baselines, place: Place, kind: StackKind) -> Policy:
    metric, _, phase = place.metric.removesuffix(")").partition(" (")
    return baselines.policy(place.scenario, place.endpoint, metric, phase or SUSTAINED, stack_kind=kind)


def _places(baselines: Baselines) -> Iterator[Place]:
    """Everywhere that a rule of the file bears on, one place for what no rule names, and what was accepted."""
    rules = baselines.rules
    levels: list[tuple[str, str, Level]] = [(_ANY, _ANY, rules.defaults)]
    for scenario, of_scenario in rules.scenarios.items():
        levels.append((scenario, _ANY, of_scenario))
        levels += [(scenario, endpoint, level) for endpoint, level in of_scenario.endpoints.items()]
    everywhere = {name for _, _, level in levels for name in level.metrics}
    for scenario, endpoint, _ in levels:
        yield from (Place(scenario, endpoint, metric) for metric in ("p50", *everywhere))
    for entry in baselines.accepted_runs.values():
        for endpoint, metric, phase in entry.row_keys:
            name = metric if phase == SUSTAINED else f"{metric} ({phase})"
            yield Place(entry.fingerprint.scenario, endpoint, name)


def _changed_runs(base: Baselines, now: Baselines) -> Iterator[Finding]:
    for key, before in sorted(base.accepted_runs.items()):
        after = now.accepted_runs.get(key)
        if after is None or not after.runs:
            yield Finding(Gravity.WEAKER, "baseline removed", key, counted(len(before.runs), "run"), "none")
            continue
        yield from _one_changed(key, before.runs, after.runs)
        lost = sorted(set(before.row_keys) - set(after.row_keys))
        for endpoint, metric, phase in lost:
            yield Finding(Gravity.WEAKER, "metric lost its baseline", f"{key}: {endpoint} {metric} {phase}")


def _one_changed(key: str, before: Iterable[AcceptedRun], after: Iterable[AcceptedRun]) -> Iterator[Finding]:
    old, new = {run.run_id: run for run in before}, {run.run_id: run for run in after}
    if removed := sorted(set(old) - set(new)):
        gravity = Gravity.WEAKER if len(new) < len(old) else Gravity.NOTE
        yield Finding(gravity, "accepted runs removed", key, ", ".join(removed), counted(len(new), "run") + " left")
    if added := sorted(set(new) - set(old)):
        who = ", ".join(sorted({new[run_id].who for run_id in added}))
        yield Finding(Gravity.NOTE, f"runs accepted by {who}", key, counted(len(old), "run"), ", ".join(added))
    for run_id in sorted(set(old) & set(new)):
        if old[run_id] != new[run_id]:
            yield Finding(Gravity.BROKEN, "accepted run changed", f"{key}, run {run_id}")


def _new_acknowledgements(base: Baselines, now: Baselines) -> Iterator[Finding]:
    known = {(name_of(one), one.environment, one.what, one.phase): one for one in base.acknowledgements}
    for one in now.acknowledgements:
        before = known.get((name_of(one), one.environment, one.what, one.phase))
        if before == one:
            continue
        what = f"{one.what} acknowledged by {one.who}"
        place = f"{name_of(one)} in {one.environment}"
        yield Finding(Gravity.WEAKER, what, place, _extent(before) if before else "", _extent(one))


def _extent(problem: KnownProblem) -> str:
    return f"up to {significant(problem.extent)} until {problem.expires}: {problem.reason}"
