"""Documents of blocks, and the templates that make markdown, HTML and plain text of them.

A template for markdown takes numbers and `Escaped` text alone; anything else is an error, so no text of others can get
into it unescaped, whatever a template's author forgets. One for HTML escapes whatever is not `Markup`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from chamiperf_ci.render import columns, escaping
from chamiperf_ci.render.columns import Column

if TYPE_CHECKING:
    import jinja2


class Escaped(str):
    """Markdown that is safe: our own words, with everything of others escaped in it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Link:
    """Words of ours that lead somewhere; where the address is not one of the web, or of the page, they stay words."""

    label: str
    url: str


Cell = str | Link
"""A sentence of ours, the data in it marked (`escaping.data`); or a link."""


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
    return Escaped(escaping.sentence_in_markdown(text))


def link(label: str, url: str) -> Escaped:
    """Return a link in markdown to an http(s) address; anything else stays text."""
    return Escaped(f'<a href="{escaping.html(url)}">{prose(label)}</a>') if escaping.is_web(url) else prose(label)


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
            return Markup(escaping.sentence_in_html(cell))  # noqa: S704 - escaped there
        words = escaping.sentence_in_html(cell.label)
        # A link to an http(s) address or to a place in the page; anything else stays text.
        if not re.fullmatch(r"(https?://|#)[^\s\"'<>]+", cell.url):
            return Markup(words)  # noqa: S704 - as above
        return Markup(f'<a href="{escaping.html(cell.url)}">{words}</a>')  # noqa: S704 - as above

    made.filters["prose"] = in_html
    return made


@cache
def _text_templates() -> "jinja2.Environment":
    made = _templates(autoescape=False)

    def plain(cell: Cell) -> str:
        return escaping.sentence_in_plain_text(cell.label if isinstance(cell, Link) else cell)

    def table(block: Table) -> str:
        rows = [[plain(cell) for cell in row] for row in block.rows]
        return columns.table([Column(header, wraps=True) for header in block.headers], rows)

    made.filters.update(prose=plain, table=table)
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
        return Markup(escaping.html(value))  # noqa: S704 - escaped there
    return value
