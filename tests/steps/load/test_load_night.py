"""Several scenarios one after the other: nothing is lost, and each ends in a named outcome."""

import pytest
from made_runs import made_run

from chamiperf_ci.errors import ConfigurationError, CredentialRefused, StackUnreachable
from chamiperf_ci.models.run import PhaseOutcome, RunKind, Unavailable
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load.drive import describe, order, why_not_driven
from chamiperf_ci.steps.load.plan import AROUND_S, Budget, assign, confirmation_of, duration, plan_table, seconds_of
from chamiperf_ci.steps.load.request import LoadOptions, choose_scenarios, read_profile

RESTS_S = 60.0
"""Before a long load's checks and after them."""


def _assigned(scenario="boot_storm", profile="full", **changes):
    return assign(read_profile(profile), scenario, LoadOptions(**changes))


def test_a_scenario_takes_its_setup_and_its_rests_too():
    assert seconds_of(_assigned("dhcp_sync_burst")) == 300 + 310 + AROUND_S + 2 * 0.05 * 310
    assert seconds_of(_assigned()) == 900 + AROUND_S + RESTS_S


def test_what_fits_has_all_that_is_left():
    fit = Budget(most_s=2000).fit(_assigned(), elapsed_s=100, rest=1)
    assert (fit.fits, fit.seconds) == (True, 1900)


def test_what_does_not_fit_names_the_smaller_plan_that_would():
    fit = Budget(most_s=800).fit(_assigned(), elapsed_s=100, rest=1)
    assert not fit.fits
    assert "--sustained 320s" in fit.text
    assert Budget(most_s=800).fit(_assigned(durations_s={"sustained": 320.0}), elapsed_s=100, rest=1).fits


def test_what_would_need_a_very_short_phase_is_sent_to_another_profile():
    assert "--profile quick" in Budget(most_s=370).fit(_assigned(), elapsed_s=0, rest=1).text


def test_time_for_a_confirmation_is_kept_back():
    assert not Budget(most_s=1000, confirmation_s=200).fit(_assigned(), elapsed_s=0, rest=1).fits


def test_a_confirmation_repeats_the_two_longest_scenarios_twice():
    loads = [_assigned(), _assigned("bulk_registration"), _assigned("auth_under_load")]
    assert confirmation_of(loads) == 2 * (1080 + AROUND_S + RESTS_S + 600) + 2 * (900 + AROUND_S + RESTS_S + 600)


def test_old_and_new_alternate_who_comes_first():
    old, new = RunKind.PAIR_OLD, RunKind.PAIR_NEW
    assert list(order(3)) == [(1, old), (1, new), (2, new), (2, old), (3, old), (3, new)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StackUnreachable, RunReason.STACK_UNREACHABLE),
        (CredentialRefused, RunReason.INCOMPLETE),
        (ConfigurationError, RunReason.INCOMPLETE),
    ],
)
def test_only_what_the_stack_lacks_is_not_possible_because_that_costs_nothing(error, reason):
    assert why_not_driven(error("it went wrong", where="here", remedy="Mend it.")) is reason


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *(
            (3.0, "3 s"),
            (8.5, "8.5 s"),
            (35.94, "35.9 s"),
            (59, "59 s"),
            (60, "1 min"),
            (170, "2 min 50 s"),
            (200.4, "3 min 20 s"),
        ),
        *((3_601, "1 h"), (3_900, "1 h 5 min"), (19_800, "5 h 30 min")),
    ],
)
def test_durations_are_written_for_people(seconds, text):
    assert duration(seconds) == text


def test_the_plan_is_a_table():
    assert plan_table([_assigned(profile="demo"), _assigned("bulk_registration", "demo")]).splitlines()[0].split() == [
        *("scenario", "model", "VUs", "iterations/s", "requests/s", "per", "service"),
        *("created", "left", "duration", "memory"),
    ]


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_a_plan_fits_the_terminal_and_breaks_no_word(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    plans = [_assigned(each) for each in choose_scenarios(("all",), read_profile("full"))]
    lines = plan_table(plans).splitlines()
    assert max(map(len, lines)) <= columns
    # In a pipe nothing is wrapped, so every piece of a narrow table is a word, or a number, of the wide one.
    monkeypatch.delenv("COLUMNS")
    words = {word for line in lines for word in line.split() if "--" not in word and "left out" not in line}
    assert words <= set(plan_table(plans).split())


def test_vus_connections_and_requests_in_flight_are_told_apart():
    run = made_run(0)
    sustained = PhaseOutcome(name="sustained", offered_per_s=100, achieved_per_s=90, max_vus=1000, in_flight=4.2)
    plan = run.plan.model_copy(update={"connections": 3000})
    told = describe(run.model_copy(update={"phases": (sustained,), "plan": plan}))
    assert "1,000 VUs, up to 3,000 connections, 4.2 requests in flight" in told


def test_what_was_not_there_is_said_in_the_outcomes_line():
    run = made_run(0).model_copy(update={"unavailable": (Unavailable(what="power", reason="no URL is given"),)})
    assert "without power: no URL is given" in describe(run)
