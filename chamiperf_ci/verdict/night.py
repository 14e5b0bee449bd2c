"""The outcome of a night, and the health of the baseline it was judged against."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.models.vocabulary import DRIFT_NIGHTS, Direction, RowReason, RowVerdict
from chamiperf_ci.verdict.change import Estimate, change
from chamiperf_ci.verdict.row import (
    LARGEST_P,
    RowDecision,
    RowInput,
    SuspectScenario,
    decide_row,
    settle,
    survivors,
    suspect_scenarios,
)
from chamiperf_ci.verdict.statistic import as_shown, as_worse, is_quantity, median, prior_sd

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
    settled = _survive([decide_row(row) for row in rows])
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
    settled = _survive(decided)
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


def _survive(decisions: Sequence[RowDecision]) -> tuple[RowDecision, ...]:
    """Settle every row of the family with what survives of its p values among all of them."""
    family = [(place, decision.change) for place, decision in enumerate(decisions) if decision.in_family]
    worse = survivors([measured.p_worse for _, measured in family if measured], largest_p=LARGEST_P)
    better = survivors([measured.p_better for _, measured in family if measured], largest_p=LARGEST_P)
    settled = list(decisions)
    for (place, _), is_worse, is_better in zip(family, worse, better, strict=True):
        settled[place] = settle(decisions[place], worse_survives=is_worse, better_survives=is_better)
    return tuple(settled)


OLD_AFTER_NIGHTS = 60
RUNS_WANTED = 5
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
