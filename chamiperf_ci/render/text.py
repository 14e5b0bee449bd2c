"""Text for people, safe in each medium: text of others in markdown, HTML and on a terminal; blocks, templates, tables.

A template for markdown takes numbers and `Escaped` text alone; anything else is an error, so no text of others can get
into it unescaped, whatever a template's author forgets. One for HTML escapes whatever is not `Markup`.

A table is as wide as its terminal, and breaks no word and no number: where one is too wide, prose is wrapped between
words, then columns are left out in the order that their table states, and a line says which; last, names are shortened
in their middle.
"""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from textwrap import TextWrapper
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import jinja2

# Control and format characters, surrogates, private use, line and paragraph separators: among them newlines,
# terminal escapes, zero-width characters and the marks that reverse the direction of writing.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_ZERO_WIDTH = "&#8203;"

# Punctuation with a meaning in GitHub's markdown or in HTML, as numeric entities, which mean nothing to either.
_MARKDOWN = {ord(char): f"&#{ord(char)};" for char in "&<>|`*[]\\~!$"}
# An underscore inside a word is only an underscore, and names are full of them.
_EDGE_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
# What GitHub turns into a mention, an issue, a link or an emoji after the markdown was rendered: a zero-width space
# behind the first character ends the pattern, as an entity would not.
_REFERENCE = re.compile(r"[@#]|(?<=gh-)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)|:(?=[+\w-]+:)", re.IGNORECASE)
# What begins a block at the start of a line: a list, a heading underline, a table.
_BLOCK_START = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


def plain(raw: str, *, longest: int = 2_000) -> str:
    """Return one line of visible text: hidden characters become a replacement mark, white space one blank.

    Text over `longest` characters is cut and ends in an ellipsis.
    """
    spaced = re.sub(r"\s+", " ", raw).strip()
    # What can be printed hides nothing, which is most of what a report holds.
    seen = spaced if spaced.isprintable() else "".join(map(_visible, spaced))
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def _visible(char: str) -> str:
    return _REPLACEMENT if unicodedata.category(char) in _HIDDEN else char


def markdown(raw: str, *, longest: int = 2_000) -> str:
    """Return text that GitHub shows as it is: no markup, no HTML, no mention, no reference, no table cell broken."""
    escaped = plain(raw, longest=longest).translate(_MARKDOWN)
    escaped = _EDGE_UNDERSCORE.sub("&#95;", escaped)
    # Entities hold a `#` of their own, which must not be broken up; they never follow a digit sign of the text.
    escaped = re.sub(r"&#\d+;|" + _REFERENCE.pattern, _defuse, escaped, flags=re.IGNORECASE)
    return _BLOCK_START.sub(lambda match: f"{_ZERO_WIDTH}{match[0]}", escaped)


def html(raw: str, *, longest: int = 2_000) -> str:
    """Return text for HTML and XML, safe as content and inside quoted attributes."""
    text = plain(raw, longest=longest)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, entity)
    return text


def is_web(url: str) -> bool:
    """Whether a text is an http(s) address and nothing beside it."""
    return re.fullmatch(r"https?://[^\s\"'<>]+", url) is not None


# Private use characters, which `plain` lets through nowhere: no text of others can begin or end data of its own.
_DATA_BEGINS, _DATA_ENDS = "\ue000", "\ue001"
_DATA = re.compile(f"{_DATA_BEGINS}([^{_DATA_ENDS}]*){_DATA_ENDS}")
LONGEST_DATA = 80


def data(raw: str, *, longest: int = LONGEST_DATA) -> str:
    """Mark text of others inside a sentence of ours, so that every place shows it as data, cut to `longest`."""
    return f"{_DATA_BEGINS}{plain(raw, longest=longest)}{_DATA_ENDS}"


def sentence_in_markdown(text: str) -> str:
    """Return a sentence of ours for markdown, the data in it as code.

    Code by HTML tags: backticks in a name could end a code span, and inside code nobody is mentioned.
    """
    return _with_data(text, _with_code(markdown, "<code>"), lambda found: f"<code>{markdown(found)}</code>")


@lru_cache(4_096)
def sentence_in_html(text: str) -> str:
    """Return a sentence of ours for HTML, the data in it as code with a direction of its own."""
    return _with_data(text, _with_code(html, '<code dir="ltr">'), lambda found: f'<code dir="ltr">{html(found)}</code>')


def sentence_in_plain_text(text: str) -> str:
    """Return a sentence of ours for places without markup, the data in it as it is where it is a mere name."""
    return _with_data(text, plain, lambda found: found if _NAME_LIKE.fullmatch(found) else f"“{found}”")


_NAME_LIKE = re.compile(r"[\w./:@+-]{1,40}(?: / [\w./:@+-]{1,40})?(?: [\w./:@+-]{1,20}){0,2}")


def _with_code(escape: Callable[[str], str], begin: str) -> Callable[[str], str]:
    """Escape words of ours, in which backticks stand around a command."""

    def escaped(ours: str) -> str:
        parts = ours.split("`")
        if len(parts) % 2 == 0:  # a command with data in it is in two parts of the sentence
            return escape(ours)
        return "".join(
            f"{begin}{escape(part)}</code>" if place % 2 else _spaced(part, escape(part))
            for place, part in enumerate(parts)
        ).strip()

    return escaped


