import pytest
from made_runs import made_run

from chamiperf_ci.steps.confirm import replay
from chamiperf_ci.steps.load.request import LoadOptions, apply, describe, read_profile

PROFILES = [
    (profile, scenario) for profile in ("demo", "quick", "full") for scenario in read_profile(profile).scenarios
]


def load_of(profile, scenario):
    return read_profile(profile).scenarios[scenario]


def again(load, done, profile, scenario):
    """The load that `load` would make of the options that replay gives for a run with these parameters."""
    run = made_run(0, scenario=scenario, fingerprint={"profile": profile, "parameters": done})
    return describe(apply(load, LoadOptions(**replay(run, load)), scenario=scenario))


@pytest.mark.parametrize(("profile", "scenario"), PROFILES)
def test_a_run_of_the_bare_profile_is_repeated_without_an_option(profile, scenario):
    load = load_of(profile, scenario)
    given = replay(made_run(0, scenario=scenario, fingerprint={"profile": profile, "parameters": describe(load)}), load)
    assert (given["durations_s"], given["settings"]) == ({}, {})
    assert given.keys() == {"scenarios", "profile", "connections", "durations_s", "settings"}


@pytest.mark.parametrize(
    "overrides",
    [
        LoadOptions(vus=50),
        LoadOptions(spike_vus=70),
        LoadOptions(pace=0.0),
        LoadOptions(durations_s={"sustained": 20.0}),
        LoadOptions(durations_s={"spike": 0.0}),
        LoadOptions(windows=5),
        LoadOptions(herd=True),
        LoadOptions(request_timeout=3.0),
        LoadOptions(vus=50, spike_vus=90, pace=0.5, durations_s={"ramp-up": 0.0, "sustained": 4.0}, windows=4),
    ],
    ids=repr,
)
def test_what_was_overridden_is_overridden_again(overrides):
    load = load_of("demo", "boot_storm")
    done = describe(apply(load, overrides, scenario="boot_storm"))
    assert again(load, done, "demo", "boot_storm") == done


@pytest.mark.parametrize(("profile", "scenario"), [("quick", name) for name in read_profile("quick").scenarios])
def test_a_scenarios_own_parameters_are_set_again(profile, scenario):
    load = load_of(profile, scenario)
    numbers = {name: value + 1 for name, value in load.parameters.items() if type(value) is int}
    done = describe(apply(load, LoadOptions(settings=numbers), scenario=scenario))
    assert again(load, done, profile, scenario) == done
