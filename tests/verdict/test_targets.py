"""Targets, apart from any comparison (verdict.md section 8)."""

import math

import pytest

from chamiperf_ci.models.vocabulary import Direction, RowReason, TargetVerdict
from chamiperf_ci.verdict.counts import Failures
from chamiperf_ci.verdict.target import judge_error_rate, judge_rate, judge_target


@pytest.mark.parametrize(
    ("value", "direction", "expected"),
    [
        pytest.param(99.0, Direction.LOWER, TargetVerdict.MET, id="below"),
        pytest.param(100.0, Direction.LOWER, TargetVerdict.MISSED, id="not below, exactly at it"),
        pytest.param(101.0, Direction.HIGHER, TargetVerdict.MET, id="above, where high is good"),
        pytest.param(100.0, Direction.HIGHER, TargetVerdict.MISSED, id="not above, where high is good"),
    ],
)
def test_what_was_seen_stands_against_the_target(value, direction, expected):
    assert judge_target([value], 100.0, direction=direction).verdict is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 2 sigma = 0.1: 100 * exp(-0.1) = 90.48 and 100 * exp(0.1) = 110.52
        pytest.param(90.4, TargetVerdict.MET, id="clearly below"),
        pytest.param(90.6, TargetVerdict.AT_THE_LIMIT, id="just below"),
        pytest.param(110.5, TargetVerdict.AT_THE_LIMIT, id="just above"),
        pytest.param(110.6, TargetVerdict.MISSED, id="clearly above"),
    ],
)
def test_within_two_sigma_it_is_at_the_limit(value, expected):
    assert judge_target([value], 100.0, sigma=0.05).verdict is expected


def test_with_repeats_the_median_run_is_judged():
    assert judge_target([90.0, 150.0, 95.0], 100.0).value == 95


@pytest.mark.parametrize("flaw", [math.nan, 0.0, -1.0, math.inf])
def test_a_value_that_is_none_neither_meets_nor_misses(flaw):
    decision = judge_target([90.0, flaw], 100.0)
    assert (decision.verdict, decision.reason) == (TargetVerdict.INVALID, RowReason.NOT_A_QUANTITY)


def test_without_a_value_a_target_is_unavailable():
    assert judge_target([], 100.0).reason is RowReason.NOT_MEASURED


@pytest.mark.parametrize(
    ("offered", "expected"),
    [(11_999.0, TargetVerdict.UNAVAILABLE), (12_000.0, TargetVerdict.MET)],
)
def test_a_rate_is_judged_only_where_enough_is_offered(offered, expected):
    assert judge_rate([11_000.0], 10_000.0, offered).verdict is expected


def test_a_rate_that_was_not_offered_still_shows_its_value():
    decision = judge_rate([8_000.0], 10_000.0, 8_000.0)
    assert (decision.reason, decision.value) == (RowReason.NOT_OFFERED, 8_000)


@pytest.mark.parametrize(
    ("failed", "requests", "expected"),
    [
        pytest.param(0, 3_838, TargetVerdict.MET, id="enough to prove it"),
        pytest.param(0, 3_837, TargetVerdict.AT_THE_LIMIT, id="too few to prove anything"),
        pytest.param(5, 10_000, TargetVerdict.AT_THE_LIMIT, id="the interval straddles the target"),
        pytest.param(30, 10_000, TargetVerdict.MISSED, id="too many"),
    ],
)
def test_an_error_rate_is_judged_by_its_interval(failed, requests, expected):
    assert judge_error_rate([[Failures(failed, requests)]]).verdict is expected


def test_failures_in_one_clump_prove_less():
    clumped = [Failures(30, 500), *[Failures(0, 500)] * 19]
    assert judge_error_rate([clumped]).verdict is TargetVerdict.AT_THE_LIMIT


def test_with_repeats_the_error_rate_of_the_median_run_is_judged():
    runs = [[Failures(0, 100_000)], [Failures(1, 100_000)], [Failures(5_000, 100_000)]]
    assert judge_error_rate(runs).value == 1e-5


def test_of_two_runs_the_worse_error_rate_is_judged():
    assert judge_error_rate([[Failures(0, 100_000)], [Failures(500, 100_000)]]).verdict is TargetVerdict.MISSED


@pytest.mark.parametrize("runs", [[], [[]], [[Failures(0, 0)]]])
def test_an_error_rate_needs_requests(runs):
    assert judge_error_rate(runs).reason is RowReason.NOT_MEASURED


def test_more_failures_than_requests_are_no_rate():
    assert judge_error_rate([[Failures(3, 2)]]).verdict is TargetVerdict.INVALID
