"""A verdict on a terminal or in a pipe: what decides, what warns, and the finding last, on one screen.

Where the columns do not fit, they give way in this order: the target, the baseline, then the metric's name is
shortened in its middle.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.render import cards, headline, night
from chamiperf_ci.render.facts import fact_sentence
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.text import (
    LONGEST_DATA,
    NARROWEST,
    WIDEST,
    data,
    plain,
    sentence_in_plain_text,
    shortened,
    with_units,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

Form = Literal["brief", "all", "verbose", "sentence", "json"]
"""How much standard output gets: one screen, every row, also what the words mean, the sentence alone, or the file."""

_MOST_LINES = 40
_MOST_WARNINGS = 5
_LONGEST_SENTENCE = 18
_LONGEST_FIGURE = 24
_GAP = 2
_HELD = "\ue002"
"""Stands for a blank between a number and its unit while lines are parted: rich parts at a no-break space as well."""
_COLORS = {"🔴": "red", "🟠": "yellow", "🟡": "yellow", "🟣": "magenta", "🔵": "blue", "🟢": "green"}
_ALL = "--all"


def shown(verdict: Verdict, form: Form) -> str:
    """Return the verdict as text for standard output, colored if that is a terminal that wants it.

    Args:
        verdict: What was concluded; everything in it is taken for hostile.
        form: How much of it; `json` is the caller's.
    """
    if form == "sentence":
        return _sentence(verdict)
    # Imported on use: it costs a start of the program.
    from rich.console import Console  # noqa: PLC0415

    # Not rich's own size, which in a pipe is that of whatever terminal stands behind another stream.
    columns = shutil.get_terminal_size((80, _MOST_LINES)).columns
    width = min(WIDEST, max(NARROWEST, columns))
    console = Console(width=width, height=_MOST_LINES, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        lines = (
            _screen(verdict, console) if form == "brief" else _everything(verdict, console, verbose=form == "verbose")
        )
        for line in lines:
            console.print(line, crop=False, no_wrap=True, overflow="ignore")
    # Without the blanks that fill a table's last column.
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def _sentence(verdict: Verdict) -> str:
    return sentence_in_plain_text(headline.night_sentence(verdict))


def _screen(verdict: Verdict, console: "Console") -> "Sequence[Text | Table]":
    """The table of what decides, the warnings, the sentence: as many rows as leave room for the rest."""
    from rich.text import Text  # noqa: PLC0415 - on use, as above

    width = console.width
    found = headline.headline(verdict)
    ordered, decisive = night.ranked(verdict.rows)
    warnings = [_on_one_line(line, console) for line in _warnings(verdict)[:_MOST_WARNINGS]]
    if (more := len(_warnings(verdict)) - _MOST_WARNINGS) > 0:
        warnings.append(f"{more} more: {_ALL}")
    statements = [_on_one_line(line, console) for line in _statements(verdict)]
    finding = _wrapped(_sentence(verdict), width, console)
    if len(finding) > _LONGEST_SENTENCE:
        finding = [*finding[: _LONGEST_SENTENCE - 1], f"… the rest: {_ALL}"]
    most = night.MOST_ROWS
    while True:
        rows = decisive[:most]
        others = night.others(ordered, rows, found)
        lines = bool(rows) + len(rows) + len(others)
        if most == 0 or lines + len(statements) + bool(statements) + len(warnings) + len(finding) + 2 <= _MOST_LINES:
            break
        most -= 1
    blocks: list[list[Text | Table]] = [
        [
            *([_table(rows, width, several=len(verdict.scenarios) > 1)] if rows else []),
            *(Text(said, style=_COLORS.get(icon, "")) for icon, said in others),
        ],
        [Text(line) for line in statements],
        [Text(line, style="yellow") for line in warnings],
        [Text(line, style=_COLORS.get(found.icon, "")) for line in finding],
    ]
    screen: list[Text | Table] = []
    for block in filter(None, blocks):
        screen += [*([Text()] if screen else []), *block]
    return screen


def _statements(verdict: Verdict) -> list[str]:
    """The database statements that became slower, one line each."""
    found = night.slower_statements(verdict)
    listed, rest = found[: night.MOST_STATEMENTS], len(found) - night.MOST_STATEMENTS
    more = [f"{rest} more statements: {_ALL}"] if rest > 0 else []
    return [sentence_in_plain_text(line) for line in (*listed, *more)]


def _everything(verdict: Verdict, console: "Console", *, verbose: bool) -> "Iterator[Text | Table]":
    """All rows, each in words, how sure that is, and the sentence last; as long as it takes."""
    from rich.text import Text  # noqa: PLC0415 - on use, as above

    ordered, _ = night.ranked(verdict.rows)
    if ordered:
        yield _table(ordered, console.width, several=len(verdict.scenarios) > 1)
    said = [
        (f"{data(row.key.text)}: {line}")
        for row in ordered
        if row.compared or row.notes
        for line in night.explained(row, Context(trusted=False))[:1]
    ]
    blocks = [
        ("Row by row", said),
        ("In the database", night.slower_statements(verdict)),
        ("How sure is this?", night.sure(verdict)),
        *(
            (
                ("Under which circumstances", night.circumstances(verdict)),
                ("What the words mean", [f"{word}: {meaning}" for word, meaning in cards.words(verdict)]),
            )
            if verbose
            else ()
        ),
    ]
    for title, lines in blocks:
        if lines:
            yield Text()
            yield Text(title, style="bold")
        for line in lines:
            first, *more = _wrapped(sentence_in_plain_text(line), console.width - 2, console)
            yield Text(f"- {first}")
            yield from (Text(f"  {piece}") for piece in more)
    yield Text()
    color = _COLORS.get(headline.headline(verdict).icon, "")
    yield from (Text(line, style=color) for line in _wrapped(_sentence(verdict), console.width, console))


def _warnings(verdict: Verdict) -> list[str]:
    """What warns, each once: of the night, of its scenarios, and how the runs differ from the accepted ones."""
    of: dict[str, list[str]] = {fact_sentence(fact): [] for fact in verdict.warnings}
    scenarios = verdict.scenarios
    for scenario, facts in (
        *((each, each.warnings) for each in scenarios),
        *((each, each.reported_differences) for each in scenarios),
    ):
        for fact in facts:
            of.setdefault(fact_sentence(fact), []).append(scenario.scenario)
    lines = []
    for said, names in of.items():
        some = dict.fromkeys(names) if len(set(names)) < len(scenarios) else ()
        where = f"{', '.join(map(data, some))}: " if some else ""
        lines.append(sentence_in_plain_text(f"Warning: {where}{said}"))
    return lines


def _wrapped(line: str, width: int, console: "Console") -> list[str]:
    """The line in pieces of at most `width` cells, parted between words; only a longer word is parted inside."""
    from rich.text import Text  # noqa: PLC0415 - on use, as above

    pieces = Text(with_units(line, _HELD)).wrap(console, width, overflow="fold")
    return [piece.plain.rstrip().replace(_HELD, " ") for piece in pieces]


def _on_one_line(line: str, console: "Console") -> str:
    """As many of the line's words as fit."""
    if len(_wrapped(line, console.width, console)) <= 1:
        return line
    return f"{_wrapped(line, console.width - 2, console)[0]} …"


