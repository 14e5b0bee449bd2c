"""Old and new measured side by side: most of the night's luck cancels within a pair.

Bulej and others 2020, Duet benchmarking; formulas: verdict.md section 4.
"""

import math
from collections.abc import Sequence

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.centre import centre_variance, median
from chamiperf_ci.verdict.change import PRIOR_WEIGHT, Change, clipped_squares
from chamiperf_ci.verdict.metric_class import as_worse, is_quantity
from chamiperf_ci.verdict.student_t import quantile, tails

PRIOR_SD_OF_PAIR = 0.04
PAIRS_TO_DECIDE = 5


def change_of_pairs(pairs: Sequence[tuple[float, float]], *, direction: Direction = Direction.LOWER) -> Change:
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
    return Change(
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
