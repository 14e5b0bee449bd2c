"""Nights that did not happen, and schedules that are off."""

from datetime import UTC, datetime, timedelta

import pytest

from chamiperf_ci.models.run import RunKind
from chamiperf_ci.render.alerts import NIGHTS_ARE_WELL
from chamiperf_ci.steps.history import EntryName
from chamiperf_ci.steps.nights import Schedule, in_words, missing_nights_line, newest_night, schedule_off_line, watched

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
    assert (missing_nights_line(last, NOW, since=since) is not None) is is_missing


def test_the_alarm_says_how_many_periods_and_since_when():
    line = missing_nights_line(NOW - 3.5 * DAY, NOW)
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
        ("disabled_manually", "the workflow was switched off by hand"),
        ("disabled_fork", "in forks"),
        ("deleted", "the workflow's file is gone"),
        ("unheard_of", "its state is unheard_of"),
    ],
)
def test_a_schedule_that_is_off_says_why(state, why):
    line = schedule_off_line(Schedule("nightly.yml", state), NOW)
    assert line is not None
    assert why in line.says


def test_an_active_schedule_is_no_alarm():
    assert schedule_off_line(Schedule("nightly.yml", "active"), NOW) is None


def found(environment, names, schedule=None):
    """What a look from outside finds, by environment."""
    nights = watched(environment, names, schedule, NOW, period=DAY)
    return {night.environment: [line.what for finding in night.findings for line in finding.lines] for night in nights}


def test_a_look_from_outside_sees_every_environment():
    assert found("", [name(9 * DAY, "lab"), name(DAY, "stage"), name(2.5 * DAY, "lab")]) == {
        "stage": [],
        "lab": ["missing"],
    }


def test_an_environment_whose_nights_ended_a_month_ago_is_given_up_while_another_has_nights():
    assert found("", [name(30 * DAY, "old"), name(DAY, "lab")]) == {"lab": []}


def test_the_last_environment_is_never_given_up():
    assert found("", [name(90 * DAY, "lab")]) == {"lab": ["missing"]}


def test_a_named_environment_is_looked_at_alone():
    assert found("lab", [name(DAY, "stage"), name(3 * DAY)]) == {"lab": ["missing"]}


def test_a_schedule_that_is_off_is_told_of_once():
    off = Schedule("nightly.yml", "disabled_manually")
    assert found("", [name(DAY), name(DAY, "stage")], off) == {"lab": ["disabled_manually"], "stage": []}


def test_a_look_from_outside_is_quiet_while_nights_come():
    assert found("lab", [name(DAY)], Schedule("nightly.yml", "active")) == {"lab": []}


FUTURE = -2 * DAY
ACTIVE = Schedule("nightly.yml", "active", NOW - DAY)


@pytest.mark.parametrize(
    ("names", "damaged", "schedule", "what"),
    [
        pytest.param([], [], None, ["none"], id="no night, and no schedule"),
        pytest.param([], [], Schedule("nightly.yml", "active", NOW - 3 * DAY), ["missing"], id="no night, long since"),
        pytest.param([name(FUTURE)], [], None, ["from the future"], id="a night from the future"),
        pytest.param([name(FUTURE), name(3 * DAY)], [], None, ["from the future", "missing"], id="and none since"),
        pytest.param([name(FUTURE), name(DAY)], [], None, ["from the future"], id="beside a good one"),
        pytest.param([name(DAY)], [name(DAY)], None, ["damaged"], id="a damaged night alone"),
        pytest.param(
            [name(DAY), name(3 * DAY)], [name(DAY)], None, ["damaged", "missing"], id="a damaged one, none since"
        ),
        pytest.param([name(DAY), name(3 * DAY)], [name(3 * DAY)], None, [], id="an old damaged one is told of no more"),
        pytest.param([name(-0.005 * DAY)], [], None, [], id="clocks differ by minutes"),
    ],
)
def test_all_is_well_only_with_a_night_that_is_seen(names, damaged, schedule, what):
    (night,) = watched("lab", names, schedule, NOW, period=DAY, damaged=damaged)
    assert [line.what for finding in night.findings for line in finding.lines] == what
    assert (night.sentence == NIGHTS_ARE_WELL) is (not what)


def test_before_the_first_night_nothing_is_called_well():
    (night,) = watched("lab", [], ACTIVE, NOW, period=DAY)
    assert (night.findings, night.sentence) == ((), "There is no night yet: the schedule began 2026-03-29 12:00 UTC.")


def test_what_could_not_be_seen_is_never_well():
    (night,) = watched("lab", None, ACTIVE, NOW, period=DAY, unknown=["the history is away"])
    assert (night.findings, night.sentence, night.unknown) == ((), "the history is away", ("the history is away",))


def test_of_several_environments_each_is_named():
    nights = watched("", [name(DAY, "stage"), name(2.5 * DAY)], None, NOW, period=DAY)
    assert in_words(nights) == (
        "stage: The nights are where they should be. "
        "lab: No night for 2 periods: the last one began 2026-03-28 00:00 UTC."
    )
