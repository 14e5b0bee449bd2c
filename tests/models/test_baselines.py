from datetime import UTC, datetime

import pytest
from made_runs import accepting, made_fingerprint, made_run, shipped_baselines
from pydantic import ValidationError

from chamiperf_ci.models.baselines import Baselines, Bound, fingerprint_key
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.models.vocabulary import MetricClass


def with_rules(**rules):
    return Baselines.model_validate({"producer": "test", "rules": rules})


def policy_of(baselines, *where, stack_kind=StackKind.DEPLOYED):
    return baselines.policy(*where, stack_kind=stack_kind)


CASCADE = {
    "defaults": {"tolerance": 0.20, "metrics": {"p99": {"tolerance": 0.21}}},
    "scenarios": {
        "boot_storm": {
            "tolerance": 0.30,
            "metrics": {"p99": {"tolerance": 0.31}},
            "endpoints": {"bootscript": {"tolerance": 0.40, "metrics": {"p99": {"tolerance": 0.41}}}},
        }
    },
}


@pytest.mark.parametrize(
    ("where", "tolerance"),
    [
        pytest.param(("other", "get", "p50"), 0.20, id="global"),
        pytest.param(("other", "get", "p99"), 0.21, id="global, one metric"),
        pytest.param(("boot_storm", "other", "p50"), 0.30, id="scenario"),
        pytest.param(("boot_storm", "other", "p99"), 0.31, id="scenario, one metric"),
        pytest.param(("boot_storm", "bootscript", "p50"), 0.40, id="endpoint"),
        pytest.param(("boot_storm", "bootscript", "p99"), 0.41, id="endpoint, one metric"),
    ],
)
def test_the_most_specific_rule_wins(where, tolerance):
    assert policy_of(with_rules(**CASCADE), *where).tolerance == tolerance


def test_a_level_of_its_own_comes_after_a_metric_of_the_level_above():
    rules = with_rules(defaults={"metrics": {"p99": {"tolerance": 0.5}}}, scenarios={"boot_storm": {"tolerance": 0.3}})
    assert policy_of(rules, "boot_storm", "bootscript", "p99").tolerance == 0.3


def test_without_any_rule_the_tolerance_is_the_adrs():
    policy = policy_of(with_rules(), "boot_storm", "bootscript", "p99")
    assert (policy.tolerance, policy.tolerance_source) == (0.20, "ADR-012")


def test_none_takes_an_inherited_target_away():
    target = {"limit": 100, "unit": "ms", "source": "ADR-012"}
    rules = with_rules(
        defaults={"metrics": {"p99": {"target": target}}},
        scenarios={"inventory_scale": {"endpoints": {"component-list": {"metrics": {"p99": {"target": "none"}}}}}},
    )
    assert policy_of(rules, "inventory_scale", "component-list", "p99").target is None
    assert policy_of(rules, "inventory_scale", "component-get", "p99").target is not None


def test_a_target_may_differ_by_kind_of_stack():
    baselines = shipped_baselines()
    where = ("inventory_scale", "component-get", "p99")
    deployed = policy_of(baselines, *where).target
    embedded = policy_of(baselines, *where, stack_kind=StackKind.EMBEDDED).target
    assert (deployed.limit, embedded.limit, embedded.source) == (10, 100, "ADR-012")


def test_a_rule_of_the_sustained_phase_does_not_hold_in_another():
    rules = with_rules(defaults={"metrics": {"p99": {"tolerance": 0.5}, "p99 (spike)": {"tolerance": 0.6}}})
    assert policy_of(rules, "boot_storm", "bootscript", "p99", "ramp-up").tolerance == 0.20
    assert policy_of(rules, "boot_storm", "bootscript", "p99", "spike").tolerance == 0.6


def test_a_labelled_server_metric_obeys_the_rule_of_its_bare_name():
    policy = policy_of(shipped_baselines(), "boot_storm", "bss", "db_query_p99 boot")
    assert policy.target.limit == 50


def test_a_rate_target_names_what_must_be_offered():
    target = policy_of(shipped_baselines(), "boot_storm", "bss", "service throughput").target
    assert (target.limit, target.bound, target.offered_factor) == (10_000, Bound.AT_LEAST, 1.2)


