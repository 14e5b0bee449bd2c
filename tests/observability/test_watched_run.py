"""A load that is watched by a real Prometheus."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest
from watching import LOOK_S, chamiperf, running_prometheus, scrape_jobs, until

from chamicore_standin import lifecycle

pytestmark = [pytest.mark.needs_prometheus, pytest.mark.e2e, pytest.mark.timeout(480)]

SMALL = ("--scenario", "boot_storm", "--profile", "demo", "--vus", "20", "--spike", "0", "--target", "embedded")
LABELS = {"environment", "kind", "load", "name", "part", "phase", "run_id", "scenario", "status", "what", "window"}


def load(stack, out, *more, **environment):
    """Seed a little, drive a little, and return the run's file."""
    seeded = chamiperf(Path(stack.state_dir), "seed", "--nodes", "50", "--target", "embedded", "--out", str(out))
    assert seeded.returncode == 0, seeded.stderr
    loaded = chamiperf(Path(stack.state_dir), "load", *SMALL, "--out", str(out), *more, **environment)
    path = out / "runs" / "boot_storm.json"
    assert path.exists(), loaded.stderr
    return json.loads(path.read_text(encoding="utf-8"))


def figure(run, service, name):
    (found,) = [each for each in run["server"] if (each["service"], each["name"]) == (service, name)]
    return found


def test_figures_are_read_from_the_targets_prometheus(filled):
    found = figure(filled.run, "bss", "db_query_p99")
    assert found["value"] > 0
    assert found["source"].startswith('db_query_duration_seconds_bucket{job="bss"}[')


def test_series_of_k6_carry_the_run_and_nothing_that_names_a_node(filled):
    # What the trial of the output leaves before the load is of no run.
    series = filled.prometheus.query('last_over_time({__name__=~"k6_.+",load!="probe"}[5m])', at=filled.end)
    assert series
    assert {name for each in series for name, _ in each.labels} <= LABELS
    assert {dict(each.labels)["run_id"] for each in series} == {filled.run["run_id"]}
    assert not [each for each in series for _, value in each.labels if value.startswith("chamiperf-")]


def test_the_scenarios_own_metrics_are_stored_under_their_documented_names(filled):
    assert filled.prometheus.query("last_over_time(k6_chamiperf_boot_path_p99[5m])", at=filled.end)


@pytest.mark.thorough  # Most loads of tests/commands have none; its figures are held by tests/steps/server_metrics.
def test_without_any_prometheus_a_run_has_its_figures_by_scraping(make_stack, tmp_path):
    run = load(make_stack(), tmp_path)
    assert figure(run, "bss", "db_query_p99")["value"] > 0
    assert figure(run, "bss", "pool_utilisation")["simulated"]
    assert figure(run, "bss", "server_request_rate")["source"].startswith("GET /metrics of bss: ")


def test_a_prometheus_that_goes_away_costs_its_figures_and_nothing_else(
    make_stack, tmp_path, prometheus_program, free_tcp_port
):
    stack = make_stack()
    gone = threading.Event()

    def lose(prometheus):
        until(lambda: prometheus.query("k6_http_reqs_total"), patience_s=60)
        gone.set()

    with running_prometheus(prometheus_program, tmp_path / "prometheus", free_tcp_port, []) as prometheus:
        losing = threading.Thread(target=lose, args=(prometheus,))
        losing.start()
        driving = threading.Thread(target=lambda: runs.append(load(stack, tmp_path / "out", "--remote-write", **where)))
        runs, where = [], {"K6_PROMETHEUS_RW_SERVER_URL": f"{prometheus.url}/api/v1/write"}
        driving.start()
        assert gone.wait(90)
        losing.join()
    driving.join()
    (run,) = runs
    assert run["complete"]
    assert [text for text in run["warnings"] if "time series" in text]


def rate_of(prometheus):
    answers = prometheus.query('sum(chamicore:request_rate{service="bss",route=~".*bootscript.*"})')
    return answers[0].value if answers else None


def ask(stack, per_s, seconds):
    """Boot scripts of a node that is not there, at a steady pace; how many a second they were."""
    url = f"{stack.url('bss')}/boot/v1/bootscript?mac=02:00:00:00:00:01"
    began = time.monotonic()
    count = 0
    with httpx.Client(trust_env=False) as client:
        while (spent := time.monotonic() - began) < seconds:
            time.sleep(max(0.0, count / per_s - spent))
            client.get(url)
            count += 1
    return count / seconds


@pytest.mark.thorough  # A rate of twenty seconds, three times; each panel's query is held by test_dashboards.
def test_request_panels_move_with_the_load_and_end_with_the_stack(
    make_stack, tmp_path, prometheus_program, free_tcp_port
):
    stack = make_stack()
    with running_prometheus(prometheus_program, tmp_path / "p", free_tcp_port, scrape_jobs(stack)) as prometheus:
        made, shown = [], []
        for per_s in (8, 16):
            made.append(ask(stack, per_s, seconds=LOOK_S + 4))
            shown.append(rate_of(prometheus))
        lifecycle.down(Path(stack.state_dir))
        assert until(lambda: rate_of(prometheus) is None, patience_s=LOOK_S + 30)
    # A busy machine asks more slowly than told; the panel shows what was asked.
    assert shown[1] / shown[0] == pytest.approx(made[1] / made[0], rel=0.3)
    assert shown[1] > 1.3 * shown[0]
