"""The report of a verdict in markdown, HTML and plain text, cut to the room there is."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from tabulate import tabulate

from chamiperf_ci.models.verdict import Row, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import FactWord, RowReason, RowVerdict, TargetVerdict
from chamiperf_ci.render import escaping, headline, night, numbers
from chamiperf_ci.render.cards import CARDS, plain_text
from chamiperf_ci.render.charts import text_chart
from chamiperf_ci.render.escaping import data
from chamiperf_ci.render.facts import details_of, fact_sentence, sensitivity_sentence, why_invalid
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.sentences import (
    amount,
    amounts,
    filled_in,
    row_sentence,
    statement_sentence,
    target_sentence,
)

Table = Sequence[Sequence[str]]


class Surface(Protocol):
    """What a report is made of. Inline parts come first, blocks after them."""

    def text(self, raw: str) -> str:
        """Plain text."""

    def name(self, raw: str) -> str:
        """A name, set apart from the text around it."""

    def strong(self, raw: str) -> str:
        """Words that a reader must not miss."""

    def link(self, label: str, url: str) -> str:
        """A link, or the label alone where there is no URL."""

    def heading(self, raw: str) -> str:
        """The title of a section."""

    def paragraph(self, inline: str) -> str:
        """Inline parts as a paragraph."""

    def bullets(self, inlines: Sequence[str]) -> str:
        """Inline parts as a list."""

    def table(self, headers: Sequence[str], rows: Table) -> str:
        """Inline parts in columns; headers are raw."""

    def fold(self, raw: str, body: str) -> str:
        """Blocks behind a title, closed where the surface can."""

    def preformatted(self, raw: str) -> str:
        """Text whose spaces and lines matter."""


class Markdown:
    """GitHub's markdown; `compact` spends no characters on aligning the columns of its source."""

    def __init__(self, *, compact: bool = False) -> None:
        self._compact = compact

    def text(self, raw: str) -> str:
        """A sentence of ours, the data in it as code."""
        return escaping.sentence_in_markdown(raw)

    def name(self, raw: str) -> str:
        """Code by HTML tags: backticks inside a name could end a code span, and inside code nobody is mentioned."""
        return f"<code>{escaping.markdown(raw, longest=escaping.LONGEST_DATA)}</code>"

    def strong(self, raw: str) -> str:
        """Bold by HTML tags, for the same reason."""
        return f"<b>{escaping.sentence_in_markdown(raw)}</b>"

    def link(self, label: str, url: str) -> str:
        """An HTML link to an http(s) URL; anything else stays text."""
        if not re.fullmatch(r"https?://[^\s\"'<>]+", url):
            return escaping.markdown(label)
        return f'<a href="{escaping.html(url)}">{escaping.markdown(label)}</a>'

    def heading(self, raw: str) -> str:
        """A third-level heading."""
        return f"### {escaping.markdown(raw)}\n"

    def paragraph(self, inline: str) -> str:
        """A paragraph."""
        return f"{inline}\n"

    def bullets(self, inlines: Sequence[str]) -> str:
        """A list."""
        return "".join(f"- {inline}\n" for inline in inlines)

    def table(self, headers: Sequence[str], rows: Table) -> str:
        """A pipe table."""
        escaped = [escaping.markdown(header) for header in headers]
        made = tabulate([list(row) for row in rows], headers=escaped, tablefmt="github", disable_numparse=True)
        if self._compact:
            made = re.sub(r" {2,}", " ", re.sub(r"-{3,}", "---", made))
        return f"{made}\n"

    def fold(self, raw: str, body: str) -> str:
        """A closed section."""
        return f"<details><summary>{escaping.sentence_in_markdown(raw)}</summary>\n\n{body}\n</details>\n"

    def preformatted(self, raw: str) -> str:
        """A block of code, line by line escaped, so that no fence inside can end it."""
        lines = (_line_of(escaping.markdown, line) for line in raw.splitlines())
        return f"<pre>\n{chr(10).join(lines)}\n</pre>\n"


