"""The verdict as JUnit XML: a test case a row and a target, for tools that read nothing else."""

from collections.abc import Iterable, Sequence

from chamiperf_ci.models.verdict import Row, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render.escaping import html as xml


def junit(verdict: Verdict) -> str:
    """Return the XML.

    A regression and a missed target are failures; what is invalid, and a metric that vanished, are errors; what is
    inconclusive, unavailable or acknowledged is skipped, with its sentence. Rows that are only shown are left out.
    """
    cases = [
        *(case for scenario in verdict.scenarios for case in _run(scenario)),
        *(
            case
            for row in verdict.rows
            if row.compared or row.target.verdict is not TargetVerdict.NONE
            for case in _cases(row)
        ),
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
    said = (("verdict", verdict.outcome.word), ("sentence", verdict.outcome.sentence), ("stage", verdict.stage))
    inner = "".join(f'<property name="{name}" value="{xml(value)}"/>' for name, value in said)
    return f"<properties>{inner}</properties>"


def _run(scenario: ScenarioOutcome) -> Iterable[str]:
    name = f"{scenario.scenario} run"
    if scenario.valid:
        yield _case("run", name)
    else:
        yield _case("run", name, "error", "; ".join(scenario.problems))


def _cases(row: Row) -> Iterable[str]:
    if row.compared:
        yield _case("change", row.key.text, *_change(row))
    if row.target.verdict is not TargetVerdict.NONE:
        yield _case("target", row.key.text, *_target(row))


def _change(row: Row) -> Sequence[str]:
    if row.acknowledged is not None:
        return ("skipped", f"acknowledged until {row.acknowledged.expires}: {row.sentence}")
    if row.verdict is RowVerdict.REGRESSION:
        return ("failure", row.sentence)
    if row.verdict is RowVerdict.INVALID or row.reason is RowReason.NOT_MEASURED:
        return ("error", row.sentence)
    return () if row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT) else ("skipped", row.sentence)


def _target(row: Row) -> Sequence[str]:
    target = row.target
    if target.acknowledged is not None:
        return ("skipped", f"acknowledged until {target.acknowledged.expires}: {target.sentence}")
    if target.verdict is TargetVerdict.MISSED:
        return ("failure", target.sentence)
    if target.verdict is TargetVerdict.INVALID:
        return ("error", target.sentence)
    return ("skipped", target.sentence) if target.verdict is TargetVerdict.UNAVAILABLE else ()


def _case(kind: str, name: str, outcome: str = "", message: str = "") -> str:
    inner = f'<{outcome} message="{xml(message)}"/>' if outcome else ""
    return f'<testcase classname="chamiperf.{kind}" name="{xml(name)}">{inner}</testcase>'
