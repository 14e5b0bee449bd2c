"""Which scenarios to run again, and in which order (verdict.md section 7)."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.row_input import RowKey

MOST_SCENARIOS = 2


@dataclass(frozen=True, slots=True)
class SuspectScenario:
    """A scenario with suspect rows; `p_worse` is the smallest among them, infinite where only counts are suspect."""

    scenario: str
    p_worse: float
    rows: tuple[RowKey, ...]


def suspect_scenarios(decisions: Iterable[RowDecision]) -> tuple[SuspectScenario, ...]:
    """Order the scenarios that have suspect rows by their smallest p_worse; stalled windows and errors come last.

    Of equals the scenario's name decides, so the order of rows is irrelevant. The first two are worth repeating:
    a third adds at most one point of power (measured, verdict.md section 7).
    """
    found: dict[str, list[RowDecision]] = {}
    for decision in decisions:
        if decision.suspect:
            found.setdefault(decision.key.scenario, []).append(decision)
    scenarios = [
        SuspectScenario(scenario, min(map(_urgency, rows)), tuple(sorted(row.key for row in rows)))
        for scenario, rows in found.items()
    ]
    return tuple(sorted(scenarios, key=lambda suspect: (suspect.p_worse, suspect.scenario)))


def _urgency(decision: RowDecision) -> float:
    return decision.change.p_worse if decision.change is not None else math.inf
