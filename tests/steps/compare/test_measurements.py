import pytest
from made_runs import QUANTILES, made_run
from said import facts_said

from chamiperf_ci.models.plan import PlannedPhase
from chamiperf_ci.models.run import PhaseOutcome, Run, Scalar, ServerMetric, Traffic, UncertainQuantile
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction, RowKind, RowReason, Statistic
from chamiperf_ci.steps.compare.measure import Measurement, measure


def of(run: Run, metric: str, endpoint: str = "bootscript", phase: str = "sustained") -> Measurement:
    return {found.key: found for found in measure(run)}[
        RowKey(scenario=run.scenario, endpoint=endpoint, metric=metric, phase=phase)
    ]


def with_windows(run: Run, **changes) -> Run:
    """The run with every window changed alike; a value may be a function of the window's index."""
    series = run.series[0]
    windows = tuple(
        window.model_copy(
            update={name: value(window.index) if callable(value) else value for name, value in changes.items()}
        )
        for window in series.windows
    )
    return run.model_copy(update={"series": (series.model_copy(update={"windows": windows}),)})


def test_a_latency_is_the_median_over_windows_and_keeps_the_pooled_value_for_its_target():
    run = with_windows(made_run(), quantiles=lambda index: {"p50": 8.0, "p95": 14.0, "p99": 20.0 + index})
    found = of(run, "p99")
    assert (found.formed.value, found.formed.statistic, found.pooled) == (
        29.5,
        Statistic.MEDIAN_OF_WINDOWS,
        QUANTILES["p99"],
    )


def test_windows_too_thin_for_the_quantile_fall_back_to_the_pooled_one_with_a_note():
    found = of(with_windows(made_run(), count=999), "p99")
    assert (found.formed.statistic, found.formed.value) == (Statistic.POOLED, QUANTILES["p99"])
    assert facts_said(found.notes) == ("Pooled over the phase: only 0 of 20 windows have enough requests.",)


def test_windows_in_which_too_many_requests_failed_are_left_out_with_a_note():
    found = of(with_windows(made_run(), failed=lambda index: 3_001 if index < 5 else 0), "p99")
    assert (found.formed.reason, found.formed.windows) == (None, 15)
    assert facts_said(found.notes) == ("5 of 20 windows are left out: over 1 % of their requests failed.",)


@pytest.mark.parametrize(
    ("windows", "places"), [((None,), ""), ((4,), " in 1 of 20 windows"), ((None, 4, 7), " in 2 of 20 windows")]
)
def test_a_quantile_that_load_generators_together_leave_open_is_marked_with_its_interval(windows, places):
    unsure = tuple(
        UncertainQuantile(endpoint="bootscript", metric="latency", phase="sustained", window=window, quantile="p99",
                          low=12.0, high=low + 2.0)
        for window, low in zip(windows, (18.0, 14.0, 13.0), strict=False)
    )  # fmt: skip
    run = made_run(uncertain=unsure)
    (said,) = facts_said(of(run, "p99").notes)
    assert said == (
        "Merged from several load generators, which leave it open by more than 1 %"
        f"{places}: at the widest it lies between 12.0 and 20.0 ms."
    )
    assert of(run, "p95").notes == ()


def test_a_burst_of_errors_leaves_no_number_but_the_value_seen_is_shown():
    found = of(with_windows(made_run(), failed=lambda index: 3_001 if index < 6 else 0), "p99")
    assert (found.formed.value, found.formed.reason, found.shown) == (None, RowReason.ERROR_BURST, QUANTILES["p99"])


def test_a_stalled_window_has_twice_the_medians_p99():
    run = with_windows(made_run(), quantiles=lambda index: {"p99": 41.0 if index in (3, 7) else 20.0})
    assert of(run, "stalled-windows").formed.value == 2.0


def test_stalls_are_not_counted_in_windows_whose_p99_is_noise():
    found = of(with_windows(made_run(), count=999), "stalled-windows")
    assert (found.formed.value, found.comparable) == (None, False)
    assert facts_said(found.notes) == ("No window has the 1,000 requests that show a stall.",)


def test_errors_are_counted_per_window():
    found = of(made_run(failed=40), "errors")
    assert found.kind is RowKind.ERRORS
    assert sum(window.failed for window in found.failures) == 40
    assert found.formed.value == pytest.approx(40 / 6_000_000)


