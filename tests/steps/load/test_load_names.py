"""Scenarios and profiles by name."""

import json

import pytest

from chamiperf_ci.adapters import files
from chamiperf_ci.adapters.files import built_script, catalogue
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.load.request import choose_scenarios, read_profile

PROFILES = ("demo", "quick", "full", "soak")


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_reads_and_is_named_like_its_file(name):
    assert read_profile(name).name == name


def test_a_misspelt_profile_is_told_the_near_ones():
    with pytest.raises(ConfigurationError, match=r"no profile 'qiuck' .*Did you mean quick\?"):
        read_profile("qiuck")


def test_a_misspelt_field_of_a_profile_is_told_with_those_that_there_are(tmp_path, monkeypatch):
    own = json.loads((files.k6_folder() / "profiles" / "demo.json").read_text())
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.json").write_text(json.dumps(own | {"scenario": {}}))
    monkeypatch.setattr(files, "k6_folder", lambda: tmp_path)
    with pytest.raises(ConfigurationError, match=r"unknown field scenario; there are .*scenarios"):
        read_profile("own")


def test_a_misspelt_scenario_is_told_the_near_ones():
    with pytest.raises(ConfigurationError, match=r"no scenario 'bootstorm' .*Did you mean boot_storm"):
        choose_scenarios(["bootstorm"], read_profile("demo"))


def test_a_name_like_nothing_is_told_all_of_them():
    with pytest.raises(ConfigurationError, match="There are: boot_storm, cloud_init_storm"):
        choose_scenarios(["xyz"], read_profile("demo"))


def test_seeding_is_no_scenario_although_profiles_shape_it():
    with pytest.raises(ConfigurationError):
        choose_scenarios(["seed"], read_profile("demo"))


def test_all_means_the_eight_of_the_adr():
    assert choose_scenarios(["all"], read_profile("full")) == tuple(catalogue().scenarios)
    assert len(catalogue().scenarios) == 8


def test_scenarios_run_once_and_in_the_order_that_disturbs_least():
    chosen = choose_scenarios(["database_stress", "boot_storm", "boot_storm"], read_profile("demo"))
    assert chosen == ("boot_storm", "database_stress")


@pytest.mark.parametrize("name", catalogue().scenarios)
def test_each_scenario_has_its_script(name):
    assert built_script(name).is_file()
