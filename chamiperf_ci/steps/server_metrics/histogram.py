"""A quantile of a histogram, with the width of the bucket that it fell into."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile that is known to a bucket.

    Attributes:
        value: Interpolated within the bucket, as Prometheus does; in the last one its lower bound.
        resolution: Width of the bucket; in the last one, which has no upper bound, the value itself.
        at_least: Whether it lies beyond the last bound, so that only a lower bound of it is known.
    """

    value: float
    resolution: float
    at_least: bool = False


def quantile(cumulative: Mapping[float, float], share: float) -> Quantile | None:
    """Return a quantile of cumulative counts by upper bound; None without observations or without an infinite bound.

    Args:
        cumulative: Observations at most as large as each bound; the infinite bound has all of them.
        share: Of the observations, from 0 to 1.
    """
    whole = cumulative.get(math.inf, 0.0)
    if whole <= 0:
        return None
    rank = share * whole
    low, below = 0.0, 0.0
    for bound in sorted(cumulative):
        # Counts of several series, read one after the other, may run a little backwards.
        upto = max(below, cumulative[bound])
        if upto >= rank and upto > below:
            if math.isinf(bound):
                return Quantile(low, low, at_least=True)
            within = (rank - below) / (upto - below)
            return Quantile(low + (bound - low) * within, bound - low)
        low, below = (low if math.isinf(bound) else bound), upto
    return None
