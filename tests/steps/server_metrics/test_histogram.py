import math

import pytest

from chamiperf_ci.steps.server_metrics.tracks import Quantile, quantile

COUNTS = {1.0: 50.0, 2.0: 90.0, 4.0: 100.0, math.inf: 100.0}


@pytest.mark.parametrize(
    ("share", "value", "width"),
    [
        pytest.param(0.25, 0.5, 1.0, id="25 of the first 50, which start at 0"),
        pytest.param(0.5, 1.0, 1.0, id="exactly on a bound"),
        pytest.param(0.7, 1.5, 1.0, id="20 of the 40 between 1 and 2"),
        pytest.param(0.99, 3.8, 2.0, id="9 of the 10 between 2 and 4"),
    ],
)
def test_a_quantile_lies_within_its_bucket(share, value, width):
    found = quantile(COUNTS, share)
    assert (found.value, found.resolution, found.at_least) == (pytest.approx(value), width, False)


def test_beyond_the_last_bound_only_a_lower_bound_is_known():
    assert quantile({1.0: 10.0, math.inf: 100.0}, 0.99) == Quantile(1.0, 1.0, at_least=True)


@pytest.mark.parametrize("counts", [{}, {1.0: 5.0}, {1.0: 0.0, math.inf: 0.0}], ids=["empty", "no end", "nothing"])
def test_without_observations_there_is_no_quantile(counts):
    assert quantile(counts, 0.5) is None


def test_counts_that_run_backwards_between_two_series_do_no_harm():
    assert quantile({1.0: 50.0, 2.0: 49.0, math.inf: 100.0}, 0.4).value == pytest.approx(0.8)
