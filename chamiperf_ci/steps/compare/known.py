"""Known problems: what a person acknowledged in baselines.json fails no night, until it grows or expires."""

from collections.abc import Sequence
from datetime import date

from chamiperf_ci.models.baselines import KnownProblem
from chamiperf_ci.models.verdict import Acknowledgement, Row
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict
from chamiperf_ci.render import numbers


def acknowledge(row: Row, problems: Sequence[KnownProblem], *, environment: str, night: date) -> Row:
    """Return the row with what covers it, or with a note on why a known problem does not."""
    notes = list(row.notes)
    covered, missed = row.acknowledged, row.target.acknowledged
    for problem in problems:
        if not _concerns(problem, row, environment) or not applies(problem, row):
            continue
        why_not = _why_not(problem, row, night)
        if why_not:
            notes.append(why_not)
        elif problem.what == "regression":
            covered = _acknowledgement(problem)
        else:
            missed = _acknowledgement(problem)
    return row.model_copy(
        update={
            "acknowledged": covered,
            "target": row.target.model_copy(update={"acknowledged": missed}),
            "notes": tuple(notes),
        }
    )


def no_longer_applying(
    rows: Sequence[Row], problems: Sequence[KnownProblem], *, environment: str, scenarios: Sequence[str]
) -> tuple[str, ...]:
    """Return a sentence for each known problem of a measured scenario that is none any more and should be removed."""
    return tuple(
        f"The acknowledged {problem.what} of {_name(problem)} no longer applies: remove it from baselines.json."
        for problem in problems
        if problem.environment == environment
        and problem.scenario in scenarios
        and _is_over(problem, [row for row in rows if _concerns(problem, row, environment)])
    )


def applies(problem: KnownProblem, row: Row) -> bool:
    """Whether the row shows what the known problem is about."""
    if problem.what == "regression":
        return row.verdict is RowVerdict.REGRESSION
    return row.target.verdict is TargetVerdict.MISSED


def _is_over(problem: KnownProblem, rows: Sequence[Row]) -> bool:
    """Only a clear answer ends a known problem: a pass, an improvement, a met target; never a row without a verdict."""
    if problem.what == "target":
        return any(row.target.verdict is TargetVerdict.MET for row in rows)
    return any(row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT) for row in rows)


def _concerns(problem: KnownProblem, row: Row, environment: str) -> bool:
    return problem.environment == environment and (
        problem.scenario,
        problem.endpoint,
        problem.metric,
        problem.phase,
    ) == (row.key.scenario, row.key.endpoint, row.key.metric, row.key.phase)


def _why_not(problem: KnownProblem, row: Row, night: date) -> str:
    if night > problem.expires:
        return f"acknowledged until {problem.expires.isoformat()} by {problem.who}: expired"
    if problem.what == "regression":
        worse = abs(row.change.ratio) if row.change else 0.0
        if worse > problem.extent:
            grown, extent = numbers.percent(worse, tenths=True), numbers.percent(problem.extent, tenths=True)
            return f"acknowledged up to {extent} %, and it is {grown} % by now"
    elif row.target.value is not None and _beyond(problem, row):
        seen, extent = numbers.significant(row.target.value), numbers.significant(problem.extent)
        return f"its target is acknowledged to be missed up to {extent}, and it is {seen} by now"
    return ""


def _beyond(problem: KnownProblem, row: Row) -> bool:
    value = row.target.value or 0.0
    return value > problem.extent if row.target.bound == "below" else value < problem.extent


def _acknowledgement(problem: KnownProblem) -> Acknowledgement:
    return Acknowledgement(
        reason=problem.reason,
        who=problem.who,
        link=problem.link,
        expires=problem.expires.isoformat(),
        extent=problem.extent,
    )


def _name(problem: KnownProblem) -> str:
    where = f"{problem.scenario} / {problem.endpoint}" if problem.endpoint else problem.scenario
    return f"{where} {problem.metric}"
