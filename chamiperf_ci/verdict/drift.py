"""Slow drift: what creeps under every nightly tolerance (verdict.md section 9).

The last seven valid nights stand against the baseline with the same formulas; a warning, not a failed night. Where it
began is located by change points, never nearer than their smallest segment to tonight.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import DRIFT_NIGHTS, Direction
from chamiperf_ci.verdict.change import MOST_HISTORY, Change, change
from chamiperf_ci.verdict.change_points import ChangePoint, change_points
from chamiperf_ci.verdict.metric_class import as_worse, is_quantity

FEWEST_TO_LOCATE = 14
LARGEST_P = 0.01
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
    change: Change | None
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
    if not (measured.p_worse < LARGEST_P and measured.d >= SMALLEST_DRIFT):
        return Drift(alarm=False, change=measured)
    return Drift(alarm=True, change=measured, began=_located(nights, since, direction))


def _located(nights: Sequence[float], since: int, direction: Direction) -> ChangePoint | None:
    if len(nights) - since < FEWEST_TO_LOCATE:
        return None
    places = [place for place in range(since, len(nights)) if is_quantity(nights[place])]
    points = change_points(as_worse((nights[place] for place in places), direction))
    return ChangePoint(places[points[-1].place], points[-1].p) if points else None
