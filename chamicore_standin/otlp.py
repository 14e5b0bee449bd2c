"""The figures of one worker by OTLP, beside the scrape: the same registry as OpenTelemetry's data, sent in a thread.

The registry is converted, not instrumented a second time, so that a request costs the same whether a collector listens
or not. Names are those of the semantic conventions; a collector's Prometheus exporter turns them back into the names
that the scrape has.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chamicore_standin.metrics import Family, HistogramSeries, Labels, Registry
from chamiperf_ci import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData

    from chamicore_standin.context import WorkerContext


INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
INTERVAL_MS = 5000
"""Milliseconds between two exports where the variable is silent; OpenTelemetry's own 60 s outlasts a short run."""

_ATTRIBUTES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "db_operation": "db.operation.name",
}
_DOTTED = ("http_server_", "db_query_", "db_pool_connections_", "db_pool_wait_")
"""Families whose conventional name has dots for these prefixes' underscores."""
_UNITS = {"_seconds": "s", "_bytes": "By", "_total": "1"}


def name_and_unit(family: Family) -> tuple[str, str]:
    """The conventional name and unit of a family, such as `http.server.request.duration` in `s`."""
    name, unit = family.name, "1"
    for suffix, its_unit in _UNITS.items():
        if name.endswith(suffix):
            name, unit = name.removesuffix(suffix), its_unit
    for prefix in _DOTTED:
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            rest = rest if rest == "active_requests" else rest.replace("_", ".")
            return prefix.replace("_", ".") + rest, unit
    return name, unit


class OtlpSender:
    """Sends one worker's registry again and again; a collector that is not there costs nothing but the figures."""

    def __init__(self, context: "WorkerContext", registry: Registry, refresh: Callable[[], None]) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - only with a collector
            OTLPMetricExporter,
        )

        self._exporter = OTLPMetricExporter()
        self._context = context
        self._registry = registry
        self._refresh = refresh
        self._started_ns = time.time_ns()
        self._interval_s = float(os.environ.get(INTERVAL_VARIABLE) or INTERVAL_MS) / 1000

    async def follow(self) -> None:
        """Send for ever."""
        while True:
            await asyncio.sleep(self._interval_s)
            self._refresh()
            data = as_metrics_data(self._registry, self._resource(), self._started_ns)
            await asyncio.to_thread(self._exporter.export, data)

    def _resource(self) -> dict[str, str]:
        return {
            "service.name": self._context.name,
            "service.version": __version__,
            "service.instance.id": f"{self._context.name}-{self._context.worker}",
            "deployment.environment.name": "embedded",
            "chamiperf.kind": "embedded",
        }


def as_metrics_data(registry: Registry, resource: dict[str, str], started_ns: int) -> "MetricsData":
    """A registry as OpenTelemetry's SDK holds metrics before it sends them."""
    from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - only with a collector
        MetricsData,
        ResourceMetrics,
        ScopeMetrics,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415

    now_ns = time.time_ns()
    metrics = [
        _metric(family, started_ns, now_ns)
        for family in registry.families.values()
        if (bool(family.values or family.series) and family.name != "target_info")
    ]
    scope = ScopeMetrics(InstrumentationScope("chamicore_standin", __version__), metrics, "")
    return MetricsData([ResourceMetrics(Resource(dict(resource)), [scope], "")])


def _metric(family: Family, started_ns: int, now_ns: int) -> "Metric":
    from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - only with a collector
        AggregationTemporality,
        Gauge,
        Histogram,
        HistogramDataPoint,
        Metric,
        NumberDataPoint,
        Sum,
    )

    name, unit = name_and_unit(family)
    cumulative = AggregationTemporality.CUMULATIVE
    if family.kind == "histogram":

        def point(labels: Labels, series: HistogramSeries) -> HistogramDataPoint:
            return HistogramDataPoint(
                attributes=_attributes(family, labels),
                start_time_unix_nano=started_ns,
                time_unix_nano=now_ns,
                count=sum(series.counts),
                sum=series.sum,
                bucket_counts=series.counts,
                explicit_bounds=series.bounds,
                min=None,  # type: ignore[arg-type] # not kept; the encoder leaves out what is absent
                max=None,  # type: ignore[arg-type]
            )

        points = [point(labels, series) for labels, series in family.series.items()]
        return Metric(name, family.help, unit, Histogram(points, cumulative))
    numbers = [
        NumberDataPoint(_attributes(family, labels), started_ns, now_ns, value)
        for labels, value in family.values.items()
    ]
    data = Sum(numbers, cumulative, is_monotonic=True) if family.kind == "counter" else Gauge(numbers)
    return Metric(name, family.help, unit, data)


def _attributes(family: Family, labels: Labels) -> dict[str, str | int]:
    return {
        _ATTRIBUTES.get(name, name): int(value) if name == "status" else value
        for name, value in zip(family.labels, labels, strict=True)
    }