class Terminal:
    """Plain text for a terminal; hidden characters, among them terminal escapes, are shown as a mark."""

    def text(self, raw: str) -> str:
        """Visible text on one line."""
        return escaping.sentence_in_plain_text(raw)

    def name(self, raw: str) -> str:
        """As text."""
        return escaping.plain(raw, longest=escaping.LONGEST_DATA)

    def strong(self, raw: str) -> str:
        """As text."""
        return escaping.sentence_in_plain_text(raw)

    def link(self, label: str, url: str) -> str:
        """The label, and the URL behind it."""
        return f"{escaping.plain(label)} <{escaping.plain(url)}>" if url else escaping.plain(label)

    def heading(self, raw: str) -> str:
        """An underlined line."""
        line = escaping.sentence_in_plain_text(raw)
        return f"{line}\n{'-' * len(line)}\n"

    def paragraph(self, inline: str) -> str:
        """A paragraph."""
        return f"{inline}\n"

    def bullets(self, inlines: Sequence[str]) -> str:
        """A list."""
        return "".join(f"- {inline}\n" for inline in inlines)

    def table(self, headers: Sequence[str], rows: Table) -> str:
        """Aligned columns."""
        return f"{tabulate([list(row) for row in rows], headers=headers, tablefmt='simple', disable_numparse=True)}\n"

    def fold(self, raw: str, body: str) -> str:
        """A terminal cannot fold."""
        return f"{self.heading(raw)}\n{body}"

    def preformatted(self, raw: str) -> str:
        """The lines as they are."""
        return "".join(f"{_line_of(escaping.plain, line)}\n" for line in raw.splitlines())


class Html:
    """The body of an HTML page."""

    def text(self, raw: str) -> str:
        """A sentence of ours, the data in it as code."""
        return escaping.sentence_in_html(raw)

    def name(self, raw: str) -> str:
        """Code; its direction is its own, so that it cannot turn the text around it."""
        return f'<code dir="ltr">{escaping.html(raw, longest=escaping.LONGEST_DATA)}</code>'

    def strong(self, raw: str) -> str:
        """Bold."""
        return f"<strong>{escaping.sentence_in_html(raw)}</strong>"

    def link(self, label: str, url: str) -> str:
        """A link to an http(s) URL or to a place in the page; anything else stays text."""
        if not re.fullmatch(r"(https?://|#)[^\s\"'<>]+", url):
            return escaping.html(label)
        return f'<a href="{escaping.html(url)}">{escaping.html(label)}</a>'

    def heading(self, raw: str) -> str:
        """A second-level heading."""
        return f"<h2>{escaping.html(raw)}</h2>\n"

    def paragraph(self, inline: str) -> str:
        """A paragraph."""
        return f"<p>{inline}</p>\n"

    def bullets(self, inlines: Sequence[str]) -> str:
        """A list."""
        return f"<ul>{''.join(f'<li>{inline}</li>' for inline in inlines)}</ul>\n"

    def table(self, headers: Sequence[str], rows: Table) -> str:
        """A table that scrolls by itself on a narrow screen."""
        head = "".join(f'<th scope="col">{escaping.html(header)}</th>' for header in headers)
        body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"
        return f'<div class="scroll">{table}</div>\n'

    def fold(self, raw: str, body: str) -> str:
        """A closed section."""
        return f"<details><summary>{escaping.sentence_in_html(raw)}</summary>\n{body}</details>\n"

    def preformatted(self, raw: str) -> str:
        """Lines as they are."""
        lines = (_line_of(escaping.html, line) for line in raw.splitlines())
        return f"<pre>{chr(10).join(lines)}</pre>\n"


def _line_of(escape: Callable[[str], str], line: str) -> str:
    """A line with all its blanks, and everything between them escaped."""
    return " ".join(escape(part) for part in line.split(" "))


ROW_HEADERS = ("metric", "target", "baseline", "now", "change [95 % interval]", "verdict")


def cells(row: Row, surface: Surface, context: Context) -> list[str]:
    """Return the row's cells, one a header."""
    values = [value for value in (row.baseline, row.current) if value is not None]
    shown = dict(zip(values, amounts(values, row.unit), strict=True))
    baseline = f"{shown[row.baseline]} ({row.baseline_runs})" if row.baseline is not None else ""
    now = shown[row.current] if row.current is not None else ""
    if row.offered is not None:
        now = f"{now} of {amount(row.offered, row.unit)} offered"
    elif len(row.current_values) > 1:
        now = f"{now} ({len(row.current_values)})"
    return [
        surface.name(row.key.text),
        _target_cell(row, surface, context),
        surface.text(baseline),
        surface.text(now),
        surface.text(numbers.cell(row)),
        _verdict_cell(row, surface, context),
    ]


