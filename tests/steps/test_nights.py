"""Nights that did not happen, and schedules that are off."""

from datetime import UTC, datetime, timedelta

import pytest

from chamiperf_ci.models.run import RunKind
from chamiperf_ci.steps.history import EntryName
from chamiperf_ci.steps.nights import Schedule, missing_nights, newest_night, schedule_off, watched

NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def name(ago, environment="lab", kind=RunKind.NIGHT):
    return EntryName(environment, NOW - ago, "boot_storm", kind, "w1")


@pytest.mark.parametrize(
    ("last", "since", "is_missing"),
    [
        pytest.param(NOW - 1.9 * DAY, None, False, id="one night may be lost"),
        pytest.param(NOW - 2 * DAY, None, True, id="two are an alarm"),
        pytest.param(None, None, False, id="nothing known"),
        pytest.param(None, NOW - DAY, False, id="a schedule that has just begun"),
        pytest.param(None, NOW - 3 * DAY, True, id="a schedule that never brought a night"),
    ],
)
def test_nights_are_missing_after_two_periods(last, since, is_missing):
    assert (missing_nights(last, NOW, since=since) is not None) is is_missing


def test_the_alarm_says_how_many_periods_and_since_when():
    line = missing_nights(NOW - 3.5 * DAY, NOW)
    assert line is not None
    assert line.says == "No night for 3 periods: the last one began 2026-03-27 00:00 UTC."


def test_a_quick_run_is_no_night():
    assert newest_night([name(DAY, kind=RunKind.QUICK)], "lab") is None


def test_another_environments_night_does_not_count():
    assert newest_night([name(DAY, "other")], "lab") is None


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("disabled_inactivity", "no commit for 60 days"),
        ("disabled_manually", "somebody switched the workflow off"),
        ("disabled_fork", "in forks"),
        ("deleted", "the workflow's file is gone"),
        ("unheard_of", "its state is unheard_of"),
    ],
)
def test_a_schedule_that_is_off_says_why(state, why):
    line = schedule_off(Schedule("nightly.yml", state), NOW)
    assert line is not None
    assert why in line.says


def test_an_active_schedule_is_no_alarm():
    assert schedule_off(Schedule("nightly.yml", "active"), NOW) is None


def test_a_look_from_outside_takes_the_environment_of_the_newest_night():
    night = watched("", [name(3 * DAY, "old"), name(2.5 * DAY, "lab")], None, NOW, period=DAY)
    assert (night.environment, len(night.troubles)) == ("lab", 1)


def test_a_look_from_outside_is_quiet_while_nights_come():
    assert watched("lab", [name(DAY)], Schedule("nightly.yml", "active"), NOW, period=DAY).troubles == ()
