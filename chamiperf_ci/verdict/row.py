"""The rule that calls a row a regression, a pass or neither (verdict.md sections 5 to 7)."""

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from types import MappingProxyType

from chamiperf_ci.models.vocabulary import (
    DEFAULT_TOLERANCE,
    Direction,
    MetricClass,
    RowKind,
    RowReason,
    RowVerdict,
    Statistic,
)
from chamiperf_ci.verdict.change import (
    LARGEST_P,
    LARGEST_P_OF_PAIRS,
    PAIRS_TO_DECIDE,
    RUNS_TO_DECIDE,
    Estimate,
    change,
    change_of_pairs,
    is_thin,
    thin_needs,
)
from chamiperf_ci.verdict.counts import (
    DifferenceComparison,
    ErrorComparison,
    Failures,
    StalledComparison,
    compare_connections,
    compare_errors,
    compare_rates,
    compare_stalled,
)
from chamiperf_ci.verdict.statistic import (
    as_shown,
    as_worse,
    is_quantity,
    log_tolerance,
    median,
    prior_sd,
)

VERDICT_WITHOUT_JUDGEMENT = MappingProxyType(
    {
        RowReason.RUN_INVALID: RowVerdict.INVALID,
        RowReason.FINGERPRINT_MISMATCH: RowVerdict.INVALID,
        RowReason.ERROR_BURST: RowVerdict.INVALID,
        RowReason.TOO_FEW_REQUESTS: RowVerdict.INVALID,
        RowReason.STATISTIC_MISMATCH: RowVerdict.INVALID,
        RowReason.NOT_A_QUANTITY: RowVerdict.INVALID,
        RowReason.RESTARTED: RowVerdict.INVALID,
        RowReason.MACHINE_BUSY: RowVerdict.INVALID,
        RowReason.UNIT_MISMATCH: RowVerdict.INVALID,
        RowReason.RESOLUTION: RowVerdict.UNAVAILABLE,
        RowReason.NO_BASELINE: RowVerdict.UNAVAILABLE,
        RowReason.NOT_OFFERED: RowVerdict.UNAVAILABLE,
        RowReason.NOT_MEASURED: RowVerdict.UNAVAILABLE,
        RowReason.SIMULATED: RowVerdict.UNAVAILABLE,
        RowReason.TOO_SHORT: RowVerdict.UNAVAILABLE,
        RowReason.PART_OF_RUN: RowVerdict.INCONCLUSIVE,
        RowReason.NO_EARLIER_FIGURE: RowVerdict.INCONCLUSIVE,
    }
)
"""The reasons for which a row is not judged, and the verdict each gives.

The last two are named although there is nothing to judge them by: never a pass, and no failure either.
"""


@dataclass(frozen=True, slots=True, order=True)
class RowName:
    """Which number a row is about; unique within a night."""

    scenario: str
    endpoint: str
    metric: str
    phase: str = "sustained"


@dataclass(frozen=True, slots=True)
class RowInput:
    """One row's numbers.

    Attributes:
        key: Which number.
        kind: How it is judged: a quantity by its change, stalled windows and errors by their counts, connections and
            rates by their difference.
        metric_class: Decides the prior spread of a quantity; another Trend takes the class of its quantile.
        direction: Which way is good.
        tolerance: Slowdown accepted, as a fraction above 0.
        statistic: How its numbers were formed, which decides the prior spread with the class.
        baseline: A quantity's accepted runs; of a connection or a rate too, and then 0 is a value.
        history: A quantity's valid nights before the judged ones, oldest first.
        current: A quantity's current runs: the night's run first, then the repeats.
        pairs: (old, new) of each pair. When there are any, a quantity is judged on them alone.
        baseline_stalled: Stalled windows of each baseline run.
        current_stalled: Stalled windows of each current run; with pairs, of the new runs.
        baseline_failures: Failures of all baseline runs, a window or a run each.
        current_failures: For each current run its windows; with pairs, the new runs.
        reason: Why the row is not judged, a key of `VERDICT_WITHOUT_JUDGEMENT`; None to judge it.
        detail: What goes with the reason, such as the fingerprint's field that differs; handed through.
    """

    key: RowName
    kind: RowKind = RowKind.QUANTITY
    metric_class: MetricClass = MetricClass.P99
    statistic: Statistic = Statistic.MEDIAN_OF_WINDOWS
    direction: Direction = Direction.LOWER
    tolerance: float = DEFAULT_TOLERANCE
    baseline: tuple[float, ...] = ()
    history: tuple[float, ...] = ()
    current: tuple[float, ...] = ()
    pairs: tuple[tuple[float, float], ...] = ()
    baseline_stalled: tuple[int, ...] = ()
    current_stalled: tuple[int, ...] = ()
    baseline_failures: tuple[Failures, ...] = ()
    current_failures: tuple[tuple[Failures, ...], ...] = ()
    reason: RowReason | None = None
    detail: str = ""


