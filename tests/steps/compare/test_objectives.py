"""Targets as the shipped baselines.json states them, on runs made for them."""

from datetime import timedelta

import pytest
from made_runs import made_run, shipped_baselines

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Bound, Level, Rules, TargetRule
from chamiperf_ci.models.plan import PlannedPhase
from chamiperf_ci.models.run import JudgedTarget, PhaseOutcome, RunKind, ServerMetric, Traffic
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction, RowReason, TargetVerdict
from chamiperf_ci.steps.compare.judge import NightInput, judge


def target(run, metric, endpoint="bootscript", phase="sustained", baselines=None):
    rows = judge(NightInput(runs=[run], baselines=baselines or shipped_baselines())).verdict.rows
    key = RowKey(scenario=run.scenario, endpoint=endpoint, metric=metric, phase=phase)
    return next(row for row in rows if row.key == key).target


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.0, TargetVerdict.MET), (8.0, TargetVerdict.AT_THE_LIMIT), (10.0, TargetVerdict.MISSED)],
)
def test_a_latency_target_looks_at_what_users_saw_in_the_phase(factor, verdict):
    judged = target(made_run(factor=factor), "p99")
    assert (judged.verdict, judged.value, judged.source) == (verdict, pytest.approx(12.4 * factor), "ADR-012")


@pytest.mark.parametrize(
    ("failed", "verdict"),
    [(0, TargetVerdict.MET), (6_000, TargetVerdict.AT_THE_LIMIT), (9_000, TargetVerdict.MISSED)],
)
def test_an_error_rate_has_an_interval(failed, verdict):
    judged = target(made_run(failed=failed), "errors")
    assert judged.verdict is verdict
    assert judged.low <= judged.value <= judged.high


def with_spike(offered, achieved):
    run = made_run()
    spike = PlannedPhase(name="spike", start_s=720, duration_s=120, from_vus=1, to_vus=1, offered_per_s=offered)
    return run.model_copy(
        update={
            "plan": run.plan.model_copy(update={"phases": (*run.plan.phases, spike)}),
            "phases": (
                *run.phases,
                PhaseOutcome(name="spike", offered_per_s=offered, achieved_per_s=achieved, max_vus=1),
            ),
            "traffic": (
                *run.traffic,
                Traffic(
                    endpoint="bootscript",
                    phase="spike",
                    service="bss",
                    requests=round(achieved * 120),
                    failed=0,
                    throttled=0,
                ),
            ),
        }
    )


@pytest.mark.parametrize(
    ("offered", "achieved", "verdict", "phase"),
    [
        pytest.param(12_000, 11_500, TargetVerdict.MET, "spike", id="offered and reached"),
        pytest.param(12_000, 8_000, TargetVerdict.MISSED, "spike", id="offered and not reached"),
        pytest.param(11_999, 11_500, TargetVerdict.UNAVAILABLE, "spike", id="too little offered"),
    ],
)
def test_a_rate_is_judged_in_the_phase_that_offers_enough(offered, achieved, verdict, phase):
    judged = target(with_spike(offered, achieved), "service throughput", endpoint="bss")
    assert (judged.verdict, judged.phase) == (verdict, phase)


def test_what_is_not_offered_costs_nothing():
    judged = target(made_run(), "service throughput", endpoint="bss")
    assert (judged.verdict, judged.reason) == (TargetVerdict.UNAVAILABLE, RowReason.NOT_OFFERED)


def test_a_rate_target_stands_in_one_row_of_all_phases():
    rows = judge(NightInput(runs=[with_spike(12_000, 11_500)], baselines=shipped_baselines())).verdict.rows
    rates = [row.target.verdict for row in rows if row.key.metric == "service throughput"]
    assert rates == [TargetVerdict.MET, TargetVerdict.NONE]


def server(value, **changes):
    fields = {"service": "bss", "name": "db_query_p99", "unit": "ms", "direction": Direction.LOWER, "value": value}
    return made_run(server=(ServerMetric(**(fields | changes)),))


@pytest.mark.parametrize(
    ("run", "verdict", "reason"),
    [
        pytest.param(server(80.0), TargetVerdict.MISSED, None, id="missed"),
        pytest.param(server(10.0), TargetVerdict.MET, None, id="met"),
        pytest.param(server(0.0), TargetVerdict.MET, None, id="nothing at all"),
        pytest.param(server(80.0, simulated=True), TargetVerdict.UNAVAILABLE, RowReason.SIMULATED, id="a stand-in's"),
        pytest.param(
            server(None, reason="no such family"), TargetVerdict.UNAVAILABLE, RowReason.NOT_MEASURED, id="absent"
        ),
    ],
)
def test_a_server_metric_meets_or_misses_its_target_unless_it_is_simulated(run, verdict, reason):
    judged = target(run, "db_query_p99", endpoint="bss")
    assert (judged.verdict, judged.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(TargetVerdict.MISSED, None), (TargetVerdict.MET, None), (TargetVerdict.UNAVAILABLE, RowReason.TOO_SHORT)],
)
def test_what_was_decided_beside_the_samples_is_taken_over(verdict, reason):
    judged = JudgedTarget(verdict=verdict, limit=0.05, reason=reason, source="ADR-012")
    run = server(0.11, name="memory_growth", unit="share", judged=judged)
    found = target(run, "memory_growth", endpoint="bss")
    assert (found.verdict, found.reason, found.value, found.limit) == (verdict, reason, 0.11, 0.05)


def test_seconds_are_held_against_milliseconds():
    assert target(server(0.08, unit="s"), "db_query_p99", endpoint="bss").verdict is TargetVerdict.MISSED


def test_a_target_in_a_unit_of_another_kind_is_refused():
    with pytest.raises(ConfigurationError, match="is in 'ms', the metric in 'bytes'"):
        target(server(80.0, unit="bytes"), "db_query_p99", endpoint="bss")


def with_rule(**changes):
    fields = {"limit": 5.0, "unit": "ms", "source": "site", **changes}
    rules = Rules(defaults=Level(metrics={"p50": Level(target=TargetRule(**fields))}))
    return shipped_baselines().model_copy(update={"rules": rules})


def test_a_target_may_be_a_lower_bound():
    judged = target(made_run(), "p50", baselines=with_rule(bound=Bound.AT_LEAST))
    assert (judged.verdict, judged.bound) == (TargetVerdict.MISSED, "at least")


def test_a_kind_of_stack_may_have_a_limit_of_its_own():
    baselines = with_rule(by_stack={StackKind.DEPLOYED: {"limit": 1.0, "source": "the site"}})
    judged = target(made_run(), "p50", baselines=baselines)
    assert (judged.limit, judged.source) == (1.0, "the site")


def test_with_repeats_the_median_of_runs_is_judged():
    night = made_run(20, factor=10.0)
    later = [
        made_run(
            20 + n,
            factor=1.0,
            run_kind=RunKind.REPEAT,
            started_at=night.ended_at + timedelta(hours=n),
            ended_at=night.ended_at + timedelta(hours=n, minutes=15),
        )
        for n in (1, 2)
    ]
    rows = judge(NightInput(runs=[night, *later], baselines=shipped_baselines())).verdict.rows
    judged = next(row for row in rows if row.key.metric == "p99" and row.compared).target
    assert (judged.verdict, judged.value) == (TargetVerdict.MET, 12.4)
