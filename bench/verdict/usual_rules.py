"""What else is in use, on the same trials: rules that compare single runs, nights or windows."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.verdict.series import Floats
from bench.verdict.trials import Trial
from chamiperf_ci.verdict.drift import change_points
from chamiperf_ci.verdict.statistic import tails

TOLERANCE = math.log(1.2)
LAST_VALUE = math.log(2.0)
LARGEST_Z = 3.0
LARGEST_P = 0.05
RECENT = 10
"""Nights within which a change point raises an alarm."""


@dataclass(frozen=True)
class Rule:
    """A rule by the name its users know; `alarms` says whether a trial with a slowdown (on logs) raises an alarm."""

    name: str
    alarms: Callable[[Trial, float], bool]


def _one_against_one(trial: Trial, slowdown: float) -> bool:
    return bool(trial.current[0] + slowdown - trial.baseline[0] > TOLERANCE)


def _one_against_median(trial: Trial, slowdown: float) -> bool:
    return bool(trial.current[0] + slowdown - np.median(trial.baseline) > TOLERANCE)


def _twice_the_last(trial: Trial, slowdown: float) -> bool:
    return bool(trial.current[0] + slowdown - trial.history[-1] > LAST_VALUE)


def _z_score(trial: Trial, slowdown: float) -> bool:
    return bool(trial.current[0] + slowdown - trial.history.mean() > LARGEST_Z * trial.history.std(ddof=1))


def _t_test(trial: Trial, slowdown: float) -> bool:
    return welch_p(trial.history, trial.current + slowdown) < LARGEST_P


def _e_divisive(trial: Trial, slowdown: float) -> bool:
    nights = np.concatenate((trial.history, np.concatenate((trial.current, trial.old)) + slowdown))
    places = [point.place for point in change_points(nights.tolist())]
    recent = [place for place in places if place >= len(nights) - RECENT]
    return any(nights[place:].mean() > nights[:place].mean() for place in recent)


RULES = (
    Rule("one run > 20 % over one run", _one_against_one),
    Rule("one run > 20 % over the median of five (gate: adr)", _one_against_median),
    Rule("one run > 200 % of the last value", _twice_the_last),
    Rule("z > 3 over 30 nights", _z_score),
    Rule("Welch's t, 3 runs, 30 nights, p < 0.05", _t_test),
)
E_DIVISIVE = Rule("E-divisive, p <= 0.01, 8 nights after 30", _e_divisive)


def welch_p(before: Floats, after: Floats) -> float:
    """Return Welch's two-sided p where `after` is higher, 1 where it is not."""
    parts = before.var(ddof=1) / len(before), after.var(ddof=1) / len(after)
    variance = sum(parts)
    difference = float(after.mean() - before.mean())
    if difference <= 0 or variance <= 0:
        return 1.0
    nu = variance**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (before, after), strict=True))
    return 2 * tails(difference / math.sqrt(variance), float(nu))[0]


def mann_whitney_p(before: Floats, after: Floats) -> float:
    """Return Mann and Whitney's two-sided p (normal approximation, no ties) where `after` is higher, 1 where not."""
    n, k = len(before), len(after)
    u = float(np.sum(after[:, None] > before[None, :]))
    z = (u - n * k / 2 - 0.5) / math.sqrt(n * k * (n + k + 1) / 12)
    return math.erfc(z / math.sqrt(2)) if z > 0 else 1.0
