"""The services' metrics and Prometheus: lost, slow, refusing, answering HTML, or with another clock."""

import re
import time

from fault import Theme
from fault_between import PAGE, between, page
from faults_stack import JUDGED, judged_load
from scripted_server import Reply, serving

from chamiperf_ci.models.faults import MetricsMissing

METRICS = Theme("metrics")
NOWHERE = "http://127.0.0.1:9"
FINE = {"ends": "load 0, compare 0", "word": "pass|inconclusive", "kept": JUDGED}
BY_A_DETOUR = {"ends": "load 0, compare 0|3", "word": "pass|inconclusive|not decided", "kept": JUDGED}
"""What stands between adds to a boot script of half a millisecond more than its own length."""
"""Figures of the services are shown and compared with nothing, so a load without them is a measurement all the same."""


def missed(stage, name="db_query_p99"):
    """Why a figure of bss has no value."""
    (run,) = stage.observed().runs
    (figure,) = [each for each in run.server if (each.service, each.name) == ("bss", name)]
    assert figure.value is None
    return figure.reason


def with_prometheus(stage, reply):
    """A load whose figures come from a Prometheus that answers so."""
    with serving(reply) as server:
        stage.variables["CHAMIPERF_PROMETHEUS_URL"] = server.url
        judged_load(stage)


@METRICS.row("Prometheus down", **FINE)
def lost(stage):
    stage.variables["CHAMIPERF_PROMETHEUS_URL"] = NOWHERE
    judged_load(stage)
    assert "Prometheus does not answer" in missed(stage)


@METRICS.row(
    "Prometheus never answers a query",
    ends="load 0|3, compare 0|3", word="pass|inconclusive|invalid", kept=JUDGED,
)  # fmt: skip
def hangs(stage):
    # One load whatever the machine does to it: it ends only when the question times out.
    with serving(Reply(hang=True)) as server:
        stage.variables["CHAMIPERF_PROMETHEUS_URL"] = server.url
        stage.load()
    stage.compare()
    assert "Prometheus does not answer" in missed(stage)


@METRICS.row("Prometheus answers with HTML", **FINE)
def portal(stage):
    with_prometheus(stage, Reply(body=PAGE, headers={"Content-Type": "text/html"}))
    assert "refused a query with status 200" in missed(stage)


@METRICS.row("Prometheus answers 429", **FINE)
def limited(stage):
    with_prometheus(stage, Reply(429, body={"status": "error"}, headers={"Retry-After": "60"}))
    assert "status 429" in missed(stage)


@METRICS.row("Prometheus requires a credential", **FINE)
def refused(stage):
    with_prometheus(stage, Reply(401, body=b"who are you"))
    assert "CHAMIPERF_PROMETHEUS_TOKEN" in missed(stage) or "status 401" in missed(stage)


@METRICS.row("Prometheus has no such services", **FINE)
def empty(stage):
    with_prometheus(stage, Reply(body={"status": "success", "data": {"result": []}}))
    assert "has no series of bss" in missed(stage)


@METRICS.row("Prometheus answers in another shape", **FINE)
def strange(stage):
    with_prometheus(stage, Reply(body={"status": "success", "data": {"result": [{"metric": {}, "values": [["x"]]}]}}))
    assert missed(stage)


@METRICS.row("bss has no metrics", **BY_A_DETOUR)
def switched_off(stage):
    stage.breaks(MetricsMissing(service="bss"))
    judged_load(stage)
    assert "no metrics are served" in missed(stage)


@METRICS.row("bss serves HTML for its metrics", **BY_A_DETOUR)
def no_metrics(stage):
    with between(stage.state.url("bss"), page(200), only="/metrics") as url:
        stage.instead("bss", url)
        judged_load(stage)
    assert missed(stage)


@METRICS.row("bss serves its metrics slowly", **BY_A_DETOUR)
def slow(stage):
    def late(_path, said):
        time.sleep(6)
        return said

    with between(stage.state.url("bss"), late, only="/metrics") as url:
        stage.instead("bss", url)
        judged_load(stage)
    assert "a rate needs two" in missed(stage)


@METRICS.row("services' clock an hour ahead", **BY_A_DETOUR)
def ahead(stage):
    def shifted(_path, said):
        text = re.sub(
            rb"(?m)^(\w*last_success\w*(?:\{[^}]*\})?) (\S+)$",
            lambda found: b"%s %f" % (found[1], float(found[2]) + 3600),
            said.body,
        )
        return said.with_body(text)

    with between(stage.state.url("bss"), shifted, only="/metrics") as url:
        stage.instead("bss", url)
        judged_load(stage)
    assert "ahead of this machine's" in missed(stage, "sync_lag")


@METRICS.row("remote write unreachable", **FINE)
def unwritten(stage):
    stage.variables["K6_PROMETHEUS_RW_SERVER_URL"] = f"{NOWHERE}/api/v1/write"
    judged_load(stage, "--remote-write")
    (run,) = stage.observed().runs
    assert any("k6 said" in warning for warning in run.warnings)


@METRICS.row(
    "collector refuses the verdict", says="the verdict was not published as metrics",
    ends="compare 0", word="pass|inconclusive", kept="verdict.json",
)  # fmt: skip
def no_collector(stage):
    stage.made_night()
    with serving(Reply(400, body=PAGE)) as server:
        stage.variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = server.url
        stage.inside("compare", "--runs", "night")
