"""Database Performance: one schema a service, so `service` is the schema."""

from dashboards.page import GLANCE, HERE, NAMESPACE, NO_PROBES, SERVICE, Chart, Page, Query, big, quantiles

_QUERIES = "chamicore:query_duration_seconds_bucket:rate"
_STATEMENT_MEANS = "topk(10, {} / {})".format(
    *(
        f"sum by (datname, user, queryid) (rate(pg_stat_statements_{what}_total[$__rate_interval]))"
        for what in ("seconds", "calls")
    )
)

PAGE = Page(
    uid="chamicore-database",
    title="Database Performance",
    description="Statements and connection pools by service, each of which has a schema of its own.",
    variables=(NAMESPACE, SERVICE),
    rows=(
        (
            GLANCE,
            (
                big("Queries", "Statements of the picked services.", "ops", f'sum({_QUERIES}{{{HERE},le="+Inf"}})'),
                big(
                    "p99",
                    "Of all statements together. ADR-012: below 50 ms.",
                    "s",
                    f"histogram_quantile(0.99, sum by (le) ({_QUERIES}{{{HERE}}}))",
                    limit=0.05,
                ),
                big(
                    "Pool",
                    "Share of the fullest pool in use. ADR-012: below 80 %.",
                    "percentunit",
                    f"max(chamicore:pool_utilisation{{{HERE}}})",
                    limit=0.8,
                ),
                big(
                    "Queries per request",
                    "Of all picked services; a jump is a loop that asks row by row.",
                    "short",
                    f'sum({_QUERIES}{{{HERE},le="+Inf"}}) / sum(chamicore:request_rate{{{HERE},{NO_PROBES}}})',
                ),
            ),
        ),
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
        (
            "PostgreSQL itself, where a postgres_exporter is scraped",
            (
                Chart(
                    "Statement means",
                    "Mean time of the ten slowest statements; a lost index is a line that jumps. A mean is no p99.",
                    "s",
                    (Query(_STATEMENT_MEANS, "{{datname}} {{user}} {{queryid}}"),),
                    width=24,
                ),
                Chart(
                    "Sessions",
                    "By database and state; the exporter's own is among them.",
                    "short",
                    (Query("sum by (datname, state) (pg_stat_activity_count)", "{{datname}} {{state}}"),),
                ),
                Chart(
                    "Sessions that wait for the server",
                    "For a lock, the disk or the like. Empty with exporters that do not tell waits.",
                    "short",
                    (
                        Query(
                            "sum by (wait_event_type) (pg_stat_activity_count"
                            '{wait_event_type!~"|Client|Activity|Timeout|Extension"})',
                            "{{wait_event_type}}",
                        ),
                    ),
                ),
                Chart(
                    "What goes wrong",
                    "Rollbacks and deadlocks per second.",
                    "ops",
                    tuple(
                        Query(f"sum by (datname) (rate({series}[$__rate_interval]))", f"{{{{datname}}}} {what}")
                        for series, what in (
                            ("pg_stat_database_xact_rollback", "rollbacks"),
                            ("pg_stat_database_deadlocks", "deadlocks"),
                        )
                    ),
                ),
            ),
        ),
    ),
)