def _target_cell(row: Row, surface: Surface, context: Context) -> str:
    target = row.target
    if target.verdict is TargetVerdict.NONE or target.limit is None:
        return ""
    sign = "<" if target.bound == "below" else ">"
    said = surface.link(str(target.verdict), context.card_url(str(target.verdict)))
    return f"{said} {surface.text(f'({sign} {amount(target.limit, target.unit)})')}"


def _verdict_cell(row: Row, surface: Surface, context: Context) -> str:
    reason = surface.link(str(row.reason), context.card_url(str(row.reason)))
    if not row.compared:
        return reason
    return f"{surface.strong(str(row.verdict))}: {reason}"


def sentence(row: Row, surface: Surface, context: Context) -> str:
    """Return the row's name and sentence, with its target, notes and acknowledgements behind it."""
    said = [row_sentence(row)]
    if row.target.verdict in (TargetVerdict.MISSED, TargetVerdict.INVALID):
        said.append(f"Target: {target_sentence(row.target)}")
    said += [fact_sentence(note) for note in row.notes if note.word is not FactWord.DRIFT_BEGAN]
    known = [known for known in (row.acknowledged, row.target.acknowledged) if known is not None]
    said += [
        f"Acknowledged by {data(each.who)} until {data(each.expires)}: {data(each.reason, longest=160)}."
        for each in known
    ]
    links = [surface.link("issue", each.link) for each in known] if context.trusted else []
    return " ".join([f"{surface.name(row.key.text)}: {surface.text(' '.join(said))}", *links])


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
    yield surface.paragraph(surface.strong(headline.night_sentence(verdict)))
    yield surface.paragraph(surface.text(_counts(verdict)))
    if writer.detail is Detail.COUNTS:
        yield _pointer(writer)
        return
    for shown in verdict.sensitivity:
        yield surface.paragraph(surface.text(sensitivity_sentence(shown)))
    yield surface.bullets([surface.text(line) for line in _compared_with(verdict)])
    listed: set[str] = set()
    for title, wanted in _SECTIONS:
        rows = [row for row in verdict.rows if wanted(row) and row.key.text not in listed]
        listed.update(row.key.text for row in rows)
        yield _section(writer, title, rows)
    if writer.detail < Detail.NO_SENTENCES:
        yield _chart(writer)
    yield _statements(writer)
    yield _what_was_not_seen(writer)
    if writer.detail < Detail.NO_UNCHANGED:
        yield _rest(writer, [row for row in verdict.rows if row.key.text not in listed])
        if writer.appendix:
            yield _validity(writer)
            yield _words(writer)
    else:
        yield _pointer(writer)
    yield _links(writer)


def _statements(writer: _Writer) -> str:
    """The database statements that became slower, the slowest first."""
    found, surface = writer.verdict.statements, writer.surface
    if not found:
        return ""
    several = len(writer.verdict.scenarios) > 1
    said = [surface.text(statement_sentence(each, with_scenario=several)) for each in found]
    return "\n".join([surface.heading("Statements of the database that became slower"), surface.bullets(said)])


_SECTIONS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("Regressions", headline.has_regressed),
    ("Missed targets", headline.misses_target),
    ("Vanished metrics", headline.has_vanished),
    ("Acknowledged", headline.is_acknowledged),
    ("Drift", headline.is_drifting),
    ("Not judged", headline.is_not_judged),
    ("Inconclusive", headline.is_inconclusive),
    ("Improvements", headline.is_improved),
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
        names = ", ".join(data(scenario.scenario) for scenario in again)
        sitting = ", back to back" if any(scenario.same_sitting for scenario in again) else ""
        return f"Measured again by {verdict.confirmed_by}: {names}{sitting}."
    if _is_by_pairs_alone(verdict):
        used = any(scenario.repeated for scenario in verdict.scenarios)
        return f"Measured by pairs of old and new, side by side{'' if used else '; none of them can be compared'}."
    if verdict.suspect_scenarios:
        return f"Worth measuring again: {', '.join(map(data, verdict.suspect_scenarios))}."
    return "Nothing was worth measuring again."


