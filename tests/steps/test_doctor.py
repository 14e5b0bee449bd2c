"""What a machine gives, and what a plan needs of it; pure but for the look at this machine."""

import json
import re

import pytest
from click.testing import CliRunner

from chamiperf_ci.commands.doctor import doctor
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.steps.doctor import Condition, DoctorReport, State, examine
from chamiperf_ci.steps.load.plan import MachineLimits, assign
from chamiperf_ci.steps.load.request import LoadOptions, read_profile
from chamiperf_ci.steps.load.sizing import CPU_MS_PER_REQUEST, USABLE_SHARE, size, too_large

ROOMY = MachineLimits(available_mb=64_000, open_files=1_000_000, local_ports=60_000)


def _storm(profile="full", **changes):
    return assign(read_profile(profile), "boot_storm", LoadOptions(**changes))


def test_the_spike_of_a_full_storm_needs_more_cores_than_two():
    """20,000 requests/s at 0.25 to 0.32 ms each, on processors of which 60 % may be used."""
    sized = size(_storm(), cores=2, limits=ROOMY)
    assert sized.peak_per_s == 20_000
    assert sized.cores == pytest.approx((20_000 * 0.00025 / 0.6, 20_000 * 0.00032 / 0.6))
    assert not sized.fits
    assert "Expect an invalid run" in sized.text


def test_twelve_cores_carry_it():
    assert size(_storm(), cores=12, limits=ROOMY).text == ""


def test_memory_alone_can_be_too_little():
    small = MachineLimits(available_mb=2_000, open_files=1_000_000, local_ports=60_000)
    assert not size(_storm(), cores=64, limits=small).fits


def test_what_was_measured_on_two_cores_lies_in_the_predicted_range():
    """20,000 VUs with a pace of 5 s: 3,708 of 4,000 requests/s were reached on two quiet cores, 3,966 with GOGC=400."""
    low, high = size(_storm(), cores=2, limits=ROOMY).ceiling_per_s
    assert low * 0.75 <= 3_708 <= high * 1.25
    assert low == pytest.approx(2 * USABLE_SHARE * 1000 / CPU_MS_PER_REQUEST[1])


def test_only_plans_that_do_not_fit_are_warned_of():
    assert too_large([_storm("demo")], cores=8, limits=ROOMY) == []
    assert len(too_large([_storm(), _storm("demo")], cores=2, limits=ROOMY)) == 1


@pytest.mark.parametrize(
    ("states", "worst"),
    [([State.GOOD], State.GOOD), ([State.GOOD, State.LOW], State.LOW), ([State.LOW, State.BAD], State.BAD)],
)
def test_the_gravest_condition_decides(states, worst):
    assert DoctorReport(tuple(Condition("x", each, "") for each in states)).worst is worst


def test_a_plan_that_does_not_fit_is_bad_whatever_the_machine():
    plan = size(_storm(), cores=1, limits=ROOMY)
    assert DoctorReport((Condition("x", State.GOOD, ""),), (plan,)).worst is State.BAD


def test_json_names_version_conditions_and_plan():
    done = CliRunner().invoke(doctor, ["--json", "--scenario", "boot_storm", "--profile", "demo"])
    facts = json.loads(done.stdout)
    assert {"chamiperf", "at", "conditions", "plan"} == set(facts)
    assert {"processors", "memory", "open files", "local ports", "k6"} <= {each["what"] for each in facts["conditions"]}
    assert facts["plan"][0]["scenario"] == "boot_storm"
    assert "fits" in facts["plan"][0]
    (memory,) = (each["text"] for each in facts["conditions"] if each["what"] == "memory")
    free, most = re.fullmatch(r"([\d.,]+) of ([\d.,]+) GB free", memory).groups()
    assert float(free) < float(most)


def test_the_shape_that_is_given_is_sized():
    asked = ["--scenario", "boot_storm", "--vus", "20000", "--pace", "10s", "--spike", "0", "--ramp-up", "60s"]
    done = CliRunner().invoke(doctor, [*asked, "--json"])
    (sized,) = json.loads(done.stdout)["plan"]
    assert sized["peak_per_s"] == 2_000


@pytest.mark.parametrize("shape", [["--vus", "10"], ["--ramp-up", "0"], ["--pace", "0"]])
def test_a_shape_without_a_scenario_is_refused(shape):
    with pytest.raises(ConfigurationError, match="a load's shape was given without a scenario"):
        CliRunner().invoke(doctor, shape, standalone_mode=False, catch_exceptions=False)


def test_a_shape_that_no_scenario_has_is_refused():
    with pytest.raises(ConfigurationError, match="--rate"):
        CliRunner().invoke(
            doctor, ["--scenario", "boot_storm", "--rate", "10"], standalone_mode=False, catch_exceptions=False
        )


def test_a_stack_that_does_not_answer_is_named_with_what_to_do():
    arguments = ["--bss-url", "http://127.0.0.1:9", "--environment", "lab"]
    done = CliRunner().invoke(doctor, [*arguments, "--json"], standalone_mode=False)
    bss = next(each for each in json.loads(done.stdout)["conditions"] if each["what"] == "bss")
    assert (bss["state"], bool(bss["remedy"])) == ("bad", True)
    assert done.return_value == 3


@pytest.mark.parametrize(("busy", "state"), [(0.0, State.GOOD), (10_000.0, State.LOW)])
def test_work_of_others_is_said(busy, state):
    found = examine(None, None, (), MachineLimits(64_000, 1_000_000, 60_000, busy_cores=busy))
    (processors,) = (each for each in found.conditions if each.what == "processors")
    assert processors.state is state
    assert f"other work keeps {busy:.1f} of them busy now" in processors.text
