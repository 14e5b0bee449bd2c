"""The whole pipeline: services and a verdict by OTLP to a real Collector, and from there to a real Prometheus."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from made_verdicts import made_change, made_row, made_target
from panels import is_answered, questions
from sample_verdict import a_verdict
from watching import LOOK_S, ROOT, chamiperf, running_prometheus, until

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.steps.published import publish

pytestmark = [pytest.mark.needs_collector, pytest.mark.needs_prometheus]

FOLDER = ROOT / "observability" / "collector"
ASKED = [
    asked
    for asked in questions()
    if asked.dashboard != "boot-storm-overview" and not any(name.startswith(("k6_", "pg_")) for name in asked.metrics)
]


@pytest.fixture(scope="module")
def collector(tmp_path_factory, free_tcp_port_factory):
    """The real Collector with this repository's configuration; where it takes OTLP, and where it is scraped."""
    found = sorted((ROOT / ".cache" / "collector").glob("*/otelcol-chamicore"))
    if not found:
        pytest.skip("the OpenTelemetry Collector is not built: make test-observability builds it")
    grpc, http, metrics = (free_tcp_port_factory() for _ in range(3))
    ports = {"COLLECTOR_GRPC_PORT": grpc, "COLLECTOR_HTTP_PORT": http, "COLLECTOR_METRICS_PORT": metrics}
    environment = {**os.environ, "COLLECTOR_LISTEN": "127.0.0.1", **{name: str(port) for name, port in ports.items()}}
    with (tmp_path_factory.mktemp("collector") / "log").open("w", encoding="utf-8") as log:
        command = [str(found[-1]), f"--config={FOLDER / 'config.yaml'}"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        assert until(lambda: listens(metrics))
        yield f"http://127.0.0.1:{http}", metrics
    finally:
        process.terminate()
        process.wait(timeout=20)


def listens(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).status_code
    except httpx.HTTPError:
        return None


@pytest.fixture(scope="module")
def pipeline(collector, prometheus_program, tmp_path_factory, free_tcp_port_factory):
    """A Prometheus that has seen some seconds of a stack, and one verdict, through the Collector only."""
    otlp, metrics = collector
    folder = tmp_path_factory.mktemp("pipeline")
    state_dir = folder / "state"
    scraped = [{
        "job_name": "collector", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{metrics}"]}],
    }]  # fmt: skip
    port = free_tcp_port_factory()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp)
        environment.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
        stack = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=state_dir)
        try:
            with running_prometheus(prometheus_program, folder / "prometheus", port, scraped) as prometheus:
                chamiperf(state_dir, "stack", "fault", "set", "--service", "bss", "--pool-exhaustion", "1")
                start = time.time()
                publish(judged(), os.environ, pytest.fail)
                boot(stack.url("bss"), LOOK_S)
                yield prometheus, start, time.time()
        finally:
            lifecycle.down(state_dir)


def judged():
    """A verdict with a regression, a baseline and a target."""
    return a_verdict(rows=(made_row(current=120.0, baseline=100.0, change=made_change(), target=made_target()),))


def boot(base, seconds):
    """Some twenty boot scripts a second."""
    end = time.monotonic() + seconds
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < end:
            client.get(f"{base}/boot/v1/bootscript?mac=02:00:00:00:00:01")
            time.sleep(0.05)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_panels_are_answered_by_what_came_through_the_collector(pipeline, asked):
    assert is_answered(*pipeline[:1], asked.expr, *pipeline[1:]), asked.expr


def test_the_comparison_shows_the_verdict_that_was_reached(pipeline):
    prometheus, _, end = pipeline
    (row,) = prometheus.query('last_over_time(chamiperf_verdict_row{metric="p99"}[5m])', at=end)
    assert dict(row.labels)["verdict"] == "regression"


def test_the_collector_that_was_built_is_that_of_the_manifest():
    found = sorted((ROOT / ".cache" / "collector").glob("*/otelcol-chamicore"))
    if not found:
        pytest.skip("the OpenTelemetry Collector is not built: make test-observability builds it")
    text = (FOLDER / "build.py").read_text(encoding="utf-8")
    builder = next(line.split('"')[1] for line in text.splitlines() if line.startswith("BUILDER"))
    key = hashlib.sha256((FOLDER / "manifest.yaml").read_bytes() + builder.encode()).hexdigest()[:16]
    assert Path(found[-1]).parent.name == key
