"""Situations that performance people know, 500 examples of each: none may end in exit 0 without the row in sight.

One endpoint, five accepted runs, at least 1,000 requests a window, runs that differ by at most 0.04, three current
runs.
"""

import functools
import math
import random
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from made_runs import made_run, shipped_baselines

from chamiperf_ci.models.run import Distribution, RunKind
from chamiperf_ci.models.vocabulary import RowVerdict
from chamiperf_ci.render.sentences import row_sentence
from chamiperf_ci.steps.baselines.candidates import from_run
from chamiperf_ci.steps.baselines.propose import Intent, propose
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.rows import pair_rows
from chamiperf_ci.steps.compare.scenarios import PastNights, runs_by_scenario
from chamiperf_ci.verdict.night import confirm_night, judge_night, night_outcome

EXAMPLES = 500
WINDOWS, WINDOW_SD = 20, 0.03
LEVELS = {"p50": 3.0, "p90": 4.6, "p95": 5.6, "p99": 9.0, "p99.9": 15.0}
SHIPPED = shipped_baselines()
RULES = SHIPPED.model_copy(
    update={
        "rules": SHIPPED.rules.model_copy(
            update={"scenarios": {n: r for n, r in SHIPPED.rules.scenarios.items() if n == "boot_storm"}}
        )
    }
)


def waited(p95):
    return Distribution(
        count=1000, min=0, mean=p95 / 2, max=2 * p95, quantiles={"p50": p95 / 2, "p95": p95, "p99": p95}
    )


def run(
    random_, number, kind=RunKind.NIGHT, *, factors=(1.0,) * WINDOWS, connecting=0.1, rate=1.0, failed=0.0, spike=1.0
):
    """A run whose windows are slower by a factor each; `rate` of the plan is achieved, a share of requests fails."""
    level = math.exp(min(0.08, max(-0.08, random_.gauss(0, random_.choice((0.01, 0.02, 0.04))))))
    count = round(3000 * rate)
    template = made_run(number)
    values = [
        {
            name: round(level * factor * value * math.exp(random_.gauss(0, WINDOW_SD)), 3)
            for name, value in LEVELS.items()
        }
        for factor in factors
    ]
    windows = tuple(
        template.series[0]
        .windows[place]
        .model_copy(update={"count": count, "failed": round(count * failed), "quantiles": quantiles})
        for place, quantiles in enumerate(values)
    )
    pooled = {name: float(np.mean([quantiles[name] for quantiles in values])) for name in LEVELS}
    whole = Distribution(count=count * WINDOWS, min=0.5, mean=3.0, max=90.0, quantiles=pooled)
    spiked = whole.model_copy(update={"quantiles": {name: spike * value for name, value in pooled.items()}})
    phases_of = {"sustained": whole, "spike": spiked}
    series = template.series[0].model_copy(update={"windows": windows, "phases": phases_of})
    traffic = template.traffic[0].model_copy(
        update={
            "requests": count * WINDOWS,
            "failed": round(count * failed) * WINDOWS,
            "blocked_ms": waited(connecting * math.exp(random_.gauss(0, 0.1))),
            "connecting_ms": waited(connecting * math.exp(random_.gauss(0, 0.1))),
        }
    )
    phases = tuple(
        each.model_copy(update={"achieved_per_s": each.offered_per_s * 0.999 * rate}) for each in template.phases
    )
    start = template.started_at + timedelta(hours=number % 3)
    return template.model_copy(
        update={
            "run_kind": kind,
            "run_id": f"{template.run_id}{kind}",
            "started_at": start,
            "ended_at": start + timedelta(minutes=15),
            "series": (series,),
            "traffic": (traffic,),
            "phases": phases,
        }
    )


def slow(factor, places):
    return {"factors": tuple(factor if place in places else 1.0 for place in range(WINDOWS))}


SITUATIONS = {
    "x 1.6 in all windows": slow(1.6, range(WINDOWS)),
    "x 1.6 in the last half": slow(1.6, range(10, 20)),
    "x 1.6 in every other window": slow(1.6, range(0, 20, 2)),
    "x 1.9 in the last quarter": slow(1.9, range(15, 20)),
    "x 1.9 in the first quarter": slow(1.9, range(5)),
    "connecting p95 + 5 ms": {"connecting": 5.1},
    "achieved rate - 30 %": {"rate": 0.7},
    "failures to 1 %": {"failed": 0.01},
}


