"""What a drill has shown: whether the gate is to be trusted here, in a sentence; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.drill import DrillEffect, DrillRow, Method, Word
from chamiperf_ci.render import numbers
from chamiperf_ci.verdict.power import WANTED_POWER


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a drill ends."""

    word: Word
    exit_code: ExitCode
    sentence: str


def conclude(
    method: Method, unchanged: DrillEffect, effects: Sequence[DrillEffect], rows: Sequence[DrillRow], *, when: str
) -> Conclusion:
    """Say how a drill ends.

    The largest effect counts as caught when at least 80 of 100 of its comparisons were called, as power is asked for.

    Args:
        method: Whether slow-downs were injected.
        unchanged: Comparisons of unchanged code.
        effects: The slow-downs, smallest first, at least one.
        rows: What the gate sees of each row.
        when: Where and when it was measured, in words.
    """
    largest = effects[-1]
    if unchanged.comparisons == 0 or largest.comparisons == 0:
        which = "unchanged code" if unchanged.comparisons == 0 else f"+{numbers.percent(largest.effect)} %"
        sentence = f"Too few valid runs: there is no comparison of {which}, so nothing is proved."
        return Conclusion("too few runs", ExitCode.INVALID, sentence)
    is_caught = largest.caught >= math.ceil(WANTED_POWER * largest.comparisons)
    proved = is_caught and unchanged.caught == 0
    return Conclusion(
        "proved" if proved else "not proved",
        ExitCode.OK if proved else ExitCode.VERDICT_NO,
        f"{_sees(rows, when)} {_caught(method, largest)} {_false(unchanged)}",
    )


def _sees(rows: Sequence[DrillRow], when: str) -> str:
    if not rows:
        return f"What this gate sees cannot be computed, {when}."
    best = min(rows, key=lambda row: row.smallest_confirmed)
    size = numbers.percent(best.smallest_confirmed)
    return f"This gate sees +{size} % on {best.key.endpoint} {best.key.metric}, {when}."


def _caught(method: Method, largest: DrillEffect) -> str:
    verb = "injected slow-downs" if method == "injected" else "computed slow-downs (none was injected)"
    size = numbers.percent(largest.effect)
    return f"Of {largest.comparisons} {verb} of {size} % it caught {largest.caught}."


def _false(unchanged: DrillEffect) -> str:
    compared = numbers.counted(unchanged.comparisons, "comparison")
    return f"In {compared} of unchanged code it called {numbers.counted(unchanged.caught, 'regression')}."
