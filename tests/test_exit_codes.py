"""One test a row of docs/exit-codes.md, and the page itself."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from made_runs import accepting, made_run, shipped_baselines

from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.baselines import EnvironmentNote
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.vocabulary import DEFAULT_FAIL_ON, FailOn, RowReason, RunReason, Statistic
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.scenarios import PastNight, PastNights, PastValue

PAGE = (Path(__file__).parent.parent / "docs" / "exit-codes.md").read_text(encoding="utf-8")
ACCEPTED = accepting(shipped_baselines(), [made_run(number, noise=0.02) for number in range(5)])
NEW = shipped_baselines().model_copy(
    update={"environments": {"lab": EnvironmentNote(first_night=made_run(20).started_at.date())}}
)
SATURATED = {"problems": (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 %"),)}


def night(factor=1.0, **changes):
    return made_run(20, noise=0.02, factor=factor, **changes)


def repeats(factor=1.0, **changes):
    starts = [night().ended_at + timedelta(minutes=20 + 40 * number) for number in range(2)]
    return [
        made_run(
            21 + n,
            noise=0.02,
            factor=factor,
            run_kind=RunKind.REPEAT,
            started_at=start,
            ended_at=start + timedelta(minutes=15),
            **changes,
        )
        for n, start in enumerate(starts)
    ]


def renamed():
    return night(series=(night().series[0].model_copy(update={"endpoint": "renamed"}),))


def creeping():
    """Thirty nights, all 15 % above the baseline: under every nightly tolerance."""
    key = next(
        row.key for row in judge(NightInput(runs=[night()], baselines=ACCEPTED)).verdict.rows if row.key.metric == "p99"
    )
    return PastNights(
        tuple(
            PastNight(
                run_id=f"past{n}",
                started_at=night().started_at - timedelta(days=30 - n),
                fingerprint=night().fingerprint,
                values={key: PastValue(12.4 * 1.15, Statistic.MEDIAN_OF_WINDOWS)},
            )
            for n in range(30)
        )
    )


ROWS = {
    "a row is a regression": ({"runs": [night(1.4), *repeats(1.4)]}, 1, "regression"),
    "a target is missed": ({"runs": [night(failed=20_000)]}, 1, "target missed"),
    "a run or a compared row is invalid": ({"runs": [night(**SATURATED)]}, 3, "invalid"),
    "a repeat or a pair of `confirm` is invalid": ({"runs": [night(1.4), *repeats(1.4, **SATURATED)]}, 3, "invalid"),
    "a metric of the baseline was not measured": ({"runs": [renamed()]}, 3, "invalid"),
    "a measured metric has no baseline, or one of other circumstances only": (
        {"runs": [night()], "baselines": shipped_baselines()},
        3,
        "invalid",
    ),
    "no row was compared and no target judged": (
        {"runs": [night(series=(), traffic=())], "baselines": shipped_baselines()},
        3,
        "invalid",
    ),
    "one run lies far above its baseline, by a factor of 2.5 or more, and was not measured again": (
        {"runs": [night(3.0)]},
        3,
        "not decided",
    ),
    "a measured metric has no baseline, in the first 21 nights of an environment": (
        {"runs": [night()], "baselines": NEW},
        0,
        "learning",
    ),
    "a quick run whose profile has no accepted run": (
        {"runs": [night(run_kind=RunKind.QUICK, fingerprint={"profile": "quick"})]},
        0,
        "targets only",
    ),
    "a slow drift": ({"runs": [night(1.15)], "past": creeping()}, 0, "drift"),
    "a row is inconclusive": ({"runs": [night(1.4)]}, 0, "inconclusive"),
    "none of these": ({"runs": [night()]}, 0, "pass"),
}


def listed():
    table = PAGE.split("## How a night ends")[1].split("\nWhat is acknowledged")[0]
    rows = re.findall(r"(?m)^\d+\. (.+): (\d)(?:, a warning)?, `(.+)`$", table)
    return {what: (int(code), word) for what, code, word in rows}


@pytest.mark.parametrize("what", ROWS)
def test_a_night_ends_as_its_row_says(what):
    asked, code, word = ROWS[what]
    outcome = judge(NightInput(**({"baselines": ACCEPTED} | asked))).verdict.outcome
    assert (outcome.exit_code, outcome.word) == (code, word) == listed()[what]


def test_the_page_lists_exactly_the_rows_that_are_tested():
    assert list(listed()) == list(ROWS)


@pytest.mark.parametrize(
    ("kind", "what", "code"),
    [
        (FailOn.REGRESSION, "a row is a regression", 1),
        (FailOn.TARGET, "a target is missed", 1),
        (FailOn.INVALID, "a run or a compared row is invalid", 3),
        (FailOn.DRIFT, "a slow drift", 1),
        (FailOn.INCONCLUSIVE, "a row is inconclusive", 1),
    ],
)
def test_fail_on_says_what_may_fail_a_night(kind, what, code):
    asked, _, word = ROWS[what]
    for fail_on, expected in (({kind}, code), (set(DEFAULT_FAIL_ON) - {kind}, 0)):
        outcome = judge(NightInput(**({"baselines": ACCEPTED} | asked), fail_on=fail_on)).verdict.outcome
        assert (outcome.exit_code, outcome.word) == (expected, word)


def test_every_code_has_its_row():
    codes = {int(code) for code in re.findall(r"(?m)^- \*\*(\d+)\*\*: ", PAGE)}
    assert codes == {int(code) for code in ExitCode}


def test_a_regression_stands_before_an_invalid_row():
    other = made_run(20, scenario="auth_under_load", **SATURATED)
    judged = judge(NightInput(runs=[night(1.4), *repeats(1.4), other], baselines=ACCEPTED)).verdict
    assert judged.outcome.exit_code == 1
    assert RowReason.RUN_INVALID in {row.reason for row in judged.rows}
