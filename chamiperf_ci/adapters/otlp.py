"""Gauges to an OpenTelemetry collector, once: what a command has found out, not what a process measures of itself."""

import importlib.util
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chamiperf_ci import __version__
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

_TIMEOUT_S: Final = 5


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number under a name, with what tells it from others of that name."""

    name: str
    """Dotted, such as `chamiperf.verdict.value`."""
    value: float
    attributes: tuple[tuple[str, str], ...]


def send(gauges: Sequence[Gauge], *, service: str, to: str) -> None:
    """Send gauges to the collector that the environment names, over HTTP.

    Args:
        gauges: What to send.
        service: Who says so, the `service.name` of all of them.
        to: The collector, for messages.

    Raises:
        ConfigurationError: The OpenTelemetry packages are not installed.
        OutsideServiceError: The collector does not take them.
    """
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        raise ConfigurationError(
            "the OpenTelemetry exporter is not installed",
            where="OTEL_EXPORTER_OTLP_ENDPOINT",
            remedy="Install chamiperf-ci[otlp], or unset the variable.",
        )
    # Imported on use: they take a second, and most commands send nothing.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.sdk.metrics import export as sdk  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    now_ns = time.time_ns()
    points: dict[str, list[sdk.NumberDataPoint]] = {}
    for gauge in gauges:
        point = sdk.NumberDataPoint(dict(gauge.attributes), now_ns, now_ns, gauge.value)
        points.setdefault(gauge.name, []).append(point)
    # No unit: one of `1` would come out as `_ratio` in Prometheus, and the rows' own differ.
    metrics = [sdk.Metric(name, "", "", sdk.Gauge(of_name)) for name, of_name in points.items()]
    scope = sdk.ScopeMetrics(InstrumentationScope("chamiperf_ci", __version__), metrics, "")
    data = sdk.MetricsData([sdk.ResourceMetrics(Resource({"service.name": service}), [scope], "")])
    # What goes wrong is told once, by the error below.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
    exporter = OTLPMetricExporter(timeout=_TIMEOUT_S)
    try:
        result = exporter.export(data)
    finally:
        exporter.shutdown()
    if result is not sdk.MetricExportResult.SUCCESS:
        raise OutsideServiceError(
            "the collector did not accept the figures",
            where=to,
            remedy="Check that it is up and accepts OTLP over HTTP.",
        )
