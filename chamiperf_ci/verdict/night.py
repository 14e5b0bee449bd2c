"""The outcome of a night, and the health of the baseline it was judged against."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chamiperf_ci.models.vocabulary import (
    DEFAULT_FAIL_ON,
    DRIFT_NIGHTS,
    LEARNING_NIGHTS,
    UNKNOWN_BASELINE,
    Direction,
    FailOn,
    RowReason,
    RowVerdict,
    RunReason,
    TargetVerdict,
    Word,
)
from chamiperf_ci.verdict.change import LARGEST_P, Estimate, change
from chamiperf_ci.verdict.row import RowDecision, RowInput, RowName, decide_row, settle
from chamiperf_ci.verdict.statistic import as_shown, as_worse, is_quantity, median, prior_sd

FALSE_DISCOVERY_RATE = 0.05


def survivors(
    p_values: Sequence[float], *, q: float = FALSE_DISCOVERY_RATE, largest_p: float = 1.0
) -> tuple[bool, ...]:
    """Say for each p whether it is rejected at false discovery rate `q` and also lies below `largest_p`.

    Equal p values are decided alike, so the order of rows is irrelevant. A night uses `largest_p` = `LARGEST_P`.
    """
    ranked = sorted(p_values)
    threshold = max((p for rank, p in enumerate(ranked, start=1) if p <= q * rank / len(ranked)), default=-1.0)
    return tuple(p <= threshold and p < largest_p for p in p_values)


_JUDGED = (RowVerdict.PASS, RowVerdict.REGRESSION, RowVerdict.IMPROVEMENT, RowVerdict.INCONCLUSIVE)
_JUDGED_TARGETS = (TargetVerdict.MET, TargetVerdict.MISSED, TargetVerdict.AT_THE_LIMIT)


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


MOST_SCENARIOS = 2


@dataclass(frozen=True, slots=True)
class SuspectScenario:
    """A scenario with suspect rows; `p_worse` is the smallest among them, infinite where only counts are suspect."""

    scenario: str
    p_worse: float
    rows: tuple[RowName, ...]


def suspect_scenarios(decisions: Iterable[RowDecision]) -> tuple[SuspectScenario, ...]:
    """Order the scenarios that have suspect rows by their smallest p_worse; stalled windows and errors come last.

    Of equals the scenario's name decides, so the order of rows is irrelevant. The first two are worth repeating:
    a third adds at most one point of power (measured, verdict.md section 7).
    """
    found: dict[str, list[RowDecision]] = {}
    for decision in decisions:
        if decision.suspect:
            found.setdefault(decision.key.scenario, []).append(decision)
    scenarios = [
        SuspectScenario(scenario, min(map(_urgency, rows)), tuple(sorted(row.key for row in rows)))
        for scenario, rows in found.items()
    ]
    return tuple(sorted(scenarios, key=lambda suspect: (suspect.p_worse, suspect.scenario)))


def _urgency(decision: RowDecision) -> float:
    return decision.change.p_worse if decision.change is not None else math.inf


NEW_P = 0.05
"""Below this p tonight is worse than the nights before, and a regression is a new one."""


@dataclass(frozen=True, slots=True)
class Night:
    """A night's decisions, in the order of the rows given, and the scenarios worth repeating, most urgent first.

    After `confirm_night` there are no suspects left to repeat: there is no third round.
    """

    decisions: tuple[RowDecision, ...]
    suspects: tuple[SuspectScenario, ...]


def judge_night(rows: Sequence[RowInput]) -> Night:
    """Decide all rows of a night at the first look.

    Raises:
        ValueError: Two rows have the same key, or a tolerance is impossible.
    """
    if len({row.key for row in rows}) < len(rows):
        message = "two rows of a night have the same key"
        raise ValueError(message)
    settled = _correct_family([decide_row(row) for row in rows])
    decisions = tuple(over_nights(decision, row) for decision, row in zip(settled, rows, strict=True))
    return Night(decisions, suspect_scenarios(decisions))


def confirm_night(first: Night, repeated: Sequence[RowInput]) -> Night:
    """Decide once more, on all runs together, the rows that were suspect at the first look and were repeated.

    Args:
        first: The first look.
        repeated: Rows of the repeated scenarios with every current run, or with pairs. Rows that were not suspect
            may be among them and keep their first verdict.

    Returns:
        All decisions in the order of the first look.
    """
    anew = {row.key: row for row in repeated}
    decided = [
        replace(decide_row(anew[decision.key]), repeated=True)
        if decision.suspect and decision.key in anew
        else decision
        for decision in first.decisions
    ]
    settled = _correct_family(decided)
    decisions = (
        over_nights(new, anew[new.key]) if new.repeated else old
        for new, old in zip(settled, first.decisions, strict=True)
    )
    return Night(tuple(decisions), ())


def over_nights(decision: RowDecision, row: RowInput) -> RowDecision:
    """Return what many nights add to what one says: a slow-down that was there before, or a level that is tolerated.

    The last seven nights before tonight stand against the baseline, and tonight's runs against them. A regression that
    those nights alone would be (p_worse below 0.01, at least theta/2 worse), and that tonight does not exceed with
    p below 0.05, is no new one; it stays red. A row that is neither cleared nor condemned passes where those nights
    exclude the tolerance (U95 below theta) and tonight's runs do so against them, at less than theta/2: a fresh
    +20 % passes so in 0.1 to 1.2 % of draws, and of unchanged rows some 4 in 100 more are decided (docs/verdict.md).
    """
    measured = decision.change
    if measured is None or measured.by_pairs or len(row.history) < DRIFT_NIGHTS:
        return decision
    recent, before = row.history[-DRIFT_NIGHTS:], row.history[:-DRIFT_NIGHTS]
    if not all(map(is_quantity, recent)):
        return decision
    spread = prior_sd(row.metric_class, row.statistic)
    past = change(row.baseline, recent, history=before, prior_sd=spread, direction=row.direction)
    tonight = change(recent, row.current, history=before, prior_sd=spread, direction=row.direction)
    if decision.verdict is RowVerdict.REGRESSION:
        was_there = past.p_worse < LARGEST_P and past.d >= decision.theta / 2
        return replace(decision, already_there=was_there and tonight.p_worse >= NEW_P)
    steady = tonight.high < decision.theta and tonight.d < decision.theta / 2
    if decision.verdict is RowVerdict.INCONCLUSIVE and not decision.is_thin and past.high < decision.theta and steady:
        return replace(decision, verdict=RowVerdict.PASS, reason=RowReason.WITHIN_OVER_NIGHTS, suspect=False)
    return decision


def _correct_family(decisions: Sequence[RowDecision]) -> tuple[RowDecision, ...]:
    """Settle every row of the family with what survives of its p values among all of them."""
    family = [(place, decision.change) for place, decision in enumerate(decisions) if decision.in_family]
    worse = survivors([measured.p_worse for _, measured in family if measured], largest_p=LARGEST_P)
    better = survivors([measured.p_better for _, measured in family if measured], largest_p=LARGEST_P)
    settled = list(decisions)
    for (place, _), is_worse, is_better in zip(family, worse, better, strict=True):
        settled[place] = settle(decisions[place], worse_survives=is_worse, better_survives=is_better)
    return tuple(settled)


OLD_AFTER_NIGHTS = 60
OUTLYING = 3.0


@dataclass(frozen=True, slots=True)
class StaleBaseline:
    """The metric is far better than its baseline; `unseen` is the slowdown from now on that would still not be seen.

    `unseen` is a positive fraction of tonight's level in the metric's own direction: 0.5 means that a latency may rise
    by 50 % (a throughput fall by 50 %) before its row stops passing.
    """

    unseen: float


def stale_baseline(measured: Estimate, theta: float) -> StaleBaseline | None:
    """Say whether a slowdown of the whole tolerance would go unseen, because the metric is so much better by now.

    It is when the change is better by the tolerance or more and the interval excludes no change: a row passes while
    the interval's upper end stays below theta, so theta - U95 of slowdown is hidden, which is then above theta.
    """
    if measured.d > -theta or measured.high >= 0:
        return None
    return StaleBaseline(abs(as_shown(theta - measured.high, measured.direction)))


def is_old(nights_since_newest: int) -> bool:
    """Say whether a baseline's newest run lies more than 60 nights back, in which time runs drift apart."""
    return nights_since_newest > OLD_AFTER_NIGHTS


def outlying_runs(values: Sequence[float], *, prior_sd: float) -> tuple[int, ...]:
    """Return the places of runs that lie more than 3 sigma from the median of the others; none below three runs.

    sigma is the moderated spread of the others, as in `change`.
    """
    logs = as_worse(values, Direction.LOWER)
    if len(logs) < 3:  # noqa: PLR2004 - of two, neither is the odd one
        return ()
    places = []
    for place, value in enumerate(logs):
        others = [*values[:place], *values[place + 1 :]]
        spread = change(others, [values[place]], prior_sd=prior_sd).spread
        if abs(value - median([*logs[:place], *logs[place + 1 :]])) > OUTLYING * spread:
            places.append(place)
    return tuple(places)
