"""What can a gate see on this set-up? Power from repeated runs of unchanged code, computed by scaling them.

A regression needs p_worse, the interval and every run to agree; each of the three is monotone in a slowdown that hits
all current runs alike. So one comparison of unchanged runs gives the smallest slowdown that would have been called,
and many comparisons give the whole power curve at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chamiperf_ci.models.vocabulary import Direction, RowVerdict
from chamiperf_ci.verdict.change import (
    LARGEST_P,
    LARGEST_P_OF_PAIRS,
    RUNS_TO_DECIDE,
    WANTED_POWER,
    Estimate,
    change,
    is_thin,
    thin_needs,
)
from chamiperf_ci.verdict.counts import wilson
from chamiperf_ci.verdict.night import confirm_night, judge_night
from chamiperf_ci.verdict.row import RowDecision, RowInput, RowName, decide_row
from chamiperf_ci.verdict.statistic import as_shown, log_tolerance, prior_sd, quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRIALS = 200
BASELINE_RUNS = 5
NIGHTS_A_MONTH = 30
_SEED = 20250218


@dataclass(frozen=True, slots=True)
class EffectPower:
    """In what share of trials a slowdown is suspected after one run, and called a regression after confirmation."""

    effect: float
    suspected: float
    confirmed: float


@dataclass(frozen=True, slots=True)
class RowPower:
    """What the gate sees of one row.

    Attributes:
        key: The row.
        spread: Moderated standard deviation between runs, on logs.
        effects: Power at each effect asked for.
        smallest_suspected: Smallest slowdown suspected in one night in 80 % of trials, a positive fraction.
        smallest_confirmed: Smallest slowdown called a regression after confirmation in 80 % of trials.
    """

    key: RowName
    spread: float
    effects: tuple[EffectPower, ...]
    smallest_suspected: float
    smallest_confirmed: float


@dataclass(frozen=True, slots=True)
class GatePower:
    """What the gate sees, and how often it would cry wolf.

    Attributes:
        rows: One a row, in the order given.
        trials: Comparisons drawn, all from the same few runs, so they are not independent evidence.
        false_nights: Share of trials without any slowdown in which some row was called a regression.
        false_alarms_a_month: The same in nights of a month.
        false_alarms_a_month_at_most: From the upper end of Wilson's interval of `false_nights`.
    """

    rows: tuple[RowPower, ...]
    trials: int
    false_nights: float
    false_alarms_a_month: float
    false_alarms_a_month_at_most: float


def needed_slowdown(decision: RowDecision) -> tuple[float, float]:
    """Return by how much more, on the log scale, a row must slow down to be suspect and to be a regression.

    Both may be negative (less would do) and the second holds for the runs that were compared: with fewer than three
    (five pairs) it is what those same numbers would need if there were enough of them.

    Raises:
        ValueError: The row has no change.
    """
    if decision.change is None:
        message = f"{decision.key} has no change"
        raise ValueError(message)
    measured, theta = decision.change, decision.theta
    unclear = theta - measured.high
    suspect = max(unclear, (thin_needs(measured) if is_thin(measured) else theta / 2) - measured.d)
    return suspect, max(unclear, _evidence_lacking(measured, theta))


def _evidence_lacking(measured: Estimate, theta: float) -> float:
    if is_thin(measured):
        return thin_needs(measured) - measured.offsets[0]
    if measured.by_pairs:
        second = measured.offsets[min(1, len(measured.offsets) - 1)]
        return max(quantile(1 - LARGEST_P_OF_PAIRS, measured.nu) * measured.se - measured.d, -second)
    return max(quantile(1 - LARGEST_P, measured.nu) * measured.se - measured.d, theta / 2 - measured.offsets[0])


def gate_power(
    rows: Sequence[RowInput], effects: Sequence[float], *, trials: int = TRIALS, seed: int = _SEED
) -> GatePower:
    """Compute a gate's power from runs of unchanged code.

    Each trial draws a baseline of up to five runs, the night's run and two repeats, without replacement and the same
    ones for every row, as a night would have them.

    Args:
        rows: A row each with its repeated A/A runs in `current`, equally many for all, at least five; `baseline`,
            `history` and `pairs` are not looked at.
        effects: Slowdowns as positive fractions of the metric (for throughput, the loss, below 1).
        trials: Comparisons to draw.
        seed: Of the draws.

    Raises:
        ValueError: No row, rows of different lengths, or fewer than five runs.
    """
    import numpy as np

    counts = {len(row.current) for row in rows}
    if len(counts) != 1 or min(counts) < RUNS_TO_DECIDE + 2:
        message = "power needs rows with equally many runs of unchanged code, at least five"
        raise ValueError(message)
    runs = counts.pop()
    draws = np.random.default_rng(seed)
    needed: list[list[tuple[float, float]]] = [[] for _ in rows]
    false_nights = 0
    for _ in range(trials):
        order = [int(place) for place in draws.permutation(runs)]
        first = judge_night([_drawn(row, order, runs=1) for row in rows])
        repeats = [_drawn(row, order, runs=RUNS_TO_DECIDE) for row in rows]
        confirmed = confirm_night(first, repeats)
        false_nights += any(decision.verdict is RowVerdict.REGRESSION for decision in confirmed.decisions)
        for row, once, found in zip(repeats, first.decisions, needed, strict=True):
            suspected, _ = needed_slowdown(once)
            found.append((suspected, max(suspected, needed_slowdown(decide_row(row))[1])))
    share = false_nights / trials
    return GatePower(
        rows=tuple(_row_power(row, found, effects) for row, found in zip(rows, needed, strict=True)),
        trials=trials,
        false_nights=share,
        false_alarms_a_month=NIGHTS_A_MONTH * share,
        false_alarms_a_month_at_most=NIGHTS_A_MONTH * wilson(false_nights, trials)[1],
    )


def _drawn(row: RowInput, order: Sequence[int], *, runs: int) -> RowInput:
    """Return the row with a baseline and current runs taken from its A/A runs in the given order."""
    values = [row.current[place] for place in order]
    size = min(BASELINE_RUNS, len(values) - RUNS_TO_DECIDE)
    return replace(row, baseline=tuple(values[:size]), current=tuple(values[size : size + runs]), history=(), pairs=())


def _row_power(row: RowInput, needed: Sequence[tuple[float, float]], effects: Sequence[float]) -> RowPower:
    import numpy as np

    suspected = np.array([each[0] for each in needed])
    confirmed = np.array([each[1] for each in needed])
    powers = []
    for effect in effects:
        slowdown = log_tolerance(effect, row.direction) if effect else 0.0
        powers.append(EffectPower(effect, float(np.mean(suspected <= slowdown)), float(np.mean(confirmed <= slowdown))))
    return RowPower(
        key=row.key,
        spread=change(row.current, row.current, prior_sd=prior_sd(row.metric_class, row.statistic)).spread,
        effects=tuple(powers),
        smallest_suspected=_smallest(suspected, row.direction),
        smallest_confirmed=_smallest(confirmed, row.direction),
    )


def _smallest(needed: "NDArray[np.float64]", direction: Direction) -> float:
    import numpy as np

    size = float(np.quantile(needed, WANTED_POWER, method="higher"))
    return abs(as_shown(max(0.0, size), direction))
