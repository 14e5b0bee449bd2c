"""What every place shows of a night: rows in order, each in words; and the markdown of comment and job summary."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from chamiperf_ci.models.verdict import Acknowledgement, Row, RowKey, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import (
    DRIFT_NIGHTS,
    RUNS_WANTED,
    Direction,
    FactWord,
    RowReason,
    RowVerdict,
    Statistic,
    TargetVerdict,
)
from chamiperf_ci.render import headline, numbers
from chamiperf_ci.render.facts import details_of, fact_sentence, sensitivity_sentence
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.sentences import amount, amounts, row_sentence, statement_sentence, target_sentence
from chamiperf_ci.render.text import NO_BREAK, Escaped, Link, data, link, markdown_templates, prose

_NOTHING = Escaped("")


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row of the table."""

    sign: Escaped
    metric: Escaped
    baseline: Escaped = _NOTHING
    now: Escaped = _NOTHING
    change: Escaped = _NOTHING
    target: Escaped = _NOTHING


@dataclass(frozen=True, slots=True)
class _Chart:
    """A metric over runs: numbers and fixed words alone."""

    title: Escaped
    unit: Escaped
    top: float
    points: tuple[float, ...]
    accepted: tuple[float, ...]
    limit: tuple[float, ...]
    now: int


MOST_ROWS = 20
_FEW_ROWS = 10
_UNITS_ON_AXES = frozenset({"ms", "s", "/s", "share", "windows", "cores", "MB"})


class Detail(IntEnum):
    """How much is shown; each level leaves out more than the one before it."""

    EVERYTHING = 0
    NO_CHART = 1
    NO_FIGURES = 2
    """No table of all figures."""
    FEW_ROWS = 3
    """The ten gravest rows."""
    FINDING = 4
    """The finding alone."""


def markdown(verdict: Verdict, context: Context, detail: Detail = Detail.EVERYTHING) -> str:
    """Return the night in markdown.

    Args:
        verdict: What was concluded; everything in it is taken for hostile.
        context: Where links lead.
        detail: How much is shown.
    """
    found = headline.headline(verdict)
    several = len(verdict.scenarios) > 1
    ordered, decisive = ranked(verdict.rows)
    shown = decisive[: _FEW_ROWS if detail >= Detail.FEW_ROWS else MOST_ROWS]
    whole = detail < Detail.FINDING
    counted = others(ordered, shown, found) if whole else ()
    values: dict[str, Any] = {
        "icon": prose(found.icon),
        "name": prose("chamiperf self-test (no product was measured)" if verdict.self_test else "chamiperf"),
        "title": prose(found.title),
        "lead": prose(found.lead),
        "rest": prose(found.rest),
        "do": prose(found.do),
        "rows": [
            *(_cells(row, context, several=several) for row in shown),
            *(_Cells(prose(icon), prose(said)) for icon, said in counted),
        ]
        if whole and shown
        else (),
        # A table of counts alone would be five empty columns.
        "counted": () if shown else [prose(f"{icon} {said}") for icon, said in counted],
        "statements": [prose(said) for said in slower_statements(verdict)[:MOST_STATEMENTS]] if whole else (),
        "chart": _chart(verdict) if detail < Detail.NO_CHART else None,
        "sure": [prose(line) for line in sure(verdict)] if whole else (),
        "figures": [_cells(row, context, several=several) for row in ordered] if detail < Detail.NO_FIGURES else (),
        "pointer": prose(f"Shortened for want of room: {_where(context)}.") if detail >= Detail.NO_FIGURES else "",
        "links": [link(each.label, each.url) for each in links(context)] if whole else (),
    }
    text = markdown_templates().get_template("night.md.j2").render(values)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


CUT = "…"


def fit(
    write: Callable[[Detail], str],
    limit: int,
    *,
    size: Callable[[str], int] = len,
) -> str:
    """Return the most detailed text whose size is at most `limit`.

    The last level is cut where even it is too long, so the limit always holds.

    Args:
        write: Writes the text at a level of detail.
        limit: Largest size, at least 1.
        size: Measures a text: `len` for characters, another for bytes.
    """
    text = ""
    for level in Detail:
        text = write(level)
        if size(text) <= limit:
            return text
    kept = text
    while kept and size(kept + CUT) > limit:
        kept = kept[: max(0, len(kept) - max(1, size(kept + CUT) - limit))]
    return kept + CUT


