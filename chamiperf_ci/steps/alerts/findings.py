"""What a night gives reason to say, and since which commit it may be so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from chamiperf_ci.models.history import NOT_MEASURING, AlertLine, HistoryEntry
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.models.target import Fingerprint, Identity, Machine
from chamiperf_ci.models.verdict import Row, RowKey, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import (
    DEFAULT_FAIL_ON,
    UNKNOWN_BASELINE,
    FailOn,
    RowReason,
    RowVerdict,
    TargetVerdict,
)
from chamiperf_ci.render import headline, numbers
from chamiperf_ci.render.facts import details_of, why_invalid
from chamiperf_ci.render.sentences import amount, row_sentence, target_sentence
from chamiperf_ci.render.text import sentence_in_plain_text as _plain

UNREADABLE = "The history could not be read, so what changed is not known."
_GOOD = frozenset({RowVerdict.PASS, RowVerdict.IMPROVEMENT})
_MET = frozenset({TargetVerdict.MET, TargetVerdict.AT_THE_LIMIT})
_BUILDS = ("commit", "image", "version")
_MACHINE = ("cpu_model", "kernel", "cores", "memory_gib")


def last_good(
    entries: Iterable[HistoryEntry], scenario: str, rows: Sequence[RowKey], *, before: datetime
) -> HistoryEntry | None:
    """The newest valid night of a scenario on which every one of `rows` was shown to be good.

    A night that left one of them inconclusive may have been slow already, so it is not good; of rows that it does not
    have nothing is asked, unless it has none of them.
    """
    wanted = {(row.endpoint, row.metric) for row in rows}
    nights = sorted(
        (entry for entry in entries if entry.run_kind is RunKind.NIGHT and entry.fingerprint.scenario == scenario),
        key=lambda entry: entry.started_at,
        reverse=True,
    )
    return next((entry for entry in nights if entry.started_at < before and _is_good(entry, wanted)), None)


def suspect_range(tonight: ScenarioOutcome, good: HistoryEntry | None) -> tuple[str, ...]:
    """Sentences: which services changed since the last good night; that none did; or that it cannot be said.

    Args:
        tonight: The scenario that failed.
        good: Its last good night; None where none is kept, and the accepted runs stand in for it.
    """
    if good is None:
        then, when = tonight.baseline_identities, "the accepted runs (no good night is kept)"
    else:
        then, when = good.identities, f"the last good night ({good.started_at:%Y-%m-%d})"
    if not then:
        return ("No good night is kept and the accepted runs name no build, so what changed is not known.",)
    changed = tuple(_changes(then, tonight.identities))
    silent = _silent(then, tonight.identities)
    unknown = (f"Not known, because it does not say its build: {', '.join(silent)}.",) if silent else ()
    if changed:
        return (f"Changed since {when}:", *changed, *unknown)
    machine = () if good is None else tuple(_machine_changes(good.machine, tonight.machine))
    return (f"No service changed since {when}: look at the machine.", *machine, *unknown)


def _is_good(entry: HistoryEntry, wanted: set[tuple[str, str]]) -> bool:
    found = [row for row in entry.rows if (row.endpoint, row.metric) in wanted]
    return (
        entry.valid
        and bool(found)
        and all(
            (row.verdict is None or row.verdict in _GOOD) and (row.target is None or row.target in _MET)
            for row in found
        )
        and any(row.verdict is not None or row.target is not None for row in found)
    )


def _changes(then: Sequence[Identity], now: Sequence[Identity]) -> Iterator[str]:
    before, after = ({one.service: one for one in side} for side in (then, now))
    for service in sorted({*before, *after}):
        old, new = before.get(service), after.get(service)
        if old is None:
            yield f"{service}: new"
        elif new is None:
            yield f"{service}: gone"
        elif (pair := _comparable(old, new)) is not None and pair[0] != pair[1]:
            yield f"{service}: {pair[0]} to {pair[1]}"


def _comparable(old: Identity, new: Identity) -> tuple[str, str] | None:
    """The first of commit, image and version that both sides state."""
    pairs = ((str(getattr(old, name)), str(getattr(new, name))) for name in _BUILDS)
    return next((pair for pair in pairs if all(pair)), None)


def _silent(then: Sequence[Identity], now: Sequence[Identity]) -> list[str]:
    before = {one.service: one for one in then}
    return sorted(one.service for one in now if one.service in before and _comparable(before[one.service], one) is None)


def _machine_changes(then: Machine, now: Machine) -> Iterator[str]:
    for name in _MACHINE:
        old, new = getattr(then, name), getattr(now, name)
        if old != new:
            yield f"machine, {name.replace('_', ' ')}: {old} to {new}"


UNNAMED = "the stack"
"""Whose alert it is while no environment is known, and no environment's name; the first night takes it over."""


