import pytest

from chamiperf_ci.steps.server_metrics.figures import ObservedPhase
from chamiperf_ci.steps.server_metrics.tracks import Recorder

REQUESTS = "http_server_request_duration_seconds"
ROUTE = {"method": "GET", "route": "/boot/v1/bootscript"}


def samples(**numbers):
    return [(name, (), float(value)) for name, value in numbers.items()]


def histogram(name, counts, spent=0.0, **labels):
    buckets = [(f"{name}_bucket", {**labels, "le": bound}, count) for bound, count in counts.items()]
    return [
        (each, tuple(sorted(mine.items())), float(n)) for each, mine, n in [*buckets, (f"{name}_sum", labels, spent)]
    ]


def figures(*looks, service="bss"):
    recorder = Recorder()
    for second, look in enumerate(looks):
        recorder.add(1000.0 + second, look)
    found = ObservedPhase(service, recorder.recording(), lambda series: f"read {series}").figures()
    return {figure.name: figure for figure in found}


def answered(count, spent=0.0, name=REQUESTS, **labels):
    """`count` answers, half of them below 10 ms, all below 100 ms."""
    counts = {"0.01": count / 2, "0.1": count, "+Inf": count}
    return histogram(name, counts, spent, **(labels or ROUTE))


def test_the_rate_is_what_was_answered_over_the_time_between_the_looks():
    found = figures(answered(100), answered(200), answered(700))["server_request_rate"]
    assert (found.value, found.observed_s) == (300.0, 2.0)


def test_a_service_that_was_left_alone_has_no_figures():
    probes = [*answered(100, route="/readiness", method="GET")]
    assert figures(probes, answered(900, route="/readiness", method="GET")) == {}


@pytest.mark.parametrize(
    "labels",
    [
        {"http_request_method": "GET", "http_route": "/boot/v1/bootscript"},
        {"http_method": "GET", "http_route": "/boot/v1/bootscript"},
        {"method": "GET", "path": "/boot/v1/bootscript"},
    ],
    ids=["semantic conventions", "older ones", "short"],
)
def test_a_route_is_found_however_its_labels_are_spelt(labels):
    assert figures(answered(0, **labels), answered(1000, **labels))["server_p99"].labels == ROUTE


def test_durations_in_milliseconds_are_taken_as_such():
    name = "http_server_duration_milliseconds"
    counts = {"10": 500, "100": 1000, "+Inf": 1000}
    found = figures(histogram(name, dict.fromkeys(counts, 0), **ROUTE), histogram(name, counts, 5000, **ROUTE))
    assert (found["server_p50"].value, found["server_mean"].value) == (10.0, 5.0)


def test_a_quantile_states_its_buckets_width():
    found = figures(answered(0), answered(1000))["server_p99"]
    assert (found.value, found.resolution) == (pytest.approx(98.2), pytest.approx(90.0))


def test_a_restart_loses_nothing_that_was_seen_after_it_and_is_told():
    looks = [[*answered(n), *samples(process_uptime_seconds=up)] for n, up in ((500, 90), (600, 91), (200, 1))]
    found = figures(*looks)["server_request_rate"]
    assert (found.value, found.reason) == (150.0, "the service restarted 1 time")


def test_a_missing_family_is_without_a_value_and_names_what_was_tried():
    found = figures(answered(0), answered(1000))["db_query_p99"]
    assert found.value is None
    assert found.tried[0] == "db_query_duration_seconds"


@pytest.mark.parametrize(("queries", "value", "reason"), [(16, None, "needs 100 queries, saw 16"), (100, 98.2, "")])
def test_a_handful_of_queries_has_no_p99_that_a_target_could_judge(queries, value, reason):
    database = [answered(count, name="db_query_duration_seconds", operation="select") for count in (0, queries)]
    found = figures(*([*answered(asked), *asking] for asked, asking in zip((0, 1000), database, strict=True)))
    assert found["db_query_p99"].reason == reason
    assert found["db_query_p99"].value == (None if value is None else pytest.approx(value))


def test_a_pool_is_as_full_as_it_ever_was():
    looks = [[*answered(n), *samples(db_pool_connections_active=a, db_pool_connections_max=50)] for n, a in
             ((0, 10), (500, 45), (900, 20))]  # fmt: skip
    assert figures(*looks)["pool_utilisation"].value == pytest.approx(0.9)


def test_a_pool_without_a_stated_size_is_active_and_idle():
    looks = [[*answered(n), *samples(db_pool_connections_active=30, db_pool_connections_idle=10)] for n in (0, 500)]
    assert figures(*looks)["pool_utilisation"].value == pytest.approx(0.75)


def test_a_stand_ins_pool_is_marked():
    mark = ("chamiperf_embedded_simulated", (("family", "db_pool_connections_active"),), 1.0)
    pool = samples(db_pool_connections_active=30, db_pool_connections_max=40)
    found = figures(*([*answered(n), mark, *pool] for n in (0, 500)))
    assert (found["pool_utilisation"].simulated, found["server_request_rate"].simulated) == (True, False)


def test_a_gauge_is_found_with_the_ending_that_exporters_add():
    mark = ("chamiperf_embedded_simulated_ratio", (("family", "db_pool_connections_active"),), 1.0)
    pool = samples(db_pool_connections_active_ratio=30, db_pool_connections_max_ratio=40)
    found = figures(*([*answered(n), mark, *pool] for n in (0, 500)))["pool_utilisation"]
    assert (found.value, found.simulated) == (0.75, True)


def test_time_in_the_database_is_told_for_each_request():
    queries = [histogram("db_query_duration_seconds", {"1": n, "+Inf": n}, n / 250, op="select") for n in (0, 1000)]
    looks = [[*answered(0), *queries[0]], [*answered(1000), *queries[1]]]
    assert figures(*looks)["db_time_per_request"].value == pytest.approx(4.0)


def test_the_lag_is_the_longest_time_since_a_good_sync():
    looks = [
        [*answered(n), *samples(sync_last_success_timestamp=at)] for n, at in ((0, 995), (500, 996), (900, 1001.5))
    ]
    assert figures(*looks)["sync_lag"].value == 5.0


def test_a_clock_that_is_ahead_gives_no_lag():
    looks = [[*answered(n), *samples(sync_last_success_timestamp=1100)] for n in (0, 500)]
    found = figures(*looks)["sync_lag"]
    assert (found.value, found.reason) == (None, "its clock is 100 s ahead of this machine's")


def test_pushes_to_kea_are_a_rate():
    looks = [[("kea_sync_reservations_pushed_total", (("operation", op),), float(n)) for op in ("add", "del")] for n in
             (0, 100, 400)]  # fmt: skip
    assert figures(*looks, service="kea-sync")["kea_push_rate"].value == 400.0


def test_processor_time_is_cores_in_use():
    looks = [[*answered(n), *samples(process_cpu_seconds_total=used)] for n, used in ((0, 7.0), (500, 8.5), (900, 9.0))]
    assert figures(*looks)["cpu"].value == 1.0


def test_each_figure_says_where_it_was_read():
    assert figures(answered(0), answered(1000))["server_p99"].source == f"read {REQUESTS}_bucket"
