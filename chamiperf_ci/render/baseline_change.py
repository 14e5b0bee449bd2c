"""A proposed change of the baseline, as a person reads it: the table of old and new, and the patch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render.baselines_layout import laid_out
from chamiperf_ci.render.escaping import markdown, plain
from chamiperf_ci.render.numbers import quantities, share


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One metric before and after; a side without accepted runs has None and 0 runs. The unit of errors is `share`."""

    key: RowKey
    unit: str
    old: float | None
    old_runs: int
    new: float | None
    new_runs: int

    @property
    def ratio(self) -> float | None:
        """New / old - 1 where both are above 0, else None."""
        if self.old is None or self.new is None or self.old <= 0 or self.new <= 0:
            return None
        return self.new / self.old - 1


def table(rows: Sequence[ChangedRow], *, for_github: bool = False) -> str:
    """Return one line a metric: old, new, change; for the terminal, or as a table in GitHub's markdown."""
    escape: Callable[[str], str] = markdown if for_github else plain
    lines = [(escape(row.key.text), *_levels(row), _change(row)) for row in rows]
    headers = ("metric", "old (runs)", "new (runs)", "change")
    style = "pipe" if for_github else "simple"
    return tabulate(
        lines, headers=headers, tablefmt=style, disable_numparse=True, colalign=("left", "right", "right", "right")
    )


def patch_text(operations: Sequence[dict[str, Any]]) -> str:
    """Return a patch as a JSON array, laid out like the file it changes, with a newline at the end."""
    return laid_out(list(operations)) + "\n"


def _levels(row: ChangedRow) -> tuple[str, str]:
    known = [value for value in (row.old, row.new) if value is not None]
    shown = iter(share(value) for value in known) if row.unit == "share" else iter(quantities(known, row.unit))
    old = "-" if row.old is None else f"{next(shown)} ({row.old_runs})"
    new = "-" if row.new is None else f"{next(shown)} ({row.new_runs})"
    return old, new


def _change(row: ChangedRow) -> str:
    if row.old is None:
        return "new"
    if row.new is None:
        return "removed"
    if row.ratio is None:
        return "~" if row.old == row.new else "changed"
    return "~" if abs(row.ratio) < _VISIBLE else f"{row.ratio:+.1%}".replace("%", " %")


_VISIBLE = 0.0005
