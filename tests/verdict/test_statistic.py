"""The statistic of a run, and what is left out of it (verdict.md sections 2 and 3)."""

import math

import pytest

from chamiperf_ci.models.vocabulary import MetricClass, RowReason, Statistic
from chamiperf_ci.verdict.statistic import (
    Pooled,
    WindowQuantile,
    quantile_statistic,
    throughput_statistic,
    value_statistic,
)


def windows(count, value=100.0, requests=1_000, failed=0):
    return [WindowQuantile(value, requests, failed)] * count


def p99(some, pooled=None):
    return quantile_statistic(some, MetricClass.P99, pooled)


def test_it_is_the_median_of_the_windows():
    found = p99([WindowQuantile(float(value), 1_000) for value in range(1, 21)])
    assert (found.value, found.statistic, found.windows) == (10.5, Statistic.MEDIAN_OF_WINDOWS, 20)


def test_two_stalled_windows_in_twenty_move_it_little():
    assert p99([*windows(18), *windows(2, value=5_000.0)]).value == 100


@pytest.mark.parametrize(
    ("metric_class", "needed"),
    [
        (MetricClass.P50, 20),
        (MetricClass.P90, 100),
        (MetricClass.P95, 200),
        (MetricClass.P99, 1_000),
        (MetricClass.P999, 10_000),
    ],
)
def test_a_window_needs_ten_requests_beyond_the_quantile(metric_class, needed):
    thin = [*windows(10, requests=needed), *windows(1, value=900.0, requests=needed - 1)]
    found = quantile_statistic(thin, metric_class)
    assert (found.value, found.windows, found.too_thin) == (100, 10, 1)


def test_with_fewer_than_ten_windows_left_the_pooled_quantile_serves_and_is_named():
    found = p99(windows(9), Pooled(120.0, 9_000))
    assert (found.value, found.statistic, found.reason) == (120, Statistic.POOLED, None)


@pytest.mark.parametrize("requests", [4_999, 5_000])
def test_the_pooled_quantile_needs_five_times_the_requests_of_a_window(requests):
    found = p99(windows(20, requests=requests // 20), Pooled(120.0, requests))
    assert found.reason is (RowReason.TOO_FEW_REQUESTS if requests < 5_000 else None)


def test_without_a_pooled_quantile_too_few_windows_are_too_few_requests():
    assert p99(windows(9)).reason is RowReason.TOO_FEW_REQUESTS


@pytest.mark.parametrize(("bursts", "reason"), [(5, None), (6, RowReason.ERROR_BURST)])
def test_more_than_a_quarter_of_failing_windows_is_an_error_burst(bursts, reason):
    found = p99([*windows(20 - bursts), *windows(bursts, failed=11)])
    assert (found.reason, found.failing) == (reason, bursts)


def test_a_window_with_one_percent_of_failures_still_counts():
    assert p99(windows(20, failed=10)).failing == 0


@pytest.mark.parametrize("flaw", [math.nan, math.inf, 0.0, -3.0, None])
def test_a_window_whose_number_is_none_is_left_out_and_counted(flaw):
    found = p99([*windows(19), WindowQuantile(flaw, 1_000)])
    assert (found.value, found.windows, found.flawed) == (100, 19, 1)


def test_windows_that_all_lack_a_number_are_not_too_few_requests():
    assert p99(windows(20, value=math.nan)).reason is RowReason.NOT_A_QUANTITY


def test_a_pooled_quantile_that_is_no_number_is_not_used():
    assert p99(windows(9), Pooled(math.nan, 9_000)).reason is RowReason.NOT_A_QUANTITY


@pytest.mark.parametrize("some", [[], [WindowQuantile(None, 0)] * 20])
def test_no_requests_at_all_are_not_measured(some):
    assert p99(some).reason is RowReason.NOT_MEASURED


def test_only_a_quantile_has_requests_beyond_it():
    with pytest.raises(ValueError, match="throughput is not a quantile"):
        quantile_statistic(windows(20), MetricClass.THROUGHPUT)


def test_throughput_is_the_median_of_counts_over_seconds():
    some = [WindowQuantile(None, requests, seconds=30.0) for requests in (300, 330, 600)]
    assert throughput_statistic(some).value == 11


def test_a_window_without_requests_or_seconds_has_no_throughput():
    found = throughput_statistic(
        [WindowQuantile(None, 300, seconds=30.0), WindowQuantile(None, 0, seconds=30.0), WindowQuantile(None, 9)]
    )
    assert (found.value, found.flawed) == (10, 2)


def test_no_throughput_at_all_is_not_measured():
    assert throughput_statistic([]).reason is RowReason.NOT_MEASURED


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, RowReason.NOT_MEASURED),
        (0.0, RowReason.NOT_A_QUANTITY),
        (math.nan, RowReason.NOT_A_QUANTITY),
        (3.0, None),
    ],
)
def test_a_single_value_is_its_own_statistic(value, reason):
    found = value_statistic(value)
    assert (found.reason, found.value) == (reason, None if reason else value)
