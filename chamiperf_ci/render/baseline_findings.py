"""What a reviewer of a change of `baselines.json` should see: one line a finding, the gravest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tabulate import tabulate

from chamiperf_ci.render.escaping import markdown, plain
from chamiperf_ci.render.numbers import counted


class Gravity(StrEnum):
    """How grave a finding is."""

    BROKEN = "broken"
    """The file cannot be trusted, or a metric has lost its gate unseen; the check fails."""
    WEAKER = "weaker"
    """A gate is weakened, which a person may want; the reviewer decides."""
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at, and what it was before, where there is a before."""

    gravity: Gravity
    what: str
    where: str
    before: str = ""
    now: str = ""


_ORDER = tuple(Gravity)


def findings_table(findings: Sequence[Finding], *, for_github: bool = False) -> str:
    """Return the findings as a table, or a sentence that there are none; for the terminal or in GitHub's markdown."""
    if not findings:
        return "Nothing to object to: no gate is weakened, and every accepted run is as it was accepted."
    escape: Callable[[str], str] = markdown if for_github else plain
    lines = [
        (found.gravity.value, *(escape(text) for text in (found.what, found.where, found.before, found.now)))
        for found in gravest_first(findings)
    ]
    headers = ("", "what", "where", "before", "now")
    return tabulate(lines, headers=headers, tablefmt="pipe" if for_github else "simple", disable_numparse=True)


def findings_sentence(findings: Sequence[Finding]) -> str:
    """Return the findings in one sentence."""
    count = {gravity: sum(found.gravity is gravity for found in findings) for gravity in Gravity}
    if count[Gravity.BROKEN]:
        return f"baselines.json: {counted(count[Gravity.BROKEN], 'finding')} must be put right before it is merged."
    if count[Gravity.WEAKER]:
        return f"baselines.json: {counted(count[Gravity.WEAKER], 'gate is', 'gates are')} weakened; is that meant?"
    return "baselines.json: no gate is weakened."


def gravest_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings by gravity, then by what and where."""
    return tuple(sorted(findings, key=lambda found: (_ORDER.index(found.gravity), found.what, found.where)))
