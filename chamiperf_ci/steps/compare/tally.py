"""All rows together: how many of each verdict, the exit code, and the one sentence (verdict.md section 5)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from chamiperf_ci.models.verdict import Counts, Outcome, Row, RowKey, ScenarioOutcome, Word
from chamiperf_ci.models.vocabulary import (
    UNKNOWN_BASELINE,
    FailOn,
    RowReason,
    RowVerdict,
    RunReason,
    TargetVerdict,
)
from chamiperf_ci.render.headline import SELF_TEST, blind_spots, headline, targets_only
from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.outcome import night_outcome

Gate = Literal["verdict", "adr"]


def tally(rows: Sequence[Row]) -> Counts:
    """Count the rows that are compared; rows that are only shown are in no count but that of targets."""
    compared = [row for row in rows if row.compared]
    verdicts = Counter(row.verdict for row in compared)
    targets = Counter(row.target.verdict for row in rows)
    return Counts(
        by_verdict={verdict: verdicts[verdict] for verdict in RowVerdict},
        targets_missed=targets[TargetVerdict.MISSED],
        targets_met=targets[TargetVerdict.MET] + targets[TargetVerdict.AT_THE_LIMIT],
        not_measured=sum(row.reason is RowReason.NOT_MEASURED for row in compared),
        acknowledged=sum((row.acknowledged is not None) + (row.target.acknowledged is not None) for row in rows),
    )


def conclude(
    rows: Sequence[Row],
    decisions: Mapping[RowKey, RowDecision],
    scenarios: Sequence[ScenarioOutcome],
    *,
    exempt: Collection[RowKey],
    environment_nights: int | None,
    fail_on: Collection[FailOn],
    self_test: bool,
) -> Outcome:
    """Say how the night ends.

    Args:
        rows: All rows.
        decisions: Of the compared rows.
        scenarios: Each scenario's outcome.
        exempt: Rows that need no baseline.
        environment_nights: Nights of the environment with tonight; None when they cannot be counted: then there is
            no grace for a missing baseline.
        fail_on: What may fail the night.
        self_test: The stack was the embedded one.
    """
    unbased = {scenario.scenario for scenario in scenarios if scenario.judged_targets_only}
    unknown = {key for key, decision in decisions.items() if decision.reason in UNKNOWN_BASELINE}
    forgiven = {key for key in unknown if key in exempt or key.scenario in unbased}
    counted = [decision for key, decision in decisions.items() if key not in forgiven]
    known = {row.key for row in rows if row.acknowledged is not None}
    ended = night_outcome(
        [decision for decision in counted if _row_key(decision) not in known],
        targets=[row.target.verdict for row in rows if row.target.acknowledged is None],
        run_reasons=_run_reasons(scenarios),
        drifts=sum(row.reason is RowReason.DRIFT for row in rows),
        environment_nights=environment_nights,
        acknowledged=sum((row.acknowledged is not None) + (row.target.acknowledged is not None) for row in rows),
        fail_on=fail_on,
    )
    word: Word = "targets only" if ended.word == "pass" and unbased else ended.word
    if word == "targets only":
        sentence = targets_only(rows, scenarios, self_test=self_test)
    else:
        learning = [
            key for key, decision in decisions.items() if decision.reason in UNKNOWN_BASELINE and ended.learning
        ]
        blamed = _only_shown(rows, forgiven.union(learning)) if word == "invalid" else rows
        sentence = headline(
            word,
            blamed,
            scenarios,
            self_test=self_test,
            nights=environment_nights,
            nothing_judged=ended.nothing_judged and not ended.invalid,
        )
        if unbased:
            sentence = _behind(f"Targets only for {', '.join(sorted(unbased))}.", sentence)
    return Outcome(
        exit_code=ended.exit_code,
        word=word,
        sentence=sentence,
        nothing_judged=ended.nothing_judged,
        what_could_not_be_seen=blind_spots(rows, scenarios),
    )


def _only_shown(rows: Sequence[Row], free: Collection[RowKey]) -> list[Row]:
    """What costs nothing is not what a night that is not valid is blamed on; the target of such a row still may be."""
    shown = {"compared": False, "verdict": RowVerdict.UNAVAILABLE}
    return [row.model_copy(update=shown) if row.key in free else row for row in rows]


def _row_key(decision: RowDecision) -> RowKey:
    key = decision.key
    return RowKey(scenario=key.scenario, endpoint=key.endpoint, metric=key.metric, phase=key.phase)


def _run_reasons(scenarios: Sequence[ScenarioOutcome]) -> list[RunReason]:
    """Why runs were invalid; what a stack cannot do at all, and never could, is said and costs nothing."""
    return [
        reason
        for scenario in scenarios
        for reason in (*scenario.reasons, *scenario.repeat_reasons)
        if not (reason is RunReason.NOT_POSSIBLE and scenario.baseline_runs == 0)
    ]


def _behind(first: str, sentence: str) -> str:
    """Put a sentence first, but never before the words that no product was measured."""
    if sentence.startswith(SELF_TEST):
        return f"{SELF_TEST} {first}{sentence.removeprefix(SELF_TEST)}"
    return f"{first} {sentence}"