def test_failures_that_left_no_window_are_counted_all_the_same():
    """Connections that could not be made have no response, and so no window."""
    traffic = Traffic(
        endpoint="bootscript", phase="sustained", service="bss", requests=6_000_100, failed=100, throttled=0
    )
    found = of(made_run(traffic=(traffic,)), "errors")
    assert [(part.failed, part.requests) for part in found.failures] == [(100, 6_000_100)]


def test_the_rate_of_a_paced_load_is_its_services_shown_beside_what_was_offered():
    found = of(made_run(), "service throughput", endpoint="bss")
    assert (found.formed.value, found.offered, found.comparable) == (10_000.0, 10_000.0, False)
    assert not [each for each in measure(made_run()) if each.key.metric == "throughput"]


def test_a_plan_that_services_share_offers_each_its_share():
    both = [
        Traffic(endpoint=name, phase="sustained", service=name, requests=count, failed=0, throttled=0)
        for name, count in (("bss", 3_000), ("smd", 1_000))
    ]
    run = made_run(
        traffic=tuple(both),
        phases=(PhaseOutcome(name="sustained", offered_per_s=8.0, achieved_per_s=7.0, max_vus=1),),
    )
    assert [of(run, "service throughput", endpoint=name).offered for name in ("bss", "smd")] == [6.0, 2.0]


def unpaced() -> Run:
    run = made_run()
    phase = PlannedPhase(name="sustained", start_s=0, duration_s=600, from_vus=10, to_vus=10, offered_per_s=0)
    plan = run.plan.model_copy(update={"phases": (phase,), "pace_s": 0.0})
    outcome = PhaseOutcome(name="sustained", offered_per_s=0, achieved_per_s=9_990, max_vus=10)
    return run.model_copy(update={"plan": plan, "phases": (outcome,)})


def test_the_rate_of_an_unpaced_load_is_compared_per_endpoint():
    found = of(unpaced(), "throughput")
    assert (found.formed.value, found.direction, found.comparable) == (10_000.0, Direction.HIGHER, True)


def test_a_phase_beside_the_sustained_one_is_pooled():
    run = made_run()
    series = run.series[0]
    phases = {**series.phases, "spike": series.phases["sustained"].model_copy(update={"count": 999})}
    run = run.model_copy(update={"series": (series.model_copy(update={"phases": phases}),)})
    assert of(run, "p50", phase="spike").formed.statistic is Statistic.POOLED
    assert of(run, "p99", phase="spike").formed.reason is RowReason.TOO_FEW_REQUESTS


def test_a_trend_of_the_scenarios_own_is_named_with_its_quantile():
    run = made_run()
    trend = run.series[0].model_copy(update={"endpoint": "", "metric": "boot path"})
    rows = {found.key.metric for found in measure(run.model_copy(update={"series": (trend,)}))}
    assert {"boot path p50", "boot path p99"} <= rows
    assert not rows & {"errors", "stalled-windows", "throughput"}


def test_a_server_metric_that_could_not_be_read_says_why_and_is_no_zero():
    metric = ServerMetric(
        service="bss",
        name="db_query_p99",
        unit="ms",
        direction=Direction.LOWER,
        value=None,
        reason="no such family",
        labels={"schema": "bss"},
    )
    found = of(made_run(server=(metric,)), "db_query_p99 bss", endpoint="bss")
    assert (found.formed.value, found.formed.reason) == (None, RowReason.NOT_MEASURED)
    assert facts_said(found.notes) == ("The service's figure: no such family.",)


def test_a_scalar_is_compared_only_where_its_file_says_so():
    scalars = tuple(
        Scalar(name=name, unit="s", direction=Direction.LOWER, value=12.0, compared=compared)
        for name, compared in (("time to boot", True), ("nodes never served", False))
    )
    run = made_run(scalars=scalars)
    assert of(run, "time to boot", endpoint="").comparable
    assert not of(run, "nodes never served", endpoint="").comparable


@pytest.mark.parametrize("run", [made_run(), unpaced()], ids=["paced", "unpaced"])
def test_every_row_of_a_run_has_a_name_of_its_own(run):
    keys = [found.key for found in measure(run)]
    assert len(set(keys)) == len(keys)
