"""baselines.json for people: its layout, what a change of it means, what is wrong with it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chamiperf_ci.models.baselines import AcceptedRun, Baselines, EnvironmentBaseline, figures_of
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.render.numbers import counted, quantities, share
from chamiperf_ci.render.text import Column, in_columns, markdown, plain

WIDTH = 120
_INDENT = "  "


def layout(baselines: Baselines) -> str:
    """Return the file's text, with a newline at the end; equal content gives equal bytes."""
    return json_layout(content(baselines)) + "\n"


def json_layout(data: Any) -> str:  # noqa: ANN401 - any JSON
    """Return any JSON in the file's layout, without a newline at the end."""
    return _lines(data, "", 0)


def content(baselines: Baselines) -> dict[str, Any]:
    """Return the file's JSON: fields in the model's order, names and runs sorted, a metric of all runs one figure.

    `accepted_digest` and `accepted_runs` are there even when empty, so that every patch finds what it tests.
    """
    ordered = in_file_order(baselines)
    data = ordered.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for key, entry in data.get("accepted_runs", {}).items():
        for run in entry["runs"]:
            run.pop("rows", None)
        figures = figures_of(ordered.accepted_runs[key].runs)
        entry["figures"] = [figure.model_dump(mode="json", exclude_defaults=True) for figure in figures]
    head = {key: data.pop(key) for key in ("$schema",) if key in data}
    stamp = {"kind": baselines.kind, "schema_version": baselines.schema_version, "producer": baselines.producer}
    tail = {"accepted_digest": baselines.accepted_digest, "accepted_runs": data.pop("accepted_runs", {})}
    rest = {key: value for key, value in data.items() if key not in (*stamp, *tail)}
    whole: dict[str, Any] = _tidied({**head, **stamp, **rest, **tail})
    return whole


def in_file_order(baselines: Baselines) -> Baselines:
    """Return the same content in the file's order: fingerprints by name, runs by start, rows by key."""
    accepted = {
        key: EnvironmentBaseline(
            fingerprint=entry.fingerprint,
            runs=tuple(
                sorted((_arranged_run(run) for run in entry.runs), key=lambda run: (run.started_at, run.run_id))
            ),
        )
        for key, entry in sorted(baselines.accepted_runs.items())
    }
    known = sorted(
        baselines.acknowledgements,
        key=lambda entry: (entry.environment, entry.scenario, entry.endpoint, entry.metric, entry.phase, entry.what),
    )
    return baselines.model_copy(update={"accepted_runs": accepted, "acknowledgements": tuple(known)})


def _arranged_run(run: AcceptedRun) -> AcceptedRun:
    return run.model_copy(update={"rows": tuple(sorted(run.rows, key=lambda row: row.key))})


_NAMED = frozenset({"metrics", "scenarios", "endpoints", "environments", "accepted_runs", "parameters", "seeded"})


def _tidied(data: Any) -> Any:  # noqa: ANN401 - any JSON
    """Sort the members of objects whose keys are names, not fields; write whole numbers without a fraction."""
    if isinstance(data, list):
        return [_tidied(item) for item in data]
    if isinstance(data, dict):
        return {
            key: _tidied(dict(sorted(value.items())) if key in _NAMED and isinstance(value, dict) else value)
            for key, value in data.items()
        }
    return int(data) if isinstance(data, float) and data.is_integer() else data


def _lines(value: Any, lead: str, indent: int) -> str:  # noqa: ANN401 - any JSON
    """`lead` and the value, from column `indent` levels on."""
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    # A figure of all accepted runs is one line, however long: so is its change.
    simple = not any(
        isinstance(member, dict) or (isinstance(member, list) and not _numbers(member)) for member in members
    )
    if simple or len(_INDENT) * indent + len(lead) + len(flat) < WIDTH:
        return f"{_INDENT * indent}{lead}{flat}"
    opened, closed = ("{", "}") if isinstance(value, dict) else ("[", "]")
    leads = (
        [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    )
    inner = ",\n".join(_lines(member, name, indent + 1) for name, member in zip(leads, members, strict=True))
    return f"{_INDENT * indent}{lead}{opened}\n{inner}\n{_INDENT * indent}{closed}"


def _numbers(items: list[Any]) -> bool:
    return all(item is None or isinstance(item, int | float) for item in items)


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
    return _table(_CHANGES, lines, for_github=for_github)


_CHANGES = (
    Column("metric", shortens=True),
    Column("old (runs)", right=True),
    Column("new (runs)", right=True),
    Column("change", right=True),
)


def _table(layout: Sequence[Column], lines: Sequence[Sequence[str]], *, for_github: bool) -> str:
    if not for_github:
        return in_columns(layout, lines)
    from tabulate import tabulate  # noqa: PLC0415 - on use: it costs a start of the program

    return tabulate(
        lines,
        headers=[column.header for column in layout],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["right" if column.right else "left" for column in layout] if lines else None,
    )


def patch_text(operations: Sequence[dict[str, Any]]) -> str:
    """Return a patch as a JSON array, laid out like the file it changes, with a newline at the end."""
    return json_layout(list(operations)) + "\n"


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


class Severity(StrEnum):
    """How grave a finding is."""

    BROKEN = "broken"
    """The file cannot be trusted, or a metric has lost its gate unseen; the check fails."""
    WEAKER = "weaker"
    """A gate is weakened, which a person may want; the reviewer decides."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, and what it was before, where there is a before."""

    severity: Severity
    what: str
    where: str
    before: str = ""
    now: str = ""


_ORDER = tuple(Severity)


def findings_table(findings: Sequence[Finding], *, for_github: bool = False) -> str:
    """Return the findings as a table, or a sentence that there are none; for the terminal or in GitHub's markdown."""
    if not findings:
        return "Nothing to object to: no gate is weakened, and every accepted run is as it was accepted."
    escape: Callable[[str], str] = markdown if for_github else plain
    lines = [
        (found.severity.value, *(escape(text) for text in (found.what, found.where, found.before, found.now)))
        for found in most_severe_first(findings)
    ]
    return _table(_FINDINGS, lines, for_github=for_github)


_FINDINGS = (
    Column(""),
    *(Column(name, wraps=True) for name in ("what", "where", "before", "now")),
)


def findings_sentence(findings: Sequence[Finding]) -> str:
    """Return the findings in one sentence."""
    count = {severity: sum(found.severity is severity for found in findings) for severity in Severity}
    if count[Severity.BROKEN]:
        return f"baselines.json: {counted(count[Severity.BROKEN], 'finding')} must be put right before it is merged."
    if count[Severity.WEAKER]:
        return f"baselines.json: {counted(count[Severity.WEAKER], 'gate is', 'gates are')} weakened; is that meant?"
    return "baselines.json: no gate is weakened."


def most_severe_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity, then by what and where."""
    return tuple(sorted(findings, key=lambda found: (_ORDER.index(found.severity), found.what, found.where)))
