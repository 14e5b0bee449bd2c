"""Summaries of k6 turned into the windows and phases of a run, over all its processes."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from chamiperf_ci.adapters.files import first_wrong
from chamiperf_ci.adapters.k6 import K6Outcome
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import (
    Distribution,
    Merge,
    ObjectCount,
    PhaseHealth,
    ScriptHealth,
    ScriptScalar,
    ScriptSeries,
    ScriptSummary,
    Traffic,
    Unavailable,
    UncertainQuantile,
    Window,
)
from chamiperf_ci.models.shard import shard_name

QUANTILES = (1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95, 99.99)
"""Percentages that a run's file keeps; `k6/lib/options.js` asks for the same where nothing else is planned."""
SHARD_QUANTILES = tuple(
    sorted(
        {
            *QUANTILES,
            *(round(0.5 * step, 4) for step in range(1, 180)),
            *(round(47 + 0.1 * step, 4) for step in range(60)),
            *(round(94.5 + 0.05 * step, 4) for step in range(20)),
            *(round(98 + 0.02 * step, 4) for step in range(50)),
            *(round(90 + 0.1 * step, 4) for step in range(90)),
            *(round(99 + 0.01 * step, 4) for step in range(90)),
            *(round(99.9 + 0.0025 * step, 4) for step in range(40)),
        }
    )
)
"""Percentages asked of each shard: some 500, dense from p90 and on both sides of what is compared, so that it is known$
to 1 % where shards agree. With 14, merged windows were off by up to 12.6 %."""
_ROUNDING = 1e-12
WIDEST = 0.01
"""A merged quantile is marked where it is known to less than this share of its value."""

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


def key_of(percentage: float) -> str:
    """The key of a quantile, as k6's scripts spell it: `p50`, `p99.9`."""
    return f"p{percentage:g}"


