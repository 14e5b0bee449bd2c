"""All rows of a night together: the first look, and the one decision after the repeats.

Benjamini-Hochberg runs over every row that has a p value, suspect or not; rows of pairs, stalled windows, errors and
thin baselines stay outside. After repeats only rows that were suspect are decided anew, the others keep their first
verdict and p: a regression is possible at one look only, so its error is not inflated (verdict.md sections 6 and 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.multiplicity import LARGEST_P, survivors
from chamiperf_ci.verdict.row import decide_row, settle
from chamiperf_ci.verdict.row_input import RowInput
from chamiperf_ci.verdict.suspects import SuspectScenario, suspect_scenarios


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
    decisions = _survive([decide_row(row) for row in rows])
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
    decisions = (new if new.repeated else old for new, old in zip(settled, first.decisions, strict=True))
    return Night(tuple(decisions), ())


def _survive(decisions: Sequence[RowDecision]) -> tuple[RowDecision, ...]:
    """Settle every row of the family with what survives of its p values among all of them."""
    family = [(place, decision.change) for place, decision in enumerate(decisions) if decision.in_family]
    worse = survivors([measured.p_worse for _, measured in family if measured], largest_p=LARGEST_P)
    better = survivors([measured.p_better for _, measured in family if measured], largest_p=LARGEST_P)
    settled = list(decisions)
    for (place, _), is_worse, is_better in zip(family, worse, better, strict=True):
        settled[place] = settle(decisions[place], worse_survives=is_worse, better_survives=is_better)
    return tuple(settled)
