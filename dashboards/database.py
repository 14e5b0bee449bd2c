"""Database Performance: one schema a service, so `service` is the schema."""

from dashboards.page import HERE, NAMESPACE, NO_PROBES, SERVICE, Chart, Page, Query, quantiles

_QUERIES = "chamicore:query_duration_seconds_bucket:rate"

PAGE = Page(
    uid="chamicore-database",
    title="Database Performance",
    description="Statements and connection pools by service, each of which has a schema of its own.",
    variables=(NAMESPACE, SERVICE),
    rows=(
        (
            "Statements",
            (
                Chart(
                    "Query latency",
                    "By schema. ADR-012: p99 below 50 ms.",
                    "s",
                    quantiles(_QUERIES, HERE),
                    limit=0.05,
                ),
                Chart(
                    "Queries",
                    "Statements per second by schema and operation.",
                    "ops",
                    (
                        Query(
                            f'sum by (service, operation) ({_QUERIES}{{{HERE},le="+Inf"}})', "{{service}} {{operation}}"
                        ),
                    ),
                ),
                Chart(
                    "Query latency by operation, p99",
                    "Which kind of statement is slow.",
                    "s",
                    quantiles(_QUERIES, HERE, by="service, operation")[-1:],
                ),
                Chart(
                    "Queries per request",
                    "Statements for each answered request; a jump is a loop that asks row by row.",
                    "short",
                    (
                        Query(
                            f'sum by (service) ({_QUERIES}{{{HERE},le="+Inf"}})'
                            f" / sum by (service) (chamicore:request_rate{{{HERE},{NO_PROBES}}})",
                            "{{service}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Connection pools",
            (
                Chart(
                    "Connections",
                    "Active, idle, waited for, and how many there may be.",
                    "short",
                    (
                        Query(
                            f"sum by (service, state) (chamicore:pool_connections{{{HERE}}})", "{{service}} {{state}}"
                        ),
                    ),
                ),
                Chart(
                    "Pool utilization",
                    "Active of all connections. ADR-012: below 80 %.",
                    "percentunit",
                    (Query(f"chamicore:pool_utilisation{{{HERE}}}", "{{service}}"),),
                    limit=0.8,
                ),
                Chart(
                    "Waits for a connection",
                    "Requests per second that found no free connection.",
                    "ops",
                    (
                        Query(
                            f'sum by (service) (chamicore:pool_wait_seconds_bucket:rate{{{HERE},le="+Inf"}})',
                            "{{service}}",
                        ),
                    ),
                ),
                Chart(
                    "Wait for a connection",
                    "How long they waited; empty while nothing waits.",
                    "s",
                    quantiles("chamicore:pool_wait_seconds_bucket:rate", HERE),
                ),
                Chart(
                    "Simulated figures",
                    "Families whose values are a stand-in's and neither meet nor miss a target; empty in production.",
                    "short",
                    (Query(f"chamicore:simulated{{{HERE}}}", "{{service}} {{family}}"),),
                    width=24,
                    table=True,
                ),
            ),
        ),
    ),
)
