"""Service Performance: each service by itself, in production as under load."""

from dashboards.page import GLANCE, HERE, NAMESPACE, NO_PROBES, SERVICE, Chart, Page, Query, big, quantiles

_REQUESTS = "chamicore:request_duration_seconds_bucket:rate"

PAGE = Page(
    uid="chamicore-services",
    title="Service Performance",
    description="Rate, duration, requests in flight and errors of each service, from its own metrics.",
    variables=(NAMESPACE, SERVICE),
    rows=(
        (
            GLANCE,
            (
                big(
                    "Requests",
                    "Answered requests, without probes.",
                    "reqps",
                    f"sum(chamicore:request_rate{{{HERE},{NO_PROBES}}})",
                ),
                big(
                    "p99",
                    "Of all picked services together, by their own clock. ADR-012: below 100 ms.",
                    "s",
                    f"histogram_quantile(0.99, sum by (le) ({_REQUESTS}{{{HERE},{NO_PROBES}}}))",
                    limit=0.1,
                ),
                big(
                    "Failed",
                    "Share of answers with a status of 500 or above. ADR-012: below 0.1 %.",
                    "percentunit",
                    f"sum(chamicore:request_failed_rate{{{HERE},{NO_PROBES}}})"
                    f" / sum(chamicore:request_rate{{{HERE},{NO_PROBES}}})",
                    limit=0.001,
                ),
                big(
                    "Processor", "Cores in use by the picked services.", "short", f"sum(chamicore:cpu_cores{{{HERE}}})"
                ),
            ),
        ),
        (
            "Requests",
            (
                Chart(
                    "Throughput",
                    "Answered requests, without probes. ADR-012 asks for 10,000/s, where that much is offered.",
                    "reqps",
                    (Query(f"sum by (service) (chamicore:request_rate{{{HERE},{NO_PROBES}}})", "{{service}}"),),
                ),
                Chart(
                    "Duration",
                    "By the service's own clock. ADR-012 for a single GET: p50 10, p95 50, p99 100 ms.",
                    "s",
                    quantiles(_REQUESTS, f"{HERE},{NO_PROBES}"),
                    limit=0.1,
                ),
                Chart(
                    "Duration by route, p99",
                    "Which route is slow.",
                    "s",
                    quantiles(_REQUESTS, f"{HERE},{NO_PROBES}", by="service, method, route")[-1:],
                    width=24,
                ),
                Chart(
                    "Active requests",
                    "Requests in flight.",
                    "short",
                    (Query(f"chamicore:active_requests{{{HERE}}}", "{{service}}"),),
                ),
                Chart(
                    "Answers by status",
                    "What is answered; a colour that should not be there is an error.",
                    "reqps",
                    (
                        Query(
                            f"sum by (service, status) (chamicore:request_rate{{{HERE},{NO_PROBES}}})",
                            "{{service}} {{status}}",
                        ),
                    ),
                ),
                Chart(
                    "Failed requests",
                    "Share of answers with a status of 500 or above. ADR-012: below 0.1 %.",
                    "percentunit",
                    (
                        Query(
                            f"sum by (service) (chamicore:request_failed_rate{{{HERE},{NO_PROBES}}})"
                            f" / sum by (service) (chamicore:request_rate{{{HERE},{NO_PROBES}}})",
                            "{{service}}",
                        ),
                    ),
                    limit=0.001,
                ),
                Chart(
                    "Failures by route",
                    "Where the failures are.",
                    "reqps",
                    (
                        Query(
                            f"sum by (service, route) (chamicore:request_failed_rate{{{HERE},{NO_PROBES}}})",
                            "{{service}} {{route}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Processes",
            (
                Chart(
                    "Processor",
                    "Cores in use.",
                    "short",
                    (Query(f"chamicore:cpu_cores{{{HERE}}}", "{{service}}"),),
                ),
                Chart(
                    "Memory",
                    "Of the processes, else of their containers. ADR-012: stable, no leaks over 30 minutes.",
                    "bytes",
                    (Query(f"chamicore:memory_bytes{{{HERE}}}", "{{service}}"),),
                ),
            ),
        ),
    ),
)
