"""Boot Storm Overview: ADR-012's panels, and those that ADR-014 asks of a boot storm."""

from dashboards.page import GLANCE, NAMESPACE, NO_PROBES, RUN, Chart, Page, Query, big, quantiles

_REQUESTS = "chamicore:request_duration_seconds_bucket:rate"
_BOOT = 'namespace=~"$namespace",service=~"bss|cloud-init"'
_ASKED = 'sum by (name) (rate(k6_http_reqs_total{run_id=~"$run"}[$__rate_interval]))'
# With no good answer at all there is no such series: `or 0 * asked` then makes the share 1, and without load nothing.
_ANSWERED = 'sum by (name) (rate(k6_http_reqs_total{run_id=~"$run",status=~"2.."}[$__rate_interval]))'


def _latency(service: str, title: str) -> Chart:
    return Chart(
        f"{title} latency",
        f"How long {title} took, by its own clock; a client waits longer. ADR-012: p99 below 100 ms.",
        "s",
        quantiles(_REQUESTS, f'namespace=~"$namespace",service="{service}",{NO_PROBES}'),
        limit=0.1,
    )


PAGE = Page(
    uid="chamicore-boot-storm",
    title="Boot Storm Overview",
    description="BSS and Cloud-Init while nodes boot: what the services say, and below it what the load generator saw.",
    variables=(NAMESPACE, RUN),
    rows=(
        (
            GLANCE,
            (
                big(
                    "Requests",
                    "Answered by BSS and Cloud-Init, without probes.",
                    "reqps",
                    f"sum(chamicore:request_rate{{{_BOOT},{NO_PROBES}}})",
                ),
                big(
                    "p99",
                    "Of BSS and Cloud-Init together, by their own clock. ADR-012: below 100 ms.",
                    "s",
                    f"histogram_quantile(0.99, sum by (le) ({_REQUESTS}{{{_BOOT},{NO_PROBES}}}))",
                    limit=0.1,
                ),
                big(
                    "Failed",
                    "Share of answers with a status of 500 or above. ADR-012: below 0.1 %.",
                    "percentunit",
                    f"sum(chamicore:request_failed_rate{{{_BOOT},{NO_PROBES}}})"
                    f" / sum(chamicore:request_rate{{{_BOOT},{NO_PROBES}}})",
                    limit=0.001,
                ),
                big(
                    "Asked for",
                    "Requests of the picked run, as k6 counted them.",
                    "reqps",
                    'sum(rate(k6_http_reqs_total{run_id=~"$run"}[$__rate_interval]))',
                ),
            ),
        ),
        (
            "Services",
            (
                Chart(
                    "Requests",
                    "Answered requests by service and route, without probes.",
                    "reqps",
                    (
                        Query(
                            f"sum by (service, route) (chamicore:request_rate{{{_BOOT},{NO_PROBES}}})",
                            "{{service}} {{route}}",
                        ),
                    ),
                ),
                Chart(
                    "Failed requests",
                    "Share of answers with a status of 500 or above. ADR-012: below 0.1 %.",
                    "percentunit",
                    (
                        Query(
                            f"sum by (service) (chamicore:request_failed_rate{{{_BOOT},{NO_PROBES}}})"
                            f" / sum by (service) (chamicore:request_rate{{{_BOOT},{NO_PROBES}}})",
                            "{{service}}",
                        ),
                    ),
                    limit=0.001,
                ),
                _latency("bss", "BSS"),
                _latency("cloud-init", "Cloud-Init"),
                Chart(
                    "Active requests",
                    "Requests in flight. A plateau at a limit means that requests queue.",
                    "short",
                    (Query(f"chamicore:active_requests{{{_BOOT}}}", "{{service}}"),),
                ),
                Chart(
                    "Connection pool",
                    "Of each service: active, idle and waited for; an embedded stack's are simulated.",
                    "short",
                    (
                        Query(
                            "sum by (service, state) "
                            '(chamicore:pool_connections{namespace=~"$namespace",state!="max"})',
                            "{{service}} {{state}}",
                        ),
                    ),
                ),
                Chart(
                    "Query latency",
                    "Statements of BSS and Cloud-Init. ADR-012: p99 below 50 ms.",
                    "s",
                    quantiles("chamicore:query_duration_seconds_bucket:rate", _BOOT),
                    limit=0.05,
                ),
                Chart(
                    "Sync lag",
                    "Since the last good sync from SMD, per service.",
                    "s",
                    (Query('chamicore:sync_lag_seconds{namespace=~"$namespace"}', "{{service}}"),),
                ),
                Chart(
                    "Kea-Sync pushes",
                    "Reservations that Kea-Sync pushed to Kea.",
                    "ops",
                    (Query('sum by (operation) (chamicore:kea_push_rate{namespace=~"$namespace"})', "{{operation}}"),),
                ),
                Chart(
                    "Kea-Sync lag",
                    "Since Kea-Sync last brought Kea up to date.",
                    "s",
                    (Query('chamicore:sync_lag_seconds{namespace=~"$namespace",service="kea-sync"}', "{{service}}"),),
                ),
            ),
        ),
        (
            "Load generator (while a load runs with --remote-write)",
            (
                Chart(
                    "Requests made",
                    "Requests per second by endpoint, as k6 counted them.",
                    "reqps",
                    (Query('sum by (name) (rate(k6_http_reqs_total{run_id=~"$run"}[$__rate_interval]))', "{{name}}"),),
                ),
                Chart(
                    "Latency seen",
                    "p99 as nodes saw it, so far in each phase. ADR-012: below 100 ms.",
                    "s",
                    (
                        Query(
                            'max by (name, phase) (k6_http_req_duration_p99{run_id=~"$run",name!=""})',
                            "{{name}} {{phase}}",
                        ),
                    ),
                    limit=0.1,
                ),
                Chart(
                    "Failed requests seen",
                    "Share of requests without a 2xx answer. The verdict also counts wrong content.",
                    "percentunit",
                    (Query(f"1 - ({_ANSWERED} or 0 * {_ASKED}) / {_ASKED}", "{{name}}"),),
                    limit=0.001,
                ),
                Chart(
                    "Nodes",
                    "VUs, each of which is a node that boots.",
                    "short",
                    (Query('sum by (run_id) (k6_vus{run_id=~"$run"})', "{{run_id}}"),),
                ),
            ),
        ),
    ),
)
