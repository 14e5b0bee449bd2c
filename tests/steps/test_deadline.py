"""Side by side, to a deadline that holds."""

import threading

import pytest

from chamiperf_ci.steps.readiness import side_by_side


def test_all_jobs_that_end_are_waited_for():
    done = []
    assert side_by_side({name: lambda name=name: done.append(name) for name in "abc"}, 10) == frozenset()
    assert sorted(done) == ["a", "b", "c"]


def test_a_job_that_hangs_is_named_and_not_waited_for():
    over = threading.Event()
    assert side_by_side({"quick": lambda: None, "hangs": over.wait}, 0.2) == {"hangs"}
    over.set()


def test_jobs_run_side_by_side():
    meeting = threading.Barrier(3)
    assert side_by_side({name: lambda: meeting.wait(10) for name in "abc"}, 20) == frozenset()


def test_a_fault_of_a_job_is_raised():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side({"fails": fail}, 10)


def test_no_jobs_are_done_at_once():
    assert side_by_side({}, 10) == frozenset()


def test_a_caller_that_wants_to_go_on_does_not_wait_for_the_deadline():
    hanging = threading.Event()
    assert side_by_side({"hangs": hanging.wait}, 600, over=lambda: True) == {"hangs"}
    hanging.set()