def _compared_with(verdict: Verdict) -> list[str]:
    """What each scenario was compared with: how many runs, how old, which build, on which machine."""
    kind = "old run" if _is_by_pairs_alone(verdict) else "accepted run"
    return [line for scenario in verdict.scenarios for line in (_scenario(scenario, kind), *_differences(scenario))]


def _is_by_pairs_alone(verdict: Verdict) -> bool:
    return verdict.stage == "first look" and verdict.confirmed_by == "pairs"


def _scenario(scenario: ScenarioOutcome, kind: str) -> str:
    machine = f"{data(scenario.fingerprint.machine_class)}, {data(scenario.machine.cpu_model)}"
    where = f"{data(scenario.scenario)} ({scenario.started_at:%Y-%m-%d %H:%M} UTC on {machine})"
    if not scenario.valid:
        details = "".join(f" {each}" for each in details_of(scenario))
        return f"{where}: not judged: {why_invalid(scenario)}.{details}"
    if scenario.baseline_runs == 0:
        return f"{where}: no {kind} to compare with."
    dates = dict.fromkeys((data(scenario.baseline_oldest), data(scenario.baseline_newest)))
    runs = numbers.counted(scenario.baseline_runs, kind)
    commits = ", ".join(map(data, scenario.baseline_commits[:FEW]))
    return f"{where}: compared with {runs} of {' to '.join(dates)}{f' ({commits})' if commits else ''}."


def _differences(scenario: ScenarioOutcome) -> list[str]:
    same = ["same build on both sides: A/A"] if scenario.same_build else []
    lines = (*same, *map(fact_sentence, scenario.reported_differences))
    return [f"{data(scenario.scenario)}: {line}" for line in lines]


def _section(writer: _Writer, title: str, rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    surface = writer.surface
    ordered = headline.worst_first(rows)
    shown = ordered[:FEW] if writer.detail >= Detail.FEW_ROWS else ordered
    parts = [
        surface.heading(f"{title} ({len(rows)})"),
        surface.table(ROW_HEADERS, [cells(row, surface, writer.context) for row in shown]),
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
    row = headline.worst_first(grave)[0]
    return writer.surface.fold(f"Chart: {data(row.key.text)}", writer.surface.preformatted(text_chart(row)))


def _what_was_not_seen(writer: _Writer) -> str:
    surface = writer.surface
    verdict = writer.verdict
    lines = [*headline.blind_spots(verdict.rows, verdict.scenarios), *map(fact_sentence, verdict.warnings)]
    lines += [f"{data(each.scenario)}: {fact_sentence(fact)}" for each in verdict.scenarios for fact in each.warnings]
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
        blocks = [surface.table(ROW_HEADERS, [cells(row, surface, writer.context) for row in group])]
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
        f"{data(scenario.scenario)}: {_fingerprint(scenario)}; runs {', '.join(map(data, scenario.runs))}"
        for scenario in writer.verdict.scenarios
    ]
    return surface.fold("Validity and circumstances", surface.bullets([surface.text(line) for line in lines]))


def _fingerprint(scenario: ScenarioOutcome) -> str:
    """Field by field: the names are ours, the values data."""
    found = []
    for name, value in scenario.fingerprint.model_dump(mode="json").items():
        shown = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
        if shown:
            found.append(f"{name} {data(shown, longest=400)}")
    return "; ".join(found)


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
    return (
        f"all are in artifact {data(context.artifact)}"
        if context.artifact
        else "all are in verdict.json and report.html"
    )


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


CUT = "…"


def fit(
    write: Callable[[Detail], str],
    limit: int,
    *,
    size: Callable[[str], int] = len,
    levels: Iterable[Detail] = tuple(Detail),
) -> str:
    """Return the most detailed text whose size is at most `limit`.

    The last level is cut where even it is too long, so the limit always holds.

    Args:
        write: Writes the text at a level of detail.
        limit: Largest size, at least 1.
        size: Measures a text: `len` for characters, another for bytes.
        levels: Levels to try, the most detailed first.
    """
    text = ""
    for level in levels:
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
    return fit(lambda detail: night.markdown(verdict, context, detail=detail), limit)


def summary(verdict: Verdict, *, context: Context, limit: int = SUMMARY_LIMIT_BYTES) -> str:
    """Return the job summary, at most `limit` bytes: above 1 MiB GitHub drops it without a word."""
    return fit(lambda detail: night.markdown(verdict, context, detail=detail), limit, size=size_in_bytes)