def unjudgeable(row: RowInput) -> RowReason | None:
    """Say why a row's numbers cannot be judged, whatever its `reason`; None when they can.

    Nothing now is `not-measured`, nothing to compare with is `no-baseline`, and a number that its quantity cannot
    have (NaN, infinite, zero or negative; more failures than requests) is `not-a-quantity`.
    """
    if row.kind is RowKind.STALLED_WINDOWS:
        good = all(0 <= count < math.inf for count in (*row.baseline_stalled, *row.current_stalled))
        return _missing(row.baseline_stalled, row.current_stalled) or _flawed(good=good)
    if row.kind is RowKind.ERRORS:
        runs = (row.baseline_failures, *row.current_failures)
        good = all(0 <= window.failed <= window.requests < math.inf for run in runs for window in run)
        busy = [run for run in row.current_failures if any(window.requests > 0 for window in run)]
        known = [window for window in row.baseline_failures if window.requests > 0]
        measured = busy if len(busy) == len(row.current_failures) else ()
        return _flawed(good=good) or _missing(known, measured)
    if row.kind in (RowKind.CONNECTION, RowKind.RATE):
        good = all(0 <= value < math.inf for value in (*row.baseline, *row.current))
        return _flawed(good=good) or _missing(row.baseline, row.current)
    if row.pairs:
        return _flawed(good=all(is_quantity(value) for pair in row.pairs for value in pair))
    good = all(map(is_quantity, (*row.baseline, *row.current)))
    return _missing(row.baseline, row.current) or _flawed(good=good)


def _missing(baseline: Sized, current: Sized) -> RowReason | None:
    if not len(current):
        return RowReason.NOT_MEASURED
    return None if len(baseline) else RowReason.NO_BASELINE


def _flawed(*, good: bool) -> RowReason | None:
    return None if good else RowReason.NOT_A_QUANTITY


FAR_ABOVE = math.log(2.5)
"""L95 of one run from which a night cannot end well without another one: of unchanged nights of 192 noisy rows 15 %
have such a row at the first look, and 0.4 % one that is left when two scenarios were repeated (docs/verdict.md)."""


@dataclass(frozen=True, slots=True)
class RowDecision:
    """A row's verdict and why.

    Attributes:
        key: Which number.
        kind: How it was judged.
        verdict: One of six.
        reason: Why; each has a card in the docs.
        tolerance: Slowdown accepted, as a fraction.
        theta: The same on the log scale.
        change: The change with its interval; None where nothing was compared, or counts were.
        stalled: The counts, for a row of stalled windows.
        errors: The rates, for a row of errors.
        difference: The numbers, for a row of connections or of a rate.
        suspect: One run can neither clear nor condemn it, and another run would help.
        above_tolerance: The estimate exceeds the tolerance and the row is no regression (the ADR's literal comparison).
        repeated: Decided anew with repeats or pairs.
        already_there: Of a regression: the seven nights before had it, and tonight adds nothing to it.
        detail: What goes with the reason.
    """

    key: RowName
    kind: RowKind
    verdict: RowVerdict
    reason: RowReason
    tolerance: float
    theta: float
    change: Estimate | None = None
    stalled: StalledComparison | None = None
    errors: ErrorComparison | None = None
    difference: DifferenceComparison | None = None
    suspect: bool = False
    above_tolerance: bool = False
    repeated: bool = False
    already_there: bool = False
    detail: str = ""

    @property
    def is_thin(self) -> bool:
        """Whether the change rests on one or two baseline runs, which no p value can mend."""
        return self.change is not None and is_thin(self.change)

    @property
    def is_far_above(self) -> bool:
        """Whether one run lies so far above that nothing was decided until it is measured again."""
        alone = self.suspect and not self.repeated
        return alone and self.change is not None and self.change.low >= FAR_ABOVE

    @property
    def in_family(self) -> bool:
        """Whether the row's p values take part in section 6: a change of a quantity, no pairs, no thin baseline."""
        return self.change is not None and not self.change.by_pairs and not self.is_thin


@dataclass(frozen=True, slots=True)
class AdrDecision:
    """Whether one run exceeds the tolerance; `shown` is its change as a fraction in the metric's own direction."""

    exceeds: bool
    shown: float