def pooled_quantiles(parts: Sequence[tuple[int, Curve]], keys: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Quantiles of all observations together, each with the interval in which it lies for certain.

    Between two known points of a part anything may be, so the share of a part below a value is known to lie between
    that of the point before and that of the point after; summed over the parts, that bounds the quantile.

    Args:
        parts: How many observations each part has, and its curve; at least one with observations.
        keys: Which quantiles to give, such as `p99`.

    Returns:
        By key the value read off the sum of the curves, and the ends of the interval.
    """
    total = sum(count for count, _ in parts)
    points = np.unique(np.concatenate([np.asarray(values) for _, (_, values) in parts]))
    likely, least, most = (np.zeros_like(points) for _ in range(3))
    for count, (shares, values) in parts:
        weight = count / total
        known, highest = (np.asarray(each) for each in _rightmost(values, shares))
        lowest = np.asarray(_leftmost(values, shares))
        likely += weight * np.interp(points, known, highest, left=0.0, right=1.0)
        before = np.searchsorted(known, points, side="right") - 1
        after = np.searchsorted(known, points, side="left")
        # A quantile of n observations fixes the share below it to one observation, not more closely.
        rank = 1 / count
        below = np.where(before >= 0, highest[np.clip(before, 0, None)], 0.0)
        least += weight * np.maximum(below - rank, 0.0)
        exact = before == after
        above = np.where(after < len(known), lowest[np.clip(after, None, len(known) - 1)], 1.0)
        most += weight * np.minimum(np.where(exact, below, above) + rank, 1.0)
    rebuilt = _observations(parts) if total <= _MOST_REBUILT else None
    found = {}
    for key in keys:
        share = float(key.removeprefix("p")) / 100
        value = float(np.interp(share, likely, points) if rebuilt is None else np.quantile(rebuilt, share))
        # At the last point with too small a share at most, the quantile is not reached; it may be just above.
        low = points[max(0, int(np.searchsorted(most, share - _ROUNDING)) - 1)]
        high = points[min(len(points) - 1, int(np.searchsorted(least, share - _ROUNDING)))]
        found[key] = (value, min(float(low), value), max(float(high), value))
    return found


_MOST_REBUILT = 20_000
"""So many observations together are built again from their quantiles; of more, one rank is too little to matter."""
_MOST_EXACT = 60
"""So many of one part are worked out from quantiles that are half a percent apart; more take longer than they gain."""


def _observations(parts: Sequence[tuple[int, Curve]]) -> npt.NDArray[np.float64]:
    """The parts' observations, as their quantiles tell them.

    A quantile of n observations lies on the straight line between two of them, at rank share * (n - 1). Where there are
    more quantiles than observations, these follow from them; where there are fewer, they are read off between.
    """
    return np.concatenate([_rebuilt(count, *map(np.asarray, each)) for count, each in parts])


def _rebuilt(count: int, shares: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    read = np.interp(np.linspace(0.0, 1.0, count), shares, values)
    if not 1 < count <= min(_MOST_EXACT, len(shares) // 2):
        return read
    # The ends of a curve may be guessed, where the smallest and the largest value are not told.
    told = (shares > 0) & (shares < 1)
    shares, values = shares[told], values[told]
    rank = shares * (count - 1)
    below = np.minimum(rank.astype(int), count - 2)
    lines = np.zeros((len(shares), count))
    rows = np.arange(len(shares))
    lines[rows, below], lines[rows, below + 1] = 1 - (rank - below), rank - below
    try:
        solved = np.linalg.solve(lines.T @ lines, lines.T @ values)
    except np.linalg.LinAlgError:
        # A part with few quantiles leaves some of its observations open.
        return read
    return np.maximum.accumulate(solved) if np.allclose(lines @ solved, values, rtol=1e-3) else read


def pooled(parts: Sequence[Distribution]) -> Distribution | None:
    """All parts as one distribution: all exact but the quantiles, which are approximate; None of nothing."""
    filled = [part for part in parts if part.count]
    if not filled:
        return None
    if len(filled) == 1:
        return filled[0].model_copy(update={"quantiles": _kept(filled[0].quantiles)})
    count = sum(part.count for part in filled)
    found = pooled_quantiles(_curves(filled), list(_kept(filled[0].quantiles)))
    return Distribution(
        count=count,
        min=min(part.min for part in filled),
        mean=math.fsum(part.mean * part.count for part in filled) / count,
        max=max(part.max for part in filled),
        quantiles={key: value for key, (value, _, _) in found.items()},
    )


def _kept(quantiles: Mapping[str, float]) -> dict[str, float]:
    """The quantiles that a run's file keeps, of those that were asked for."""
    usual = {key_of(each) for each in QUANTILES}
    return {key: value for key, value in quantiles.items() if key in usual} or dict(quantiles)


def _curves(parts: Iterable[Distribution | Window]) -> list[tuple[int, Curve]]:
    return [
        (
            part.count,
            curve(part.quantiles, part.min, part.max) if isinstance(part, Distribution) else curve(part.quantiles),
        )
        for part in parts
        if part.count
    ]


def _rightmost(values: Sequence[float], shares: Sequence[float]) -> tuple[list[float], list[float]]:
    """Each value once, with the highest of its shares: where a curve is vertical, all of it lies at the value."""
    highest = dict(zip(values, shares, strict=True))
    return list(highest), list(highest.values())


def _leftmost(values: Sequence[float], shares: Sequence[float]) -> list[float]:
    """The lowest share of each value, in the order of `_rightmost`."""
    lowest: dict[float, float] = {}
    for value, share in zip(values, shares, strict=True):
        lowest.setdefault(value, share)
    return list(lowest.values())


def summaries_of(outcome: K6Outcome) -> tuple[tuple[ScriptSummary, ...], tuple[str, ...]]:
    """The summaries that its processes left and that can be read; what to warn of."""
    summaries, warnings, lost = [], [], []
    of = len(outcome.ends)
    for index, end in enumerate(outcome.ends):
        try:
            if end.summary is not None:
                summaries.append(ScriptSummary.model_validate(end.summary))
                continue
        except ValidationError as error:
            warnings.append(f"the script's summary cannot be read: {first_wrong(error, ScriptSummary)}")
        lost.append(shard_name(index, of))
    if lost and summaries:
        text = f"{', '.join(lost)} left no summary: the figures are the others', and nothing is scaled up for it"
        warnings.append(text)
    return tuple(summaries), tuple(warnings)


def merged(
    summaries: Sequence[ScriptSummary], *, of: int = 1
) -> tuple[ScriptSummary | None, tuple[UncertainQuantile, ...], tuple[str, ...]]:
    """The load's summary, None of nothing; what it leaves open; what to warn of.

    Args:
        summaries: What is there; one alone is taken as it is, with all its quantiles.
        of: How many there should be.
    """
    if not summaries or of == len(summaries) == 1:
        return next(iter(summaries), None), (), ()
    unsure = uncertain(summaries)
    warning = f"{len(summaries)} processes shared the load: counts are exact, quantiles read off their distributions"
    if unsure:
        worst = max(unsure, key=lambda each: each.high / each.low if each.low else math.inf)
        where = worst.phase if worst.window is None else f"window {worst.window}"
        warning += (
            f"; {len(unsure)} are known to more than 1 %, of {worst.endpoint} {worst.quantile} ({where}) only that it "
            f"lies between {worst.low:.3g} and {worst.high:.3g}"
        )
    return merge(summaries), unsure, (warning,) if len(summaries) == of else ()


def merge(parts: Sequence[ScriptSummary]) -> ScriptSummary:
    """Several shards of one load as one summary; they declare the same series, traffic and objects in the same order.

    Counts add up and are exact. Ratios and rates are worked out from the sums, and what is cut off at 0 is cut off once
    they are summed, as `k6/README.md` ("Shards") states.
    """
    first = parts[0]
    series = tuple(_series(each) for each in zip(*(part.series for part in parts), strict=True))
    progress = {
        phase: whole
        for phase in dict.fromkeys(phase for part in parts for phase in part.progress)
        if (whole := _pooled(part.progress.get(phase) for part in parts)) is not None
    }
    ends = _window_ends(parts)
    return first.model_copy(
        update={
            "duration_s": max(part.duration_s for part in parts),
            "iterations": sum(part.iterations for part in parts),
            "dropped_iterations": sum(part.dropped_iterations for part in parts),
            "max_vus": sum(part.max_vus for part in parts),
            "time_series": max(part.time_series for part in parts),
            "series": tuple(_timed(each, ends) for each in series),
            "traffic": tuple(_traffic(each) for each in zip(*(part.traffic for part in parts), strict=True)),
            "good": _sums(part.good for part in parts),
            "objects": tuple(_objects(each) for each in zip(*(part.objects for part in parts), strict=True)),
            "scalars": tuple(_scalars(parts, {each.endpoint: each for each in series}, progress)),
            "progress": progress,
            "window_ends_s": ends,
            "health": _health([part.health for part in parts]),
            "unavailable": tuple(_once(each for part in parts for each in part.unavailable)),
            "warnings": tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        }
    )


def uncertain(parts: Sequence[ScriptSummary]) -> tuple[UncertainQuantile, ...]:
    """The compared quantiles that the shards leave open by more than 1 %, as when one of them stalled."""
    found: list[UncertainQuantile] = []
    for series in zip(*(part.series for part in parts), strict=True):
        first = series[0]
        for phase in dict.fromkeys(phase for part in series for phase in part.phases):
            spread = [part.phases[phase] for part in series if phase in part.phases]
            found.extend(_open(first, phase, None, _curves(spread)))
        for windows in zip(*(part.windows for part in series), strict=True):
            found.extend(_open(first, SUSTAINED, windows[0].index, _curves(windows)))
    return tuple(found)


def _open(
    series: ScriptSeries, phase: str, window: int | None, curves: Sequence[tuple[int, Curve]]
) -> Iterator[UncertainQuantile]:
    if len(curves) < 2:  # noqa: PLR2004 - the quantiles of one part are exact
        return
    for key, (value, low, high) in pooled_quantiles(curves, ("p50", "p95", "p99")).items():
        if high - low > WIDEST * value:
            yield UncertainQuantile(
                endpoint=series.endpoint,
                metric=series.metric,
                phase=phase,
                window=window,
                quantile=key,
                low=low,
                high=high,
            )


def _once(found: Iterable[Unavailable]) -> Iterable[Unavailable]:
    return {(each.what, each.reason): each for each in found}.values()


def _sums(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0) + count
    return total


def _window_ends(parts: Sequence[ScriptSummary]) -> tuple[float, ...]:
    """When each window of iterations ended: when the last shard was through its share of it."""
    ends = [part.window_ends_s for part in parts if part.window_ends_s]
    return tuple(max(each) for each in zip(*ends, strict=True)) if ends else ()


def _timed(series: ScriptSeries, ends: Sequence[float]) -> ScriptSeries:
    """The series with the seconds of its windows where those are shares of the iterations."""
    if not ends or len(ends) != len(series.windows):
        return series
    begins = (0.0, *ends)
    return series.model_copy(
        update={
            "windows": tuple(
                window.model_copy(update={"seconds": max(0.0, end - begin)})
                for window, begin, end in zip(series.windows, begins, ends, strict=False)
            )
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
    filled = [part for part in parts if part.count]
    quantiles = {}
    if len(filled) == 1:
        quantiles = _kept(filled[0].quantiles)
    elif filled:
        found = pooled_quantiles(_curves(filled), list(_kept(filled[0].quantiles)))
        quantiles = {key: value for key, (value, _, _) in found.items()}
    return parts[0].model_copy(
        update={
            "count": sum(part.count for part in parts),
            "failed": sum(part.failed for part in parts),
            "quantiles": quantiles,
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
    sums = {name: sum(getattr(part, name) for part in parts) for name in ("created", "resolved", "failed", "removed")}
    return parts[0].model_copy(update={**sums, "left": max(0, sums["created"] - sums["removed"])})


def _scalars(
    parts: Sequence[ScriptSummary], series: Mapping[str, ScriptSeries], progress: Mapping[str, Distribution]
) -> Iterator[ScriptScalar]:
    """Scalars by name, endpoint and phase; one that a part does not have is not there, and counts as nothing."""
    found: dict[tuple[str, str, str], list[ScriptScalar]] = {}
    for part in parts:
        for scalar in part.scalars:
            found.setdefault((scalar.name, scalar.endpoint, scalar.phase), []).append(scalar)
    for scalars in found.values():
        value = _value(scalars, series, progress)
        if value is not None and math.isfinite(value):
            yield scalars[0].model_copy(update={"value": value, "count": sum(scalar.count for scalar in scalars)})


def _value(
    scalars: Sequence[ScriptScalar], series: Mapping[str, ScriptSeries], progress: Mapping[str, Distribution]
) -> float | None:
    """The whole's value by the rule that the script states; None where nothing was done that it could be of."""
    merges = [scalar.merge for scalar in scalars]
    rule = merges[0]
    match rule.by:
        case "sum":
            return math.fsum(scalar.value for scalar in scalars)
        case "max":
            return max(scalar.value for scalar in scalars)
        case "rate":
            longest = max((merge.seconds for merge in merges if merge.seconds), default=0.0)
            return math.fsum(merge.amount for merge in merges) / longest if longest else None
        case "remainder":
            return rule.whole - math.fsum(merge.part for merge in merges)
        case "change":
            return _growth(rule, series)
        case "spread":
            whole = progress.get(rule.phase)
            seconds = 0.0 if whole is None else (at_share(whole, 0.9) - at_share(whole, 0.1)) / 1000
            return 0.8 * math.fsum(merge.amount for merge in merges) / seconds if seconds else None


def _growth(rule: Merge, series: Mapping[str, ScriptSeries]) -> float | None:
    phases = series[rule.endpoint].phases if rule.endpoint in series else {}
    before, after = phases.get(rule.start), phases.get(rule.end)
    if before is None or after is None or not before.quantiles.get(rule.quantile):
        return None
    return 100 * (after.quantiles[rule.quantile] / before.quantiles[rule.quantile] - 1)


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
