"""Does a baseline still describe the stack? Far better than it, old, or with one run unlike the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.centre import median
from chamiperf_ci.verdict.change import Change, change
from chamiperf_ci.verdict.metric_class import as_shown, as_worse

OLD_AFTER_NIGHTS = 60
RUNS_WANTED = 5
OUTLYING = 3.0


@dataclass(frozen=True, slots=True)
class StaleBaseline:
    """The metric is far better than its baseline; `unseen` is the slowdown from now on that would still not be seen.

    `unseen` is a positive fraction of tonight's level in the metric's own direction: 0.5 means that a latency may rise
    by 50 % (a throughput fall by 50 %) before its row stops passing.
    """

    unseen: float


def stale_baseline(measured: Change, theta: float) -> StaleBaseline | None:
    """Say whether a slowdown of the whole tolerance would go unseen, because the metric is so much better by now.

    It is when the change is better by the tolerance or more and the interval excludes no change: a row passes while
    the interval's upper end stays below theta, so theta - U95 of slowdown is hidden, which is then above theta.
    """
    if measured.d > -theta or measured.high >= 0:
        return None
    return StaleBaseline(abs(as_shown(theta - measured.high, measured.direction)))


def is_old(nights_since_newest: int) -> bool:
    """Say whether a baseline's newest run lies more than 60 nights back, in which time runs drift apart."""
    return nights_since_newest > OLD_AFTER_NIGHTS


def outlying_runs(values: Sequence[float], *, prior_sd: float) -> tuple[int, ...]:
    """Return the places of runs that lie more than 3 sigma from the median of the others; none below three runs.

    sigma is the moderated spread of the others, as in `change`.
    """
    logs = as_worse(values, Direction.LOWER)
    if len(logs) < 3:  # noqa: PLR2004 - of two, neither is the odd one
        return ()
    places = []
    for place, value in enumerate(logs):
        others = [*values[:place], *values[place + 1 :]]
        spread = change(others, [values[place]], prior_sd=prior_sd).spread
        if abs(value - median([*logs[:place], *logs[place + 1 :]])) > OUTLYING * spread:
            places.append(place)
    return tuple(places)
