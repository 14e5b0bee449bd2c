"""What a drill has shown that this gate sees, in one sentence for a report; or why a drill does not count.

A drill speaks for nights of its own fingerprint only, and not for ever: machines, stacks and their noise change.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from chamiperf_ci.models.drill import Drill
from chamiperf_ci.models.verdict import ScenarioOutcome
from chamiperf_ci.render import numbers

STALE_AFTER = timedelta(days=90)
"""Age at the night from which a drill is named stale."""

MOST_SEEN = 10.0
"""A smallest change of more than this is none that a gate can be said to see."""

_MOST_DIFFERENCES = 3


def gate_sight(scenarios: Sequence[ScenarioOutcome], drills: Iterable[Drill]) -> tuple[str, ...]:
    """Return a sentence for each scenario that a drill was made of; of several drills the newest that fits speaks.

    Args:
        scenarios: A night's scenarios.
        drills: In any order; those of other scenarios say nothing here.
    """
    newest_first = sorted(drills, key=lambda drill: (drill.started_at, drill.sentence), reverse=True)
    return tuple(sentence for scenario in scenarios for sentence in _of(scenario, newest_first))


def _of(scenario: ScenarioOutcome, drills: Sequence[Drill]) -> Iterator[str]:
    mine = [drill for drill in drills if drill.scenario == scenario.scenario]
    fitting = [drill for drill in mine if drill.fingerprint == scenario.fingerprint]
    if fitting:
        yield f"{_said(fitting[0])}{_age(scenario, fitting[0])}"
    elif mine:
        yield f"{_name(mine[0])} is not used: {_why_not(scenario, mine[0])}."


def _said(drill: Drill) -> str:
    if drill.word == "too few runs":
        return f"{_name(drill)} had too few valid runs, so it proves nothing about this gate."
    if drill.word == "not proved":
        return f"{_name(drill)} did not prove this gate: {_evidence(drill)}."
    seen = min(drill.rows, key=lambda row: row.smallest_confirmed, default=None)
    if seen is None or seen.smallest_confirmed > MOST_SEEN:
        return f"What this gate sees of {drill.scenario} is not known, measured on {_day(drill)} ({_evidence(drill)})."
    size = numbers.percent(seen.smallest_confirmed)
    where = " ".join(part for part in (seen.key.endpoint, seen.key.metric, "of", drill.scenario) if part)
    return f"This gate sees +{size} % on {where}, measured on {_day(drill)} ({_evidence(drill)})."


def _evidence(drill: Drill) -> str:
    """What was caught of the largest slow-down, and what was called in unchanged code."""
    largest, unchanged = drill.effects[-1], drill.unchanged
    return (
        f"a drill caught {largest.caught} of {numbers.counted(largest.comparisons, f'{drill.method} slow-down')} of "
        f"{numbers.percent(largest.effect)} % and called {unchanged.caught} of "
        f"{numbers.counted(unchanged.comparisons, 'unchanged comparison')} a regression"
    )


def _age(scenario: ScenarioOutcome, drill: Drill) -> str:
    age = scenario.started_at - drill.started_at
    return f" It is stale, {age.days} days old: run `chamiperf drill` again." if age > STALE_AFTER else ""


def _why_not(scenario: ScenarioOutcome, drill: Drill) -> str:
    if drill.fingerprint is None:
        return "it has no valid run"
    differences = scenario.fingerprint.differences(drill.fingerprint)
    more = f"; {len(differences) - _MOST_DIFFERENCES} more" if len(differences) > _MOST_DIFFERENCES else ""
    return f"it was made under other circumstances ({'; '.join(differences[:_MOST_DIFFERENCES])}{more})"


def _name(drill: Drill) -> str:
    return f"The drill of {drill.scenario} of {_day(drill)}"


def _day(drill: Drill) -> str:
    return f"{drill.started_at:%Y-%m-%d}"
