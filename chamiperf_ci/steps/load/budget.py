"""How long a night takes, confirmation included, and what of it fits; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.steps.load.job import Assignment, usual_rest_s
from chamiperf_ci.steps.load.plan_table import duration

REPEATED = 2
"""Scenarios that a confirmation repeats at most (verdict.md section 7) ..."""
REPEATS = 2
"""... and how often."""
MIN_GAP_S = 600.0
"""Between two of a confirmation's runs."""
AROUND_S = 20.0
"""Beside a scenario's phases and rests: its VUs are made, its summary is written, the stack is looked at."""
_SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a scenario fits into what is left."""

    fits: bool
    seconds: float
    """What is left for it."""
    text: str = ""
    """Why it does not, with the smaller plan that would."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time of one call of `load`.

    Args:
        most_s: All in all (`--max-duration`).
        confirmation_s: Kept back for a confirmation.
    """

    most_s: float
    confirmation_s: float = 0.0

    def fit(self, assignment: Assignment, *, elapsed_s: float, rest: int) -> Fit:
        """Whether a scenario fits.

        Args:
            assignment: The scenario that is next.
            elapsed_s: Seconds that have gone.
            rest: Scenarios that are still to run, this one among them; what it could have is its share of what is left.
        """
        left = self.most_s - self.confirmation_s - elapsed_s
        needed = seconds_of(assignment)
        if needed <= left:
            return Fit(fits=True, seconds=left)
        sustained = assignment.load.phase(SUSTAINED)
        text = f"it takes {duration(needed)} and {duration(max(0.0, round(left)))} are left of {duration(self.most_s)}"
        shorter = 0.0 if sustained is None else sustained.duration_s - (needed - left / max(1, rest))
        if shorter >= _SHORTEST_S:
            text += f"; it would fit with --sustained {shorter:.0f}s"
        else:
            text += "; it would fit with a smaller profile, such as --profile quick"
        return Fit(fits=False, seconds=max(0.0, left), text=text)


def seconds_of(assignment: Assignment) -> float:
    """What one run of a scenario takes, all in all: with the usual rests, before its checks and after them."""
    return assignment.longest_s + AROUND_S + 2 * usual_rest_s(assignment.load)


def confirmation_of(assignments: Sequence[Assignment]) -> float:
    """What a confirmation takes at most: the longest scenarios again, each with its gap."""
    longest = sorted((seconds_of(each) for each in assignments), reverse=True)[:REPEATED]
    return sum(REPEATS * (seconds + MIN_GAP_S) for seconds in longest)
