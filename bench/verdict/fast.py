"""The shipped row rule over many trials at once, and trials of the series that nobody had seen when it was chosen.

`decide_row` judges one row in some 0.3 ms; a table of candidates wants a million. `judge` is the same arithmetic on
arrays, and `tests/verdict/test_bench_fast.py` holds it against `decide_row` on the same draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.verdict.series import Floats, Source
from bench.verdict.trials import BASELINE, CURRENT, HISTORY, SHORT_SERIES
from chamiperf_ci.verdict.change import FEWEST_HISTORY, HISTORY_WEIGHT, LARGEST_P, THIN_FACTORS
from chamiperf_ci.verdict.statistic import MAD_TO_SD, centre_variance, prior_weight, quantile

Flags = NDArray[np.bool_]
THETA = math.log(1.2)


@dataclass(frozen=True)
class Drawn:
    """Trials as arrays of logs, a row a trial: `baseline` (N, 5), `history` (N, 30), `current` (N, 3)."""

    baseline: Floats
    history: Floats
    current: Floats

    def slowed(self, effect: float) -> Floats:
        """Return the current runs with a slow-down of `effect`, a fraction."""
        slower: Floats = self.current + math.log1p(effect)
        return slower


@dataclass(frozen=True)
class Judged:
    """What the rule computes of each trial, one value a trial; names as in `chamiperf_ci.verdict.change.Change`."""

    d: Floats
    se: Floats
    sigma: Floats
    spread: Floats
    low: Floats
    high: Floats
    nearest: Floats
    """The current run that lies nearest to the baseline's centre, minus that centre."""
    nu: float
    thin: bool

    @property
    def slower(self) -> Flags:
        """Whether p_worse lies below 0.01."""
        found: Flags = self.d > quantile(1 - LARGEST_P, self.nu) * self.se
        return found

    def regressions(self, *, theta: float = THETA, thin_at_least: float = math.log(1.5)) -> Flags:
        """Which trials are regressions, alone in their night."""
        unclear = self.high >= theta
        if self.thin:
            return unclear & (self.nearest >= thin_at_least)
        return unclear & self.slower & (self.nearest >= theta / 2)


def draw(source: Source, trials: int, seed: int) -> Drawn:
    """Draw shuffled trials as `trials.draw` does, without its pairs."""
    random = np.random.default_rng(seed)
    ends = np.cumsum((BASELINE, HISTORY, CURRENT))
    runs = np.empty((trials, int(ends[-1])))
    for place in range(trials):
        group = source.groups[random.integers(len(source.groups))]
        order = random.permutation(len(group))[: int(ends[-1])]
        if len(group) < SHORT_SERIES:
            some = random.integers(len(group), size=HISTORY)
            order = np.concatenate((order[:BASELINE], some, order[BASELINE : BASELINE + CURRENT]))
        runs[place] = group[order, random.integers(group.shape[1])]
    baseline, history, current = np.split(runs, ends[:-1], axis=1)
    return Drawn(baseline, history, current)


def judge(baseline: Floats, current: Floats, prior: float, history: Floats | None = None) -> Judged:
    """Compute section 4 of verdict.md for every trial."""
    n, k = baseline.shape[1], current.shape[1]
    middle = np.median(baseline, axis=1)
    distance = np.abs(baseline - middle[:, None])
    thin = n <= len(THIN_FACTORS)
    limit = 3 * np.maximum(0.0 if thin else MAD_TO_SD * np.median(distance, axis=1), prior)
    squares = np.sum(np.minimum(distance, np.broadcast_to(limit, (len(baseline),))[:, None]) ** 2, axis=1)
    steps, nights = 0, np.zeros(len(baseline))
    if history is not None and history.shape[1] >= FEWEST_HISTORY:
        steps = history.shape[1] - 1
        nights = MAD_TO_SD * np.median(np.abs(np.diff(history, axis=1)), axis=1) / math.sqrt(2)
    weight = prior_weight(prior, knows_nights=steps > 0)
    nu = weight + n - 1 + HISTORY_WEIGHT * steps
    spread = np.sqrt((weight * prior**2 + squares + HISTORY_WEIGHT * steps * nights**2) / nu)
    sigma = spread * (THIN_FACTORS[n - 1] if thin else 1.0)
    se = sigma * math.sqrt(centre_variance(n) + centre_variance(k))
    d = np.median(current, axis=1) - middle
    half = quantile(0.975, nu) * se
    nearest = np.min(current, axis=1) - middle
    return Judged(d, se, sigma, spread, d - half, d + half, nearest, nu, thin)


def share(flags: Flags) -> float:
    """Percent of trials."""
    return 100 * float(np.mean(flags))


def in_order(series: Sequence[Floats], trials: int, length: int, seed: int) -> Floats | None:
    """Cut stretches of `length` nights out of whole series, in their order; None where no series is that long."""
    long = [y for y in series if len(y) >= length]
    if not long:
        return None
    random = np.random.default_rng(seed)
    runs = np.empty((trials, length))
    for place in range(trials):
        y = long[random.integers(len(long))]
        start = random.integers(len(y) - length + 1)
        runs[place] = y[start : start + length]
    return runs
