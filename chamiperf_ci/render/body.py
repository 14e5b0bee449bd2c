"""The report: which sections, in which order, how much of each; composed once for any surface.

Order: the sentence, regressions, missed targets, vanished metrics, what could not be judged or decided, and the rest
folded. How much is left out when there is no room is the ladder's business: it asks for a level of detail.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chamiperf_ci.models.verdict import Row, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import groups, numbers
from chamiperf_ci.render.accepting import filled_in
from chamiperf_ci.render.cards import CARDS
from chamiperf_ci.render.cards.card import plain_text
from chamiperf_ci.render.charts import text_chart
from chamiperf_ci.render.context import Context
from chamiperf_ci.render.row_table import HEADERS, cells, sentence
from chamiperf_ci.render.surface import Surface

FEW = 10


class Detail(IntEnum):
    """How much is shown; each level leaves out more than the one before it."""

    EVERYTHING = 0
    NO_SENTENCES = 1
    """The folded tables without their sentences, no chart."""
    NO_UNCHANGED = 2
    """No table of what is unchanged."""
    FEW_ROWS = 3
    """The ten worst rows of each section."""
    COUNTS = 4
    """The sentence and the counts."""


@dataclass(frozen=True, slots=True)
class _Writer:
    """A verdict on its way to a surface."""

    verdict: Verdict
    surface: Surface
    context: Context
    detail: Detail
    appendix: bool


def body(
    verdict: Verdict,
    surface: Surface,
    context: Context,
    detail: Detail = Detail.EVERYTHING,
    *,
    appendix: bool = True,
) -> str:
    """Return the report as blocks of the surface, a blank line between two.

    Args:
        verdict: What was concluded.
        surface: Where it is shown.
        context: Where links lead.
        detail: How much is shown.
        appendix: Whether the circumstances and the meaning of the words follow; for places that can fold them.
    """
    writer = _Writer(verdict, surface, context, detail, appendix)
    return "\n".join(block for block in _blocks(writer) if block)


def _blocks(writer: _Writer) -> Iterable[str]:
    verdict, surface = writer.verdict, writer.surface
    yield surface.paragraph(surface.strong(verdict.outcome.sentence))
    yield surface.paragraph(surface.text(_counts(verdict)))
    if writer.detail is Detail.COUNTS:
        yield _pointer(writer)
        return
    for line in verdict.gate_sight:
        yield surface.paragraph(surface.text(line))
    yield surface.bullets([surface.text(line) for line in _compared_with(verdict)])
    listed: set[str] = set()
    for title, wanted in _SECTIONS:
        rows = [row for row in verdict.rows if wanted(row) and row.key.text not in listed]
        listed.update(row.key.text for row in rows)
        yield _section(writer, title, rows)
    if writer.detail < Detail.NO_SENTENCES:
        yield _chart(writer)
    yield _what_was_not_seen(writer)
    if writer.detail < Detail.NO_UNCHANGED:
        yield _rest(writer, [row for row in verdict.rows if row.key.text not in listed])
        if writer.appendix:
            yield _validity(writer)
            yield _words(writer)
    else:
        yield _pointer(writer)
    yield _links(writer)


_SECTIONS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("Regressions", groups.has_regressed),
    ("Missed targets", groups.misses_target),
    ("Vanished metrics", groups.has_vanished),
    ("Acknowledged", groups.is_acknowledged),
    ("Drift", groups.is_drifting),
    ("Not judged", groups.is_not_judged),
    ("Inconclusive", groups.is_inconclusive),
    ("Improvements", groups.is_improved),
)


def _counts(verdict: Verdict) -> str:
    """The line under the sentence: how many rows of each verdict, and what was repeated."""
    counts = verdict.counts
    rows = [f"{number} {name}" for name, number in counts.by_verdict.items() if number]
    targets = [
        f"{numbers.counted(counts.targets_met, 'target')} met" if counts.targets_met else "",
        f"{counts.targets_missed} missed" if counts.targets_missed else "",
    ]
    parts = [
        f"Rows: {', '.join(rows) or 'none compared'}.",
        f"{', '.join(part for part in targets if part)}." if any(targets) else "",
        f"{counts.acknowledged} acknowledged." if counts.acknowledged else "",
        _stage(verdict),
        f"Exit code {verdict.outcome.exit_code}.",
    ]
    return " ".join(part for part in parts if part)


def _stage(verdict: Verdict) -> str:
    if verdict.stage == "confirmed":
        again = [scenario for scenario in verdict.scenarios if scenario.repeated]
        names = ", ".join(scenario.scenario for scenario in again)
        sitting = ", same sitting" if any(scenario.same_sitting for scenario in again) else ""
        return f"Measured again by {verdict.confirmed_by}: {names}{sitting}."
    if _is_by_pairs_alone(verdict):
        used = any(scenario.repeated for scenario in verdict.scenarios)
        return f"Measured by pairs of old and new, side by side{'' if used else '; none of them can be compared'}."
    if verdict.suspect_scenarios:
        return f"Worth measuring again: {', '.join(verdict.suspect_scenarios)}."
    return "Nothing was worth measuring again."


def _compared_with(verdict: Verdict) -> list[str]:
    """What each scenario was compared with: how many runs, how old, which build, on which machine."""
    kind = "old run" if _is_by_pairs_alone(verdict) else "accepted run"
    return [line for scenario in verdict.scenarios for line in (_scenario(scenario, kind), *_differences(scenario))]


def _is_by_pairs_alone(verdict: Verdict) -> bool:
    return verdict.stage == "first look" and verdict.confirmed_by == "pairs"


def _scenario(scenario: ScenarioOutcome, kind: str) -> str:
    machine = f"{scenario.fingerprint.machine_class}, {scenario.machine.cpu_model}"
    when = f"{scenario.started_at:%Y-%m-%d %H:%M} UTC on {machine}"
    if not scenario.valid:
        return f"{scenario.scenario} ({when}): not judged: {'; '.join(scenario.problems)}"
    if scenario.baseline_runs == 0:
        return f"{scenario.scenario} ({when}): no {kind} to compare with"
    dates = dict.fromkeys((scenario.baseline_oldest, scenario.baseline_newest))
    runs = numbers.counted(scenario.baseline_runs, kind)
    builds = f" ({', '.join(scenario.baseline_commits[:FEW])})" if scenario.baseline_commits else ""
    return f"{scenario.scenario} ({when}): compared with {runs} of {' to '.join(dates)}{builds}"


def _differences(scenario: ScenarioOutcome) -> list[str]:
    same = ["same build on both sides: A/A"] if scenario.same_build else []
    return [f"{scenario.scenario}: {line}" for line in (*same, *scenario.reported_differences)]


def _section(writer: _Writer, title: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    surface = writer.surface
    ordered = groups.worst_first(rows)
    shown = ordered[:FEW] if writer.detail >= Detail.FEW_ROWS else ordered
    parts = [
        surface.heading(f"{title} ({len(rows)})"),
        surface.table(HEADERS, [cells(row, surface, writer.context) for row in shown]),
    ]
    parts.append(surface.bullets([sentence(row, surface, writer.context) for row in shown]))
    if len(shown) < len(rows):
        parts.append(surface.paragraph(surface.text(f"{len(rows) - len(shown)} more; {_where(writer.context)}.")))
    return "\n".join(parts)


def _chart(writer: _Writer) -> str:
    """A chart of the worst metric, in text: it needs no image and no host."""
    changed = [row for row in writer.verdict.rows if row.compared and row.change is not None]
    grave = [row for row in changed if row.verdict is RowVerdict.REGRESSION] or [
        row for row in changed if row.verdict is RowVerdict.INCONCLUSIVE
    ]
    if not grave:
        return ""
    row = groups.worst_first(grave)[0]
    return writer.surface.fold(f"Chart: {row.key.text}", writer.surface.preformatted(text_chart(row)))


def _what_was_not_seen(writer: _Writer) -> str:
    surface = writer.surface
    lines = [*writer.verdict.outcome.what_could_not_be_seen, *writer.verdict.warnings]
    lines += [f"{s.scenario}: {warning}" for s in writer.verdict.scenarios for warning in s.warnings]
    if not lines:
        return ""
    shown = lines if writer.detail < Detail.FEW_ROWS else lines[:FEW]
    heading = surface.heading("What this run could not have seen, and warnings")
    return "\n".join([heading, surface.bullets([surface.text(line) for line in shown])])


def _rest(writer: _Writer, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    surface = writer.surface
    compared = [row for row in rows if row.compared]
    shown = [row for row in rows if not row.compared]
    parts = []
    for title, group in ((f"Passed ({len(compared)})", compared), (f"Shown, not compared ({len(shown)})", shown)):
        if not group:
            continue
        blocks = [surface.table(HEADERS, [cells(row, surface, writer.context) for row in group])]
        # What is only shown says everything in its cells, unless there is something to add.
        said = [row for row in group if row.compared or row.notes] if writer.detail < Detail.NO_SENTENCES else []
        if said:
            blocks.append(surface.bullets([sentence(row, surface, writer.context) for row in said]))
        parts.append(surface.fold(title, "\n".join(blocks)))
    return "\n".join(parts)


def _validity(writer: _Writer) -> str:
    """Under which circumstances each scenario ran: its fingerprint, and its runs."""
    surface = writer.surface
    lines = [
        f"{scenario.scenario}: {_fingerprint(scenario)}; runs {', '.join(scenario.runs)}"
        for scenario in writer.verdict.scenarios
    ]
    return surface.fold("Validity and circumstances", surface.bullets([surface.text(line) for line in lines]))


def _fingerprint(scenario: ScenarioOutcome) -> str:
    fields = scenario.fingerprint.model_dump(mode="json")
    plain = (f"{name} {value}" for name, value in fields.items() if not isinstance(value, dict) and value != "")
    nested = (
        f"{name} {', '.join(f'{key} {each}' for key, each in value.items())}"
        for name, value in fields.items()
        if isinstance(value, dict) and value
    )
    return "; ".join((*plain, *nested))


def _words(writer: _Writer) -> str:
    """The cards of the words that a reader may ask about, for places from which the page of cards is out of reach."""
    verdict, surface = writer.verdict, writer.surface
    used = dict.fromkeys(
        word
        for word in (
            verdict.outcome.word,
            *(reason for scenario in verdict.scenarios for reason in scenario.reasons),
            *(word for row in verdict.rows if row.verdict is not RowVerdict.PASS for word in (row.verdict, row.reason)),
            *(row.target.verdict for row in verdict.rows),
        )
        if word in CARDS and word not in (RowVerdict.PASS, TargetVerdict.MET, RowReason.NOT_COMPARED)
    )
    lines = []
    for word, card in ((str(word), CARDS[word]) for word in used):
        said = surface.text(plain_text(_named(f"{card.meaning} {card.remedy}", verdict, word)))
        lines.append(f"{surface.link(word, writer.context.card_url(word))}: {said}")
    return surface.fold("What the words mean, and what to do", surface.bullets(lines)) if lines else ""


def _named(text: str, verdict: Verdict, word: str) -> str:
    """A card's text with this night's names in its commands: the scenario is the first that the word is said of."""
    said_of = (row.key.scenario for row in verdict.rows if word in (row.verdict, row.reason))
    return filled_in(text, environment=verdict.environment, scenario=next(said_of, ""))


def _where(context: Context) -> str:
    return f"all are in artifact {context.artifact}" if context.artifact else "all are in verdict.json and report.html"


def _pointer(writer: _Writer) -> str:
    surface = writer.surface
    return surface.paragraph(surface.text(f"Shortened for want of room: {_where(writer.context)}."))


def _links(writer: _Writer) -> str:
    context, surface = writer.context, writer.surface
    links = [
        surface.link(label, url)
        for label, url in (("Workflow run", context.run_url), ("Full report", context.report_url))
        if url
    ]
    return surface.paragraph(" · ".join(links)) if links else ""