def size_in_bytes(text: str) -> int:
    """Return the size of a text in UTF-8."""
    return len(text.encode())


COMMENT_LIMIT = 60_000
SUMMARY_LIMIT_BYTES = 900_000


def comment_body(verdict: Verdict, *, limit: int = COMMENT_LIMIT, context: Context) -> str:
    """Return the comment, at most `limit` characters long.

    Everything in the verdict is taken for hostile: no markup of its texts survives, and all of them are data.
    What does not fit is shed in this order: the chart, the table of all figures, all but the ten gravest rows,
    everything but the finding; from the second on with a pointer to the artifact.
    """
    return fit(lambda detail: markdown(verdict, context, detail), limit)


def summary(verdict: Verdict, *, context: Context, limit: int = SUMMARY_LIMIT_BYTES) -> str:
    """Return the job summary, at most `limit` bytes: above 1 MiB GitHub drops it without a word."""
    return fit(lambda detail: markdown(verdict, context, detail), limit, size=size_in_bytes)


def ranked(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return all rows, the gravest first, and those of them that decide: what the table shows row by row."""
    ordered = sorted(rows, key=_most_severe_first)
    return ordered, [row for row in ordered if _must_show(row)]


def _must_show(row: Row) -> bool:
    """Whether a reader must see the row: all that is red or orange, and what is not judged for a reason of its own."""
    if RowReason.RUN_INVALID in (row.reason, row.target.reason):
        return False
    open_but_suspect = headline.is_inconclusive(row) and (row.suspect or row.far_above)
    named = row.reason in (RowReason.PART_OF_RUN, RowReason.NO_EARLIER_FIGURE)
    lacking = headline.is_not_judged(row) and not row.forgiven
    return any(
        (
            row.verdict is RowVerdict.REGRESSION,
            row.target.verdict in (TargetVerdict.MISSED, TargetVerdict.INVALID),
            headline.is_drifting(row),
            open_but_suspect,
            named,
            lacking,
            headline.is_improved(row),
        )
    )


def _most_severe_first(row: Row) -> tuple[int, float, str]:
    holds = (
        headline.has_regressed(row),
        headline.misses_target(row),
        headline.has_vanished(row),
        row.far_above or row.surely_beyond,
        headline.is_drifting(row),
        headline.is_inconclusive(row) and row.suspect,
        headline.is_acknowledged(row),
        headline.is_not_judged(row),
        headline.is_inconclusive(row),
        headline.is_improved(row),
        row.compared,
    )
    return next((place for place, held in enumerate(holds) if held), len(holds)), -headline.gravity(row), row.key.text


def signs(row: Row) -> tuple[str, str, str]:
    """Return an icon, the word beside it, and the word of its card."""
    worse = "slower" if numbers.words_for(row.unit, row.direction).worse == "slower" else "worse"
    held = (
        (headline.has_regressed(row), "🔴", worse, str(row.reason)),
        (headline.misses_target(row), "🔴", "target missed", "missed"),
        (headline.is_acknowledged(row), "🟣", "known", str(row.reason)),
        (headline.has_vanished(row), "⚪", "vanished", str(row.reason)),
        (headline.is_drifting(row), "🟠", "drifts", str(row.reason)),
        (headline.is_inconclusive(row) and row.suspect, "🟠", "not confirmed", str(row.reason)),
        (headline.is_not_judged(row) and row.forgiven, "🔵", "without a baseline yet", str(row.reason)),
        (headline.is_not_judged(row), "⚪", "not judged", str(row.reason)),
        (headline.is_inconclusive(row), "🟡", "not decided", str(row.reason)),
        (headline.is_improved(row), "🟢", "better", str(row.reason)),
        (row.compared, "🟢", "unchanged", str(row.reason)),
    )
    return next((sign[1:] for sign in held if sign[0]), ("▫️", "shown", str(row.reason)))


def _no_break(*parts: str) -> Escaped:
    """Short text that a narrow column must not break."""
    inner = [part if part.startswith("<a") else part.replace(" ", NO_BREAK) for part in parts if part]
    return Escaped(NO_BREAK.join(inner))


def name(row: Row, *, several: bool) -> str:
    """Return the row's name, which is data; with its scenario where the verdict has several."""
    return row.key.text if several else row.key.text.removeprefix(f"{row.key.scenario} / ")


def figures(row: Row) -> tuple[str, str, str]:
    """Return the row's baseline, its level now, and the change between them, each with its unit, or empty."""
    values = [value for value in (row.baseline, row.current) if value is not None]
    shown = dict(zip(values, amounts(values, row.unit), strict=True))
    baseline = f"{shown[row.baseline]} ({row.baseline_runs})" if row.baseline is not None else ""
    runs = f" ({len(row.current_values)})" if len(row.current_values) > 1 else ""
    now = f"{shown[row.current]}{runs}" if row.current is not None else ""
    if row.offered is not None:
        now = f"{now} of {amount(row.offered, row.unit)}"
    change = ""
    if row.change is not None:
        change = f"{numbers.signed(row, row.change)} ({numbers.signed_interval(row, row.change, to=' … ')})"
    return baseline, now, change


def _cells(row: Row, context: Context, *, several: bool) -> _Cells:
    icon, word, card = signs(row)
    baseline, now, change = figures(row)
    return _Cells(
        _no_break(icon, link(word.replace(" ", NO_BREAK), context.card_url(card))),
        prose(data(name(row, several=several))),
        _no_break(prose(baseline)),
        _no_break(prose(now)),
        _no_break(prose(change)),
        _target(row, context),
    )


_MARKS = {TargetVerdict.MET: "✓", TargetVerdict.MISSED: "✗", TargetVerdict.AT_THE_LIMIT: "✓ at the limit"}
_NOT_JUDGED = "not judged"


def target(row: Row) -> tuple[str, str]:
    """Return what became of the row's target, and its limit such as `< 10 ms`; both empty where it has none."""
    found = row.target
    if found.limit is None or found.verdict is TargetVerdict.NONE:
        return "", ""
    sign = "<" if found.bound == "below" else ">"
    return _MARKS.get(found.verdict, _NOT_JUDGED), f"{sign} {amount(found.limit, found.unit)}"


def _target(row: Row, context: Context) -> Escaped:
    mark, limit = target(row)
    if mark == _NOT_JUDGED:
        mark = link(mark.replace(" ", NO_BREAK), context.card_url(str(row.target.verdict)))
    return _no_break(mark, prose(limit))


def others(ordered: Sequence[Row], shown: Sequence[Row], found: headline.Headline) -> list[tuple[str, str]]:
    """Return the last lines of the table, an icon and words: what is not shown above, counted by its sign."""
    above = {row.key.text for row in shown}
    counted: dict[tuple[str, str], int] = {}
    for row in ordered:
        if row.compared and row.key.text not in above and row.reason is not RowReason.RUN_INVALID:
            icon, word, _ = signs(row)
            counted[icon, word] = counted.get((icon, word), 0) + 1
    judged = [row for row in ordered if row.target.verdict in (TargetVerdict.MET, TargetVerdict.AT_THE_LIMIT)]
    missed = any(row.target.verdict is TargetVerdict.MISSED for row in ordered)
    if not above and all(word == "unchanged" for _, word in counted):
        return []  # the finding says it
    lines = []
    for place, ((icon, word), count) in enumerate(counted.items()):
        said = f"{numbers.counted(count, 'other')} {word}" if above else f"{count} {word}"
        if place == len(counted) - 1 and judged and not missed and "targets" not in found.rest:
            said += ", all targets met"
        lines.append((icon, said))
    return lines


def sure(verdict: Verdict) -> list[str]:
    """How far the finding can be trusted: what was shown of the gate, what could not be seen, and all warnings."""
    lines = [sensitivity_sentence(found) for found in verdict.sensitivity]
    lines += blind_spots(verdict.rows, verdict.scenarios)
    for scenario in verdict.scenarios:
        name = data(scenario.scenario)
        where = f"{scenario.started_at:%Y-%m-%d %H:%M} UTC on {data(scenario.fingerprint.machine_class)}"
        against = "no accepted run"
        if scenario.baseline_runs:
            days = dict.fromkeys((data(scenario.baseline_oldest), data(scenario.baseline_newest)))
            against = f"{numbers.counted(scenario.baseline_runs, 'accepted run')} of {' to '.join(days)}"
        again = ""
        if scenario.repeated:
            how = ", back to back" if scenario.back_to_back else ""
            again = f", measured again {numbers.counted(scenario.repeated, 'time')}{how}"
        lines.append(f"{name}: {where}{again}, compared with {against}.")
        lines += [f"{name}: {detail}" for detail in details_of(scenario)]
        lines += [f"{name}: {fact_sentence(fact)}" for fact in (*scenario.reported_differences, *scenario.warnings)]
    lines += [
        f"{data(row.key.text)}: {_acknowledged(known)}"
        for row in verdict.rows
        for known in (row.acknowledged, row.target.acknowledged)
        if known is not None
    ]
    return [*lines, *map(fact_sentence, verdict.warnings)]


def blind_spots(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> tuple[str, ...]:
    """Return what this run could not have seen, with numbers."""
    return (
        *(_runner(found) for found in [headline.spreads_of_p99(rows)] if found),
        *_undetectable([row for row in rows if not row.by_pairs and not headline.is_drifting(row)], "three runs"),
        *_undetectable([row for row in rows if row.by_pairs], "these pairs"),
        *(
            ["A slow-down in fewer than a quarter of a run's windows shows only where the p99 of two or more doubles."]
            if any(row.change and row.statistic is Statistic.SLOW_QUARTER for row in rows)
            else []
        ),
        *(thin for scenario in scenarios if (thin := _thin(scenario, rows))),
        *(
            f"A slow drift of {data(scenario.scenario)} shows in {DRIFT_NIGHTS} nights; "
            f"{scenario.drift_nights} of them {'is' if scenario.drift_nights == 1 else 'are'} known."
            for scenario in scenarios
            if scenario.drift_nights is not None and scenario.drift_nights < DRIFT_NIGHTS
        ),
        *(
            f"{data(scenario.scenario)}: both sides are the same build (A/A), so a difference is noise."
            for scenario in scenarios
            if scenario.same_build and not _is_doubtful(scenario, rows)
        ),
    )


_SAYS_NO_CHANGE = frozenset({RowReason.WITHIN_TOLERANCE, RowReason.NOISY, RowReason.THIN_BASELINE})


def _is_doubtful(scenario: ScenarioOutcome, rows: Sequence[Row]) -> bool:
    """Whether a row of the scenario says that something changed, or may have: the build is not all that can."""
    mine = [row for row in rows if row.key.scenario == scenario.scenario]
    judged = [row for row in mine if row.compared and row.verdict is not RowVerdict.UNAVAILABLE]
    return any(
        row.suspect or row.above_tolerance_unconfirmed or row.reason not in _SAYS_NO_CHANGE for row in judged
    ) or any(headline.is_drifting(row) or row.target.verdict is TargetVerdict.MISSED for row in mine)


def _runner(sigmas: Sequence[float]) -> str:
    sigma = sigmas[len(sigmas) // 2]
    found = next((power for power in numbers.POWER if sigma <= power.spread), None)
    often = (
        f"about {found.by_repeats} % of cases by repeats, {found.by_pairs} % by pairs"
        if found
        else f"under {numbers.POWER[-1].by_repeats} % of cases by repeats; pairs find more"
    )
    return (
        f"Runs of the same build differ by about {numbers.percent(sigma, tenths=True)} % in p99 (sigma): a slow-down "
        f"of 20 % is found in {often} ({numbers.SOURCE})."
    )


def _thin(scenario: ScenarioOutcome, rows: Sequence[Row]) -> str:
    """Too few runs on the other side; of pairs that stand alone that side was never accepted."""
    runs = scenario.baseline_runs
    compared = [row for row in rows if row.compared and row.key.scenario == scenario.scenario]
    if compared and all(row.by_pairs for row in compared):
        few = 0 < runs < 5  # noqa: PLR2004 - the pairs that decide, by verdict.md
        return (
            f"{data(scenario.scenario)} was measured by {numbers.counted(runs, 'pair')}; five are needed to decide."
            if few
            else ""
        )
    if not 0 < runs < 3:  # noqa: PLR2004 - what verdict.md calls a thin baseline
        return ""
    return (
        f"{data(scenario.scenario)} is compared with {numbers.counted(runs, 'accepted run')}; "
        f"{RUNS_WANTED} from {RUNS_WANTED} nights would narrow every interval."
    )


def _undetectable(rows: Sequence[Row], judges: str) -> list[str]:
    found = [(row.change.detectable, row.key) for row in rows if row.change is not None]
    if not found:
        return []
    least, most = min(found, key=_size), max(found, key=_size)
    ends = (f"{numbers.percent(size, tenths=True)} % ({numbers.title(key)})" for size, key in (least, most))
    place = f"is {next(ends)}" if least == most else f"lies between {' and '.join(ends)}"
    alone = "" if len(found) == 1 else ", each row by itself; of few slow rows among many, fewer are found"
    return [f"The smallest slow-down that {judges} find in 80 % of cases {place}{alone}."]


def _size(found: tuple[float, RowKey]) -> tuple[float, str]:
    return found[0], found[1].text


def _chart(verdict: Verdict) -> _Chart | None:
    """The gravest row that has a change, over the nights before, or over the accepted runs, and tonight's."""
    grave = [
        row
        for row in headline.worst_first(verdict.rows)
        if row.change is not None
        and row.baseline
        and not row.by_pairs
        and (row.verdict is RowVerdict.REGRESSION or row.suspect or headline.is_drifting(row))
    ]
    if not grave:
        return None
    row = grave[0]
    before = row.history_values if len(row.history_values) > 1 else row.baseline_values
    points = (*before, *row.current_values)
    accepted = row.baseline or 0.0
    limit = accepted * (1 + row.tolerance if row.direction is Direction.LOWER else 1 - row.tolerance)
    top = max(*points, accepted, limit) * 1.1
    if not all(map(math.isfinite, (*points, limit, top))) or min(points) < 0 or top <= 0:
        return None
    return _Chart(
        prose(numbers.title(row.key)),
        prose(row.unit if row.unit in _UNITS_ON_AXES else "value"),
        float(f"{top:.3g}"),
        points,
        (accepted,) * len(points),
        (limit,) * len(points),
        len(row.current_values),
    )


def _where(context: Context) -> str:
    return (
        f"all is in artifact {data(context.artifact)}" if context.artifact else "all is in verdict.json and report.html"
    )


def links(context: Context) -> list[Link]:
    """Return where a reader can go from here, as far as the addresses are known."""
    cards = f"{context.project_url.rstrip('/')}/{numbers.CARDS}" if context.project_url else ""
    wanted = (
        ("Report", context.report_url),
        ("Trend", context.trend_url),
        ("Run", context.run_url),
        ("What do these words mean?", cards),
    )
    return [Link(label, url) for label, url in wanted if url]


MOST_STATEMENTS = 3


def slower_statements(verdict: Verdict) -> list[str]:
    """Return a sentence for each database statement that became much slower, the one that cost most time first."""
    several = len(verdict.scenarios) > 1
    return [statement_sentence(each, with_scenario=several) for each in verdict.statements]


def explained(row: Row, context: Context) -> list[str | Link]:
    """Return a row in sentences: its change, its target, its notes, and by whom it is known; then links to issues."""
    said = [row_sentence(row)]
    if row.target.verdict in (TargetVerdict.MISSED, TargetVerdict.INVALID):
        said.append(f"Target: {target_sentence(row.target)}")
    said += [fact_sentence(note) for note in row.notes if note.word is not FactWord.DRIFT_BEGAN]
    known = [known for known in (row.acknowledged, row.target.acknowledged) if known is not None]
    said += [_acknowledged(each) for each in known]
    return [" ".join(said), *(Link("issue", each.link) for each in known if context.trusted)]


def _acknowledged(known: Acknowledgement) -> str:
    who, until = data(known.who), data(known.expires)
    return f"Acknowledged by {who} until {until}: {data(known.reason, longest=160)}."


def circumstances(verdict: Verdict) -> list[str]:
    """Return under which circumstances each scenario ran: its fingerprint, and its runs."""
    return [
        f"{data(scenario.scenario)}: {_fingerprint(scenario)}; runs {', '.join(map(data, scenario.runs))}"
        for scenario in verdict.scenarios
    ]


def _fingerprint(scenario: ScenarioOutcome) -> str:
    """Field by field: the names are ours, the values data."""
    found = []
    for field, value in scenario.fingerprint.model_dump(mode="json").items():
        shown = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
        if shown:
            found.append(f"{field} {data(shown, longest=400)}")
    return "; ".join(found)