def _table(rows: Sequence[Row], width: int, *, several: bool) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - on use, as above
    from rich.text import Text  # noqa: PLC0415 - as above

    marked = [night.signs(row) for row in rows]
    columns: dict[str, list[str]] = {
        "": [word for _, word, _ in marked],
        "metric": [plain(night.name(row, several=several), longest=LONGEST_DATA) for row in rows],
    }
    for place, header in enumerate(("baseline", "now", "change")):
        columns[header] = [plain(night.figures(row)[place]) for row in rows]
    columns["target"] = [plain(" ".join(night.target(row))) for row in rows]
    for header in ("baseline", "now", "target"):
        columns[header] = [plain(cell, longest=_LONGEST_FIGURE) for cell in columns[header]]
    for header in [header for header, cells in columns.items() if header and not any(cells)]:
        del columns[header]
    for header in ("target", "baseline"):
        if _width(columns) > width:
            columns.pop(header, None)
    if (excess := _width(columns) - width) > 0:
        room = max(map(_cell_len(), columns["metric"])) - excess
        columns["metric"] = [shortened(name, max(room, len("metric"))) for name in columns["metric"]]
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="")
    for header in columns:
        justify: Literal["left", "right"] = "right" if header in ("baseline", "now") else "left"
        table.add_column(Text(header), no_wrap=True, overflow="ellipsis", justify=justify)
    for (icon, _, _), cells in zip(marked, zip(*columns.values(), strict=True), strict=True):
        table.add_row(Text(cells[0], style=_COLORS.get(icon, "")), *map(Text, cells[1:]))
    return table


def _width(columns: dict[str, list[str]]) -> int:
    """Of the whole table, in cells."""
    cell_len = _cell_len()
    widest = (max(map(cell_len, (header, *cells))) for header, cells in columns.items())
    return sum(widest) + _GAP * (len(columns) - 1)


def _cell_len() -> Callable[[str], int]:
    from rich.cells import cell_len  # noqa: PLC0415 - on use, as above

    return cell_len