@dataclass(frozen=True, slots=True)
class AlertFinding:
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
class JudgedNight:
    """One night, as far as alerts care."""

    environment: str
    when: date
    findings: tuple[AlertFinding, ...]
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
    unknown: tuple[str, ...] = ()
    """What a look from outside could not see, each as a sentence; somebody has to hear of it."""


def findings(verdict: Verdict, *, link: str = "") -> JudgedNight:
    """A judged night."""
    when = min(scenario.started_at for scenario in verdict.scenarios).date()
    fail_on = frozenset(map(FailOn, verdict.fail_on)) or DEFAULT_FAIL_ON
    failed = [
        finding
        for scenario in verdict.scenarios
        if (finding := _scenario(verdict, scenario, fail_on, when)) is not None
    ]
    not_measured = tuple(_not_measured(verdict, when))
    lines = not_measured if FailOn.INVALID in fail_on else ()
    if verdict.outcome.exit_code and not failed and not lines:
        # A night that fails is never silent, whatever made it fail.
        lines = (
            AlertLine(
                name="night", what=verdict.outcome.word, says=_plain(headline.night_sentence(verdict)), since=when
            ),
        )
    return JudgedNight(
        environment=verdict.environment,
        when=when,
        findings=(*((AlertFinding(NOT_MEASURING, lines),) if lines else ()), *sorted(failed, key=_urgency)),
        judged=frozenset(scenario.scenario for scenario in verdict.scenarios if scenario.valid),
        undecided={
            scenario.scenario: frozenset(_name(row) for row in _rows(verdict, scenario) if _is_undecided(row))
            for scenario in verdict.scenarios
        },
        sentence=_plain(headline.night_sentence(verdict)),
        exit_code=verdict.outcome.exit_code,
        link=link,
        self_test=verdict.self_test,
        valid=not not_measured and not lines,
    )


def without_verdict(environment: str, reason: str, when: date, *, link: str = "") -> JudgedNight:
    """A night that ended before there was a verdict."""
    line = AlertLine(name="night", what="no verdict", says=reason, since=when)
    return JudgedNight(environment, when, (AlertFinding(NOT_MEASURING, (line,)),), sentence=reason, link=link)


def _scenario(
    verdict: Verdict, scenario: ScenarioOutcome, fail_on: frozenset[FailOn], when: date
) -> AlertFinding | None:
    found = [(row, what) for row in headline.worst_first(_rows(verdict, scenario)) if (what := _failure(row, fail_on))]
    if not found:
        return None
    return AlertFinding(
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
        (FailOn.REGRESSION, headline.has_regressed(row), "regression"),
        (FailOn.TARGET, headline.misses_target(row), "target missed"),
        (FailOn.DRIFT, headline.is_drifting(row), "drift"),
        (FailOn.INCONCLUSIVE, headline.is_inconclusive(row), "inconclusive"),
    )
    return ", ".join(word for kind, applies, word in kinds if applies and kind in fail_on)


def _line(row: Row, what: str, when: date) -> AlertLine:
    says = _plain(target_sentence(row.target) if what == "target missed" else row_sentence(row))
    return AlertLine(
        name=_name(row),
        what=what,
        baseline="" if row.baseline is None else amount(row.baseline, row.unit),
        now="" if row.current is None else amount(row.current, row.unit),
        says=says,
        since=when,
    )


def _why(scenario: ScenarioOutcome) -> str:
    """Why a run is not judged, with what its load wrote about it."""
    return " ".join((f"{why_invalid(scenario)}.", *details_of(scenario)))


def _not_measured(verdict: Verdict, when: date) -> Iterator[AlertLine]:
    for scenario in verdict.scenarios:
        reasons = (*scenario.reasons, *scenario.repeat_reasons)
        if not scenario.valid or reasons:
            says = "its repeats could not be judged" if scenario.valid else _plain(_why(scenario))
            yield AlertLine(name=scenario.scenario, what=", ".join(dict.fromkeys(reasons)), says=says, since=when)
            continue
        broken: dict[str, list[Row]] = {}
        for row in _rows(verdict, scenario):
            if reason := _broken(row, is_learning=scenario.learning_runs is not None):
                broken.setdefault(reason, []).append(row)
        for reason, rows in broken.items():
            name = numbers.counted(len(rows), "row")
            says = f"{name} not judged, such as {_name(rows[0])}: {_plain(row_sentence(rows[0]))}"
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
    return headline.is_inconclusive(row) or headline.is_not_judged(row)


def _rows(verdict: Verdict, scenario: ScenarioOutcome) -> Sequence[Row]:
    return [row for row in verdict.rows if row.key.scenario == scenario.scenario]


def _name(row: Row) -> str:
    """A row within its scenario."""
    phase = "" if row.key.phase == "sustained" else f" ({row.key.phase})"
    return f"{row.key.endpoint} {row.key.metric}".strip() + phase


def _urgency(finding: AlertFinding) -> tuple[bool, int, str]:
    """Regressions before missed targets, many rows before few; the name decides between equals."""
    return all("regression" not in line.what for line in finding.lines), -len(finding.lines), finding.topic
