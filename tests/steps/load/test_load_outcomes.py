"""The phases as they went."""

import pytest
from made_loads import series, storm, summary, traffic

from chamiperf_ci.models.plan import Phase
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.documents import phase_outcomes
from chamiperf_ci.steps.load.validity import LoadSecond
from chamiperf_ci.steps.load.volume import Work, plan_of

WORK = Work("a node", {Service.BSS: 1})


def _outcomes(load=None, seen=(), **fields):
    load = load or storm()
    plan = plan_of(load, WORK)
    return {phase.name: phase for phase in phase_outcomes(plan, summary(**fields), seen)}


def test_offered_and_achieved_stand_side_by_side():
    sustained = _outcomes(traffic=(traffic(5400),))["sustained"]
    assert (sustained.offered_per_s, sustained.achieved_per_s) == (100, 90)


def test_requests_in_flight_are_neither_vus_nor_connections():
    # 6,000 requests of 50.5 ms in 60 s.
    sustained = _outcomes()["sustained"]
    assert (sustained.max_vus, sustained.in_flight) == (100, pytest.approx(5.05))
    both = Work("two", {Service.SMD: 1, Service.BSS: 1})
    assert plan_of(storm(), both).connections == 400


def test_a_phase_that_was_cut_off_counts_the_time_that_it_had():
    cut = _outcomes(duration_s=40.0, traffic=(traffic(3000),))
    assert cut["sustained"].achieved_per_s == 100
    assert "spike" not in cut


def test_vus_are_those_that_were_seen_in_the_phase():
    seen = [LoadSecond(5, 40, 0, 0), LoadSecond(20, 97, 0, 0), LoadSecond(30, 99, 0, 0), LoadSecond(75, 180, 0, 0)]
    outcomes = _outcomes(seen=seen)
    assert (outcomes["ramp-up"].max_vus, outcomes["sustained"].max_vus) == (40, 99)


def test_the_highest_phase_has_the_runs_maximum():
    assert _outcomes()["spike"].max_vus == 200


def test_of_a_phase_that_went_by_unseen_nothing_above_its_plan_is_said():
    assert _outcomes(max_vus=150)["sustained"].max_vus == 100


def test_seconds_after_a_phase_that_ended_early_are_none_of_its():
    phases = (
        Phase(name="sustained", duration_s=90, from_vus=16, to_vus=16, iterations=6000),
        Phase(name="more", start_s=90, duration_s=60, from_vus=32, to_vus=32, iterations=6000),
    )
    lasted_60_s = {"series": (series(windows=10),), "traffic": (traffic(6000),), "max_vus": 32}
    outcomes = _outcomes(storm(pace_s=0, phases=phases), seen=[LoadSecond(70, 0, 0, 0)], **lasted_60_s)
    assert outcomes["sustained"].max_vus == 16


@pytest.mark.parametrize(("name", "achieved"), [("sustained", 100.0), ("first", None)])
def test_a_phase_of_iterations_lasted_as_long_as_its_windows_or_nobody_knows(name, achieved):
    phases = (
        Phase(name="first", duration_s=60, from_vus=4, to_vus=4, iterations=100),
        Phase(name="sustained", start_s=60, duration_s=60, from_vus=16, to_vus=16, iterations=6000),
    )
    outcomes = _outcomes(storm(pace_s=0, phases=phases), series=(series(windows=10),), traffic=(traffic(6000),))
    assert (outcomes[name].achieved_per_s if name in outcomes else None) == achieved