def adr_gate(baseline: Sequence[float], current: float, *, tolerance: float, direction: Direction) -> AdrDecision:
    """Compare one run with the median of the accepted runs.

    Raises:
        ValueError: No baseline run, or a value that is not positive.
    """
    if not baseline:
        message = "the ADR's rule needs an accepted run"
        raise ValueError(message)
    d = as_worse([current], direction)[0] - median(as_worse(baseline, direction))
    return AdrDecision(d > log_tolerance(tolerance, direction), as_shown(d, direction))


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
    if row.kind in (RowKind.CONNECTION, RowKind.RATE):
        difference = (
            compare_rates(row.baseline, row.current)
            if row.kind is RowKind.RATE
            else compare_connections(row.baseline, row.current, tolerance=row.tolerance)
        )
        return replace(_counted(blank, *difference.verdict), difference=difference)
    measured = (
        change_of_pairs(row.pairs, direction=row.direction)
        if row.pairs
        else change(
            row.baseline,
            row.current,
            history=row.history,
            direction=row.direction,
            prior_sd=prior_sd(row.metric_class, row.statistic),
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
        suspect=verdict is RowVerdict.INCONCLUSIVE
        and (
            not _has_enough(decision.change)
            and decision.change.d >= (thin_needs(decision.change) if is_thin(decision.change) else decision.theta / 2)
        ),
        above_tolerance=verdict is not RowVerdict.REGRESSION and decision.change.d > decision.theta,
    )


def _verdict(
    measured: Estimate, theta: float, *, worse_survives: bool, better_survives: bool
) -> tuple[RowVerdict, RowReason]:
    if measured.by_pairs and not _has_enough(measured):
        # Few pairs agree by luck: neither do they condemn, nor do they clear what one run made suspect.
        return RowVerdict.INCONCLUSIVE, RowReason.TOO_FEW_PAIRS
    if measured.high >= theta:
        condemned = _regression_grounds(measured, theta, worse_survives=worse_survives)
        return (
            (RowVerdict.REGRESSION, condemned)
            if condemned
            else (RowVerdict.INCONCLUSIVE, _reason_to_pass(measured, theta))
        )
    if _improved(measured, theta, better_survives=better_survives):
        return RowVerdict.IMPROVEMENT, RowReason.ONE_RUN if measured.current_runs == 1 else RowReason.FASTER
    slower = measured.p_worse < LARGEST_P
    return RowVerdict.PASS, RowReason.SLOWER_WITHIN_TOLERANCE if slower else RowReason.WITHIN_TOLERANCE


def _regression_grounds(measured: Estimate, theta: float, *, worse_survives: bool) -> RowReason | None:
    """Return on which grounds a change that may exceed the tolerance is a regression; None when it is none."""
    if not _has_enough(measured):
        return None
    if measured.by_pairs:
        holds = measured.p_worse < LARGEST_P_OF_PAIRS and _pairs_agree(measured)
        return RowReason.SLOWER_IN_PAIRS if holds else None
    nearest = measured.offsets[0]
    if is_thin(measured):
        return RowReason.SLOWER_THAN_HALF_AGAIN if nearest >= thin_needs(measured) else None
    return RowReason.SLOWER_IN_ALL_RUNS if worse_survives and nearest >= theta / 2 else None


def _improved(measured: Estimate, theta: float, *, better_survives: bool) -> bool:
    if measured.by_pairs:
        below = sum(offset < 0 for offset in measured.offsets)
        agree = _has_enough(measured) and below >= measured.current_runs - 1
        return agree and measured.p_better < LARGEST_P_OF_PAIRS and measured.d <= -theta / 2
    return better_survives and not is_thin(measured) and measured.offsets[-1] <= -theta / 2


def _reason_to_pass(measured: Estimate, theta: float) -> RowReason:
    """Return why a change that may exceed the tolerance is not condemned."""
    if is_thin(measured):
        return RowReason.THIN_BASELINE
    if measured.d < theta / 2:
        return RowReason.NOISY
    if not _has_enough(measured):
        return RowReason.SUSPECT_NOT_REPEATED
    agree = _pairs_agree(measured) if measured.by_pairs else measured.offsets[0] >= theta / 2
    return RowReason.NOISY if agree else RowReason.RUNS_DISAGREE


def _has_enough(measured: Estimate) -> bool:
    return measured.current_runs >= (PAIRS_TO_DECIDE if measured.by_pairs else RUNS_TO_DECIDE)


def _pairs_agree(measured: Estimate) -> bool:
    return sum(offset > 0 for offset in measured.offsets) >= measured.current_runs - 1


def _counted(blank: RowDecision, verdict: RowVerdict, reason: RowReason) -> RowDecision:
    return replace(blank, verdict=verdict, reason=reason, suspect=reason is RowReason.SUSPECT_NOT_REPEATED)
