"""What an iteration of each scenario does."""

import pytest
from made_loads import storm

from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.models.plan import Phase
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.load.request import read_profile
from chamiperf_ci.steps.load.volume import requests_per_s, work_of

MIX = {"get": 70, "list": 10, "put": 5, "patch": 5, "churn": 10}


@pytest.mark.parametrize(
    ("scenario", "profile", "requests"),
    [
        ("boot_storm", "full", {Service.BSS: 10_000}),
        ("cloud_init_storm", "full", {Service.CLOUD_INIT: 30_000}),
        ("inventory_scale", "full", {Service.SMD: 2_100}),
        ("auth_under_load", "full", {Service.AUTH: 100, Service.BSS: 2_000}),
    ],
)
def test_what_full_offers_is_what_the_scripts_state(scenario, profile, requests):
    load = read_profile(profile).scenarios[scenario]
    sustained = load.phase("sustained")
    assert sustained is not None
    assert requests_per_s(load, sustained, work_of(scenario, load, dialect())) == requests


def test_half_of_the_churn_creates():
    assert work_of("inventory_scale", storm(parameters=MIX), dialect()).creates == pytest.approx(0.05)


def test_a_mix_need_not_sum_to_a_hundred():
    assert work_of("inventory_scale", storm(parameters={"put": 1, "churn": 1}), dialect()).requests == {
        Service.SMD: 1.5
    }


def test_a_bulk_request_creates_many():
    phases = (Phase(name="bulk", duration_s=1, from_vus=1, to_vus=1, iterations=10),)
    assert work_of("bulk_registration", storm(phases=phases, parameters={"bulk_items": 100}), dialect()).once == 990
