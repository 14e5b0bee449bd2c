"""A rule of baselines.json is obeyed or said to be idle, never ignored; a stamp that is still to come is news."""

from datetime import UTC, datetime

import pytest
from made_runs import accepting, made_run, shipped_baselines
from said import facts_said

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.vocabulary import FactWord, RowReason
from chamiperf_ci.render.headline import night_sentence
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.history import entry_of, past_of

ACCEPTED = accepting(shipped_baselines(), [made_run(night) for night in range(5)])
TARGET = {"limit": 5, "unit": "ms", "source": "us"}


def ruled(rules, *, scenario="boot_storm") -> Baselines:
    """The baselines with more rules for a scenario."""
    data = ACCEPTED.model_dump(mode="json", by_alias=True)
    level = data["rules"]["scenarios"].setdefault(scenario, {})
    for name, found in rules.items():
        level[name] = {**level.get(name, {}), **found}
    return Baselines.model_validate(data)


def judged(baselines, run=None, **more):
    return judge(NightInput(runs=[run or made_run(9)], baselines=baselines, **more)).verdict


@pytest.mark.parametrize(
    "rules",
    [
        {"metrics": {"p42": {"compared": True}}},
        {"metrics": {"cpu_per_request": {"compared": True}}},
        {"metrics": {"p95 (spike)": {"compared": True}}},
        {"endpoints": {"bootskript": {"metrics": {"p50": {"compared": True}}}}},
    ],
    ids=str,
)
def test_what_a_rule_asks_to_compare_and_nobody_measured_is_no_pass(rules):
    verdict = judged(ruled(rules))
    assert (verdict.outcome.exit_code, verdict.outcome.word) == (3, "invalid")
    assert [row.reason for row in verdict.rows if row.compared and row.baseline is None] == [RowReason.NOT_MEASURED]
    assert "is to be compared by a rule of baselines.json" in night_sentence(verdict)


@pytest.mark.parametrize(
    ("scenario", "rules", "named"),
    [
        ("boot_storm", {"metrics": {"boot_pth p95": {"tolerance": 0.1}}}, "boot_storm boot_pth p95"),
        ("boot_storm", {"endpoints": {"nodes": {"metrics": {"p95": {"target": TARGET}}}}}, "boot_storm / nodes p95"),
        ("boot_strom", {"metrics": {"p95": {"tolerance": 0.1}}}, "boot_strom"),
    ],
)
def test_an_idle_rule_is_named(scenario, rules, named):
    verdict = judged(ruled(rules, scenario=scenario))
    assert verdict.outcome.exit_code == 0
    assert f"Rules of baselines.json name what was not measured: {named}." in " ".join(facts_said(verdict.warnings))


def test_the_shipped_rules_are_not_idle():
    assert FactWord.RULES_IDLE not in {fact.word for fact in judged(ACCEPTED).warnings}


def test_a_run_that_is_still_to_come_is_news_and_drifts_nowhere():
    slow = [made_run(night, factor=1.15) for night in range(5, 14)]
    tonight, now = made_run(14, factor=1.15), datetime(2026, 3, 9, tzinfo=UTC)
    past = past_of([entry_of(run)[1] for run in slow])
    drifting = judged(ACCEPTED, tonight, past=past)
    assert [row for row in drifting.rows if row.reason is RowReason.DRIFT]
    ahead = judged(ACCEPTED, tonight, past=past, now=now)
    assert not [row for row in ahead.rows if row.reason is RowReason.DRIFT]
    assert FactWord.STAMPED_AHEAD in {fact.word for fact in ahead.scenarios[0].warnings}


def test_an_accepted_run_from_after_tonight_is_never_the_newest():
    baselines = accepting(shipped_baselines(), [*(made_run(night) for night in range(4)), made_run(70)])
    scenario = judged(baselines, made_run(66)).scenarios[0]
    words = {fact.word for fact in scenario.warnings}
    assert scenario.baseline_newest == made_run(3).started_at.date().isoformat()
    assert words >= {FactWord.STAMPED_AHEAD, FactWord.BASELINE_OLD}