@functools.cache
def accepted(number, *, old_entries):
    """One of fifty baselines; `old_entries`: as they were stored before windows, connections and rates were."""
    luck = random.Random(f"baseline {number}")  # noqa: S311 - draws, not secrets
    runs = [from_run(run(luck, night), RULES) for night in range(5)]
    if old_entries:
        later = ("slow-quarter", "connecting", "blocked", "achieved")
        runs = [replace(one, rows=tuple(row for row in one.rows if not row.metric.startswith(later))) for one in runs]
    return propose(RULES, runs, Intent("add", "ada", "as it is", date(2026, 3, 9))).baselines


def judged(seed, situation, *, old_entries=False):
    luck = random.Random(seed)  # noqa: S311 - draws, not secrets
    kinds = (RunKind.NIGHT, RunKind.REPEAT, RunKind.REPEAT)
    runs = [run(luck, 30 + place, kind, **situation) for place, kind in enumerate(kinds)]
    baselines = accepted(seed % 50, old_entries=old_entries)
    return judge(NightInput(runs=runs, baselines=baselines)).verdict


def stands_in_sight(verdict):
    """Not exit 0; or what was found stands above the folds with its size, and the word is not a pass."""
    if verdict.outcome.exit_code != 0:
        return True
    named = [row for row in verdict.rows if row.compared and row.verdict is RowVerdict.INCONCLUSIVE]
    return verdict.outcome.word != "pass" and any(row.current is not None and row_sentence(row) for row in named)


def decided(seed, situation, *, without=()):
    """The decisions on every row and the night's outcome, without the sentences that make up most of the time.

    `without`: beginnings of the names of metrics whose rule is taken away.
    """
    luck = random.Random(seed)  # noqa: S311 - draws, not secrets
    kinds = (RunKind.NIGHT, RunKind.REPEAT, RunKind.REPEAT)
    runs = [run(luck, 30 + place, kind, **situation) for place, kind in enumerate(kinds)]
    [scenario] = runs_by_scenario(runs)
    pairings = pair_rows(scenario, accepted(seed % 50, old_entries=False), PastNights())
    compared = [each for each in pairings if each.first is not None and not each.key.metric.startswith(tuple(without))]
    first = judge_night([pairing.first for pairing in compared])
    final = confirm_night(first, [pairing.again for pairing in compared if pairing.again is not None])
    return final.decisions, night_outcome(final.decisions)


def is_silent(decisions, outcome):
    """Exit 0, and no row in sight."""
    found = {RowVerdict.REGRESSION, RowVerdict.INCONCLUSIVE} & {decision.verdict for decision in decisions}
    return outcome.exit_code == 0 and (outcome.word == "pass" or not found)


WHOLE, PART = ("p50", "p95", "p99"), ("slow-quarter",)
RULES_AGAINST = {
    # Half of the windows move their median as well: both rules see it.
    **dict.fromkeys(list(SITUATIONS)[:3], (*WHOLE, *PART)),
    **dict.fromkeys(list(SITUATIONS)[3:5], PART),
    "connecting p95 + 5 ms": ("connecting", "blocked"),
    "achieved rate - 30 %": ("achieved-rate",),
    "failures to 1 %": ("errors",),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_without_its_rule_each_situation_passes_in_silence(situation):
    without = RULES_AGAINST[situation]
    assert sum(is_silent(*decided(seed, SITUATIONS[situation], without=without)) for seed in range(20)) >= 10


@pytest.mark.parametrize("seeds", [range(150), pytest.param(range(150, EXAMPLES), marks=pytest.mark.thorough)], ids=str)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_none_of_five_hundred_passes_in_silence(situation, seeds):
    silent = [seed for seed in seeds if is_silent(*decided(seed, SITUATIONS[situation]))]
    assert silent == []


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_was_found_stands_in_sight(situation):
    assert all(stands_in_sight(judged(seed, SITUATIONS[situation])) for seed in range(20))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_none_passes_in_silence_against_entries_of_before(situation):
    silent = [seed for seed in range(20) if not stands_in_sight(judged(seed, SITUATIONS[situation], old_entries=True))]
    assert silent == []


def test_of_five_hundred_unchanged_at_most_two_are_called_a_regression():
    called = [seed for seed in range(EXAMPLES) if decided(seed, {})[1].exit_code == 1]
    assert len(called) <= 2, called


def test_a_spike_is_shown_and_not_judged():
    verdict = judged(1, {"spike": 5.0})
    rows = [row for row in verdict.rows if row.key.phase == "spike"]
    assert {row.key.metric for row in rows} >= {"p50", "p95", "p99"}
    assert not any(row.compared for row in rows)
    assert verdict.outcome.exit_code == 0
