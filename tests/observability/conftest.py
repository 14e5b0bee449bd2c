"""A real Prometheus for the tests that need one, and a load that fills it."""

import time
from collections.abc import Iterator

import pytest
from watching import Filled, chamiperf, require, running_prometheus, scrape_jobs

from chamicore_standin import lifecycle
from chamiperf_ci.models.target import StackOptions


@pytest.fixture(scope="session")
def prometheus_program() -> str:
    """The real Prometheus."""
    return require("prometheus", "apt-get install prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker of rules."""
    return require("promtool", "apt-get install prometheus")


@pytest.fixture(scope="session")
def filled(prometheus_program, tmp_path_factory, free_tcp_port_factory) -> Iterator[Filled]:
    """The embedded stack, scraped, under one load of all its boot services, with k6's metrics written as well."""
    folder = tmp_path_factory.mktemp("filled")
    state_dir, out = folder / "state", folder / "out"
    stack = lifecycle.up(StackOptions(ports="ephemeral", sync_interval_s=1.0), state_dir=state_dir)
    try:
        port = free_tcp_port_factory()
        with running_prometheus(prometheus_program, folder / "prometheus", port, scrape_jobs(stack)) as prometheus:
            shared = ("--target", "embedded", "--out", str(out))
            seeded = chamiperf(state_dir, "seed", "--nodes", "300", *shared)
            assert seeded.returncode == 0, seeded.stderr
            waits = ("--service", "bss", "--pool-exhaustion", "1")
            assert chamiperf(state_dir, "stack", "fault", "set", *waits).returncode == 0
            start = time.time()
            loaded = chamiperf(
                state_dir, "load", "--scenario", "mixed_boot_path", "--profile", "demo", "--remote-write", *shared,
                CHAMIPERF_PROMETHEUS_URL=prometheus.url,
                # A rate takes two samples, and k6 sends one every five seconds of a load of eight.
                K6_PROMETHEUS_RW_PUSH_INTERVAL="1s",
            )  # fmt: skip
            assert (out / "runs" / "mixed_boot_path.json").exists(), loaded.stderr
            time.sleep(2)
            yield Filled(prometheus, out, start, time.time())
    finally:
        lifecycle.down(state_dir)
