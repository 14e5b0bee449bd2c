"""What a drill measures, in which order; pure.

Unchanged and slowed comparisons take turns, so that a machine that gets busier meanwhile spoils none of them alone,
and a drill that is cut short has some of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.drill import Purpose
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE
from chamiperf_ci.verdict.power import BASELINE_RUNS

FEWEST_RUNS = BASELINE_RUNS + RUNS_TO_DECIDE
"""Runs of unchanged code for a baseline and one comparison with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Runs that are made one after the other.

    Attributes:
        purpose: What for.
        effect: The slow-down as a fraction of the declared service time, 0 for none.
        runs: How many; of a slowed comparison at most: nothing is repeated that was not suspect.
    """

    purpose: Purpose
    effect: float
    runs: int


def schedule(runs: int, comparisons: int, effects: Sequence[float]) -> tuple[Part, ...]:
    """Return the parts of a drill in their order; no run belongs to two.

    Args:
        runs: Runs of unchanged code: five for the baseline, every further three a comparison, the rest for the noise.
        comparisons: How often each effect is judged.
        effects: Slow-downs to inject; empty for none.
    """
    unchanged, rest = divmod(runs - BASELINE_RUNS, RUNS_TO_DECIDE)
    parts = [Part("baseline", 0.0, BASELINE_RUNS)]
    for turn in range(max(unchanged, comparisons)):
        if turn < unchanged:
            parts.append(Part("unchanged", 0.0, RUNS_TO_DECIDE))
        if turn < comparisons:
            parts += [Part("slowed", effect, RUNS_TO_DECIDE) for effect in effects]
    return (*parts, Part("noise", 0.0, rest)) if rest else tuple(parts)
