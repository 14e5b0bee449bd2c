"""The Prometheus text, and figures of several workers as one."""

import json

import pytest

from chamicore_standin.metrics import Family, Registry, exposition


def _registry():
    registry = Registry()
    counter = registry.add(Family("things_total", "counter", "Things.", ("kind",)))
    counter.set(3, ("a",))
    histogram = registry.add(Family("seconds", "histogram", "Seconds.", ("route",), (0.1, 1.0)))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.of(("/x",)).observe(value)
    gauge = registry.add(Family("last", "gauge", "Last.", merge="max"))
    gauge.set(2.5)
    return registry


TEXT = """\
# HELP things_total Things.
# TYPE things_total counter
things_total{kind="a"} 3
# HELP seconds Seconds.
# TYPE seconds histogram
seconds_bucket{route="/x",le="0.1"} 2
seconds_bucket{route="/x",le="1"} 3
seconds_bucket{route="/x",le="+Inf"} 4
seconds_sum{route="/x"} 7.65
seconds_count{route="/x"} 4
# HELP last Last.
# TYPE last gauge
last 2.5
"""


def test_the_text_is_prometheus_exposition():
    assert exposition(_registry(), missing=frozenset(), spelling={}).decode() == TEXT


def test_a_missing_family_leaves_no_line():
    text = exposition(_registry(), missing=frozenset({"seconds"}), spelling={}).decode()
    assert "seconds" not in text


def test_labels_are_spelt_as_told():
    text = exposition(_registry(), missing=frozenset({"seconds"}), spelling={"kind": "sort"}).decode()
    assert 'things_total{sort="a"} 3' in text


def test_a_label_value_is_escaped():
    registry = Registry()
    registry.add(Family("x", "gauge", "X.", ("l",))).set(1, ('a"b\\c\nd',))
    assert r'x{l="a\"b\\c\nd"} 1' in exposition(registry, missing=frozenset(), spelling={}).decode()


@pytest.mark.parametrize(
    "line",
    ['things_total{kind="a"} 6', 'seconds_bucket{route="/x",le="0.1"} 4', 'seconds_sum{route="/x"} 15.3', "last 2.5"],
)
def test_workers_are_added_up_and_their_latest_is_the_later(line):
    other = json.loads(json.dumps(_registry().snapshot()))
    text = exposition(_registry().merged([other]), missing=frozenset(), spelling={}).decode()
    assert line in text.splitlines()


def test_adding_up_leaves_the_worker_itself_alone():
    registry = _registry()
    registry.merged([registry.snapshot()])
    assert exposition(registry, missing=frozenset(), spelling={}).decode() == TEXT


@pytest.mark.e2e
def test_a_workers_requests_are_counted_whichever_worker_is_scraped(make_stack, api):
    state = make_stack(workers=2, without=("auth", "smd", "discovery", "power", "mcp", "kea"))
    for _ in range(30):
        api(state).get("bss", "/health")
    lines = [
        line
        for _ in range(10)
        for line in api(state).get("bss", "/metrics").text.splitlines()
        if line.startswith("http_server_requests_total") and 'route="/health"' in line
    ]
    counts = [float(line.split()[-1]) for line in lines]
    assert counts == sorted(counts)
    assert counts[-1] <= 30


@pytest.mark.e2e
def test_pool_figures_are_marked_as_simulated(embedded_stack, api):
    text = api(embedded_stack).get("bss", "/metrics").text
    assert 'chamiperf_embedded_simulated{family="db_pool_connections_active"} 1' in text


@pytest.mark.e2e
@pytest.mark.parametrize("service", ["bss", "cloud-init", "kea-sync"])
def test_sync_figures_are_there(embedded_stack, api, service):
    text = api(embedded_stack).get(service, "/metrics", token="").text
    families = (
        "sync_last_success_timestamp",
        "sync_duration_seconds_count",
        "sync_components_total",
        "sync_changes_applied_total",
        "sync_errors_total",
        "sync_not_modified_total",
    )
    assert [family for family in families if f"\n{family} " not in text] == []


@pytest.mark.e2e
def test_without_metrics_the_endpoint_is_not_routed(make_stack, api):
    client = api(make_stack(metrics=False, without=("auth", "smd", "discovery", "power", "mcp", "kea", "cloud-init")))
    assert client.get("bss", "/metrics").status_code == 404


@pytest.mark.e2e
def test_the_size_of_a_request_is_measured(embedded_stack, api):
    client = api(embedded_stack)
    client.post("bss", "/boot/v1/bootparams", {"cmdline": "x" * 5000})
    text = client.get("bss", "/metrics").text
    line = 'http_server_request_size_bytes_bucket{method="POST",route="/boot/v1/bootparams",status="422",le="10000"}'
    assert next(each for each in text.splitlines() if each.startswith(line)).split()[-1] != "0"
