"""Gauges before and after a load."""

import pytest

from chamiperf_ci.adapters.prometheus import Sample
from chamiperf_ci.steps.load.stack_state import compare, gauges_of


def test_gauges_are_found_under_any_of_their_names_and_added_up_over_labels():
    samples = [
        Sample("http_server_active_requests_ratio", (("route", "a"),), 3.0),
        Sample("http_server_active_requests_ratio", (("route", "b"),), 4.0),
        Sample("pgxpool_acquired_conns", (), 2.0),
        Sample("something_else", (), 9.0),
    ]
    assert gauges_of("bss", samples) == {"bss active requests": 7.0, "bss connections in use": 2.0}


@pytest.mark.parametrize(
    ("before", "after", "ok", "problem"),
    [
        ({"bss active requests": 1}, {"bss active requests": 3}, True, ""),
        ({"bss active requests": 1}, {"bss active requests": 4}, False, "bss active requests: 4, 1 before"),
        ({"bss active requests": 1}, {}, None, "the services state no active requests and no connections in use"),
    ],
)
def test_what_lingers_is_named_with_its_numbers(before, after, ok, problem):
    check = compare(before, after)
    assert (check.ok, check.problem) == (ok, problem)