@pytest.mark.parametrize(
    ("metric", "phase", "compared"),
    [
        ("p50", "sustained", True),
        ("p99", "sustained", True),
        ("boot path p95", "sustained", True),
        ("stalled-windows", "sustained", True),
        ("p99.9", "sustained", False),
        ("boot path p99.9", "sustained", False),
        ("p99", "spike", False),
    ],
)
def test_the_metrics_name_says_whether_it_is_compared(metric, phase, compared):
    assert policy_of(with_rules(), "boot_storm", "bootscript", metric, phase).compared is compared


def test_a_rule_may_compare_what_is_only_shown_by_default():
    rules = with_rules(defaults={"metrics": {"p99 (spike)": {"compared": True}}})
    assert policy_of(rules, "boot_storm", "bootscript", "p99", "spike").compared


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("boot path p95", MetricClass.P95), ("throughput", MetricClass.THROUGHPUT), ("registrations", MetricClass.P99)],
)
def test_the_class_is_that_of_the_quantile_in_the_name_or_the_noisiest(metric, expected):
    assert policy_of(with_rules(), "mixed_boot_path", "", metric).metric_class is expected


@pytest.mark.parametrize("tolerance", [0, -0.1, 1, 20])
def test_a_tolerance_of_nothing_or_of_everything_is_refused(tolerance):
    with pytest.raises(ValidationError, match="tolerance"):
        with_rules(defaults={"tolerance": tolerance})


def test_a_run_accepted_twice_is_refused():
    baselines = accepting(shipped_baselines(), [made_run(0)])
    data = baselines.model_dump(mode="json", by_alias=True)
    entry = data["accepted_runs"][fingerprint_key(made_run(0).fingerprint)]
    entry["runs"] = entry["runs"] * 2
    with pytest.raises(ValidationError, match="a run is accepted twice"):
        Baselines.model_validate(data)


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "other"},
        {"stack_kind": StackKind.EMBEDDED},
        {"scenario_version": 2},
        {"profile": "quick"},
        {"seeded": {"components": 40_000}},
        {"machine_class": "2c-24GiB"},
        {"k6_version": "1.2.0"},
        {"credential": "bearer"},
        {"route": "gateway"},
        {"tls": "verified"},
        {"connections": "fresh"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_run_of_other_circumstances_has_no_baseline_and_the_field_is_named(change):
    baselines = accepting(shipped_baselines(), [made_run(0)])
    other = made_fingerprint(**change)
    assert baselines.accepted(other) is None
    [difference] = baselines.nearest(other).differences
    assert difference.startswith(f"{next(iter(change))}: ")


def test_the_nearest_baseline_differs_in_the_fewest_fields():
    far = made_run(0, fingerprint={"profile": "quick", "machine_class": "2c-8GiB", "k6_version": "1.2.0"})
    near = made_run(1, fingerprint={"machine_class": "2c-8GiB"})
    baselines = accepting(shipped_baselines(), [far, near])
    assert baselines.nearest(made_fingerprint()).differences == ("machine_class: 8c-32GiB here, 2c-8GiB there",)


def test_of_the_loads_parameters_only_those_that_differ_are_named():
    baselines = accepting(shipped_baselines(), [made_run(0)])
    other = made_fingerprint(parameters={"vus": 5_000, "pace_s": 1.0, "herd": True})
    assert baselines.nearest(other).differences == (
        "parameters: herd True here, none there; vus 5000 here, 10000 there",
    )


def test_a_scenario_without_accepted_runs_has_no_nearest():
    assert shipped_baselines().nearest(made_fingerprint()) is None


def test_the_dates_of_a_baseline_are_those_of_its_runs():
    entry = accepting(shipped_baselines(), [made_run(3), made_run(1)]).accepted(made_fingerprint())
    assert (entry.oldest, entry.newest) == (
        datetime(2026, 3, 3, 1, 17, tzinfo=UTC),
        datetime(2026, 3, 5, 1, 17, tzinfo=UTC),
    )
