import xml.etree.ElementTree as ET
from pathlib import Path

import golden
import pytest
from made_verdicts import KNOWN, made_row, made_scenario, made_target, made_verdict
from test_escaping import HOSTILE
from test_states import eventful

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import FailOn, RowReason, RowVerdict, RunReason, TargetVerdict
from chamiperf_ci.render.junit import junit

GOLDEN = Path(__file__).parent / "golden"

SATURATED = RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %")


def outcomes(verdict):
    suite = ET.fromstring(junit(verdict)).find("testsuite")  # noqa: S314 - our own text
    return [case[0].tag if len(case) else "passed" for case in suite.iter("testcase")]


def test_the_xml_of_a_night_in_which_everything_happened():
    golden.check(GOLDEN / "junit.xml", junit(eventful()))


CASES = [
    (made_row(), "failure"),
    (made_row(acknowledged=KNOWN), "skipped"),
    (made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE), "passed"),
    (made_row(RowVerdict.IMPROVEMENT, RowReason.FASTER), "passed"),
    (made_row(RowVerdict.INCONCLUSIVE, RowReason.NOISY), "skipped"),
    (made_row(RowVerdict.INVALID, RowReason.ERROR_BURST, change=None), "error"),
    (made_row(RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, change=None), "error"),
    (made_row(RowVerdict.UNAVAILABLE, RowReason.NO_BASELINE, change=None), "skipped"),
]


@pytest.mark.parametrize(("row", "outcome"), CASES, ids=[f"{row.reason}-{outcome}" for row, outcome in CASES])
def test_each_verdict_has_its_outcome_and_unknown_is_never_passed(row, outcome):
    assert outcomes(made_verdict((row,))) == ["passed", outcome]


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (TargetVerdict.MET, "passed"),
        (TargetVerdict.AT_THE_LIMIT, "passed"),
        (TargetVerdict.MISSED, "failure"),
        (TargetVerdict.INVALID, "error"),
        (TargetVerdict.UNAVAILABLE, "skipped"),
    ],
)
def test_each_target_has_its_outcome(verdict, outcome):
    row = made_row(RowVerdict.PASS, RowReason.WITHIN_TOLERANCE, target=made_target(verdict))
    assert outcomes(made_verdict((row,))) == ["passed", "passed", outcome]


def test_a_run_that_was_not_judged_is_an_error():
    scenario = made_scenario(valid=False, problems=(SATURATED,))
    assert outcomes(made_verdict((), scenarios=(scenario,))) == ["error"]


DRIFTING = made_row(RowVerdict.INCONCLUSIVE, RowReason.DRIFT, compared=False)
COSTS = [
    (made_row(), FailOn.REGRESSION, "failure"),
    (made_row(RowVerdict.INCONCLUSIVE, RowReason.NOISY), FailOn.INCONCLUSIVE, "failure"),
    (DRIFTING, FailOn.DRIFT, "failure"),
    (made_row(RowVerdict.INVALID, RowReason.ERROR_BURST, change=None), FailOn.INVALID, "error"),
    (made_row(RowVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, change=None), FailOn.INVALID, "error"),
    (made_row(compared=False, target=made_target(TargetVerdict.MISSED)), FailOn.TARGET, "failure"),
    (made_row(compared=False, target=made_target(TargetVerdict.INVALID)), FailOn.INVALID, "error"),
]
COSTS_IDS = [f"{kind}-{row.reason}-{row.target.verdict}" for row, kind, _ in COSTS]


@pytest.mark.parametrize(("row", "kind", "outcome"), COSTS, ids=COSTS_IDS)
def test_what_the_night_fails_on_has_its_outcome(row, kind, outcome):
    assert outcomes(made_verdict((row,), fail_on=(kind,))) == ["passed", outcome]


@pytest.mark.parametrize(("row", "kind"), [each[:2] for each in COSTS], ids=COSTS_IDS)
def test_what_the_night_does_not_fail_on_is_skipped(row, kind):
    advisory = tuple(each for each in FailOn if each is not kind)
    told = [] if row is DRIFTING else ["skipped"]
    assert outcomes(made_verdict((row,), fail_on=advisory)) == ["passed", *told]


def test_a_run_that_was_not_judged_and_fails_nothing_is_skipped():
    scenario = made_scenario(valid=False, problems=(SATURATED,))
    night = made_verdict((), scenarios=(scenario,), fail_on=(FailOn.REGRESSION,))
    assert outcomes(night) == ["skipped"]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_leaves_the_xml_well_formed(name):
    assert outcomes(made_verdict((made_row(endpoint=name, detail=name),))) == ["passed", "failure"]
