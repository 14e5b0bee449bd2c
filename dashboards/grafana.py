"""From a page to the dashboard that Grafana reads, by Grafana's own SDK."""

import json
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models.common import (
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.page import Chart, Page, Query, Variable

TAG = "chamicore"
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT = 8
_COLOURS = {
    "regression": "red",
    "missed": "red",
    "inconclusive": "orange",
    "at the limit": "orange",
    "improvement": "blue",
    "pass": "green",
    "met": "green",
    "invalid": "purple",
    "unavailable": "text",
    "none": "text",
}
"""Of the words in a table's column `verdict`."""
_BIG_HEIGHT = 4
_ANNOTATIONS = (
    ("Runs", "purple", "count by (run_id) (k6_vus > 0)"),
    ("Phases", "blue", 'count by (phase) (rate(k6_http_reqs_total{phase!=""}[$__rate_interval]) > 0)'),
)
"""Stretches that every dashboard marks, where a load generator told Prometheus of them."""


def dashboard_json(page: Page) -> str:
    """The dashboard's JSON, the same for the same page."""
    built = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags([TAG])
        .readonly()
        .timezone("utc")
        .time(page.since, "now")
        .refresh("30s")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
    )
    for variable in page.variables:
        built = built.with_variable(_variable(variable))
    for name, color, expr in _ANNOTATIONS:
        built = built.annotation(
            dashboard.AnnotationQuery().name(name).datasource(_SOURCE).icon_color(color).expr(expr).enable(enable=True)
        )
    for title, charts in page.rows:
        built = built.with_row(dashboard.Row(title))
        for chart in charts:
            built = built.with_panel(_panel(chart))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _variable(variable: Variable) -> dashboard.QueryVariable:
    # A label that is not there at all, such as a namespace outside of Kubernetes, matches `.*` too.
    built = (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_SOURCE)
        .query(variable.query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(variable.several)
        .include_all(variable.several)
    )
    return built.all_value(".*") if variable.several else built.sort(VariableSort.ALPHABETICAL_DESC)


def _panel(chart: Chart) -> timeseries.Panel | table.Panel | stat.Panel:
    if chart.big:
        return _number(chart)
    return _table(chart) if chart.table else _lines(chart)


def _number(chart: Chart) -> stat.Panel:
    panel = (
        stat.Panel()
        .title(chart.title)
        .description(chart.description)
        .datasource(_SOURCE)
        .unit(chart.unit)
        .span(chart.width)
        .height(_BIG_HEIGHT)
        .no_value("-")
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .thresholds(_thresholds(chart.limit))
    )
    for number, query in enumerate(chart.queries):
        panel = panel.with_target(_target(query, number))
    return panel


def _thresholds(limit: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(color="green" if limit is not None else "text", value=None)]
    steps += [Threshold(color="red", value=limit)] if limit is not None else []
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _lines(chart: Chart) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(chart.title)
        .description(chart.description)
        .datasource(_SOURCE)
        .unit(chart.unit)
        .min(0)
        .span(chart.width)
        .height(_HEIGHT)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
    )
    if chart.limit is not None:
        panel = panel.thresholds(_thresholds(chart.limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.LINE)
        )
    if chart.points:
        panel = panel.show_points(VisibilityMode.ALWAYS).span_nulls(span_nulls=True)
    for number, query in enumerate(chart.queries):
        panel = panel.with_target(_target(query, number))
    return panel


def _table(chart: Chart) -> table.Panel:
    panel = (
        table.Panel()
        .show_header(show_header=True)
        .title(chart.title)
        .description(chart.description)
        .datasource(_SOURCE)
        .unit(chart.unit)
        .span(chart.width)
        .height(_HEIGHT)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .override_by_name("verdict", _coloured())
    )
    for number, query in enumerate(chart.queries):
        if query.unit:
            panel = panel.override_by_name(query.legend, [DynamicConfigValue("unit", query.unit)])
        panel = panel.with_target(_target(query, number).format(PromQueryFormat.TABLE).instant())
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=_columns(chart)))


def _columns(chart: Chart) -> dict[str, dict[str, Any]]:
    """The values' columns by name; a single value is 1 for each row that there is, and says nothing."""
    if len(chart.queries) == 1:
        return {"excludeByName": {"Time": True, "Value": True}, "renameByName": {}}
    names = {f"Value #{_letter(number)}": query.legend for number, query in enumerate(chart.queries)}
    return {"excludeByName": {"Time": True}, "renameByName": names}


def _coloured() -> list[DynamicConfigValue]:
    words = {
        word: ValueMappingResult(color=colour, index=index) for index, (word, colour) in enumerate(_COLOURS.items())
    }
    return [
        DynamicConfigValue("mappings", [ValueMap(words)]),
        DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def _target(query: Query, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(_letter(number)).expr(query.expr).legend_format(query.legend)


def _letter(number: int) -> str:
    return chr(ord("A") + number)
