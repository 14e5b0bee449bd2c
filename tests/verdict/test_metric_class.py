"""What is assumed of each class of metric, and the scale changes are judged on."""

import math

import pytest

from chamiperf_ci.models.vocabulary import Direction, MetricClass
from chamiperf_ci.verdict.change import change
from chamiperf_ci.verdict.statistic import PRIOR_SD, REQUESTS_NEEDED, as_shown, log_tolerance


def test_every_class_has_a_prior_and_every_quantile_a_number_of_requests():
    assert set(PRIOR_SD) == set(MetricClass)
    assert set(REQUESTS_NEEDED) == set(MetricClass) - {MetricClass.THROUGHPUT}


@pytest.mark.parametrize("direction", Direction)
def test_a_change_of_the_tolerance_is_shown_as_the_tolerance(direction):
    sign = 1 if direction is Direction.LOWER else -1
    assert as_shown(log_tolerance(0.2, direction), direction) == pytest.approx(sign * 0.2)


@pytest.mark.parametrize(
    ("tolerance", "direction"),
    [
        (0.0, Direction.LOWER),
        (-0.1, Direction.LOWER),
        (math.inf, Direction.LOWER),
        (math.nan, Direction.LOWER),
        (1.0, Direction.HIGHER),
    ],
)
def test_an_impossible_tolerance_is_refused(tolerance, direction):
    with pytest.raises(ValueError, match="is impossible for a metric"):
        log_tolerance(tolerance, direction)


@pytest.mark.parametrize(("baseline", "current"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_a_change_needs_numbers_on_both_sides(baseline, current):
    with pytest.raises(ValueError, match="at least one baseline and one current run"):
        change(baseline, current, prior_sd=0.08)
