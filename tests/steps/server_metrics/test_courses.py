"""What services did over a load, from counters and gauges as they are scraped."""

from datetime import UTC, datetime, timedelta

import pytest

from chamiperf_ci.models.run import MOST_POINTS
from chamiperf_ci.steps.load.scenario import Span
from chamiperf_ci.steps.server_metrics.collect import courses_of
from chamiperf_ci.steps.server_metrics.tracks import Recording, Track

BEGAN = datetime(2026, 3, 2, 1, 17, tzinfo=UTC)
ROUTE = (("http_route", "/boot/v1/bootscript"), ("le", "+Inf"))
PROBE = (("http_route", "/health"), ("le", "+Inf"))


def recording(looks, **series):
    times = [BEGAN.timestamp() + look for look in looks]
    tracks = [Track(name, labels, times, values) for (name, labels), values in series["of"].items()]
    return Recording.of(times, tracks)


def courses(looks, of):
    spans = [Span("sustained", BEGAN, BEGAN + timedelta(seconds=max(looks)))]
    return {each.what: each for each in courses_of("bss", recording(looks, of=of), spans)}


def test_a_counter_becomes_a_rate_between_looks_and_probes_are_left_out():
    found = courses(
        [0, 10, 20],
        {
            ("http_server_request_duration_seconds_bucket", ROUTE): [100.0, 600.0, 1600.0],
            ("http_server_request_duration_seconds_bucket", PROBE): [0.0, 900.0, 1800.0],
        },
    )
    assert found["requests answered"].points == ((10.0, 50.0), (20.0, 100.0))
    assert (found["requests answered"].of, found["requests answered"].unit) == ("bss", "/s")


def test_a_service_that_nobody_asked_has_no_course():
    of = {
        ("http_server_request_duration_seconds_bucket", ROUTE): [7.0, 7.0],
        ("process_cpu_seconds_total", ()): [1.0, 2.0],
    }
    assert courses([0, 10], of) == {}


def test_a_restart_is_no_negative_rate():
    found = courses([0, 10, 20], {("process_cpu_seconds_total", ()): [50.0, 55.0, 4.0]})
    assert found["processor time"].points == ((10.0, 0.5), (20.0, 0.4))


def test_statements_are_a_mean_in_ms_and_a_stretch_without_any_is_left_out():
    found = courses(
        [0, 10, 20],
        {
            ("db_query_duration_seconds_bucket", (("le", "+Inf"),)): [0.0, 100.0, 100.0],
            ("db_query_duration_seconds_sum", ()): [0.0, 0.05, 0.05],
        },
    )
    assert found["mean of a database statement"].points == ((10.0, 0.5),)


def test_a_gauge_is_as_it_was_last_seen():
    found = courses([0, 10], {("process_resident_memory_bytes", ()): [1e8, 1.5e8]})
    assert found["memory"].points == ((10.0, 150.0),)


@pytest.mark.parametrize("looks", [[0], []])
def test_fewer_than_two_looks_have_no_course(looks):
    spans = [Span("sustained", BEGAN, BEGAN + timedelta(seconds=60))]
    of = {("process_cpu_seconds_total", ()): [1.0] * len(looks)}
    assert courses_of("bss", recording(looks, of=of), spans) == ()


def test_an_hour_of_looks_is_thinned():
    looks = [float(each) for each in range(3600)]
    found = courses(looks, {("process_cpu_seconds_total", ()): [each / 2 for each in looks]})
    points = found["processor time"].points
    assert MOST_POINTS - 5 <= len(points) <= MOST_POINTS
    assert {value for _, value in points} == {0.5}
