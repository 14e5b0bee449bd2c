"""How much a load is."""

import math

import pytest
from made_loads import storm

from chamiperf_ci.models.plan import UNCOLLECTED, Phase
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.volume import MB_PER_PROCESS, MB_PER_VU, Work, plan_of

STORM = Work("a node", {Service.BSS: 1})


def test_a_paced_load_adds_up_over_its_phases():
    # 10 s to 100: 500; 60 s at 100: 6,000; 10 s at 200: 2,000; 5 s down from 200: 500.
    assert plan_of(storm(), STORM).planned_iterations == 9000


def test_the_busiest_phase_is_known_by_service():
    assert plan_of(storm(), STORM).peak_requests_per_s == {Service.BSS: 200}


def test_memory_is_that_of_the_process_its_vus_and_its_samples():
    assert plan_of(storm(), STORM).memory_mb == pytest.approx(MB_PER_PROCESS + 200 * MB_PER_VU + 9000 * 160 / 1e6)


def test_garbage_is_collected_as_rarely_as_the_memory_allows_and_that_is_planned():
    usual = plan_of(storm(), STORM).memory_mb
    for room, gogc, planned in ((2.0, UNCOLLECTED, 2.0), (1.999, 400, 1.3), (1.3, 400, 1.3), (1.299, None, 1.0)):
        found = plan_of(storm(), STORM, room_mb=room * usual)
        assert (found.gogc, found.memory_mb) == (gogc, planned * usual)


def test_many_vus_get_the_room_to_collect_nothing_during_the_load():
    load = storm(
        phases=(Phase(name="sustained", duration_s=300.0, from_vus=20_000, to_vus=20_000),), pace_s=12.0, windows=10
    )
    requests = 20_000 / 12 * 300
    made_mb = 2 * MB_PER_PROCESS + 20_000 * 0.40 + requests * 0.031
    twice_mb = 2 * (2 * MB_PER_PROCESS + 20_000 * MB_PER_VU + requests * 160 / 1e6)
    assert made_mb > twice_mb
    # As much as they make, if it is there.
    for room, planned in ((made_mb, made_mb), (made_mb - 1, twice_mb)):
        found = plan_of(load, STORM, segments=2, room_mb=room)
        assert (found.gogc, found.memory_mb) == (UNCOLLECTED, pytest.approx(planned))


@pytest.mark.parametrize(("vus", "more"), [(4_999, False), (5_000, True)])
def test_the_garbage_of_fewer_vus_is_collected_so_fast_that_it_does_not_matter(vus, more):
    phase = Phase(name="sustained", duration_s=600.0, from_vus=vus, to_vus=vus)
    found = plan_of(storm(phases=(phase,), pace_s=2.0, windows=10), STORM, room_mb=math.inf)
    twice_mb = 2 * (MB_PER_PROCESS + vus * MB_PER_VU + vus / 2 * 600 * 160 / 1e6)
    assert (found.memory_mb > twice_mb + 1) is more


def test_a_short_load_of_many_vus_collects_nothing_where_twice_the_usual_memory_is_not_there():
    load = storm(
        phases=(Phase(name="sustained", duration_s=30.0, from_vus=20_000, to_vus=20_000),), pace_s=12.0, windows=3
    )
    made_mb = 2 * MB_PER_PROCESS + 20_000 * 0.40 + 20_000 / 12 * 30 * 0.031
    usual = plan_of(load, STORM, segments=2).memory_mb
    assert made_mb < 1.3 * usual
    for room, gogc, planned in ((made_mb, UNCOLLECTED, max(usual, made_mb)), (made_mb - 1, None, usual)):
        found = plan_of(load, STORM, segments=2, room_mb=room)
        assert (found.gogc, found.memory_mb) == (gogc, pytest.approx(planned))


def test_an_unpaced_load_fixes_no_iterations_but_needs_memory_for_them():
    unpaced = plan_of(storm(pace_s=0.0), STORM)
    assert (unpaced.planned_iterations, unpaced.peak_requests_per_s) == (0, {})
    assert (unpaced.unpaced_requests_per_s, plan_of(storm(), STORM).unpaced_requests_per_s) == (20_000, 0)
    assert unpaced.memory_mb > plan_of(storm(), STORM).memory_mb


def test_arrivals_need_vus_and_make_requests_of_their_own():
    phase = Phase(name="sustained", duration_s=10, from_vus=50, to_vus=50, from_rate=20, to_rate=20)
    both = plan_of(
        storm(model="open", phases=(phase,)), Work("a storm and tokens", {Service.BSS: 1}, {Service.AUTH: 2})
    )
    assert both.peak_requests_per_s == {Service.AUTH: 40, Service.BSS: 50}
    assert both.vus == 50 + 20 * 2


def test_objects_are_counted_created_and_left():
    work = Work("a cycle", {Service.SMD: 1}, creates=7, objects_left=1, once=5)
    assert (plan_of(storm(), work).creates, plan_of(storm(), work).objects_left) == (9000 * 7 + 5, 9000)


def test_what_is_removed_is_sent_as_well_and_is_not_measured():
    work = Work("a way", {Service.SMD: 2}, unmeasured_requests={Service.SMD: 1})
    assert plan_of(storm(), work).peak_requests_per_s == {Service.SMD: 600}
    assert plan_of(storm(), work).phases[1].requests_per_iteration == 2


def test_a_number_of_iterations_is_all_that_is_sent():
    phase = Phase(name="sustained", duration_s=60, from_vus=4, to_vus=4, iterations=1000)
    assert plan_of(storm(pace_s=0.0, phases=(phase,)), STORM).requests == 1000


def test_each_service_has_connections_of_its_own():
    assert plan_of(storm(), Work("two", {Service.SMD: 1, Service.BSS: 1})).connections == 400


def test_the_runs_file_states_the_plan():
    plan = plan_of(storm(), Work("three documents", {Service.CLOUD_INIT: 3}))
    sustained = plan.phases[1]
    assert (sustained.offered_per_s, sustained.requests_per_iteration) == (100, 3)
    assert (plan.windows, plan.window_s, plan.planned_iterations) == (10, 6.0, 9000)


def test_a_ramp_offers_its_mean():
    assert plan_of(storm(), STORM).phases[0].offered_per_s == 50
