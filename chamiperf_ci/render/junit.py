"""A verdict for machines: JUnit XML, and annotations of GitHub Actions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from chamiperf_ci.models.verdict import Row, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import headline
from chamiperf_ci.render.facts import fact_sentence, why_invalid
from chamiperf_ci.render.numbers import title
from chamiperf_ci.render.sentences import fails, row_sentence, target_sentence
from chamiperf_ci.render.text import data, plain, sentence_in_plain_text
from chamiperf_ci.render.text import html as xml

Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line; how many of them are shown is the publisher's business."""

    level: Level
    title: str
    message: str


def notes(verdict: Verdict) -> tuple[Note, ...]:
    """Return the lines, the worst first: runs, regressions, targets, vanished, not judged, inconclusive, warnings."""
    return tuple(Note(note.level, _line(note.title, 120), _line(note.message, 1_000)) for note in _notes(verdict))


def _line(text: str, longest: int) -> str:
    return plain(sentence_in_plain_text(text), longest=longest)


def _notes(verdict: Verdict) -> Iterator[Note]:
    rows = headline.worst_first(verdict.rows)
    for scenario in verdict.scenarios:
        if not scenario.valid:
            told = f"{data(scenario.scenario)} was not judged"
            yield Note(_level(verdict, FailOn.INVALID), told, why_invalid(scenario))
    for kind, holds, what in _KINDS:
        for row in rows:
            if holds(row):
                said = target_sentence(row.target) if holds is headline.misses_target else row_sentence(row)
                yield Note(_level(verdict, kind), f"{title(row.key)} {what}", f"{data(row.key.text)}: {said}")
    for fact in (*verdict.warnings, *(each for scenario in verdict.scenarios for each in scenario.warnings)):
        yield Note("notice", "chamiperf", fact_sentence(fact))


def _level(verdict: Verdict, kind: FailOn) -> Level:
    return "error" if fails(verdict, kind) else "warning"


def _has_own_reason(row: Row) -> bool:
    """Not judged for a reason of its own: a run that cannot be judged is said once, not once a row."""
    own = row.reason not in (RowReason.RUN_INVALID, RowReason.NOT_MEASURED)
    return row.compared and row.verdict is RowVerdict.INVALID and own


_KINDS: tuple[tuple[FailOn, Callable[[Row], bool], str], ...] = (
    (FailOn.REGRESSION, headline.has_regressed, "regressed"),
    (FailOn.TARGET, headline.misses_target, "misses its target"),
    (FailOn.INVALID, headline.has_vanished, "vanished"),
    (FailOn.INVALID, _has_own_reason, "was not judged"),
    (FailOn.DRIFT, headline.is_drifting, "drifts"),
    (FailOn.INCONCLUSIVE, lambda row: headline.is_inconclusive(row) and row.suspect, "is suspect"),
)


def junit(verdict: Verdict) -> str:
    """Return the XML.

    A regression and a missed target are failures; what is invalid, and a metric that vanished, are errors; what is
    inconclusive, unavailable or acknowledged is skipped, with its sentence. What does not turn the exit code is skipped
    too, and an inconclusive row or a drift that does is a failure. Rows that are only shown are left out.
    """
    cases = [
        *(_run(scenario, verdict) for scenario in verdict.scenarios),
        *(case for row in verdict.rows for case in _cases(row, verdict)),
    ]
    counts = {kind: sum(f"<{kind}" in case for case in cases) for kind in ("failure", "error", "skipped")}
    totals = (
        f'tests="{len(cases)}" failures="{counts["failure"]}" errors="{counts["error"]}" skipped="{counts["skipped"]}"'
    )
    head = f'<testsuites name="chamiperf"><testsuite name="{xml(verdict.environment)}" {totals}>'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        head,
        _properties(verdict),
        *cases,
        "</testsuite></testsuites>",
        "",
    ]
    return "\n".join(lines)


def _properties(verdict: Verdict) -> str:
    said = (
        ("verdict", verdict.outcome.word),
        ("sentence", sentence_in_plain_text(headline.night_sentence(verdict))),
        ("stage", verdict.stage),
    )
    inner = "".join(f'<property name="{name}" value="{xml(value)}"/>' for name, value in said)
    return f"<properties>{inner}</properties>"


def _run(scenario: ScenarioOutcome, verdict: Verdict) -> str:
    name = f"{scenario.scenario} run"
    if scenario.valid:
        return _case("run", name)
    return _case("run", name, *_if_it_costs(verdict, FailOn.INVALID, "error", why_invalid(scenario)))


def _cases(row: Row, verdict: Verdict) -> Iterable[str]:
    if row.compared or (headline.is_drifting(row) and fails(verdict, FailOn.DRIFT)):
        yield _case("change", row.key.text, *_change(row, verdict))
    if row.target.verdict is not TargetVerdict.NONE:
        yield _case("target", row.key.text, *_target(row, verdict))


def _change(row: Row, verdict: Verdict) -> Sequence[str]:
    if row.acknowledged is not None:
        return ("skipped", f"acknowledged until {row.acknowledged.expires}: {row_sentence(row)}")
    if row.verdict is RowVerdict.REGRESSION:
        return _if_it_costs(verdict, FailOn.REGRESSION, "failure", row_sentence(row))
    if row.verdict is RowVerdict.INVALID or row.reason is RowReason.NOT_MEASURED:
        return _if_it_costs(verdict, FailOn.INVALID, "error", row_sentence(row))
    if row.verdict is RowVerdict.INCONCLUSIVE:
        kind = FailOn.DRIFT if headline.is_drifting(row) else FailOn.INCONCLUSIVE
        return _if_it_costs(verdict, kind, "failure", row_sentence(row))
    return () if row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT) else ("skipped", row_sentence(row))


def _target(row: Row, verdict: Verdict) -> Sequence[str]:
    target = row.target
    if target.acknowledged is not None:
        return ("skipped", f"acknowledged until {target.acknowledged.expires}: {target_sentence(target)}")
    if target.verdict is TargetVerdict.MISSED:
        return _if_it_costs(verdict, FailOn.TARGET, "failure", target_sentence(target))
    if target.verdict is TargetVerdict.INVALID:
        return _if_it_costs(verdict, FailOn.INVALID, "error", target_sentence(target))
    return ("skipped", target_sentence(target)) if target.verdict is TargetVerdict.UNAVAILABLE else ()


def _if_it_costs(verdict: Verdict, kind: FailOn, outcome: str, message: str) -> Sequence[str]:
    return (outcome if fails(verdict, kind) else "skipped", message)


def _case(kind: str, name: str, outcome: str = "", message: str = "") -> str:
    inner = f'<{outcome} message="{xml(sentence_in_plain_text(message))}"/>' if outcome else ""
    return f'<testcase classname="chamiperf.{kind}" name="{xml(name)}">{inner}</testcase>'