def _spaced(raw: str, escaped: str) -> str:
    """The blanks around a part of a sentence, which every escape strips."""
    return f"{' ' * raw[:1].isspace()}{escaped}{' ' * (bool(escaped) and raw[-1:].isspace())}"


def _with_data(text: str, ours: Callable[[str], str], theirs: Callable[[str], str]) -> str:
    shown = []
    for place, part in enumerate(_DATA.split(text)):
        if place % 2:
            shown.append(theirs(part))
        else:
            inner = ours(part)
            shown.append(_spaced(part, inner))
    return "".join(shown)


def _defuse(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith("&#") else f"{found}{_ZERO_WIDTH}"


NARROWEST, WIDEST = 40, 200
_GAP = 2
_LEAST_PROSE, _LONGEST_VALUE = 16, 28
NO_BREAK = "\N{NO-BREAK SPACE}"
_UNIT = re.compile(r"(?<=\d) (?=(?:ms|us|s|min|h|d|%|kB|MB|GB|GiB|->|→)(?:\W|$))")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, and how it gives way where there is not enough room."""

    header: str
    right: bool = False
    wraps: bool = False
    """Prose, or several values: it continues on further lines."""
    goes: int = 0
    """Its place in the order in which columns are left out, from 1; 0 for one that stays."""
    shortens: bool = False
    """A name: its middle goes, its end stays."""


def width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal, or what COLUMNS says; None in a pipe, whose lines may be of any length."""
    if not os.environ.get("COLUMNS", "").isdecimal() and not (stream or sys.stdout).isatty():
        return None
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size((80, 24)).columns))


def in_columns(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, room: int | None = None) -> str:
    """Return a table as text.

    Args:
        columns: What stands in each, and how it gives way.
        rows: Their cells, taken for hostile.
        room: Cells of a line; None for what the terminal has.
    """
    from rich.cells import cell_len  # noqa: PLC0415 - on use: both cost a start of the program
    from tabulate import tabulate  # noqa: PLC0415 - as above

    room = width() if room is None else room
    cells = [[with_units(plain(str(row[place]))) for row in rows] for place in range(len(columns))]
    kept = [(column, each) for column, each in zip(columns, cells, strict=True) if column.header or any(each)]
    left_out: list[str] = []
    limits = [_natural(*each) for each in kept]
    if room is not None:
        while (found := _limits(kept, room)) is None and (going := _next_to_go(kept)) is not None:
            left_out.append(kept.pop(going)[0].header)
        limits = found or [_least(*each) for each in kept]
    lines = [
        [
            shortened(cell, limit) if column.shortens else in_lines(cell, limit)
            for cell, (column, _), limit in zip(line, kept, limits, strict=True)
        ]
        for line in ([column.header for column, _ in kept], *zip(*(each for _, each in kept), strict=True))
    ]
    ruled = [
        "-" * max(cell_len(part) for cell in each for part in cell.split("\n")) for each in zip(*lines, strict=True)
    ]
    # The head as rows: tabulate makes each column two cells wider than its header.
    text: str = tabulate(
        [lines[0], ruled, *lines[1:]],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if column.right else "left" for column, _ in kept],
    )
    note = f"\nleft out at {room} columns: {', '.join(left_out)}" if left_out else ""
    return "\n".join(line.rstrip() for line in text.replace(NO_BREAK, " ").split("\n")) + note


def with_units(text: str, blank: str = NO_BREAK) -> str:
    """Return the text with another blank between a number and its unit, at which no line is parted."""
    return _UNIT.sub(blank, text)


def in_lines(text: str, room: int | None) -> str:
    """Return each line of the text in lines of at most `room` characters, parted between words; None: as it is."""
    if room is None:
        return text
    wrapper = TextWrapper(room, break_long_words=False, break_on_hyphens=False)
    lines = (line if len(line) <= room else wrapper.fill(with_units(line)) for line in text.split("\n"))
    return "\n".join(lines).replace(NO_BREAK, " ")


def shortened(name: str, room: int) -> str:
    """Return the name in `room` cells: what it measures, its last word, stays; the middle goes."""
    from rich.cells import cell_len  # noqa: PLC0415 - on use: it costs a start of the program

    if cell_len(name) <= room:
        return name
    metric = f" {name.rpartition(' ')[2]}"
    end = metric if cell_len(metric) <= room // 2 else ""
    begin = name.removesuffix(end)
    while begin and cell_len(f"{begin}…{end}") > room:
        begin = begin[:-1]
    return f"{begin.rstrip()}…{end}"


def _limits(kept: Sequence[tuple[Column, Sequence[str]]], room: int) -> list[int] | None:
    """How wide each column may be: the widest that can gives way first; None where that is not enough."""
    widths = [_natural(*each) for each in kept]
    least = [_least(*each) for each in kept]
    while sum(widths) + _GAP * (len(widths) - 1) > room:
        able = [place for place, narrowest in enumerate(least) if widths[place] > narrowest]
        if not able:
            return None
        widths[max(able, key=lambda place: widths[place])] -= 1
    return widths


