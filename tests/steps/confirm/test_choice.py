import pytest
from made_verdicts import made_row, made_scenario, made_verdict

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.confirm import choose

NAMES = ("boot_storm", "auth_under_load", "bulk_registration")


def first_look(**changes):
    scenarios = tuple(made_scenario(name) for name in NAMES)
    return made_verdict((made_row(),), **({"scenarios": scenarios, "suspect_scenarios": NAMES} | changes))


@pytest.mark.parametrize(
    ("asked", "most", "chosen"),
    [
        pytest.param((), 2, NAMES[:2], id="the most suspect"),
        pytest.param((), 0, (), id="none"),
        pytest.param((), 8, NAMES, id="all suspects"),
        pytest.param(("bulk_registration",), 0, ("bulk_registration",), id="asked for by name"),
        pytest.param(("boot_storm", "boot_storm"), 2, ("boot_storm",), id="once each"),
    ],
)
def test_the_most_suspect_scenarios_are_chosen_or_those_asked_for(asked, most, chosen):
    assert choose(first_look(), asked, most) == chosen


def test_without_suspects_nothing_is_chosen():
    assert choose(first_look(suspect_scenarios=()), (), 2) == ()


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({"stage": "confirmed"}, (), "confirmed once"),
        ({"gate": "adr"}, (), "nothing to confirm"),
        ({}, ("boot_strom",), "has no scenario 'boot_strom'"),
    ],
)
def test_what_cannot_be_confirmed_is_refused(changes, asked, why):
    with pytest.raises(ConfigurationError, match=why):
        choose(first_look(**changes), asked, 2)
