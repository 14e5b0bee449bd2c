"""What of a verdict is worth an alert: the rows that failed each scenario, and what was not measured.

Follows the verdict's own `fail_on`: what does not fail a night wakes nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from chamiperf_ci.models.alert import NOT_MEASURING, AlertLine
from chamiperf_ci.models.fingerprint import Fingerprint
from chamiperf_ci.models.verdict import Row, RowKey, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import UNKNOWN_BASELINE, FailOn, RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import groups, numbers
from chamiperf_ci.verdict.outcome import DEFAULT_FAIL_ON

UNNAMED = "the stack"
"""Whose alert it is while no environment is known, and no environment's name; the first night takes it over."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one alert is about, tonight."""

    topic: str
    """A scenario, or NOT_MEASURING."""
    lines: tuple[AlertLine, ...]
    """The worst first; at least one."""
    rows: tuple[RowKey, ...] = ()
    """The rows behind the lines of a scenario."""
    changed: tuple[str, ...] = ()
    reproduce: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Night:
    """One night, as far as alerts care."""

    environment: str
    when: date
    troubles: tuple[Trouble, ...]
    """Not measuring first, then scenarios, the worst first."""
    judged: frozenset[str] = frozenset()
    """Scenarios that were measured and judged."""
    undecided: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By scenario: rows that are neither good nor bad tonight, and keep an alert open that has them."""
    measured: bool = True
    """Whether there was a night at all; False for a look from outside, which ends no alert."""
    sentence: str = ""
    exit_code: int | None = None
    link: str = ""
    self_test: bool = False
    valid: bool = False
    """Whether everything that was to be measured was."""


def findings(verdict: Verdict, *, link: str = "") -> Night:
    """A judged night."""
    when = min(scenario.started_at for scenario in verdict.scenarios).date()
    fail_on = frozenset(map(FailOn, verdict.fail_on)) or DEFAULT_FAIL_ON
    failed = [
        trouble
        for scenario in verdict.scenarios
        if (trouble := _scenario(verdict, scenario, fail_on, when)) is not None
    ]
    not_measured = tuple(_not_measured(verdict, when))
    lines = not_measured if FailOn.INVALID in fail_on else ()
    if verdict.outcome.exit_code and not failed and not lines:
        # A night that fails is never silent, whatever made it fail.
        lines = (AlertLine(name="night", what=verdict.outcome.word, says=verdict.outcome.sentence, since=when),)
    return Night(
        environment=verdict.environment,
        when=when,
        troubles=(*((Trouble(NOT_MEASURING, lines),) if lines else ()), *sorted(failed, key=_urgency)),
        judged=frozenset(scenario.scenario for scenario in verdict.scenarios if scenario.valid),
        undecided={
            scenario.scenario: frozenset(_name(row) for row in _rows(verdict, scenario) if _is_undecided(row))
            for scenario in verdict.scenarios
        },
        sentence=verdict.outcome.sentence,
        exit_code=verdict.outcome.exit_code,
        link=link,
        self_test=verdict.self_test,
        valid=not not_measured and not lines,
    )


def without_verdict(environment: str, reason: str, when: date, *, link: str = "") -> Night:
    """A night that ended before there was a verdict."""
    line = AlertLine(name="night", what="no verdict", says=reason, since=when)
    return Night(environment, when, (Trouble(NOT_MEASURING, (line,)),), sentence=reason, link=link)


def _scenario(verdict: Verdict, scenario: ScenarioOutcome, fail_on: frozenset[FailOn], when: date) -> Trouble | None:
    found = [(row, what) for row in groups.worst_first(_rows(verdict, scenario)) if (what := _failure(row, fail_on))]
    if not found:
        return None
    return Trouble(
        scenario.scenario,
        tuple(_line(row, what, when) for row, what in found),
        rows=tuple(row.key for row, _ in found),
        reproduce=_commands(scenario.fingerprint),
    )


def _commands(measured: Fingerprint) -> tuple[str, ...]:
    """The night again, by hand, with as many nodes, which are gone afterwards."""
    target = f"--target {measured.environment}"
    nodes = measured.seeded.get("components")
    return (
        f"chamiperf seed {target}{f' --nodes {nodes}' if nodes else ''}",
        f"chamiperf load {target} --scenario {measured.scenario} --profile {measured.profile}",
        "chamiperf compare",
        f"chamiperf seed {target} --remove",
    )


def _failure(row: Row, fail_on: frozenset[FailOn]) -> str:
    """What of a row fails the night; empty if nothing does."""
    kinds = (
        (FailOn.REGRESSION, groups.has_regressed(row), "regression"),
        (FailOn.TARGET, groups.misses_target(row), "target missed"),
        (FailOn.DRIFT, groups.is_drifting(row), "drift"),
        (FailOn.INCONCLUSIVE, groups.is_inconclusive(row), "inconclusive"),
    )
    return ", ".join(word for kind, applies, word in kinds if applies and kind in fail_on)


def _line(row: Row, what: str, when: date) -> AlertLine:
    says = row.target.sentence if what == "target missed" else row.sentence
    return AlertLine(
        name=_name(row),
        what=what,
        baseline="" if row.baseline is None else _shown(row.baseline, row.unit),
        now="" if row.current is None else _shown(row.current, row.unit),
        says=says,
        since=when,
    )


def _shown(value: float, unit: str) -> str:
    return numbers.share(value) if unit == "share" else numbers.quantity(value, unit)


def _not_measured(verdict: Verdict, when: date) -> Iterator[AlertLine]:
    for scenario in verdict.scenarios:
        reasons = (*scenario.reasons, *scenario.repeat_reasons)
        if not scenario.valid or reasons:
            says = "; ".join(scenario.problems) or "its repeats could not be judged"
            yield AlertLine(name=scenario.scenario, what=", ".join(dict.fromkeys(reasons)), says=says, since=when)
            continue
        broken: dict[str, list[Row]] = {}
        for row in _rows(verdict, scenario):
            if reason := _broken(row, is_learning=scenario.learning_runs is not None):
                broken.setdefault(reason, []).append(row)
        for reason, rows in broken.items():
            name = numbers.counted(len(rows), "row")
            says = f"{name} not judged, such as {_name(rows[0])}: {rows[0].sentence or rows[0].target.sentence}"
            yield AlertLine(name=scenario.scenario, what=reason, says=says, since=when)


def _broken(row: Row, *, is_learning: bool) -> str:
    """Why a row makes the night invalid; empty if it does not (verdict.md section 5)."""
    if row.acknowledged is None and row.compared:
        if row.reason in UNKNOWN_BASELINE:
            return "" if is_learning else str(row.reason)
        if row.verdict is RowVerdict.INVALID or row.reason is RowReason.NOT_MEASURED:
            return str(row.reason)
    return "invalid target" if row.target.verdict is TargetVerdict.INVALID else ""


def _is_undecided(row: Row) -> bool:
    return groups.is_inconclusive(row) or groups.is_not_judged(row)


def _rows(verdict: Verdict, scenario: ScenarioOutcome) -> Sequence[Row]:
    return [row for row in verdict.rows if row.key.scenario == scenario.scenario]


def _name(row: Row) -> str:
    """A row within its scenario."""
    phase = "" if row.key.phase == "sustained" else f" ({row.key.phase})"
    return f"{row.key.endpoint} {row.key.metric}".strip() + phase


def _urgency(trouble: Trouble) -> tuple[bool, int, str]:
    """Regressions before missed targets, many rows before few; the name decides between equals."""
    return all("regression" not in line.what for line in trouble.lines), -len(trouble.lines), trouble.topic
