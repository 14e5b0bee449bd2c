"""Several segments' summaries as one."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_loads import distribution, series, summary, traffic

from chamiperf_ci.adapters.k6 import K6Outcome, ProcessEnd
from chamiperf_ci.models.run import Distribution, Merge, ObjectCount, ScriptScalar, Unavailable, Window
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.steps.load.merging import (
    QUANTILES,
    SHARD_QUANTILES,
    at_share,
    curve,
    merge,
    merged,
    pooled,
    pooled_quantiles,
    summaries_of,
    uncertain,
)

GRID = (1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9)


def _measured(values):
    return Distribution(
        count=len(values),
        min=float(values.min()),
        mean=float(values.mean()),
        max=float(values.max()),
        quantiles={f"p{q}": float(np.percentile(values, q)) for q in GRID},
    )


def test_pooled_quantiles_are_near_those_of_all_observations():
    random = np.random.default_rng(7)
    fast, slow = random.lognormal(2, 0.3, 30_000), random.lognormal(2.5, 0.5, 10_000)
    together, whole = pooled([_measured(fast), _measured(slow)]), _measured(np.concatenate([fast, slow]))
    assert together is not None
    assert together.quantiles == pytest.approx(whole.quantiles, rel=0.05)


def test_count_minimum_mean_and_maximum_are_exact():
    random = np.random.default_rng(7)
    parts = [random.lognormal(2, 0.3, size) for size in (300, 50)]
    together, whole = pooled([_measured(part) for part in parts]), _measured(np.concatenate(parts))
    assert together is not None
    assert (together.count, together.min, together.max) == (whole.count, whole.min, whole.max)
    assert together.mean == pytest.approx(whole.mean)


def test_equal_parts_pool_to_themselves():
    # But for a rank: of twice as many observations the highest quantile lies nearer to the highest one.
    one = distribution(100, 1.0, 50.0)
    two = pooled([one, one])
    assert two is not None
    assert two.quantiles == pytest.approx(one.quantiles, rel=0.002)


def test_constant_parts_pool_to_the_constant():
    constant = distribution(10, 5.0, 5.0)
    together = pooled([constant, constant])
    assert together is not None
    assert set(together.quantiles.values()) == {5.0}


def test_nothing_pools_to_nothing():
    assert pooled([]) is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 50.5), (0.995, 99.505), (1.0, 100.0)])
def test_a_distribution_is_read_between_its_quantiles(share, value):
    assert at_share(distribution(100, 1.0, 100.0), share) == pytest.approx(value)


def _scalar(name, value, unit, **merge):
    how = Merge.model_validate({"by": "sum", **merge})
    return ScriptScalar(name=name, unit=unit, direction=Direction.LOWER, value=value, merge=how)


def test_counts_add_up_and_the_slowest_part_decides_when_all_is_done():
    part = summary(
        scalars=(_scalar("nodes booted", 10, "nodes"), _scalar("time until nodes booted", 3, "s", by="max")),
        objects=(ObjectCount(kind="components", created=4, removed=3, left=1),),
        traffic=(traffic(100, failed=2, failed_by={"status": 2}),),
    )
    other = part.model_copy(update={"scalars": (part.scalars[0], _scalar("time until nodes booted", 5, "s", by="max"))})
    whole = merge([part, other])
    assert [scalar.value for scalar in whole.scalars] == [20, 5]
    assert (whole.objects[0].created, whole.objects[0].left) == (8, 2)
    assert (whole.traffic[0].requests, whole.traffic[0].failed, whole.traffic[0].failed_by) == (200, 4, {"status": 4})
    assert whole.max_vus == 400


def test_what_is_left_is_cut_off_at_nothing_after_summing():
    """One shard removed what the other had made: 5 of 5 are gone, though each alone would say something else."""
    made = summary(objects=(ObjectCount(kind="components", created=5, removed=0, left=5),))
    gone = summary(objects=(ObjectCount(kind="components", created=0, removed=5, left=0),))
    assert merge([made, gone]).objects[0].left == 0


def test_a_rate_is_of_all_that_was_done_over_the_longest_time():
    """5,000 in 2 s and 5,000 in 10 s are 1,000 a second, not the 3,000 that the rates add up to."""
    quick = summary(scalars=(_scalar("registered", 2500, "objects/s", by="rate", amount=5000, seconds=2),))
    slow = summary(scalars=(_scalar("registered", 500, "objects/s", by="rate", amount=5000, seconds=10),))
    idle = summary(scalars=(_scalar("registered", 0, "objects/s", by="rate", amount=0, seconds=None),))
    assert [scalar.value for scalar in merge([quick, slow, idle]).scalars] == [1000]
    assert merge([idle, idle]).scalars == ()


def test_what_is_missing_of_the_whole_is_the_whole_less_all_parts():
    parts = [
        summary(scalars=(_scalar("nodes not asked", 0, "nodes", by="remainder", whole=100, part=n),)) for n in (40, 55)
    ]
    assert [scalar.value for scalar in merge(parts).scalars] == [5]


def test_a_change_between_phases_is_read_off_the_merged_latencies():
    """Percentages of shards are never added: +100 % in each is +100 % of both."""
    phases = {"before": distribution(100, 1.0, 100.0), "sustained": distribution(100, 2.0, 200.0)}
    shape = series(windows=2).model_copy(update={"phases": phases})
    rule = {"by": "change", "endpoint": shape.endpoint, "quantile": "p95", "from": "before", "to": "sustained"}
    part = summary(series=(shape,), scalars=(_scalar("p95 gained", 100, "%", **rule),))
    assert [scalar.value for scalar in merge([part, part]).scalars] == [pytest.approx(100)]
    empty = shape.model_copy(update={"phases": {}})
    assert merge([part.model_copy(update={"series": (empty,)})] * 2).scalars == ()


def test_a_spread_is_of_all_that_was_done_between_the_tenth_and_the_ninetieth_of_all():
    rule = {"by": "spread", "amount": 500.0, "phase": "bulk"}
    early = summary(scalars=(_scalar("registration rate", 1, "objects/s", **rule),)).model_copy(
        update={"progress": {"bulk": distribution(500, 0.0, 1000.0)}}
    )
    late = early.model_copy(update={"progress": {"bulk": distribution(500, 1000.0, 2000.0)}})
    # 1,000 objects evenly over 2 s: 80 % of them within the 1.6 s from p10 to p90.
    assert merge([early, late]).scalars[0].value == pytest.approx(500, rel=0.01)


def test_a_window_of_iterations_ends_when_the_last_shard_is_through_it():
    part = summary(series=(series(windows=2),))
    early, late = (part.model_copy(update={"window_ends_s": ends}) for ends in ((1.0, 2.0), (1.5, 4.0)))
    assert [window.seconds for window in merge([early, late]).series[0].windows] == [1.5, 2.5]


def test_what_only_one_shard_lacked_is_said_once():
    gap = Unavailable(what="bulk", reason="the stack has no bulk route")
    part = summary().model_copy(update={"unavailable": (gap,)})
    assert merge([part, part, summary()]).unavailable == (gap,)


def _window(values, quantiles):
    return Window(
        index=0, seconds=1, count=len(values), failed=0,
        quantiles={f"p{q:g}": float(np.percentile(values, q, method="inverted_cdf")) for q in quantiles},
    )  # fmt: skip


@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(300, 3000), min_size=2, max_size=5),
    stalled=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_true_quantile_lies_in_the_certain_interval_and_within_one_percent_where_nothing_stalls(
    seed, sizes, stalled
):
    random = np.random.default_rng(seed)
    parts = [random.lognormal(2, 0.4, size) + index for index, size in enumerate(sizes)]
    if stalled:
        parts[0][: len(parts[0]) // 50] += 1000
    known = [(len(part), curve(_window(part, SHARD_QUANTILES).quantiles, part.min(), part.max())) for part in parts]
    together = np.concatenate(parts)
    for key, (value, low, high) in pooled_quantiles(known, ["p50", "p95", "p99"]).items():
        true = float(np.percentile(together, float(key[1:]), method="inverted_cdf"))
        assert low <= value <= high
        assert low - 1e-9 <= true <= high + 1e-9, key
        assert abs(value - true) <= max(high - low, 1e-9)


def test_merged_quantiles_of_a_window_are_within_one_percent_of_all_observations():
    random = np.random.default_rng(11)
    parts = [random.lognormal(2, 0.4, 6000), random.lognormal(2.2, 0.5, 4000)]
    known = [(len(part), curve(_window(part, SHARD_QUANTILES).quantiles)) for part in parts]
    together = np.concatenate(parts)
    for key, (value, _, _) in pooled_quantiles(known, ["p50", "p95", "p99"]).items():
        assert value == pytest.approx(float(np.percentile(together, float(key[1:]))), rel=0.01)


@pytest.mark.parametrize("each", [2, 5, 40, 90, 300, 1500])
def test_windows_with_few_requests_in_each_shard_merge_to_what_all_together_have(each):
    random = np.random.default_rng(each)
    parts = [random.lognormal(2, 0.6, each + index) * (1 + 0.3 * index) for index in range(4)]
    known = [(len(part), curve({f"p{q:g}": float(np.percentile(part, q)) for q in SHARD_QUANTILES})) for part in parts]
    for key, (value, low, high) in pooled_quantiles(known, ["p50", "p95", "p99"]).items():
        true = float(np.percentile(np.concatenate(parts), float(key[1:])))
        assert value == pytest.approx(true, rel=0.01), key
        assert low - 1e-9 <= true <= high + 1e-9


def test_a_stall_in_one_shard_marks_the_quantile_that_it_leaves_open():
    calm = np.linspace(1, 2, 1000)
    stalled = np.concatenate([calm[:985], np.full(15, 500.0)])
    parts = [
        summary(series=(series(windows=1).model_copy(update={"windows": (_window(v, (50, 90, 99.9)),)}),))
        for v in (calm, stalled)
    ]
    marked = {each.quantile for each in uncertain(parts) if each.window == 0}
    assert "p99" in marked
    dense = [
        summary(series=(series(windows=1).model_copy(update={"windows": (_window(v, SHARD_QUANTILES),)}),))
        for v in (calm, stalled)
    ]
    assert {each.quantile for each in uncertain(dense) if each.window == 0} <= {"p99"}


def test_a_run_keeps_the_usual_quantiles_of_the_many_that_shards_send():
    part = summary(
        series=(series(windows=1).model_copy(update={"windows": (_window(np.arange(1, 2000), SHARD_QUANTILES),)}),)
    )
    assert list(merge([part, part]).series[0].windows[0].quantiles) == [f"p{q:g}" for q in QUANTILES]


def test_the_grid_is_dense_from_the_ninetieth_and_holds_the_usual_quantiles():
    assert set(QUANTILES) <= set(SHARD_QUANTILES)
    assert 450 <= len(SHARD_QUANTILES) <= 500
    assert list(SHARD_QUANTILES) == sorted(SHARD_QUANTILES)


@pytest.mark.parametrize(("compared", "step"), [(50, 0.1), (95, 0.05), (99, 0.02)])
def test_the_grid_is_dense_on_both_sides_of_what_is_compared(compared, step):
    at = SHARD_QUANTILES.index(compared)
    around = SHARD_QUANTILES[at - 5 : at + 6]
    assert max(after - before for before, after in pairwise(around)) <= step + 1e-9


def test_windows_keep_their_order_and_add_their_counts():
    whole = merge([summary(series=(series(windows=2),))] * 2)
    assert [(window.index, window.count) for window in whole.series[0].windows] == [(0, 1200), (1, 1200)]


def _outcome(*summaries):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return K6Outcome(
        ends=tuple(ProcessEnd(0, each) for each in summaries), started_at=now, load_started_at=None, ended_at=now,
        load_began_s=None, order=None, vitals=(), said=(), log=Path("k6.log"),
    )  # fmt: skip


def test_one_process_is_taken_as_it_is():
    whole = summary()
    assert summaries_of(_outcome(whole.model_dump(mode="json"))) == ((whole,), ())
    assert merged((whole,)) == (whole, (), ())


def test_several_processes_are_merged_with_a_warning():
    dumped = summary().model_dump(mode="json")
    whole, _, warnings = merged(summaries_of(_outcome(dumped, dumped))[0], of=2)
    assert whole is not None
    assert "2 processes shared the load" in warnings[0]


def test_a_part_that_is_missing_leaves_the_others_as_they_are():
    one = summary()
    parts, warnings = summaries_of(_outcome(one.model_dump(mode="json"), None))
    assert (parts, warnings) == (
        (one,),
        ("shard 2 of 2 left no summary: the figures are the others', and nothing is scaled up for it",),
    )
    whole, _, said = merged(parts, of=2)
    assert whole is not None
    assert (whole.iterations, whole.traffic, said) == (one.iterations, one.traffic, ())
    assert summaries_of(_outcome(None, None)) == ((), ())
    assert merged(()) == (None, (), ())


def test_a_summary_with_a_field_too_many_is_told_those_that_there_are():
    found, warnings = summaries_of(_outcome(summary().model_dump(mode="json") | {"serie": []}))
    assert found == ()
    assert "cannot be read: unknown field serie; there are " in warnings[0]


def test_a_summary_of_another_shape_says_which_field():
    found, warnings = summaries_of(_outcome({"format": "something"}))
    assert found == ()
    assert "format" in warnings[0]
