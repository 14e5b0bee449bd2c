"""The night's exit code and the word for it (verdict.md section 5)."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from chamiperf_ci.models.vocabulary import UNKNOWN_BASELINE, FailOn, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.verdict.decision import RowDecision

LEARNING_NIGHTS = 21
DEFAULT_FAIL_ON = frozenset({FailOn.REGRESSION, FailOn.TARGET, FailOn.INVALID})

_JUDGED = (RowVerdict.PASS, RowVerdict.REGRESSION, RowVerdict.IMPROVEMENT, RowVerdict.INCONCLUSIVE)
_JUDGED_TARGETS = (TargetVerdict.MET, TargetVerdict.MISSED, TargetVerdict.AT_THE_LIMIT)

Word = Literal["pass", "regression", "target missed", "invalid", "inconclusive", "learning", "drift", "not decided"]


@dataclass(frozen=True, slots=True)
class NightOutcome:
    """What a night ends in.

    Attributes:
        exit_code: 0, 1 (a verdict says no) or 3 (the measurement is not valid).
        word: The gravest thing seen, whether or not it fails the night; `pass` only when every row and target passes.
        regressions: Rows.
        missed_targets: Targets.
        invalid: Invalid runs, rows and targets, vanished metrics, and metrics without a baseline unless learning.
        inconclusive: Rows.
        drifts: Rows in slow drift.
        learning: Rows that have no baseline yet and are forgiven for it.
        far_above: Rows that one run saw far above their baseline and that were not measured again.
        nothing_judged: No row was compared and no target judged, and the environment is not learning.
    """

    exit_code: Literal[0, 1, 3]
    word: Word
    regressions: int
    missed_targets: int
    invalid: int
    inconclusive: int
    drifts: int
    learning: int
    far_above: int = 0
    nothing_judged: bool = False


def night_outcome(
    decisions: Sequence[RowDecision],
    *,
    targets: Collection[TargetVerdict] = (),
    run_reasons: Collection[RunReason] = (),
    drifts: int = 0,
    environment_nights: int | None = None,
    acknowledged: int = 0,
    fail_on: Collection[FailOn] = DEFAULT_FAIL_ON,
) -> NightOutcome:
    """Say how a night ends.

    Args:
        decisions: The night's rows that count; leave out those a person has acknowledged.
        targets: Verdicts of all targets.
        run_reasons: Why runs were invalid, any number a run; empty when all were valid.
        drifts: Rows in slow drift.
        environment_nights: Nights of this environment, tonight among them; its first 21 are learning, so that a row
            without a baseline (or with one of another fingerprint only) costs nothing. None: no grace.
        acknowledged: Rows and targets that a person has acknowledged, which were judged and are not among the others.
        fail_on: What may fail the night. A regression, a missed target, an inconclusive row or a drift ends in 1,
            an invalid measurement in 3.
    """
    verdicts = Counter(decision.verdict for decision in decisions)
    unknown = sum(decision.reason in UNKNOWN_BASELINE for decision in decisions)
    is_learning = environment_nights is not None and environment_nights <= LEARNING_NIGHTS
    broken = sum(
        decision.verdict is RowVerdict.INVALID or decision.reason is RowReason.NOT_MEASURED
        for decision in decisions
        if decision.reason not in UNKNOWN_BASELINE
    )
    invalid_targets = sum(verdict is TargetVerdict.INVALID for verdict in targets)
    invalid = broken + invalid_targets + len(run_reasons) + (0 if is_learning else unknown)
    learning = unknown if is_learning else 0
    judged = sum(verdicts[verdict] for verdict in _JUDGED) + sum(verdict in _JUDGED_TARGETS for verdict in targets)
    nothing_judged = not judged and not is_learning and not acknowledged
    far_above = sum(decision.is_far_above for decision in decisions)
    missed = sum(verdict is TargetVerdict.MISSED for verdict in targets)
    gravity: tuple[tuple[Word, int, FailOn | None], ...] = (
        ("regression", verdicts[RowVerdict.REGRESSION], FailOn.REGRESSION),
        ("target missed", missed, FailOn.TARGET),
        ("invalid", invalid + nothing_judged, FailOn.INVALID),
        ("not decided", far_above, FailOn.INVALID),
        ("learning", learning or (is_learning and not judged), None),
        ("drift", drifts, FailOn.DRIFT),
        ("inconclusive", verdicts[RowVerdict.INCONCLUSIVE], FailOn.INCONCLUSIVE),
    )
    failing = {kind for _, count, kind in gravity if count and kind in fail_on}
    exit_code: Literal[0, 1, 3] = 1 if failing - {FailOn.INVALID} else (3 if failing else 0)
    return NightOutcome(
        exit_code=exit_code,
        word=next((word for word, count, _ in gravity if count), "pass"),
        regressions=verdicts[RowVerdict.REGRESSION],
        missed_targets=missed,
        invalid=invalid,
        inconclusive=verdicts[RowVerdict.INCONCLUSIVE],
        drifts=drifts,
        learning=learning,
        far_above=far_above,
        nothing_judged=nothing_judged,
    )
