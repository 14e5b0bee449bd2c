"""Several segments' summaries as one."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from made_loads import distribution, series, summary, traffic

from chamiperf_ci.adapters.k6 import K6Outcome, ProcessEnd
from chamiperf_ci.models.run import Distribution, ObjectCount, ScriptScalar
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.steps.load.merging import at_share, merge, merged, pooled

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
    one = distribution(100, 1.0, 50.0)
    two = pooled([one, one])
    assert two is not None
    assert two.quantiles == pytest.approx(one.quantiles)


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


def _scalar(name, value, unit):
    return ScriptScalar(name=name, unit=unit, direction=Direction.LOWER, value=value)


def test_counts_add_up_and_the_slowest_part_decides_when_all_is_done():
    part = summary(
        scalars=(_scalar("nodes booted", 10, "nodes"), _scalar("time until nodes booted", 3, "s")),
        objects=(ObjectCount(kind="components", created=4, removed=3, left=1),),
        traffic=(traffic(100, failed=2, failed_by={"status": 2}),),
    )
    other = part.model_copy(update={"scalars": (part.scalars[0], _scalar("time until nodes booted", 5, "s"))})
    whole = merge([part, other])
    assert [scalar.value for scalar in whole.scalars] == [20, 5]
    assert (whole.objects[0].created, whole.objects[0].left) == (8, 2)
    assert (whole.traffic[0].requests, whole.traffic[0].failed, whole.traffic[0].failed_by) == (200, 4, {"status": 4})
    assert whole.max_vus == 400


def test_what_no_part_can_tell_is_unavailable_and_not_a_number():
    part = summary(scalars=(_scalar("nodes not asked", 10, "nodes"),))
    whole = merge([part, part])
    assert whole.scalars == ()
    assert [each.what for each in whole.unavailable] == ["nodes not asked"]


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
    assert merged(_outcome(whole.model_dump(mode="json"))) == (whole, ())


def test_several_processes_are_merged_with_a_warning():
    dumped = summary().model_dump(mode="json")
    whole, warnings = merged(_outcome(dumped, dumped))
    assert whole is not None
    assert "approximate" in warnings[0]


def test_a_part_that_is_missing_leaves_nothing():
    assert merged(_outcome(summary().model_dump(mode="json"), None)) == (None, ())


def test_a_summary_with_a_field_too_many_is_told_those_that_there_are():
    whole, warnings = merged(_outcome(summary().model_dump(mode="json") | {"serie": []}))
    assert whole is None
    assert "cannot be read: unknown field serie; there are " in warnings[0]


def test_a_summary_of_another_shape_says_which_field():
    whole, warnings = merged(_outcome({"format": "something"}))
    assert whole is None
    assert "format" in warnings[0]
