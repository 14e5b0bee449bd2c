from datetime import UTC, datetime, timedelta

from chamiperf_ci.render.trend import Point
from chamiperf_ci.steps.trend import thinned, weeks_before

MONDAY = datetime(2026, 3, 2, 1, 17, tzinfo=UTC)


def points(count):
    return [Point(MONDAY + timedelta(days=day), float(day % 7)) for day in range(count)]


def test_half_a_year_is_shown_night_by_night():
    nights = points(181)
    assert weeks_before(point.when for point in nights) is None
    assert thinned(nights, None) == tuple(nights)


def test_what_is_older_is_the_median_of_its_week():
    nights = points(187)
    before = weeks_before(point.when for point in nights)
    week, *rest = thinned(nights, before)
    assert (week, rest) == (Point(MONDAY + timedelta(days=3), 2.5), nights[6:])


def test_five_years_are_few_points():
    nights = points(5 * 365)
    assert len(thinned(nights, weeks_before(point.when for point in nights))) < 430
