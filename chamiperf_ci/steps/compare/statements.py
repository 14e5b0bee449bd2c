"""Database statements that take several times as long as before: named with their factor, beside the rows.

A statement is no row of its own. Its latency is a mean, which says nothing about users; but where a boot script became
slower, the statement that did it is what a person wants to read. So the bar is high: an index that is gone makes a
statement slower by an order of magnitude, and a busy machine makes all of them slower by less.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

from chamiperf_ci.models.baselines import AcceptedStatement, Baselines
from chamiperf_ci.models.run import Statement
from chamiperf_ci.models.verdict import StatementChange
from chamiperf_ci.steps.baselines.entry import stored_statements
from chamiperf_ci.steps.compare.scenarios import ScenarioRuns

FACTOR: Final = 3.0
"""How many times as long as before, over what all statements became slower by together."""
LEAST_MS: Final = 0.05
"""What a statement must have gained; below it a mean is the machine's noise."""
FEWEST_CALLS: Final = 50
_SHARE: Final = 0.1
"""What a statement must have gained over the phase, as a share of what the worst one gained: while one reads a whole
table, the database's processors are taken, and short statements beside it wait. Those are an effect, not the cause."""
_COMMON: Final = 4
"""Statements known from both sides of which a slow-down of the whole machine can be told."""


def slower_statements(scenario_runs: ScenarioRuns, baselines: Baselines) -> tuple[StatementChange, ...]:
    """The statements of a scenario that became much slower, the one that cost most time first.

    Compared are the accepted runs, or the old side of pairs that stand alone, with every current run: the least of the
    latter against the most of the former.
    """
    if scenario_runs.only_pairs:
        before = [stored_statements(old) for old, _ in scenario_runs.pairs]
    else:
        accepted = baselines.accepted(scenario_runs.night.fingerprint)
        before = [run.statements for run in accepted.runs] if accepted is not None else []
    current = [{each.fingerprint: each for each in run.statements} for run in scenario_runs.current if run.statements]
    known = _by_fingerprint(before)
    shared = {
        fingerprint: [run[fingerprint].typical_ms for run in current if fingerprint in run]
        for fingerprint in known
        if current and fingerprint in current[0]
    }
    common = _common_slowdown(known, shared)
    found = [
        _change(scenario_runs.scenario, current[0][fingerprint], median(known[fingerprint]), median(now))
        for fingerprint, now in shared.items()
        if current[0][fingerprint].calls >= FEWEST_CALLS
        and min(now) >= FACTOR * common * max(known[fingerprint])
        and min(now) - max(known[fingerprint]) >= LEAST_MS
    ]
    worst = max(map(_gained_ms, found), default=0.0)
    named = [change for change in found if _gained_ms(change) >= _SHARE * worst]
    return tuple(sorted(named, key=_gained_ms, reverse=True))


def _gained_ms(change: StatementChange) -> float:
    """What all its calls took more than before, ms over the phase."""
    return (change.now_ms - change.before_ms) * change.calls


def _by_fingerprint(runs: Sequence[Sequence[AcceptedStatement]]) -> dict[str, list[float]]:
    """What each statement took in the runs that have enough of its calls, ms."""
    known: dict[str, list[float]] = {}
    for run in runs:
        for each in run:
            if each.calls >= FEWEST_CALLS and each.typical_ms > 0:
                known.setdefault(each.fingerprint, []).append(each.typical_ms)
    return known


def _common_slowdown(known: dict[str, list[float]], shared: dict[str, list[float]]) -> float:
    """By which factor the usual statement became slower, at least 1: what the machine or the server as a whole did."""
    factors = [median(now) / median(known[fingerprint]) for fingerprint, now in shared.items()]
    return max(1.0, median(factors)) if len(factors) >= _COMMON else 1.0


def _change(scenario: str, statement: Statement, before_ms: float, now_ms: float) -> StatementChange:
    return StatementChange(
        scenario=scenario,
        fingerprint=statement.fingerprint,
        text=statement.text,
        role=statement.role,
        database=statement.database,
        before_ms=before_ms,
        now_ms=now_ms,
        factor=now_ms / before_ms,
        calls=statement.calls,
        total_ms=statement.total_ms,
    )
