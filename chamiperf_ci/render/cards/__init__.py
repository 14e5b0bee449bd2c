"""What every word of a verdict means: one card a verdict and a reason; `docs/verdicts.md` is made of them."""

from collections.abc import Iterator, Mapping

from chamiperf_ci.render.cards.card import Card
from chamiperf_ci.render.cards.outcomes import NIGHTS, ROWS, TARGETS
from chamiperf_ci.render.cards.row_reasons import DECIDED, NOT_JUDGED, UNDECIDED
from chamiperf_ci.render.cards.run_reasons import RUNS

__all__ = ["CARDS", "Card", "page"]

_GROUPS: tuple[tuple[str, str, Mapping[str, Card]], ...] = (
    ("What a row is said to be", "The change against the baseline; the target has a column of its own.", ROWS),
    ("What a target is said to be", "What users saw against what is wanted, apart from any comparison.", TARGETS),
    ("What a night is said to be", "The gravest thing seen; `pass`, `regression` and so on as above.", NIGHTS),
    ("Why a run is not judged", "The measurement is not valid: exit code 3.", RUNS),
    ("Why a row is not judged", "The value is shown all the same, and never counts as pass.", NOT_JUDGED),
    ("Why a row is inconclusive", "Exit code 0 with a warning; `--fail-on inconclusive` makes it 1.", UNDECIDED),
    ("Why a row passes or does not", "What the decision rests on.", DECIDED),
)

_HEAD = (
    "# What a verdict says, word by word",
    "",
    "One card a verdict and a reason: what it means, what causes it, what to do. Reports link here.",
    "The rules behind the words, with formulas and what they were measured to do, are in [verdict.md](verdict.md),",
    "the exit codes in [exit-codes.md](exit-codes.md).",
    "This page is made by `python -m chamiperf_ci.render.cards > docs/verdicts.md`.",
)

CARDS: Mapping[str, Card] = {word: card for _, _, group in _GROUPS for word, card in group.items()}
"""By verdict and reason, as spelt in a verdict's file."""


def page() -> str:
    """Return `docs/verdicts.md`: one heading a word, so that a report can link to it."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _HEAD
    for title, about, group in _GROUPS:
        yield from ("", f"## {title}", "", about)
        for word, card in group.items():
            yield from ("", f"### {word}", "")
            yield f"**Meaning:** {card.meaning}"
            yield f"**Cause:** {card.cause}"
            yield f"**Remedy:** {card.remedy}"
