"""Slow drift over nights, and where it began (verdict.md section 9)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chamiperf_ci.models.vocabulary import DRIFT_NIGHTS, Direction
from chamiperf_ci.verdict.change import MOST_HISTORY, Estimate, change
from chamiperf_ci.verdict.statistic import as_worse, is_quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SMALLEST_SEGMENT = 5
CHANGE_POINT_P = 0.01
_SEED = 20250218
_BLOCK = 48
_BATCHES = (5, 14, 30, 60, 90)
"""199 permutations in all. Of a series without a change about every second one is as good, so the first few show it."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change: `place` is the first value after it, `p` its permutation p value (at most 0.01)."""

    place: int
    p: float


def change_points(values: Sequence[float], *, smallest_segment: int = SMALLEST_SEGMENT) -> tuple[ChangePoint, ...]:
    """Return the change points of a series, first to last; none lies nearer than `smallest_segment` to an edge.

    The same values give the same answer: the 199 permutations come from a fixed seed.

    Args:
        values: Finite numbers in time order, for latencies their logs.
        smallest_segment: Fewest values on either side of a change, at least 2.
    """
    import numpy as np

    series = np.asarray(values, dtype=np.float64)
    found: list[ChangePoint] = []
    open_segments = [(0, len(series))]
    while open_segments:
        start, end = open_segments.pop()
        if end - start < 2 * smallest_segment:
            continue
        place, p = _split(series[start:end], smallest_segment)
        if p <= CHANGE_POINT_P:
            found.append(ChangePoint(start + place, p))
            open_segments += [(start, start + place), (start + place, end)]
    return tuple(sorted(found, key=lambda point: point.place))


def _split(segment: "Floats", smallest_segment: int) -> tuple[int, float]:
    """Return where a segment is best split, and p; p stops being exact once it is known to lie above `LARGEST_P`."""
    import numpy as np

    ordered = np.sort(segment)
    n = len(segment)
    if ordered[-1] - ordered[0] <= _ROUNDING * max(1.0, abs(ordered[-1])):
        # The energy of equal values is rounding, whose largest place would pass for a change.
        return smallest_segment, 1.0
    ranks = np.argsort(np.argsort(segment, kind="stable"), kind="stable")
    observed = _energy(ordered, ranks[np.newaxis], smallest_segment)[0]
    best = int(np.argmax(observed))
    random = np.random.default_rng([_SEED, n])
    exceeded = done = 0
    for batch in _BATCHES:
        orders = random.permuted(np.tile(np.arange(n), (batch, 1)), axis=1)
        statistics = _energy(ordered, orders, smallest_segment).max(axis=1)
        exceeded += int(np.sum(statistics >= observed[best] * (1 - _ROUNDING)))
        done += batch
        if 1 + exceeded > CHANGE_POINT_P * (sum(_BATCHES) + 1):
            break
    return best + smallest_segment, (1 + exceeded) / (1 + done)


def _energy(ordered: "Floats", orders: "NDArray[np.intp]", smallest_segment: int) -> "Floats":
    """Return the energy distance of every admissible split (columns) of every ordering (rows) of sorted values."""
    import numpy as np

    n = len(ordered)
    to_earlier = _distance_to_earlier(ordered, orders)
    place = np.arange(n)
    sums = np.cumsum(ordered)
    to_all = ordered * (2 * place + 2 - n) + sums[-1] - 2 * sums
    total = to_all.sum() / 2
    left = np.arange(smallest_segment, n - smallest_segment + 1)
    right = n - left
    within_left = np.cumsum(to_earlier, axis=1)[:, left - 1]
    within_right = total - np.cumsum(to_all[orders] - to_earlier, axis=1)[:, left - 1]
    between = total - within_left - within_right
    distance = (
        2 * between / (left * right) - 2 * within_left / (left * (left - 1)) - 2 * within_right / (right * (right - 1))
    )
    energy: Floats = distance * left * right / n
    return energy


def _distance_to_earlier(ordered: "Floats", orders: "NDArray[np.intp]") -> "Floats":
    """Return for every place of every ordering the sum of distances to all earlier places."""
    import numpy as np

    n = len(ordered)
    result = np.zeros(orders.shape)
    seen = np.zeros(orders.shape)
    rows, earlier = np.arange(len(orders))[:, np.newaxis], np.tri(_BLOCK)
    for start in range(0, n, _BLOCK):
        block = orders[:, start : start + _BLOCK]
        values = ordered[block]
        length = values.shape[1]
        apart = np.abs(values[:, :, np.newaxis] - values[:, np.newaxis, :])
        apart *= earlier[:length, :length]
        within = apart.sum(axis=2)
        if start:
            counts, sums = np.cumsum(seen, axis=1), np.cumsum(seen * ordered, axis=1)
            before = ordered * (2 * counts - counts[:, -1:]) + sums[:, -1:] - 2 * sums
            within += before[rows, block]
        result[:, start : start + _BLOCK] = within
        seen[rows, block] = 1.0
    return result


FEWEST_TO_LOCATE = 14
DRIFT_P = 0.01
SMALLEST_DRIFT = math.log(1.10)


@dataclass(frozen=True, slots=True)
class Drift:
    """The last nights against the baseline.

    Attributes:
        alarm: p_worse below 0.01 and the centre at least 10 % worse.
        change: The change of the last seven nights; None when there are fewer, or no baseline.
        began: The last change point, its `place` an index into the nights given; None when there is no alarm, fewer
            than 14 nights since the baseline, or nothing to be located.
    """

    alarm: bool
    change: Estimate | None
    began: ChangePoint | None = None


def find_drift(
    baseline: Sequence[float],
    nights: Sequence[float],
    *,
    prior_sd: float,
    direction: Direction = Direction.LOWER,
    since: int = 0,
) -> Drift:
    """Compare the last seven nights with the baseline, the 30 nights before them serving as history.

    Args:
        baseline: Accepted runs, positive and finite.
        nights: All valid nights of the fingerprint, oldest first, tonight last.
        prior_sd: s0 of the metric's class.
        direction: Which way is good.
        since: Place in `nights` of the first night after the baseline; change points are looked for from there.

    Raises:
        ValueError: A value of the baseline or of the last seven nights is not positive and finite.
    """
    if len(nights) < DRIFT_NIGHTS or not baseline:
        return Drift(alarm=False, change=None)
    recent = nights[-(DRIFT_NIGHTS + MOST_HISTORY) :]
    measured = change(
        baseline,
        recent[-DRIFT_NIGHTS:],
        history=recent[:-DRIFT_NIGHTS],
        prior_sd=prior_sd,
        direction=direction,
    )
    if not (measured.p_worse < DRIFT_P and measured.d >= SMALLEST_DRIFT):
        return Drift(alarm=False, change=measured)
    return Drift(alarm=True, change=measured, began=locate(nights, since, direction))


def locate(nights: Sequence[float], since: int, direction: Direction) -> ChangePoint | None:
    """Return the last change point of the nights from place `since` on; None below 14 of them, or without one."""
    if len(nights) - since < FEWEST_TO_LOCATE:
        return None
    places = [place for place in range(since, len(nights)) if is_quantity(nights[place])]
    points = change_points(as_worse((nights[place] for place in places), direction))
    return ChangePoint(places[points[-1].place], points[-1].p) if points else None
