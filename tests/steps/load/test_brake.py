"""When running load is stopped."""

import pytest
from made_loads import observation

from chamiperf_ci.steps.load.request import BrakeLimits
from chamiperf_ci.steps.load.validity import Brake


def _stopped_at(brake, *, share, seconds=60, requests=100):
    """The second at which a constant share of failures stops the load; None if it does not."""
    for second in range(1, seconds + 1):
        order = brake(observation(float(second), second * requests, second * requests * share))
        if order is not None:
            return second, order.reason
    return None


def test_more_than_half_failing_for_thirty_seconds_stops_the_load():
    assert _stopped_at(Brake(BrakeLimits()), share=0.6) == (30, "brake-failures")


def test_half_failing_does_not():
    assert _stopped_at(Brake(BrakeLimits()), share=0.5) is None


def test_a_good_second_in_between_starts_the_count_again():
    brake, failed = Brake(BrakeLimits()), 0.0
    for second in range(1, 59):
        failed += 0 if second == 29 else 90
        assert brake(observation(float(second), second * 100.0, failed)) is None
    assert _order(brake(observation(59.0, 5900.0, failed + 90))) == "brake-failures"


def test_seconds_in_which_nothing_comes_back_are_no_recovery():
    brake = Brake(BrakeLimits(after_s=10))
    brake(observation(1.0, 100, 90))
    for second in range(2, 10):
        assert brake(observation(float(second), 100, 90)) is None
    assert _order(brake(observation(11.0, 110, 100))) == "brake-failures"


def test_a_service_that_is_not_ready_for_thirty_seconds_stops_the_load():
    red = [29.0]
    brake = Brake(BrakeLimits(), lambda: red[0])
    assert brake(observation()) is None
    red[0] = 30.0
    assert _order(brake(observation())) == "brake-readiness"


def test_the_longest_duration_is_that_of_the_load():
    brake = Brake(BrakeLimits(max_duration_s=100))
    assert brake(observation(100.0)) is None
    assert _order(brake(observation(101.0))) == "max-duration"


@pytest.mark.parametrize(
    ("rss_mb", "available_mb", "stops"),
    [(200, 257, False), (200, 255, True), (10_000, 1001, False), (10_000, 999, True)],
)
def test_near_the_memory_limit_room_for_the_summary_is_kept(rss_mb, available_mb, stops):
    order = Brake(BrakeLimits())(observation(rss_mb=rss_mb, available_mb=available_mb))
    assert (_order(order) == "out-of-memory") is stops


def test_counters_that_k6_did_not_answer_decide_nothing():
    assert Brake(BrakeLimits(after_s=0.5))(observation(requests=None)) is None


def test_what_was_seen_is_kept_for_the_phases():
    brake = Brake(BrakeLimits())
    brake(observation(2.0, 10, 1, vus=7))
    assert [(seen.at_s, seen.vus) for seen in brake.seen] == [(2.0, 7.0)]


def _order(order):
    return None if order is None else order.reason
