"""What baselines.json says of a metric: whether it is compared, how much is tolerated, whether it needs a baseline."""

import pytest
from made_runs import accepting, made_run, shipped_baselines
from said import facts_said

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Level, Rule, Rules, TargetRule
from chamiperf_ci.models.run import ServerMetric
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction, RowReason, RowVerdict
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.step import explanation


def judged(baselines, *, factor=1.0, **changes):
    return judge(NightInput(runs=[made_run(20, noise=0.02, factor=factor, **changes)], baselines=baselines))


def ruling(**metrics):
    rules = Rules(defaults=Level(metrics={name.replace("_", "."): rule for name, rule in metrics.items()}))
    return shipped_baselines().model_copy(update={"rules": rules})


def row(judgement, metric="p99"):
    key = RowKey(scenario="boot_storm", endpoint="bootscript", metric=metric)
    return next(row for row in judgement.verdict.rows if row.key == key)


def accepted(baselines):
    return accepting(baselines, [made_run(number, noise=0.02) for number in range(5)])


def test_a_quantile_outside_the_usual_ones_is_shown_and_not_compared():
    assert (row(judged(shipped_baselines()), "p99.9").reason, row(judged(shipped_baselines()), "p99.9").compared) == (
        RowReason.NOT_COMPARED,
        False,
    )


def test_it_is_compared_where_the_file_says_so():
    baselines = accepted(ruling(p99_9=Rule(compared=True)))
    assert row(judged(baselines), "p99.9").compared


def test_a_wider_tolerance_passes_what_the_usual_one_suspects():
    usual, wide = accepted(shipped_baselines()), accepted(ruling(p99=Rule(tolerance=0.9)))
    assert row(judged(usual, factor=1.3)).verdict is RowVerdict.INCONCLUSIVE
    assert row(judged(wide, factor=1.3)).verdict is RowVerdict.PASS


def test_a_metric_exempt_from_a_baseline_costs_nothing_without_one():
    exempt = {name: Rule(exempt="new in this release") for name in ("p50", "p95", "p99", "stalled-windows")}
    met = TargetRule(limit=0.1, unit="%", source="test")
    rules = Rules(defaults=Level(metrics={**exempt, "errors": Rule(exempt="new", target=met)}))
    baselines = shipped_baselines().model_copy(update={"rules": rules})
    judgement = judged(baselines)
    assert judgement.verdict.outcome.exit_code == 0
    assert row(judgement).reason is RowReason.NO_BASELINE
    assert facts_said(row(judgement).notes) == ("Needs no baseline: “new in this release”.",)


def test_an_explanation_names_inputs_computation_and_family():
    text = explanation(judged(accepted(shipped_baselines())), "p99")
    steps = [line.split("  ")[0].strip() for line in text.splitlines()[3:] if line and not line.startswith("--")]
    assert steps[1:5] == ["baseline", "current", "s0", "n, k"]
    assert steps[-3:] == ["rank", "threshold", "verdict"]


def test_a_row_may_be_named_by_any_part_of_its_name():
    judgement = judged(accepted(shipped_baselines()))
    assert explanation(judgement, "boot_storm/bootscript p99") == explanation(judgement, "p99")


def test_rows_without_a_change_are_explained_by_their_counts_or_reason():
    judgement = judged(accepted(shipped_baselines()), failed=3)
    assert "share, then Wilson's 95 % interval" in explanation(judgement, "errors")
    assert "no-baseline" in explanation(judged(shipped_baselines()), "p99")


def asking(metric):
    rules = Rules(defaults=Level(metrics={metric: Rule(compared=True)}))
    return shipped_baselines().model_copy(update={"rules": rules})


CPU = ServerMetric(service="bss", name="cpu", unit="cores", direction=Direction.LOWER, value=1.5)


def test_processor_time_per_request_is_compared_where_a_rule_asks_for_it():
    baselines = accepting(asking("cpu_per_request"), [made_run(number, server=(CPU,)) for number in range(5)])
    key = RowKey(scenario="boot_storm", endpoint="bss", metric="cpu_per_request")
    slower = CPU.model_copy(update={"value": 2.4})
    found = {row.key: row for row in judged(baselines, server=(slower,)).verdict.rows}
    assert (found[key].verdict, found[key].suspect) == (RowVerdict.INCONCLUSIVE, True)
    unasked = {row.key: row for row in judged(accepted(shipped_baselines()), server=(slower,)).verdict.rows}
    assert not unasked[key].compared


def test_a_rule_that_asks_for_what_cannot_be_compared_is_refused():
    with pytest.raises(ConfigurationError, match=r"a rule asks to compare boot_storm / bss cpu, which is shown only"):
        judged(asking("cpu"), server=(CPU,))