def _natural(column: Column, cells: Sequence[str]) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 - on use, as above

    return max(map(cell_len, (column.header, *cells)))


def _least(column: Column, cells: Sequence[str]) -> int:
    """The narrowest that breaks no word."""
    natural = _natural(column, cells)
    if column.shortens:
        return min(natural, _LEAST_PROSE)
    if not column.wraps:
        return natural
    words = [word for text in (column.header, *cells) for word in text.split(" ")]
    prose = _LEAST_PROSE if any(len(cell) > _LONGEST_VALUE for cell in cells) else 0
    return min(natural, max(prose, _natural(Column(""), words)))


def _next_to_go(kept: Sequence[tuple[Column, Sequence[str]]]) -> int | None:
    able = [place for place, (column, _) in enumerate(kept) if column.goes]
    return min(able, key=lambda place: kept[place][0].goes) if able else None


class Escaped(str):
    """Markdown that is safe: our own words, with everything of others escaped in it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Words of ours that lead somewhere; where the address is not one of the web, or of the page, they stay words."""

    label: str
    url: str


Cell = str | Link
"""A sentence of ours, the data in it marked (`data`); or a link."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence, or several."""

    text: Cell
    strong: bool = False
    kind: str = "paragraph"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences as a list."""

    lines: Sequence[Cell]
    kind: str = "bullets"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells in columns."""

    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    kind: str = "table"


Block = Heading | Paragraph | Bullets | Table


def prose(text: str) -> Escaped:
    """Return a sentence of ours in markdown, the data in it as code."""
    return Escaped(sentence_in_markdown(text))


def link(label: str, url: str) -> Escaped:
    """Return a link in markdown to an http(s) address; anything else stays text."""
    return Escaped(f'<a href="{html(url)}">{prose(label)}</a>') if is_web(url) else prose(label)


def as_markdown(blocks: Sequence[Block]) -> str:
    """Return blocks in GitHub's markdown."""
    return _joined(markdown_templates().get_template("blocks.md.j2").render(blocks=blocks))


def as_text(blocks: Sequence[Block]) -> str:
    """Return blocks for a terminal; hidden characters, among them terminal escapes, are shown as a mark."""
    return _joined(_text_templates().get_template("blocks.txt.j2").render(blocks=blocks))


def _joined(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def markdown_templates() -> "jinja2.Environment":
    """Return the templates of markdown, whose values are refused unless they are escaped."""
    made = _templates(autoescape=False, finalize=_refuse_unescaped)
    made.filters["numbers"] = lambda values: Escaped(", ".join(f"{float(value):g}" for value in values))
    made.filters["prose"] = lambda cell: link(cell.label, cell.url) if isinstance(cell, Link) else prose(cell)
    return made


@cache
def html_templates() -> "jinja2.Environment":
    """Return the templates of HTML, in which text of others is text."""
    from markupsafe import Markup  # noqa: PLC0415 - on use, as jinja2

    made = _templates(autoescape=True, finalize=_for_html)

    def in_html(cell: Cell) -> Markup:
        if not isinstance(cell, Link):
            return Markup(sentence_in_html(cell))  # noqa: S704 - escaped there
        words = sentence_in_html(cell.label)
        # A link to an http(s) address or to a place in the page; anything else stays text.
        if not re.fullmatch(r"(https?://|#)[^\s\"'<>]+", cell.url):
            return Markup(words)  # noqa: S704 - as above
        return Markup(f'<a href="{html(cell.url)}">{words}</a>')  # noqa: S704 - as above

    made.filters["prose"] = in_html
    return made


@cache
def _text_templates() -> "jinja2.Environment":
    made = _templates(autoescape=False)

    def in_plain_text(cell: Cell) -> str:
        return sentence_in_plain_text(cell.label if isinstance(cell, Link) else cell)

    def as_columns(block: Table) -> str:
        rows = [[in_plain_text(cell) for cell in row] for row in block.rows]
        return in_columns([Column(header, wraps=True) for header in block.headers], rows)

    made.filters.update(prose=in_plain_text, table=as_columns)
    return made


def _templates(*, autoescape: bool, finalize: Callable[[object], object] | None = None) -> "jinja2.Environment":
    # Imported on use: it costs a start of the program more than all else here.
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        loader=jinja2.PackageLoader("chamiperf_ci", "render/templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=autoescape,  # noqa: S701 - of markdown and plain text, whose values are escaped by filters
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _refuse_unescaped(value: object) -> object:
    if isinstance(value, Escaped | int | float):
        return value
    message = f"a markdown template was given {type(value).__name__}, which is neither a number nor escaped"
    raise TypeError(message)


def _for_html(value: object) -> object:
    """Escape hidden characters as well, which the template's own escaping lets through."""
    from markupsafe import Markup  # noqa: PLC0415 - on use, as jinja2

    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(html(value))  # noqa: S704 - escaped there
    return value
