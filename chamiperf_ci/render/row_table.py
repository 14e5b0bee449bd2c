"""A row on a surface: its cells in a table, and its sentence with what has to be added to it."""

from collections.abc import Sequence

from chamiperf_ci.models.verdict import Row
from chamiperf_ci.models.vocabulary import TargetVerdict
from chamiperf_ci.render import changes, numbers
from chamiperf_ci.render.context import Context
from chamiperf_ci.render.sentences import amount
from chamiperf_ci.render.surface import Surface

HEADERS = ("metric", "target", "baseline", "now", "change [95 % interval]", "verdict")


def cells(row: Row, surface: Surface, context: Context) -> list[str]:
    """Return the row's cells, one a header."""
    values = [value for value in (row.baseline, row.current) if value is not None]
    shown = dict(zip(values, _amounts(values, row.unit), strict=True))
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
        surface.text(changes.cell(row)),
        _verdict_cell(row, surface, context),
    ]


def _amounts(values: Sequence[float], unit: str) -> tuple[str, ...]:
    return tuple(amount(value, unit) for value in values) if unit == "share" else numbers.quantities(values, unit)


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
    said = [row.sentence]
    if row.target.verdict in (TargetVerdict.MISSED, TargetVerdict.INVALID):
        said.append(f"Target: {row.target.sentence}")
    said += [f"({note})" for note in row.notes]
    known = [known for known in (row.acknowledged, row.target.acknowledged) if known is not None]
    said += [f"Acknowledged by {each.who} until {each.expires}: {each.reason.rstrip('.')}." for each in known]
    links = [surface.link("issue", each.link) for each in known] if context.trusted else []
    return " ".join([f"{surface.name(row.key.text)}: {surface.text(' '.join(said))}", *links])
