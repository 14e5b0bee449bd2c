"""The change between two sets of runs, or within pairs: its interval, the evidence it takes, the least that is found.

Formulas: verdict.md sections 4 and 5.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.statistic import (
    MAD_TO_SD,
    PRIOR_WEIGHT,
    absolute_deviation,
    as_shown,
    as_worse,
    centre,
    centre_variance,
    is_pooled_prior,
    is_quantity,
    median,
    prior_weight,
    quantile,
    tails,
)

HISTORY_WEIGHT = 0.3
FEWEST_HISTORY = 10
MOST_HISTORY = 30
RUNS_TO_DECIDE = 3
THIN_FACTORS = (2.0, 1.5)
"""One or two runs do not show that they are typical: sigma is multiplied by 2, by 1.5."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A change on the log scale (up is worse, 0.1 is about 10 %), with its 95 % interval and one-sided p values.

    Attributes:
        direction: Which way is good; only the `shown` numbers depend on it.
        baseline_runs: Number of baseline runs; of pairs when `by_pairs`.
        current_runs: Number of current runs; of pairs when `by_pairs`.
        baseline_centre: Centre of the baseline on the log scale; 0 when `by_pairs`.
        d: Centre of the current runs minus centre of the baseline.
        offsets: Each current run (or pair's difference) minus the baseline's centre, ascending.
        clip_limit: L, beyond which a baseline run's distance from the centre is cut.
        squares: SS, the sum of the cut distances squared.
        history_sd: s_h, the spread between neighbouring nights; None without history.
        history_steps: m, the number of neighbours compared; 0 without history.
        prior_sd: s0.
        nu: Degrees of freedom.
        spread: Moderated standard deviation between runs (between pairs when `by_pairs`).
        sigma: The same with the factor for one or two baseline runs.
        se: Standard error of d.
        se_three: What se would be with three current runs; equals `se` when `by_pairs`.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        p_worse: P(T > d / se): small when the metric got worse.
        p_better: P(T < d / se): small when it got better.
        by_pairs: Whether old and new were measured side by side.
    """

    direction: Direction
    baseline_runs: int
    current_runs: int
    baseline_centre: float
    d: float
    offsets: tuple[float, ...]
    clip_limit: float
    squares: float
    history_sd: float | None
    history_steps: int
    prior_sd: float
    nu: float
    spread: float
    sigma: float
    se: float
    se_three: float
    low: float
    high: float
    p_worse: float
    p_better: float
    by_pairs: bool = False

    @property
    def shown(self) -> float:
        """The change in the metric's own direction, as a fraction: 0.207 is 20.7 % more, -0.05 is 5 % less."""
        return as_shown(self.d, self.direction)

    @property
    def shown_interval(self) -> tuple[float, float]:
        """The 95 % interval of `shown`, lower end first."""
        low, high = as_shown(self.low, self.direction), as_shown(self.high, self.direction)
        return (min(low, high), max(low, high))

    @property
    def minimal_detectable(self) -> float:
        """The slowdown, as a positive fraction, that three current runs find in about 80 % of cases.

        For a metric whose direction is higher it is the loss, so it stays below 1.
        """
        size = (quantile(0.99, self.nu) + quantile(0.80, self.nu)) * self.se_three
        return abs(as_shown(size, self.direction))


def clipped_squares(values: Sequence[float], middle: float, floor: float) -> tuple[float, float]:
    """Return L and the sum of squared distances from `middle`, each cut to L, so that one wild run counts little.

    L = 3 max(1.4826 MAD, `floor`); the MAD counts as 0 below three values.
    """
    limit = 3 * max(absolute_deviation(values, middle), floor)
    return limit, math.fsum(min(abs(value - middle), limit) ** 2 for value in sorted(values))


def history_spread(history: Sequence[float]) -> tuple[float | None, int]:
    """Return s_h and the number of neighbouring differences of logs, oldest first; (None, 0) below ten nights."""
    recent = history[-MOST_HISTORY:]
    if len(recent) < FEWEST_HISTORY:
        return None, 0
    steps = [abs(later - earlier) for earlier, later in pairwise(recent)]
    return MAD_TO_SD * median(steps) / math.sqrt(2), len(steps)


def change(
    baseline: Sequence[float],
    current: Sequence[float],
    *,
    prior_sd: float,
    history: Sequence[float] = (),
    direction: Direction = Direction.LOWER,
) -> Estimate:
    """Compare current runs with baseline runs; the order of either is irrelevant.

    Args:
        baseline: Accepted runs' statistics, at least one, positive and finite.
        current: Current runs' statistics, at least one, positive and finite.
        prior_sd: s0, from `metric_class.PRIOR_SD`.
        history: Valid nights before the judged ones, oldest first; the last 30 count, from 10 on. A value that is
            not positive and finite is not a valid night and is left out.
        direction: Which way is good.

    Raises:
        ValueError: No baseline or current run, or one that is not positive and finite.
    """
    if not baseline or not current or not all(map(is_quantity, (*baseline, *current))):
        message = "a change needs at least one baseline and one current run, each positive and finite"
        raise ValueError(message)
    b = sorted(as_worse(baseline, direction))
    c = sorted(as_worse(current, direction))
    n, k = len(b), len(c)
    middle = centre(b)
    limit, squares = clipped_squares(b, middle, prior_sd)
    history_sd, steps = history_spread(as_worse(filter(is_quantity, history), direction))
    weight = prior_weight(prior_sd, knows_nights=steps > 0)
    nu = weight + (n - 1) + HISTORY_WEIGHT * steps
    variance = (weight * prior_sd**2 + squares + HISTORY_WEIGHT * steps * (history_sd or 0.0) ** 2) / nu
    spread = math.sqrt(variance)
    sigma = spread * (THIN_FACTORS[n - 1] if n <= len(THIN_FACTORS) else 1.0)
    d = centre(c) - middle
    se = sigma * math.sqrt(centre_variance(n) + centre_variance(k))
    half = quantile(0.975, nu) * se
    p_worse, p_better = tails(d / se, nu)
    return Estimate(
        direction=direction,
        baseline_runs=n,
        current_runs=k,
        baseline_centre=middle,
        d=d,
        offsets=tuple(value - middle for value in c),
        clip_limit=limit,
        squares=squares,
        history_sd=history_sd,
        history_steps=steps,
        prior_sd=prior_sd,
        nu=nu,
        spread=spread,
        sigma=sigma,
        se=se,
        se_three=sigma * math.sqrt(centre_variance(n) + centre_variance(RUNS_TO_DECIDE)),
        low=d - half,
        high=d + half,
        p_worse=p_worse,
        p_better=p_better,
    )


PRIOR_SD_OF_PAIR = 0.04
PAIRS_TO_DECIDE = 5


def change_of_pairs(pairs: Sequence[tuple[float, float]], *, direction: Direction = Direction.LOWER) -> Estimate:
    """Compare new with old within each (old, new) pair; the order of pairs is irrelevant.

    Raises:
        ValueError: No pair, or a value that is not positive and finite.
    """
    if not pairs or not all(is_quantity(value) for pair in pairs for value in pair):
        message = "a change by pairs needs at least one pair of positive, finite values"
        raise ValueError(message)
    logs = [as_worse(pair, direction) for pair in pairs]
    differences = sorted(new - old for old, new in logs)
    n = len(differences)
    d = median(differences)
    limit, squares = clipped_squares(differences, d, PRIOR_SD_OF_PAIR)
    nu = PRIOR_WEIGHT + n - 1
    spread = math.sqrt((PRIOR_WEIGHT * PRIOR_SD_OF_PAIR**2 + squares) / nu)
    se = spread * math.sqrt(centre_variance(n))
    half = quantile(0.975, nu) * se
    p_worse, p_better = tails(d / se, nu)
    return Estimate(
        direction=direction,
        baseline_runs=n,
        current_runs=n,
        baseline_centre=0.0,
        d=d,
        offsets=tuple(differences),
        clip_limit=limit,
        squares=squares,
        history_sd=None,
        history_steps=0,
        prior_sd=PRIOR_SD_OF_PAIR,
        nu=nu,
        spread=spread,
        sigma=spread,
        se=se,
        se_three=se,
        low=d - half,
        high=d + half,
        p_worse=p_worse,
        p_better=p_better,
        by_pairs=True,
    )


LARGEST_P = 0.01
LARGEST_P_OF_PAIRS = 0.001
HALF_AGAIN = math.log(1.5)
TWICE = math.log(2.0)


def thin_needs(measured: Estimate) -> float:
    """Return how far above one or two accepted runs each current run must lie: half again, a pooled p99 twice.

    One baseline run called 5.2 % of unchanged pooled p99 a regression by half again, 2.1 % by twice (measured).
    """
    return TWICE if is_pooled_prior(measured.prior_sd) else HALF_AGAIN


def is_thin(measured: Estimate) -> bool:
    """Say whether a change rests on a baseline of one or two runs; pairs bring their own baseline."""
    return not measured.by_pairs and measured.baseline_runs <= len(THIN_FACTORS)


WANTED_POWER = 0.80
_WITHOUT_HISTORY = 1.15
_Z_80 = 0.8416
_HALVINGS = 30
_LUCK = tuple((step / 4, math.exp(-((step / 4) ** 2) / 2)) for step in range(-12, 13))
"""The normal distribution, to three standard deviations: z, and its weight."""
_LUCK_WEIGHS = sum(weight for _, weight in _LUCK)


def smallest_found(measured: Estimate, theta: float) -> float:
    """Return the slow-down on the log scale that three current runs (or these pairs) find in 80 % of cases.

    By the rule as it decides a row alone: p_worse below 0.01, U95 at or above `theta`, every run at least theta/2
    above the baseline's centre. Runs are taken to differ by Student's t with four degrees of freedom of the moderated
    spread, 1.15 times that without a history: on the fresh series slow-downs of this size are found in 79 to 93 %, by
    the normal distribution in 76 to 90 %, and by the formula of section 4 alone in 0 to 38 % where it stays below the
    tolerance (docs/verdict.md).
    """
    sigma = measured.sigma * (1.0 if measured.history_steps or measured.by_pairs else _WITHOUT_HISTORY)
    unclear = quantile(0.975, measured.nu) * measured.se_three
    if measured.by_pairs:
        evidence = quantile(1 - LARGEST_P_OF_PAIRS, measured.nu) * measured.se
        return max(evidence, theta - unclear) + _Z_80 * measured.se
    thin = is_thin(measured)
    each = thin_needs(measured) if thin else theta / 2
    middle = theta - unclear if thin else max(quantile(1 - LARGEST_P, measured.nu) * measured.se_three, theta - unclear)
    luck = math.sqrt(centre_variance(measured.baseline_runs))
    return _least(lambda slowdown: _found(slowdown, middle, each, sigma, luck), max(middle, each) + 20 * sigma)


def _least(share: Callable[[float], float], top: float) -> float:
    """Bisect for the least slow-down of 0 to `top` whose share, which grows with it, is WANTED_POWER.

    What false position (Illinois) has shut in first need not be asked of again: that spares half of the evaluations.
    """
    below, above = 0.0, top
    at_below, at_above = share(below) - WANTED_POWER, share(above) - WANTED_POWER
    if at_below >= 0:
        above = below
    elif at_above < 0:
        below = above
    kept = 0
    while above - below > top * 2.0**-_HALVINGS:
        probe = above - (above - below) * at_above / (at_above - at_below)
        if not below < probe < above:
            break
        found = share(probe) - WANTED_POWER
        if found >= 0:
            above, at_above, at_below, kept = probe, found, at_below / (2 if kept > 0 else 1), 1
        else:
            below, at_below, at_above, kept = probe, found, at_above / (2 if kept < 0 else 1), -1
    low, high = 0.0, top
    for _ in range(_HALVINGS):
        half = (low + high) / 2
        if half >= above or (half > below and share(half) >= WANTED_POWER):
            high = half
        else:
            low = half
    return high


def _found(slowdown: float, middle: float, each: float, sigma: float, luck: float) -> float:
    """In what share of cases the median of three runs reaches `middle` and the lowest `each`, over a lucky baseline."""
    total = 0.0
    to_each, to_middle = (each - slowdown) / sigma, (middle - slowdown) / sigma
    for z, weight in _LUCK:
        lowest = _beyond(to_each + luck * z)
        centre = min(lowest, _beyond(to_middle + luck * z)) if to_middle > to_each else lowest
        total += weight * (centre**3 + 3 * centre**2 * (lowest - centre))
    return total / _LUCK_WEIGHS


def _beyond(t: float) -> float:
    """P(T > t) of Student's t with four degrees of freedom, in closed form."""
    scaled = t / math.sqrt(1 + t * t / 4)
    return 0.5 - 0.375 * scaled * (1 - scaled * scaled / 12)
