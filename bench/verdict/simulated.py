"""Runs with known truth, for what no public series has: windows within a run.

A run's level is t-distributed (5 degrees of freedom) about the truth; 4 % of runs are bad, shifted up by an
exponential amount of mean 0.20; its 20 windows follow an AR(1) process (rho 0.45) of standard deviation 0.05 about
the level. A pair's two sides share the night's luck and differ by t-distributed noise of standard deviation 0.03.
All on logs of a p99.
"""

from collections.abc import Iterator

import numpy as np

from bench.verdict.series import Floats
from bench.verdict.trials import BASELINE, CURRENT, HISTORY, PAIRS, Trial

WINDOWS = 20
RHO = 0.45
WINDOW_SD = 0.05
BAD_SHARE = 0.04
BAD_SHIFT = 0.20
PAIR_SD = 0.03
SPREADS = (0.03, 0.04, 0.055, 0.08)


def _noise(random: np.random.Generator, count: int, spread: float) -> Floats:
    noise: Floats = random.standard_t(5, count) * spread / np.sqrt(5 / 3)
    return noise


def windows_of_runs(random: np.random.Generator, runs: int, spread: float) -> Floats:
    """Return the logs of each run's windows, a row a run."""
    level = _noise(random, runs, spread)
    level += np.where(random.random(runs) < BAD_SHARE, random.exponential(BAD_SHIFT, runs), 0.0)
    shocks = random.normal(0, WINDOW_SD * np.sqrt(1 - RHO**2), (runs, WINDOWS))
    windows = np.empty((runs, WINDOWS))
    windows[:, 0] = random.normal(0, WINDOW_SD, runs)
    for place in range(1, WINDOWS):
        windows[:, place] = RHO * windows[:, place - 1] + shocks[:, place]
    return level[:, None] + windows


def draw(spread: float, trials: int, seed: int) -> Iterator[tuple[Trial, Floats, Floats]]:
    """Yield a trial with the windows of its first baseline run and of its first current run."""
    random = np.random.default_rng([seed, round(1e4 * spread)])
    for _ in range(trials):
        windows = windows_of_runs(random, BASELINE + HISTORY + CURRENT, spread)
        runs = np.median(windows, axis=1)
        baseline, history, current = np.split(runs, (BASELINE, BASELINE + HISTORY))
        old = np.median(windows_of_runs(random, PAIRS, spread), axis=1)
        trial = Trial(baseline, history, current, old, old + _noise(random, PAIRS, PAIR_SD))
        yield trial, windows[0], windows[BASELINE + HISTORY]
