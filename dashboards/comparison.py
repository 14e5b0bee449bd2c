"""Load Test Comparison: one run against what was accepted. The verdict is the one that `compare` reached."""

from dashboards.page import GLANCE, Chart, Page, Query, Variable, big

_OF_RUN = 'environment=~"$environment",scenario=~"$scenario",run_id=~"$run"'
_OF_ALL = 'environment=~"$environment",scenario=~"$scenario"'
_P99 = 'metric="p99",phase="sustained"'
_ROW = "scenario, endpoint, metric, phase, unit"


def _last(metric: str) -> str:
    return f"max by ({_ROW}) (last_over_time({metric}{{{_OF_RUN}}}[$__range]))"


def _said(metric: str) -> str:
    """A verdict is said for some minutes only; a step over weeks is longer and must still find it."""
    return f"last_over_time({metric}{{{_OF_ALL},{_P99}}}[$__rate_interval])"


def _count(verdict: str) -> str:
    return f'sum(last_over_time(chamiperf_verdict_count{{{_OF_RUN},verdict="{verdict}"}}[$__range]))'


PAGE = Page(
    uid="chamicore-load-test-comparison",
    title="Load Test Comparison",
    description="A run beside its accepted baseline, with the change and the verdict that `chamiperf compare` reached; "
    "nothing is decided here.",
    variables=(
        Variable("environment", "Environment", "label_values(chamiperf_verdict_value, environment)"),
        Variable("scenario", "Scenario", "label_values(chamiperf_verdict_value, scenario)"),
        Variable("run", "Run", f"label_values(chamiperf_verdict_value{{{_OF_ALL}}}, run_id)", several=False),
    ),
    rows=(
        (
            GLANCE,
            (
                big(
                    "Regressions",
                    "Rows of the picked run that are regressions.",
                    "short",
                    _count("regression"),
                    limit=1,
                ),
                big(
                    "Missed targets",
                    "Targets that the picked run missed.",
                    "short",
                    f'sum(last_over_time(chamiperf_verdict_target{{{_OF_RUN},verdict="missed"}}[$__range]))',
                    limit=1,
                ),
                big("Inconclusive", "Rows neither cleared nor condemned.", "short", _count("inconclusive")),
                big(
                    "Could be judged",
                    "1 if the picked run can be judged, 0 if not.",
                    "short",
                    f"min(last_over_time(chamiperf_verdict_valid{{{_OF_RUN}}}[$__range]))",
                ),
            ),
        ),
        (
            "This run",
            (
                Chart(
                    "Verdicts",
                    "What was decided of each row, and why.",
                    "short",
                    (
                        Query(
                            "max by (scenario, endpoint, metric, phase, verdict, reason) "
                            f"(last_over_time(chamiperf_verdict_row{{{_OF_RUN}}}[$__range]) == 1)",
                            "rows",
                        ),
                    ),
                    width=24,
                    table=True,
                ),
                Chart(
                    "Run, baseline and change",
                    "Value now, accepted value, and the change with its 95 % interval, in which up is a larger number.",
                    "short",
                    (
                        Query(_last("chamiperf_verdict_value"), "now"),
                        Query(_last("chamiperf_verdict_baseline"), "baseline"),
                        Query(_last("chamiperf_verdict_change"), "change", unit="percentunit"),
                        Query(_last("chamiperf_verdict_change_low"), "from", unit="percentunit"),
                        Query(_last("chamiperf_verdict_change_high"), "to", unit="percentunit"),
                    ),
                    width=24,
                    table=True,
                ),
                Chart(
                    "Targets",
                    "What ADR-012 demands, and whether it was met; simulated figures neither meet nor miss.",
                    "short",
                    (
                        Query(
                            "max by (scenario, endpoint, metric, phase, verdict, simulated, source) "
                            f"(last_over_time(chamiperf_verdict_target{{{_OF_RUN}}}[$__range]) == 1)",
                            "rows",
                        ),
                        Query(_last("chamiperf_verdict_target_limit"), "limit"),
                    ),
                    width=24,
                    table=True,
                ),
            ),
        ),
        (
            "Over time",
            (
                Chart(
                    "Regressions",
                    "Rows that were found to be slower, of each run.",
                    "short",
                    (
                        Query(
                            f"max by (scenario) (last_over_time(chamiperf_verdict_count{{{_OF_ALL},"
                            'verdict="regression"}[$__rate_interval]))',
                            "{{scenario}}",
                        ),
                    ),
                    points=True,
                ),
                Chart(
                    "p99 of each endpoint",
                    "As the verdicts have it, run by run, with what was accepted.",
                    "ms",
                    (
                        Query(
                            f"max by (scenario, endpoint) ({_said('chamiperf_verdict_value')})",
                            "{{scenario}} {{endpoint}}",
                        ),
                        Query(
                            f"max by (scenario, endpoint) ({_said('chamiperf_verdict_baseline')})",
                            "{{scenario}} {{endpoint}} accepted",
                        ),
                    ),
                    points=True,
                ),
                Chart(
                    "Requests made",
                    "The load of the picked run as k6 counted it.",
                    "reqps",
                    (Query('sum by (name) (rate(k6_http_reqs_total{run_id=~"$run"}[$__rate_interval]))', "{{name}}"),),
                ),
                Chart(
                    "Latency seen",
                    "p99 so far in each phase of the picked run.",
                    "s",
                    (
                        Query(
                            'max by (name, phase) (k6_http_req_duration_p99{run_id=~"$run",name!=""})',
                            "{{name}} {{phase}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
    since="now-30d",
)
