"""Each kept case with the verdict an expert would give: the exit code, the word, and the row that says why."""

from pathlib import Path

import pytest

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.render.headline import night_sentence
from chamiperf_ci.steps.compare.judge import judge
from chamiperf_ci.steps.compare.scenarios import read_runs
from chamiperf_ci.steps.compare.step import CompareOptions, read_input

CASES = Path(__file__).resolve().parents[2] / "cases" / "verdict"
EXPECTED = {
    # The service's own processor time, on the generator's host, is no excuse.
    "busy-masks-own-cpu": (1, "regression", "p50", "regression", "slower-in-all-runs"),
    # No earlier figure says what connecting took: named, and no pass.
    "connecting-0.1-to-400-ms": (0, "inconclusive", "connecting p95", "inconclusive", "no-earlier-figure"),
    # No accepted run says how its windows differed: the slow half is named, and no pass.
    "half-run-x1.9": (0, "inconclusive", "slow-quarter p95", "inconclusive", "part-of-run"),
    # Red, as 21 % more than accepted; and no news (below).
    "lucky-baseline-30-nights-at-present-level": (1, "regression", "p50", "regression", "slower-in-all-runs"),
    "threefold-in-one-run": (3, "not decided", "p99", "inconclusive", "suspect-not-repeated"),
    "unit-s-to-min-scalar-doubled": (3, "invalid", "time_to_boot", "invalid", "unit-mismatch"),
    "traceback-OverflowError-metric_class-56": (3, "invalid", "p50", "invalid", "not-a-quantity"),
}


def judged(case):
    folder = CASES / case
    history = folder / "history"
    rules = CompareOptions(baselines=folder / "baselines.json", history=history if history.is_dir() else None)
    return judge(read_input(read_runs([folder / "runs"]), rules)).verdict


@pytest.mark.parametrize("case", EXPECTED)
def test_a_case_is_judged_as_an_expert_would(case):
    code, word, metric, verdict, reason = EXPECTED[case]
    found = judged(case)
    row = next(row for row in found.rows if row.key.metric == metric and row.key.phase == "sustained")
    assert (found.outcome.exit_code, found.outcome.word) == (code, word)
    assert (row.verdict, row.reason, row.compared) == (verdict, reason, True)


def test_what_thirty_nights_had_is_no_news():
    found = judged("lucky-baseline-30-nights-at-present-level").rows
    rows = {row.key.metric: row for row in found if row.compared}
    assert rows["p50"].already_there


def test_nothing_judged_is_not_fine():
    found = judged("no-series-new-environment").outcome
    assert (found.exit_code, found.nothing_judged) == (3, True)


def test_no_claim_lies_below_what_the_rule_asks_of_a_slow_down():
    claims = [row.change.detectable for row in judged("ten-percent-detectable-claim").rows if row.change]
    assert claims
    assert min(claims) > 0.15


@pytest.mark.parametrize("case", ["traceback-ValueError-wilson-40", "traceback-baseline-errors-above-requests"])
def test_more_failures_than_requests_are_refused_with_their_place(case):
    with pytest.raises(ConfigurationError, match=r"run boot0000ni0: 60000 failed of 30000 requests of bootscript"):
        judged(case)


def test_the_services_own_processor_time_is_no_excuse_and_is_said():
    sentence = night_sentence(judged("busy-masks-own-cpu"))
    assert "Other processes used 60 % of the machine, at most 30 % beside the accepted runs" in sentence
    assert "To tell, compare the services' own processor time" in sentence
