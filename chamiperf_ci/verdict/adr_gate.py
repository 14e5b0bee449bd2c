"""The ADR's letter: one run against the median of the accepted runs, by the tolerance alone.

An option, off unless asked for: on unchanged code it is wrong so often that nearly every night of 192 rows is red.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.centre import median
from chamiperf_ci.verdict.metric_class import as_shown, as_worse, log_tolerance


@dataclass(frozen=True, slots=True)
class AdrDecision:
    """Whether one run exceeds the tolerance; `shown` is its change as a fraction in the metric's own direction."""

    exceeds: bool
    shown: float


def adr_gate(baseline: Sequence[float], current: float, *, tolerance: float, direction: Direction) -> AdrDecision:
    """Compare one run with the median of the accepted runs.

    Raises:
        ValueError: No baseline run, or a value that is not positive.
    """
    if not baseline:
        message = "the ADR's rule needs an accepted run"
        raise ValueError(message)
    d = as_worse([current], direction)[0] - median(as_worse(baseline, direction))
    return AdrDecision(d > log_tolerance(tolerance, direction), as_shown(d, direction))
