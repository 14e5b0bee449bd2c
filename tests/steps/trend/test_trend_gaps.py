from datetime import UTC, datetime, timedelta

import pytest

from chamiperf_ci.steps.trend import missing_nights

FIRST = datetime(2026, 3, 2, 1, 17, tzinfo=UTC)
DAY = timedelta(days=1)


def missing(*days, end=None, period=DAY):
    nights = [FIRST + day * DAY for day in days]
    return [(when - FIRST) / DAY for when in missing_nights(nights, FIRST + (end or days[-1]) * DAY, period)]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        pytest.param((0,), [], id="one night"),
        pytest.param((0, 1, 2), [], id="every night"),
        pytest.param((0, 1, 4), [2, 3], id="two between"),
        pytest.param((0, 1.4, 2), [], id="late by ten hours"),
        pytest.param((0, 0.1, 1), [], id="two in one night"),
    ],
)
def test_nights_between_are_missing_where_the_gap_holds_them(days, found):
    assert missing(*days) == found


def test_a_scenario_that_ended_before_the_others_is_missing_up_to_them():
    assert missing(0, 1, end=3) == [2, 3]


def test_a_weekly_schedule_misses_no_days():
    assert missing(0, 7, 21, period=7 * DAY) == [14]
