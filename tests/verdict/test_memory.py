"""A service's memory: slope with interval, restarts, and looks that were too short."""

import math

import numpy as np
import pytest

from chamiperf_ci.models.vocabulary import RowReason, TargetVerdict
from chamiperf_ci.verdict.target import judge_memory

MB = 1e6
NOISE = np.random.default_rng(3).normal(0, 1, 400)


def samples(minutes, growth_per_hour=0.0, noise=1.0, level=200.0):
    """Samples every 15 s: level in MB, growing by so many MB an hour."""
    times = np.arange(0, minutes * 60 + 1, 15.0)
    values = level + growth_per_hour * times / 3600 + noise * NOISE[: len(times)]
    return times.tolist(), (MB * values).tolist()


def test_stable_memory_meets_the_target():
    decision = judge_memory(*samples(35))
    assert (decision.verdict, decision.reason) == (TargetVerdict.MET, None)


def test_a_leak_misses_it_and_the_interval_holds_its_slope():
    decision = judge_memory(*samples(35, growth_per_hour=40))
    low, high = decision.interval
    assert decision.verdict is TargetVerdict.MISSED
    assert low < 40 * MB < high
    assert decision.growth == pytest.approx(20 / 200, rel=0.1)


def test_a_leak_that_the_noise_covers_is_at_the_limit():
    assert judge_memory(*samples(35, growth_per_hour=20, noise=4)).verdict is TargetVerdict.AT_THE_LIMIT


def test_ten_minutes_are_too_short_and_still_show_a_slope():
    decision = judge_memory(*samples(10, growth_per_hour=40))
    assert (decision.verdict, decision.reason) == (TargetVerdict.UNAVAILABLE, RowReason.TOO_SHORT)
    assert (decision.observed_s, decision.needed_s) == (600, 1800)
    assert decision.per_hour > 0


def test_a_short_look_with_few_minutes_shows_no_slope():
    assert judge_memory(*samples(5)).per_hour is None


def test_the_interval_holds_no_growth_where_memory_only_wanders():
    random = np.random.default_rng(9)
    covered = 0
    for _ in range(40):
        wander = np.zeros(41)
        for minute in range(1, 41):
            wander[minute] = 0.8 * wander[minute - 1] + random.normal(0, 3)
        low, high = judge_memory(range(0, 41 * 60, 60), MB * (200 + wander)).interval
        covered += low <= 0 <= high
    assert covered >= 32


def test_a_wild_sample_moves_the_slope_little():
    times, values = samples(35)
    values[-1] *= 10
    assert judge_memory(times, values).verdict is TargetVerdict.MET


def test_memory_across_a_restart_is_never_compared():
    times, values = samples(70, growth_per_hour=40)
    halves = [value if time < 2100 else value - 23 * MB for time, value in zip(times, values, strict=True)]
    decision = judge_memory(times, halves, restarts=[2100.0])
    assert (decision.verdict, decision.restarts) == (TargetVerdict.MISSED, (2100.0,))


def test_restarts_that_leave_no_thirty_minutes_are_invalid_not_stable():
    decision = judge_memory(*samples(40), restarts=[1200.0])
    assert (decision.verdict, decision.reason) == (TargetVerdict.INVALID, RowReason.RESTARTED)


def test_samples_that_are_no_memory_are_left_out():
    times, values = samples(35)
    values[3:6] = [math.nan, 0.0, -1.0]
    assert judge_memory(times, values).verdict is TargetVerdict.MET


def test_without_samples_nothing_was_measured():
    assert judge_memory([], []).reason is RowReason.NOT_MEASURED


def test_constant_memory_has_a_slope_of_zero():
    decision = judge_memory(*samples(35, noise=0))
    assert (decision.verdict, decision.per_hour, decision.interval) == (TargetVerdict.MET, 0, (0, 0))


def test_a_sample_needs_its_time():
    with pytest.raises(ValueError, match="a time for every sample"):
        judge_memory([0.0], [])
