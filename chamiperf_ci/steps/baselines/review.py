"""Whether a change weakens the gate, and whether the file holds together."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from chamiperf_ci.adapters.files import catalogue
from chamiperf_ci.models.baselines import (
    AcceptedRun,
    Baselines,
    Bound,
    EnvironmentBaseline,
    KnownProblem,
    Level,
    Policy,
    TargetRule,
)
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.models.vocabulary import RUNS_WANTED
from chamiperf_ci.render.baselines import Finding, Severity
from chamiperf_ci.render.numbers import counted, percent, significant
from chamiperf_ci.steps.baselines.entry import is_compared, row_of
from chamiperf_ci.steps.compare.measure import measure
from chamiperf_ci.verdict.night import is_old

_NAMED = 3
"""Metrics named for one change; of more the number is given."""
_ANY = "any other"


@dataclass(frozen=True, slots=True, order=True)
class MetricPlace:
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
    return MetricPlace(problem.scenario, problem.endpoint, problem.metric).text


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
        yield Finding(Severity.WEAKER, what, ", ".join(named[:_NAMED]) + more, old, new)


def _new_grace(base: Baselines, now: Baselines) -> Iterator[Finding]:
    """Learning nights that begin anew: in them a metric without a baseline costs nothing."""
    for name, note in sorted(now.environments.items()):
        before = base.environments.get(name)
        if before is None and base.knows(name):
            yield Finding(Severity.WEAKER, "learning starts again", name, "", f"from {note.first_night}")
        if before is not None and note.first_night > before.first_night:
            old, new = f"from {before.first_night}", f"from {note.first_night}"
            yield Finding(Severity.WEAKER, "learning starts again", name, old, new)


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


def _policy(baselines: Baselines, place: MetricPlace, kind: StackKind) -> Policy:
    metric, _, phase = place.metric.removesuffix(")").partition(" (")
    return baselines.policy(place.scenario, place.endpoint, metric, phase or SUSTAINED, stack_kind=kind)


def _places(baselines: Baselines) -> Iterator[MetricPlace]:
    """Everywhere that a rule of the file bears on, one place for what no rule names, and what was accepted."""
    rules = baselines.rules
    levels: list[tuple[str, str, Level]] = [(_ANY, _ANY, rules.defaults)]
    for scenario, of_scenario in rules.scenarios.items():
        levels.append((scenario, _ANY, of_scenario))
        levels += [(scenario, endpoint, level) for endpoint, level in of_scenario.endpoints.items()]
    everywhere = {name for _, _, level in levels for name in level.metrics}
    for scenario, endpoint, _ in levels:
        yield from (MetricPlace(scenario, endpoint, metric) for metric in ("p50", *everywhere))
    for entry in baselines.accepted_runs.values():
        for endpoint, metric, phase in entry.row_keys:
            name = metric if phase == SUSTAINED else f"{metric} ({phase})"
            yield MetricPlace(entry.fingerprint.scenario, endpoint, name)


def _changed_runs(base: Baselines, now: Baselines) -> Iterator[Finding]:
    for key, before in sorted(base.accepted_runs.items()):
        after = now.accepted_runs.get(key)
        if after is None or not after.runs:
            yield Finding(Severity.WEAKER, "baseline removed", key, counted(len(before.runs), "run"), "none")
            continue
        yield from _one_changed(key, before.runs, after.runs)
        lost = sorted(set(before.row_keys) - set(after.row_keys))
        for endpoint, metric, phase in lost:
            yield Finding(Severity.WEAKER, "metric lost its baseline", f"{key}: {endpoint} {metric} {phase}")


def _one_changed(key: str, before: Iterable[AcceptedRun], after: Iterable[AcceptedRun]) -> Iterator[Finding]:
    old, new = {run.run_id: run for run in before}, {run.run_id: run for run in after}
    if removed := sorted(set(old) - set(new)):
        severity = Severity.WEAKER if len(new) < len(old) else Severity.NOTE
        yield Finding(severity, "accepted runs removed", key, ", ".join(removed), counted(len(new), "run") + " left")
    if added := sorted(set(new) - set(old)):
        who = ", ".join(sorted({new[run_id].who for run_id in added}))
        yield Finding(Severity.NOTE, f"runs accepted by {who}", key, counted(len(old), "run"), ", ".join(added))
    for run_id in sorted(set(old) & set(new)):
        if old[run_id] != new[run_id]:
            yield Finding(Severity.BROKEN, "accepted run changed", f"{key}, run {run_id}")


def _new_acknowledgements(base: Baselines, now: Baselines) -> Iterator[Finding]:
    known = {(name_of(one), one.environment, one.what, one.phase): one for one in base.acknowledgements}
    for one in now.acknowledgements:
        before = known.get((name_of(one), one.environment, one.what, one.phase))
        if before == one:
            continue
        what = f"{one.what} acknowledged by {one.who}"
        place = f"{name_of(one)} in {one.environment}"
        yield Finding(Severity.WEAKER, what, place, _extent(before) if before else "", _extent(one))


def _extent(problem: KnownProblem) -> str:
    return f"up to {significant(problem.extent)} until {problem.expires}: {problem.reason}"


def check(
    baselines: Baselines, *, today: date, base: Baselines | None = None, runs: Sequence[Run] = ()
) -> tuple[Finding, ...]:
    """Return everything that a person should look at.

    Args:
        baselines: The file.
        today: For ages and expiries.
        base: The file as it was, such as on the branch to merge into; without it nothing is called weakened.
        runs: Runs whose metrics must all be gated, such as the last night's.
    """
    found = [Finding(Severity.BROKEN, "edited by hand", text) for text in baselines.edited_by_hand()]
    found += _misnamed(baselines)
    found += _coverage(baselines, runs)
    found += _state(baselines, today)
    if base is not None:
        found += weakened(base, baselines)
    return tuple(found)


def _misnamed(baselines: Baselines) -> Iterator[Finding]:
    """Rules and acknowledgements of a scenario that does not exist: they look like a gate and are none."""
    named = [(f"rules, {name}", name) for name in baselines.rules.scenarios]
    named += [(f"acknowledgement of {name_of(problem)}", problem.scenario) for problem in baselines.acknowledgements]
    for where, name in named:
        if name not in catalogue().scenarios:
            near = difflib.get_close_matches(name, catalogue().scenarios, n=1)
            now = f"is {near[0]} meant?" if near else "there is no such scenario"
            yield Finding(Severity.BROKEN, "no such scenario", where, now=now)


def _coverage(baselines: Baselines, runs: Sequence[Run]) -> Iterator[Finding]:
    """Measured metrics that nothing is held against, and nobody wrote down why."""
    for run in runs:
        accepted = baselines.accepted(run.fingerprint)
        for found in measure(run):
            key, kind = found.key, run.fingerprint.stack_kind
            row = row_of(found) if run.valid and is_compared(found, baselines, kind) else None
            policy = baselines.policy(key.scenario, key.endpoint, key.metric, key.phase, stack_kind=kind)
            if row is None or found.came_later or policy.exempt or (accepted is not None and accepted.rows(*row.key)):
                continue
            yield Finding(
                Severity.BROKEN if accepted is not None else Severity.NOTE,
                "measured without a baseline",
                key.text,
                now="accept a run that measures it, or write `exempt` with the reason",
            )


def _state(baselines: Baselines, today: date) -> Iterator[Finding]:
    for key, entry in sorted(baselines.accepted_runs.items()):
        newest = entry.newest
        if newest is not None and is_old((today - newest.date()).days):
            age = f"{(today - newest.date()).days} days"
            yield Finding(Severity.NOTE, "old baseline", key, now=f"newest run {newest:%Y-%m-%d}, {age} ago")
        if len(entry.runs) < RUNS_WANTED:
            yield Finding(Severity.NOTE, "thin baseline", key, now=f"{len(entry.runs)} of {RUNS_WANTED} runs")
        for run in entry.runs:
            for text in run.overrides:
                yield Finding(Severity.NOTE, f"overruled by {run.who}", f"{key}, run {run.run_id}", now=text)
        yield from _vanished(key, entry)
    for problem in baselines.acknowledgements:
        if problem.expires < today:
            yield Finding(Severity.NOTE, "acknowledgement expired", name_of(problem), now=f"{problem.expires}")


def _vanished(key: str, entry: EnvironmentBaseline) -> Iterator[Finding]:
    """Metrics that older accepted runs have and the newest has not."""
    latest = {row.key for row in max(entry.runs, key=lambda run: run.started_at).rows} if entry.runs else set()
    for endpoint, metric, phase in entry.row_keys:
        if (endpoint, metric, phase) not in latest:
            yield Finding(Severity.NOTE, "not in the newest accepted run", f"{key}: {endpoint} {metric} {phase}")
