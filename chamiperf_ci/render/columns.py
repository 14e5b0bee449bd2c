"""Tables for a terminal, as wide as it is: no word and no number is broken.

Where one is too wide, prose is wrapped between words, then columns are left out in the order that their table states,
and a line says which; last, names are shortened in their middle.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import TextWrapper
from typing import TextIO

from chamiperf_ci.render.escaping import plain

NARROWEST, WIDEST = 40, 200
_GAP = 2
_LEAST_PROSE, _LONGEST_VALUE = 16, 28
_NO_BREAK = "\N{NO-BREAK SPACE}"
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


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, room: int | None = None) -> str:
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
    return "\n".join(line.rstrip() for line in text.replace(_NO_BREAK, " ").split("\n")) + note


def with_units(text: str, blank: str = _NO_BREAK) -> str:
    """Return the text with another blank between a number and its unit, at which no line is parted."""
    return _UNIT.sub(blank, text)


def in_lines(text: str, room: int | None) -> str:
    """Return each line of the text in lines of at most `room` characters, parted between words; None: as it is."""
    if room is None:
        return text
    wrapper = TextWrapper(room, break_long_words=False, break_on_hyphens=False)
    lines = (line if len(line) <= room else wrapper.fill(with_units(line)) for line in text.split("\n"))
    return "\n".join(lines).replace(_NO_BREAK, " ")


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
