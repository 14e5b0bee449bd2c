"""What of a verdict is worth an alert."""

from datetime import date

import pytest
from made_verdicts import KNOWN, everything, made_row, made_scenario, made_target, made_verdict

from chamiperf_ci.models.history import NOT_MEASURING
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.steps.alerts.findings import findings, without_verdict

PASSED = made_row(verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE)
NOISY = made_row(verdict=RowVerdict.INCONCLUSIVE, reason=RowReason.NOISY)
MISSED = made_row(
    verdict=RowVerdict.PASS, reason=RowReason.WITHIN_TOLERANCE, target=made_target(TargetVerdict.MISSED, 120.0)
)
VANISHED = made_row(verdict=RowVerdict.UNAVAILABLE, reason=RowReason.NOT_MEASURED, change=None)
UNKNOWN = made_row(verdict=RowVerdict.UNAVAILABLE, reason=RowReason.NO_BASELINE, change=None)
SATURATED = made_scenario(
    valid=False,
    reasons=(RunReason.GENERATOR_SATURATED,),
    problems=(RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),),
)


def told(*rows, **changes):
    """What a verdict of these rows is told of, as topic and reasons."""
    verdict = made_verdict(rows, **({"exit_code": 0} | changes))
    return [(finding.topic, [line.what for line in finding.lines]) for finding in findings(verdict).findings]


@pytest.mark.parametrize(
    ("row", "changes", "expected"),
    [
        pytest.param(PASSED, {}, [], id="a row that passed"),
        pytest.param(made_row(), {}, [("boot_storm", ["regression"])], id="a regression"),
        pytest.param(made_row(acknowledged=KNOWN), {}, [], id="one that is acknowledged"),
        pytest.param(NOISY, {}, [], id="a row that could not be decided"),
        pytest.param(
            NOISY, {"fail_on": ("inconclusive",)}, [("boot_storm", ["inconclusive"])], id="unless it fails nights"
        ),
        pytest.param(MISSED, {}, [("boot_storm", ["target missed"])], id="a missed target"),
        pytest.param(made_row(), {"fail_on": ("target", "invalid")}, [], id="a regression that is only advisory"),
        pytest.param(VANISHED, {}, [(NOT_MEASURING, ["not-measured"])], id="a metric that vanished"),
        pytest.param(UNKNOWN, {}, [(NOT_MEASURING, ["no-baseline"])], id="a metric without a baseline"),
        pytest.param(
            UNKNOWN, {"scenarios": (made_scenario(learning_runs=3),)}, [], id="which is forgiven while learning"
        ),
        pytest.param(
            PASSED, {"scenarios": (SATURATED,)}, [(NOT_MEASURING, ["generator-saturated"])], id="an invalid run"
        ),
        pytest.param(
            PASSED, {"scenarios": (SATURATED,), "fail_on": ("regression",)}, [], id="unless invalid fails no night"
        ),
        pytest.param(
            PASSED,
            {"scenarios": (made_scenario(repeat_reasons=(RunReason.INCOMPLETE,)),)},
            [(NOT_MEASURING, ["incomplete"])],
            id="a repeat that could not be judged",
        ),
        pytest.param(
            PASSED, {"exit_code": 1, "word": "drift"}, [(NOT_MEASURING, ["drift"])], id="a failed night is never silent"
        ),
    ],
)
def test_a_night_is_told_of(row, changes, expected):
    assert told(row, **changes) == expected


def test_a_night_in_which_everything_happened_tells_each_once():
    night = findings(everything())
    assert [finding.topic for finding in night.findings] == [NOT_MEASURING, "boot_storm"]


def test_a_regression_is_told_before_a_missed_target():
    target = MISSED.model_copy(update={"key": MISSED.key.model_copy(update={"scenario": "auth_under_load"})})
    scenarios = (made_scenario("auth_under_load"), made_scenario())
    assert [topic for topic, _ in told(target, made_row(), scenarios=scenarios)] == ["boot_storm", "auth_under_load"]


@pytest.mark.parametrize("fail_on", [(), ("regression",)])
def test_a_night_with_an_invalid_run_is_no_heartbeat(fail_on):
    night = made_verdict((PASSED,), scenarios=(SATURATED,), exit_code=0, fail_on=fail_on)
    assert not findings(night).valid


def test_a_regression_is_a_valid_night():
    assert findings(made_verdict((made_row(),))).valid


def test_a_night_without_a_verdict_says_why():
    night = without_verdict("lab", "smoke ended with 1", date(2026, 3, 14))
    assert [(finding.topic, finding.lines[0].says) for finding in night.findings] == [("", "smoke ended with 1")]
    assert not night.valid


def test_the_night_can_be_made_again_by_hand_and_leaves_no_node():
    (finding,) = findings(made_verdict((made_row(),))).findings
    assert finding.reproduce == (
        "chamiperf seed --target lab --nodes 50000",
        "chamiperf load --target lab --scenario boot_storm --profile full",
        "chamiperf compare",
        "chamiperf seed --target lab --remove",
    )
