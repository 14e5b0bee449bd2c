"""Distributions that are known at some quantiles: read between them, and added up; pure.

Between two known quantiles a distribution is taken to be straight, as `numpy.percentile` does between two observations.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chamiperf_ci.models.run import Distribution

Curve = tuple[list[float], list[float]]
"""Shares of the observations from 0 to 1, and the values below which they lie; both ascending."""


def curve(quantiles: Mapping[str, float], low: float | None = None, high: float | None = None) -> Curve:
    """The known points of a distribution.

    Args:
        quantiles: By key, such as `p99.9`; at least one.
        low: The smallest value; None to take that of the lowest quantile.
        high: The largest value; None to take that of the highest quantile.
    """
    known = sorted((float(key.removeprefix("p")) / 100, value) for key, value in quantiles.items())
    low = known[0][1] if low is None else low
    high = known[-1][1] if high is None else high
    return [0.0, *(share for share, _ in known), 1.0], [low, *(value for _, value in known), high]


def at_share(distribution: Distribution, share: float) -> float:
    """The value below which a share (0 to 1) of the observations lies."""
    shares, values = curve(distribution.quantiles, distribution.min, distribution.max)
    return float(np.interp(share, shares, values))


def pooled_quantiles(parts: Sequence[tuple[int, Curve]], keys: Sequence[str]) -> dict[str, float]:
    """Quantiles of all observations together, approximate.

    Args:
        parts: How many observations each part has, and its curve; at least one with observations.
        keys: Which quantiles to give, such as `p99`.
    """
    total = sum(count for count, _ in parts)
    points = np.unique(np.concatenate([np.asarray(values) for _, (_, values) in parts]))
    below = np.zeros_like(points)
    for count, (shares, values) in parts:
        # Where a curve is vertical (equal values), the share at the value is the highest of them.
        below += count / total * np.interp(points, *_rightmost(values, shares), left=0.0, right=1.0)
    return {key: float(np.interp(float(key.removeprefix("p")) / 100, below, points)) for key in keys}


def pooled(parts: Sequence[Distribution]) -> Distribution | None:
    """All parts as one distribution: all exact but the quantiles, which are approximate; None of nothing."""
    filled = [part for part in parts if part.count]
    if not filled:
        return None
    count = sum(part.count for part in filled)
    curves = [(part.count, curve(part.quantiles, part.min, part.max)) for part in filled]
    return Distribution(
        count=count,
        min=min(part.min for part in filled),
        mean=sum(part.mean * part.count for part in filled) / count,
        max=max(part.max for part in filled),
        quantiles=pooled_quantiles(curves, list(filled[0].quantiles)),
    )


def _rightmost(values: Sequence[float], shares: Sequence[float]) -> Curve:
    highest = dict(zip(values, shares, strict=True))
    return list(highest), list(highest.values())
