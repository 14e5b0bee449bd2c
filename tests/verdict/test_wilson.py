"""Wilson's interval to the digits the specification shows, and clumps."""

import pytest

from chamiperf_ci.verdict.counts import Failures, clumping, share_interval, wilson


@pytest.mark.parametrize(
    ("failed", "requests", "low", "high"),
    [
        pytest.param(5, 10_000, "0.0214", "0.1170", id="five of ten thousand"),
        pytest.param(30, 10_000, "0.2102", "0.4279", id="thirty of ten thousand"),
    ],
)
def test_the_interval_in_percent_is_the_specified_one(failed, requests, low, high):
    shown = [f"{100 * bound:.4f}" for bound in wilson(failed, requests)]
    assert shown == [low, high]


def test_zero_failures_prove_less_than_a_tenth_of_a_percent_only_from_3838_requests_on():
    assert f"{100 * wilson(0, 3_838)[1]:.7f}" == "0.0999900"
    assert wilson(0, 3_837)[1] > 0.001


def test_zero_failures_have_a_lower_bound_of_zero_and_only_failures_an_upper_of_one():
    assert wilson(0, 50)[0] == 0
    assert wilson(50, 50)[1] == 1


def test_without_requests_nothing_is_known():
    assert wilson(0, 0) == (0, 1)


def test_failures_in_one_clump_count_for_less():
    # k/n = 10/1000 = 0.01; chi2 = (10 - 1)^2 / 0.99 + 9 * (0 - 1)^2 / 0.99 = 90 / 0.99; phi = 90 / 0.99 / 9
    windows = [Failures(10, 100), *[Failures(0, 100)] * 9]
    assert clumping(windows) == pytest.approx(10 / 0.99)


def test_clumping_never_narrows_an_interval():
    assert clumping([Failures(1, 100)] * 10) == 1


def test_a_single_window_shows_no_clumps():
    assert clumping([Failures(10, 100)]) == 1


def test_a_clumped_share_has_a_wider_interval_about_the_same_share():
    clumped = share_interval([Failures(10, 100), *[Failures(0, 100)] * 9])
    low, high = wilson(10, 1_000)
    assert clumped.share == 0.01
    assert clumped.low < low
    assert clumped.high > high
