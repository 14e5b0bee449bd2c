"""What a dashboard shows, apart from how Grafana spells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a chart: an expression in PromQL, and how its series are called.

    Attributes:
        expr: The expression.
        legend: Of a line with labels in braces; of a table's column its head.
        unit: Of a table's column, where it is not the chart's.
    """

    expr: str
    legend: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel.

    Attributes:
        title: Above it.
        description: What it shows and what is good; the little i.
        unit: Grafana's name of the unit: `reqps`, `s`, `ms`, `percentunit`, `bytes`, `short`, `ops`.
        queries: Its lines, or the columns of a table.
        width: Of 24 columns.
        limit: A target, drawn as a line; None for none.
        table: Rows of the last values instead of lines over time.
        points: Whether its values come one a run instead of one a scrape: points, joined over the gaps.
        big: Whether it is one big number, the last, red above its limit.
    """

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 12
    limit: float | None = None
    table: bool = False
    points: bool = False
    big: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader picks: the values of a label.

    Attributes:
        name: In expressions.
        label: For the reader.
        query: Where the values come from.
        several: Whether more than one may be picked, and all are at first. Else it is one, and at first the last by
            alphabet: of run ids, which begin with their time, the newest.
    """

    name: str
    label: str
    query: str
    several: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[tuple[str, tuple[Chart, ...]], ...]
    since: str = "now-1h"


NAMESPACE = Variable("namespace", "Namespace", "label_values(chamicore:request_rate, namespace)")
SERVICE = Variable("service", "Service", 'label_values(chamicore:request_rate{namespace=~"$namespace"}, service)')
RUN = Variable("run", "Run", "label_values(k6_http_reqs_total, run_id)", several=False)

HERE = 'namespace=~"$namespace",service=~"$service"'
"""Of the picked services."""
NO_PROBES = 'route!~"/metrics|/health|/readiness|/version"'
QUANTILES = (0.5, 0.95, 0.99)


GLANCE = "At a glance"
"""The first row of each dashboard: the numbers that decide whether to read on."""


def big(title: str, description: str, unit: str, expr: str, *, limit: float | None = None) -> Chart:
    """One big number, the last."""
    return Chart(title, description, unit, (Query(expr, title),), width=6, limit=limit, big=True)


def quantiles(bucket: str, matchers: str, *, by: str = "service") -> tuple[Query, ...]:
    """p50, p95 and p99 of recorded bucket rates."""
    labels = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return tuple(
        Query(f"histogram_quantile({share}, sum by ({by}, le) ({bucket}{{{matchers}}}))", f"{labels} p{share * 100:g}")
        for share in QUANTILES
    )
