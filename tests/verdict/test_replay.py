"""The replay on public series with few trials: the figures that `make bench-verdict` requires of many."""

import numpy as np
import pytest

from bench.verdict.required import OURS, OURS_BY_PAIRS, OURS_PAIRS_ALONE, PLAIN_RULE_ON_OTEL_AT_LEAST, ROWS, Shortfalls
from bench.verdict.series import sources
from bench.verdict.trials import draw, replay
from bench.verdict.usual_rules import RULES

TRIALS = 400
SEED = 20250218
SHARES = {OURS: "three_runs", OURS_BY_PAIRS: "by_pairs", OURS_PAIRS_ALONE: "pairs_alone"}


@pytest.fixture(scope="module")
def known():
    return {source.name: source for source in sources()}


@pytest.mark.parametrize("name", ["web p99_us", "gha", "otel p95"])
def test_a_source_reaches_its_required_figures(known, name):
    source = known[name]
    drawn = list(draw(source, TRIALS, SEED))
    found = {effect: replay(source, drawn, effect) for effect in (0.0, 0.2, 0.3, 0.5)}
    shortfalls = Shortfalls()
    for rule in (rule for listed, rule in ROWS if listed == name):
        shortfalls.row(name, rule, {effect: 100 * getattr(each, SHARES[rule]) for effect, each in found.items()})
    assert shortfalls.lines == []


def test_the_replay_has_teeth(known):
    drawn = draw(known["otel p95"], TRIALS, SEED)
    plain = RULES[0]
    assert 100 * np.mean([plain.alarms(trial, 0.0) for trial in drawn]) >= PLAIN_RULE_ON_OTEL_AT_LEAST


def test_a_figure_that_is_not_reached_is_named():
    shortfalls = Shortfalls()
    shortfalls.row("gha", OURS, {0.0: 1.1, 0.2: 39.9, 0.3: 67.0, 0.5: 91.0})
    assert shortfalls.lines == [
        "gha, ours, three runs: false alarms, %: 1.1, at most 1 required",
        "gha, ours, three runs: found at +20 %, %: 39.9, at least 40 required",
    ]
