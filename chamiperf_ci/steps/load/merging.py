"""Summaries of k6 turned into the windows and phases of a run, over all its processes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from chamiperf_ci.adapters.files import first_wrong
from chamiperf_ci.adapters.k6 import K6Outcome
from chamiperf_ci.models.run import (
    Distribution,
    ObjectCount,
    PhaseHealth,
    Scalar,
    ScriptHealth,
    ScriptSeries,
    ScriptSummary,
    Traffic,
    Unavailable,
    Window,
)

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


_TIMES = ("s", "ms")
"""Scalars of these units are the time until all is done: the slowest part's. Others are numbers and rates: added up."""
_OF_THE_WHOLE = ("nodes not asked",)
"""Scalars that a part cannot tell, because the other parts did it."""


def merged(outcome: K6Outcome) -> tuple[ScriptSummary | None, tuple[str, ...]]:
    """The load's summary, None where a process left none that can be read; and what there is to warn of."""
    summaries = []
    for end in outcome.ends:
        if end.summary is None:
            return None, ()
        try:
            summaries.append(ScriptSummary.model_validate(end.summary))
        except ValidationError as error:
            return None, (f"the script's summary cannot be read: {first_wrong(error, ScriptSummary)}",)
    if len(summaries) == 1:
        return summaries[0], ()
    warning = (
        f"the load was split over {len(summaries)} processes: counts are exact, quantiles are read off the sum of "
        "their distributions and approximate"
    )
    return merge(summaries), (warning,)


def merge(parts: Sequence[ScriptSummary]) -> ScriptSummary:
    """Several parts of one load as one summary; they declare the same series, traffic and objects in the same order."""
    first = parts[0]
    return first.model_copy(
        update={
            "duration_s": max(part.duration_s for part in parts),
            "iterations": sum(part.iterations for part in parts),
            "dropped_iterations": sum(part.dropped_iterations for part in parts),
            "max_vus": sum(part.max_vus for part in parts),
            "time_series": max(part.time_series for part in parts),
            "series": tuple(_series(each) for each in zip(*(part.series for part in parts), strict=True)),
            "traffic": tuple(_traffic(each) for each in zip(*(part.traffic for part in parts), strict=True)),
            "objects": tuple(_objects(each) for each in zip(*(part.objects for part in parts), strict=True)),
            "scalars": tuple(_scalars(parts)),
            "health": _health([part.health for part in parts]),
            "unavailable": (
                *first.unavailable,
                *(
                    Unavailable(what=scalar.name, reason="the load was split over several processes")
                    for scalar in first.scalars
                    if scalar.name in _OF_THE_WHOLE
                ),
            ),
            "warnings": tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        }
    )


def _series(parts: Sequence[ScriptSeries]) -> ScriptSeries:
    phases = {phase: _pooled(part.phases.get(phase) for part in parts) for part in parts for phase in part.phases}
    return parts[0].model_copy(
        update={
            "phases": {phase: whole for phase, whole in phases.items() if whole is not None},
            "windows": tuple(_window(each) for each in zip(*(part.windows for part in parts), strict=True)),
        }
    )


def _window(parts: Sequence[Window]) -> Window:
    curves = [(part.count, curve(part.quantiles)) for part in parts if part.count]
    keys = next((list(part.quantiles) for part in parts if part.count), [])
    return parts[0].model_copy(
        update={
            "count": sum(part.count for part in parts),
            "failed": sum(part.failed for part in parts),
            "quantiles": pooled_quantiles(curves, keys) if curves else {},
        }
    )


def _traffic(parts: Sequence[Traffic]) -> Traffic:
    return parts[0].model_copy(
        update={
            **{
                name: sum(getattr(part, name) for part in parts)
                for name in ("requests", "failed", "throttled", "refused", "conflicts")
            },
            "failed_by": {why: sum(part.failed_by.get(why, 0) for part in parts) for why in parts[0].failed_by},
            "blocked_ms": _pooled(part.blocked_ms for part in parts),
            "connecting_ms": _pooled(part.connecting_ms for part in parts),
        }
    )


def _objects(parts: Sequence[ObjectCount]) -> ObjectCount:
    return parts[0].model_copy(
        update={
            name: sum(getattr(part, name) for part in parts)
            for name in ("created", "resolved", "failed", "removed", "left")
        }
    )


def _scalars(parts: Sequence[ScriptSummary]) -> Iterable[Scalar]:
    """Scalars by name, endpoint and phase; one that a part does not have is not there, and counts as nothing."""
    found: dict[tuple[str, str, str], list[Scalar]] = {}
    for part in parts:
        for scalar in part.scalars:
            if scalar.name not in _OF_THE_WHOLE:
                found.setdefault((scalar.name, scalar.endpoint, scalar.phase), []).append(scalar)
    for scalars in found.values():
        values = [scalar.value for scalar in scalars]
        yield scalars[0].model_copy(
            update={
                "value": max(values) if scalars[0].unit in _TIMES else sum(values),
                "count": sum(scalar.count for scalar in scalars),
            }
        )


def _health(parts: Sequence[ScriptHealth]) -> ScriptHealth:
    return ScriptHealth(
        overrun_ms=_pooled(part.overrun_ms for part in parts),
        stall_ms=_pooled(part.stall_ms for part in parts),
        phases={
            phase: PhaseHealth(
                overrun_ms=_pooled(part.phases[phase].overrun_ms for part in parts),
                stall_ms=_pooled(part.phases[phase].stall_ms for part in parts),
            )
            for phase in parts[0].phases
        },
    )


def _pooled(parts: Iterable[Distribution | None]) -> Distribution | None:
    return pooled([part for part in parts if part is not None])
