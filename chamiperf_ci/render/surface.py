"""Where a report is shown: GitHub's markdown, a terminal, or HTML. One report is composed once, for any of them.

A surface takes raw text and returns text that is safe there; what it returns is never escaped again.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from tabulate import tabulate

from chamiperf_ci.render import escaping

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
        """Escaped text."""
        return escaping.markdown(raw)

    def name(self, raw: str) -> str:
        """Code by HTML tags: backticks inside a name could end a code span, and inside code nobody is mentioned."""
        return f"<code>{escaping.markdown(raw, longest=200)}</code>"

    def strong(self, raw: str) -> str:
        """Bold by HTML tags, for the same reason."""
        return f"<b>{escaping.markdown(raw)}</b>"

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
        return f"<details><summary>{escaping.markdown(raw)}</summary>\n\n{body}\n</details>\n"

    def preformatted(self, raw: str) -> str:
        """A block of code, line by line escaped, so that no fence inside can end it."""
        lines = (_line_of(escaping.markdown, line) for line in raw.splitlines())
        return f"<pre>\n{chr(10).join(lines)}\n</pre>\n"


class Terminal:
    """Plain text for a terminal; hidden characters, among them terminal escapes, are shown as a mark."""

    def text(self, raw: str) -> str:
        """Visible text on one line."""
        return escaping.plain(raw)

    def name(self, raw: str) -> str:
        """As text."""
        return escaping.plain(raw, longest=200)

    def strong(self, raw: str) -> str:
        """As text."""
        return escaping.plain(raw)

    def link(self, label: str, url: str) -> str:
        """The label, and the URL behind it."""
        return f"{escaping.plain(label)} <{escaping.plain(url)}>" if url else escaping.plain(label)

    def heading(self, raw: str) -> str:
        """An underlined line."""
        line = escaping.plain(raw)
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
        """Escaped text."""
        return escaping.html(raw)

    def name(self, raw: str) -> str:
        """Code; its direction is its own, so that it cannot turn the text around it."""
        return f'<code dir="ltr">{escaping.html(raw, longest=200)}</code>'

    def strong(self, raw: str) -> str:
        """Bold."""
        return f"<strong>{escaping.html(raw)}</strong>"

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
        return f"<details><summary>{escaping.html(raw)}</summary>\n{body}</details>\n"

    def preformatted(self, raw: str) -> str:
        """Lines as they are."""
        lines = (_line_of(escaping.html, line) for line in raw.splitlines())
        return f"<pre>{chr(10).join(lines)}</pre>\n"


def _line_of(escape: Callable[[str], str], line: str) -> str:
    """A line with all its blanks, and everything between them escaped."""
    return " ".join(escape(part) for part in line.split(" "))
