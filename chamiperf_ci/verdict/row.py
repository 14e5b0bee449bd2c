"""One row: did it get slower than is tolerated, and can that be believed?

The tolerance test is a non-inferiority test (Schuirmann 1987): pass excludes a slowdown of the tolerance or more.
A regression is certainly a slowdown, cannot be shown to stay within tolerance, and was seen in every one of three
runs; one run never condemns. Rules: verdict.md section 5. Many rows together are `night`'s business: it says which
p values survive.
"""

import math
from dataclasses import replace

from chamiperf_ci.models.vocabulary import RowKind, RowReason, RowVerdict
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE, Change, change
from chamiperf_ci.verdict.decision import RowDecision, is_thin
from chamiperf_ci.verdict.error_rate import compare_errors
from chamiperf_ci.verdict.metric_class import PRIOR_SD, log_tolerance
from chamiperf_ci.verdict.multiplicity import LARGEST_P
from chamiperf_ci.verdict.pairs import PAIRS_TO_DECIDE, change_of_pairs
from chamiperf_ci.verdict.row_input import VERDICT_WITHOUT_JUDGEMENT, RowInput, unjudgeable
from chamiperf_ci.verdict.stalled import compare_stalled

LARGEST_P_OF_PAIRS = 0.001
HALF_AGAIN = math.log(1.5)


def decide_row(row: RowInput) -> RowDecision:
    """Judge one row alone, as if it were the night's only one: its p values survive when they are below 0.01."""
    reason = row.reason or unjudgeable(row)
    blank = RowDecision(
        key=row.key,
        kind=row.kind,
        verdict=RowVerdict.INCONCLUSIVE,
        reason=RowReason.NOISY,
        tolerance=row.tolerance,
        theta=log_tolerance(row.tolerance, row.direction),
        detail=row.detail,
    )
    if reason is not None:
        return replace(blank, verdict=VERDICT_WITHOUT_JUDGEMENT[reason], reason=reason)
    if row.kind is RowKind.STALLED_WINDOWS:
        stalled = compare_stalled(row.baseline_stalled, row.current_stalled)
        return replace(_counted(blank, *stalled.verdict), stalled=stalled)
    if row.kind is RowKind.ERRORS:
        errors = compare_errors(row.baseline_failures, row.current_failures)
        return replace(_counted(blank, *errors.verdict), errors=errors)
    measured = (
        change_of_pairs(row.pairs, direction=row.direction)
        if row.pairs
        else change(
            row.baseline,
            row.current,
            history=row.history,
            direction=row.direction,
            prior_sd=PRIOR_SD[row.metric_class],
        )
    )
    return settle(
        replace(blank, change=measured),
        worse_survives=measured.p_worse < LARGEST_P,
        better_survives=measured.p_better < LARGEST_P,
    )


def settle(decision: RowDecision, *, worse_survives: bool, better_survives: bool) -> RowDecision:
    """Give a row that has a change its verdict, knowing which of its p values survive section 6.

    Rows of pairs and rows with a thin baseline have rules of their own and ignore what survives.

    Raises:
        ValueError: The row has no change.
    """
    if decision.change is None:
        message = f"{decision.key} has no change to settle"
        raise ValueError(message)
    verdict, reason = _verdict(
        decision.change, decision.theta, worse_survives=worse_survives, better_survives=better_survives
    )
    return replace(
        decision,
        verdict=verdict,
        reason=reason,
        suspect=verdict is RowVerdict.INCONCLUSIVE and _worth_another_run(decision.change, decision.theta),
        above_tolerance=verdict is not RowVerdict.REGRESSION and decision.change.d > decision.theta,
    )


def _verdict(
    measured: Change, theta: float, *, worse_survives: bool, better_survives: bool
) -> tuple[RowVerdict, RowReason]:
    if measured.by_pairs and not _has_enough(measured):
        # Few pairs agree by luck: neither do they condemn, nor do they clear what one run made suspect.
        return RowVerdict.INCONCLUSIVE, RowReason.TOO_FEW_PAIRS
    if measured.high >= theta:
        condemned = _condemned(measured, theta, worse_survives=worse_survives)
        return (RowVerdict.REGRESSION, condemned) if condemned else (RowVerdict.INCONCLUSIVE, _why(measured, theta))
    if _improved(measured, theta, better_survives=better_survives):
        return RowVerdict.IMPROVEMENT, RowReason.ONE_RUN if measured.current_runs == 1 else RowReason.FASTER
    slower = measured.p_worse < LARGEST_P
    return RowVerdict.PASS, RowReason.SLOWER_WITHIN_TOLERANCE if slower else RowReason.WITHIN_TOLERANCE


def _condemned(measured: Change, theta: float, *, worse_survives: bool) -> RowReason | None:
    """Return on which grounds a change that may exceed the tolerance is a regression; None when it is none."""
    if not _has_enough(measured):
        return None
    if measured.by_pairs:
        holds = measured.p_worse < LARGEST_P_OF_PAIRS and _pairs_agree(measured)
        return RowReason.SLOWER_IN_PAIRS if holds else None
    nearest = measured.offsets[0]
    if is_thin(measured):
        return RowReason.SLOWER_THAN_HALF_AGAIN if nearest >= HALF_AGAIN else None
    return RowReason.SLOWER_IN_ALL_RUNS if worse_survives and nearest >= theta / 2 else None


def _improved(measured: Change, theta: float, *, better_survives: bool) -> bool:
    if measured.by_pairs:
        below = sum(offset < 0 for offset in measured.offsets)
        agree = _has_enough(measured) and below >= measured.current_runs - 1
        return agree and measured.p_better < LARGEST_P_OF_PAIRS and measured.d <= -theta / 2
    return better_survives and not is_thin(measured) and measured.offsets[-1] <= -theta / 2


def _why(measured: Change, theta: float) -> RowReason:
    """Return why a change that may exceed the tolerance is not condemned."""
    if is_thin(measured):
        return RowReason.THIN_BASELINE
    if measured.d < theta / 2:
        return RowReason.NOISY
    if not _has_enough(measured):
        return RowReason.SUSPECT_NOT_REPEATED
    agree = _pairs_agree(measured) if measured.by_pairs else measured.offsets[0] >= theta / 2
    return RowReason.NOISY if agree else RowReason.RUNS_DISAGREE


def _worth_another_run(measured: Change, theta: float) -> bool:
    return not _has_enough(measured) and measured.d >= (HALF_AGAIN if is_thin(measured) else theta / 2)


def _has_enough(measured: Change) -> bool:
    return measured.current_runs >= (PAIRS_TO_DECIDE if measured.by_pairs else RUNS_TO_DECIDE)


def _pairs_agree(measured: Change) -> bool:
    return sum(offset > 0 for offset in measured.offsets) >= measured.current_runs - 1


def _counted(blank: RowDecision, verdict: RowVerdict, reason: RowReason) -> RowDecision:
    return replace(blank, verdict=verdict, reason=reason, suspect=reason is RowReason.SUSPECT_NOT_REPEATED)
