"""What people read of a verdict, as plain text: its sentence, a row's, and its facts."""

from collections.abc import Iterable

from chamiperf_ci.models.verdict import Fact, Row, ScenarioOutcome, TargetResult, Verdict
from chamiperf_ci.render.facts import fact_sentence
from chamiperf_ci.render.headline import night_sentence
from chamiperf_ci.render.night import blind_spots
from chamiperf_ci.render.sentences import row_sentence, target_sentence
from chamiperf_ci.render.text import sentence_in_plain_text


def night_said(verdict: Verdict) -> str:
    """The night's sentence."""
    return sentence_in_plain_text(night_sentence(verdict))


def row_said(row: Row) -> str:
    """A row's sentence."""
    return sentence_in_plain_text(row_sentence(row))


def target_said(target: TargetResult) -> str:
    """A target's sentence."""
    return sentence_in_plain_text(target_sentence(target))


def facts_said(facts: Iterable[Fact]) -> tuple[str, ...]:
    """A sentence a fact."""
    return tuple(sentence_in_plain_text(fact_sentence(fact)) for fact in facts)


def spots_said(rows: Iterable[Row], scenarios: Iterable[ScenarioOutcome]) -> tuple[str, ...]:
    """What could not have been seen."""
    return tuple(map(sentence_in_plain_text, blind_spots(tuple(rows), tuple(scenarios))))
