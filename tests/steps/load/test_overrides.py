"""What the command line changes in a load."""

import pytest
from made_loads import storm

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import Phase
from chamiperf_ci.steps.load.request import LoadOptions, apply, choose_scenarios, describe, read_profile


def _apply(load=None, **changes):
    return apply(load or storm(), LoadOptions(**changes), scenario="boot_storm")


def _levels(load):
    return [(phase.name, phase.from_vus, phase.to_vus) for phase in load.phases]


def test_nothing_given_leaves_the_profile_and_places_the_phases():
    unplaced = storm(phases=tuple(phase.model_copy(update={"start_s": 0.0}) for phase in storm().phases))
    assert _apply(unplaced) == storm()


def test_vus_change_the_ramp_and_the_sustained_phase_and_leave_the_spike():
    assert _levels(_apply(vus=50)) == [
        ("ramp-up", 0, 50), ("sustained", 50, 50), ("spike", 200, 200), ("cooldown", 200, 0),
    ]  # fmt: skip


def test_the_cooldown_falls_from_wherever_the_load_is():
    assert _levels(_apply(spike_vus=300))[-1] == ("cooldown", 300, 0)


def test_a_phase_of_no_duration_is_left_out_and_the_rest_moves_up():
    load = _apply(durations_s={"spike": 0.0})
    assert [(phase.name, phase.start_s, phase.from_vus) for phase in load.phases] == [
        ("ramp-up", 0, 0), ("sustained", 10, 100), ("cooldown", 70, 100),
    ]  # fmt: skip


def test_rates_of_arrivals_change_like_vus():
    phases = (
        Phase(name="ramp-up", duration_s=1, from_rate=0, to_rate=20),
        Phase(name="sustained", duration_s=1, from_rate=20, to_rate=20),
    )
    load = _apply(storm(model="open", phases=phases), rate=5.0)
    assert [(phase.from_rate, phase.to_rate) for phase in load.phases] == [(0, 5), (5, 5)]


def test_the_power_on_instant_belongs_to_the_sustained_phase():
    assert [phase.name for phase in _apply(herd=True).phases if phase.herd] == ["sustained"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rate": 5.0}, "--rate: this load has no arrivals"),
        ({"spike_rate": 5.0}, "--spike-rate: no spike of arrivals"),
        ({"iterations": 5}, "--iterations: no phase ends after a number of them"),
        ({"durations_s": {"warm-up": 5.0}}, "--warm-up: there is no such phase"),
        ({"settings": {"mix": 1}}, "--set mix: unknown"),
        ({"durations_s": dict.fromkeys(("ramp-up", "sustained", "spike", "cooldown"), 0.0)}, "no phase is left"),
    ],
)
def test_a_value_without_a_place_is_refused_and_never_ignored(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        _apply(**changes)


@pytest.mark.parametrize("scenario", choose_scenarios(["all"], read_profile("demo")))
def test_what_the_action_at_the_root_sets_by_itself_fits_each_scenario(scenario):
    loads = read_profile("demo").scenarios
    own = {"durations_s": {"spike": 0.0, "sustained": 30.0}}
    apply(loads[scenario], LoadOptions(**own), scenario=scenario)
    apply(loads[scenario], LoadOptions(**own, vus=50), scenario=scenario, others=[loads["boot_storm"]])


def test_a_phase_that_is_not_there_can_be_left_out():
    assert _apply(durations_s={"warm-up": 0.0}) == _apply()


def test_of_several_scenarios_each_takes_what_it_has_a_place_for():
    arrivals = storm(model="open", phases=(Phase(name="sustained", duration_s=1, from_rate=1, to_rate=1),))
    options = LoadOptions(vus=5, durations_s={"spike": 3.0}, settings={"mix": 1})
    mixed = storm(parameters={"mix": 0})
    changed = apply(arrivals, options, scenario="mixed_boot_path", others=[mixed])
    assert changed == apply(arrivals, LoadOptions(), scenario="mixed_boot_path")
    assert apply(mixed, options, scenario="boot_storm", others=[arrivals]).parameters == {"mix": 1}
    with pytest.raises(ConfigurationError, match="--spike: there is no such phase"):
        apply(arrivals, options, scenario="mixed_boot_path", others=[arrivals])


@pytest.mark.parametrize(
    ("profiles", "value", "kind"),
    [
        pytest.param(70, "abc", "a number from 0 on", id="text for a number"),
        pytest.param(70, float("nan"), "a number from 0 on", id="NaN"),
        pytest.param(0.25, -1, "a number from 0 on", id="below 0"),
        pytest.param(70, True, "a number from 0 on", id="truth for a number"),
        pytest.param("dev-mode", 5, "a text", id="number for a text"),
        pytest.param(False, 1, "true or false", id="number for a truth"),
    ],
)
def test_a_parameter_of_another_kind_than_the_profiles_is_refused_before_a_script_sees_it(profiles, value, kind):
    with pytest.raises(ConfigurationError, match=f"--set mix: {value!r} is not {kind}"):
        _apply(storm(parameters={"mix": profiles}), settings={"mix": value})


def test_a_whole_number_stands_for_one_with_a_fraction():
    assert _apply(storm(parameters={"poll_s": 0.25}), settings={"poll_s": 2}).parameters == {"poll_s": 2}


def test_vus_of_arrivals_alone_are_refused():
    load = storm(model="open", phases=(Phase(name="sustained", duration_s=1, from_rate=1, to_rate=1),))
    with pytest.raises(ConfigurationError, match="--vus: this load is arrivals only"):
        _apply(load, vus=5)


def test_a_load_is_described_flat_for_the_fingerprint():
    described = describe(_apply(durations_s={"spike": 0.0, "cooldown": 0.0}, herd=True))
    assert described == {
        "pace_s": 1.0, "ramp-up_s": 10, "ramp-up_vus": 100, "sustained_s": 60, "sustained_vus": 100,
        "sustained_herd": True, "windows": 10, "request_timeout_s": 30.0,
    }  # fmt: skip
