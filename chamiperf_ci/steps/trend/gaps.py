"""Nights that did not happen between those that did."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise


def missing_nights(nights: Sequence[datetime], end: datetime, period: timedelta) -> tuple[datetime, ...]:
    """Return when nights should have begun and did not.

    A night may begin up to half a period late: schedules start when they can, and scenarios run one after another.

    Args:
        nights: When nights began, oldest first.
        end: The newest night of the environment, from which on nothing is missing yet.
        period: From one night to the next.
    """
    return tuple(
        before + period * count
        for before, after in pairwise((*nights, end + period))
        for count in range(1, round((after - before) / period))
    )
