"""Where did a series change? E-divisive, which locates and never alerts.

Matteson and James 2014, A nonparametric approach for multiple change point analysis, with exponent 1, each segment
split where the energy distance between its two sides is largest, and each split tested by permuting its segment.
The right side is the whole rest of the segment (the paper also tries shorter ones).

For numbers on a line, the sum of distances from a value to a set follows from counts and sums along the sorted values,
so a permutation of n nights costs n sqrt(n) rather than n^2: the prefix is summed block by block that way, and
distance by distance within a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_SEGMENT = 5
PERMUTATIONS = 199
LARGEST_P = 0.01
_SEED = 20250218
_BLOCK = 32
_FIRST_BATCH = 19
_ROUNDING = 1e-9

Floats = NDArray[np.float64]


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
    series = np.asarray(values, dtype=np.float64)
    found: list[ChangePoint] = []
    open_segments = [(0, len(series))]
    while open_segments:
        start, end = open_segments.pop()
        if end - start < 2 * smallest_segment:
            continue
        place, p = _split(series[start:end], smallest_segment)
        if p <= LARGEST_P:
            found.append(ChangePoint(start + place, p))
            open_segments += [(start, start + place), (start + place, end)]
    return tuple(sorted(found, key=lambda point: point.place))


def _split(segment: Floats, smallest_segment: int) -> tuple[int, float]:
    """Return where a segment is best split, and p; p stops being exact once it is known to lie above `LARGEST_P`."""
    ordered = np.sort(segment)
    n = len(segment)
    ranks = np.argsort(np.argsort(segment, kind="stable"), kind="stable")
    observed = _energy(ordered, ranks[np.newaxis], smallest_segment)[0]
    best = int(np.argmax(observed))
    random = np.random.default_rng([_SEED, n])
    exceeded = done = 0
    for batch in (_FIRST_BATCH, PERMUTATIONS - _FIRST_BATCH):
        orders = random.permuted(np.tile(np.arange(n), (batch, 1)), axis=1)
        statistics = _energy(ordered, orders, smallest_segment).max(axis=1)
        exceeded += int(np.sum(statistics >= observed[best] * (1 - _ROUNDING)))
        done += batch
        if 1 + exceeded > LARGEST_P * (PERMUTATIONS + 1):
            break
    return best + smallest_segment, (1 + exceeded) / (1 + done)


def _energy(ordered: Floats, orders: NDArray[np.intp], smallest_segment: int) -> Floats:
    """Return the energy distance of every admissible split (columns) of every ordering (rows) of sorted values."""
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


def _distance_to_earlier(ordered: Floats, orders: NDArray[np.intp]) -> Floats:
    """Return for every place of every ordering the sum of distances to all earlier places."""
    n = len(ordered)
    result = np.zeros(orders.shape)
    seen = np.zeros(orders.shape)
    for start in range(0, n, _BLOCK):
        block = orders[:, start : start + _BLOCK]
        counts, sums = np.cumsum(seen, axis=1), np.cumsum(seen * ordered, axis=1)
        before = ordered * (2 * counts - counts[:, -1:]) + sums[:, -1:] - 2 * sums
        result[:, start : start + _BLOCK] = np.take_along_axis(before, block, axis=1)
        values = ordered[block]
        result[:, start : start + _BLOCK] += np.tril(np.abs(values[:, :, None] - values[:, None, :])).sum(axis=2)
        np.put_along_axis(seen, block, 1.0, axis=1)
    return result
