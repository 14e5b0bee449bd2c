"""What a collector receives from a stack: the scrape's figures under the conventions' names."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from chamicore_standin.metrics import Family
from chamicore_standin.otlp import name_and_unit


@pytest.fixture
def collector():
    """A collector that keeps what it is sent; its address, and the requests."""
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(
                ExportMetricsServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def _metrics_of(received, service):
    """The metrics of a service's last export, by name."""
    for request in reversed(received):
        for resource in request.resource_metrics:
            attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
            if attributes["service.name"] == service:
                return attributes, {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    return {}, {}


@pytest.mark.e2e
def test_a_collector_receives_request_durations_by_their_conventional_name(collector, make_stack, api, monkeypatch):
    endpoint, received = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
    client = api(make_stack(without=("auth", "smd", "cloud-init", "discovery", "power", "mcp", "kea")))
    client.create_boot_params("n-1", "02:00:00:00:00:01")
    assert client.script("02:00:00:00:00:01").status_code == 200
    deadline = time.monotonic() + 20
    points = []
    while time.monotonic() < deadline and not points:
        time.sleep(0.1)
        attributes, metrics = _metrics_of(received, "bss")
        points = [
            point
            for point in (metrics["http.server.request.duration"].histogram.data_points if metrics else ())
            if any(each.value.string_value == "/boot/v1/bootscript" for each in point.attributes)
        ]
    assert [point.count for point in points] == [1]
    assert metrics["http.server.request.duration"].unit == "s"
    assert attributes["chamiperf.kind"] == "embedded"


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("http_server_request_duration_seconds", ("http.server.request.duration", "s")),
        ("http_server_active_requests", ("http.server.active_requests", "1")),
        ("http_server_requests_total", ("http.server.requests", "1")),
        ("db_query_duration_seconds", ("db.query.duration", "s")),
        ("db_pool_connections_active", ("db.pool.connections.active", "1")),
        ("process_resident_memory_bytes", ("process_resident_memory", "By")),
        ("sync_last_success_timestamp", ("sync_last_success_timestamp", "1")),
    ],
)
def test_a_family_has_its_conventional_name_and_unit(family, expected):
    assert name_and_unit(Family(family, "gauge", "")) == expected
