"""Loads, summaries and observations as the tests of the load step need them."""

from chamiperf_ci.adapters.k6 import Observation, ResourceSample
from chamiperf_ci.models.plan import Load, Phase
from chamiperf_ci.models.run import (
    Distribution,
    GeneratorHealth,
    ScriptHealth,
    ScriptSeries,
    ScriptSummary,
    Traffic,
    Window,
)
from chamiperf_ci.models.vocabulary import Direction

PHASES = (
    Phase(name="ramp-up", duration_s=10, from_vus=0, to_vus=100),
    Phase(name="sustained", start_s=10, duration_s=60, from_vus=100, to_vus=100),
    Phase(name="spike", start_s=70, duration_s=10, from_vus=200, to_vus=200),
    Phase(name="cooldown", start_s=80, duration_s=5, from_vus=200, to_vus=0),
)


def storm(**fields):
    """A closed load of 100 VUs, one iteration a second, with the ADR's phases."""
    return Load(**{"model": "closed", "pace_s": 1.0, "phases": PHASES, **fields})


def distribution(count=1000, low=1.0, high=100.0, **quantiles):
    """Values spread evenly from low to high unless quantiles are given."""
    grid = {f"p{q}": low + (high - low) * q / 100 for q in (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)}
    return Distribution(count=count, min=low, mean=(low + high) / 2, max=high, quantiles=quantiles or grid)


def series(phases=None, windows=10, count=600, **fields):
    """The latency of the boot script, with windows that all have data."""
    return ScriptSeries(
        **{
            "endpoint": "bootscript",
            "service": "bss",
            "metric": "latency",
            "direction": Direction.LOWER,
            "phases": {"sustained": distribution(count * windows)} if phases is None else phases,
            "windows": tuple(
                Window(index=n, seconds=6.0, count=count, failed=0, quantiles=distribution(count).quantiles)
                for n in range(windows)
            ),
            **fields,
        }
    )


def traffic(requests=6000, phase="sustained", **fields):
    """Requests for boot scripts."""
    base = {"endpoint": "bootscript", "phase": phase, "service": "bss", "requests": requests, "failed": 0}
    return Traffic(**{**base, "throttled": 0, **fields})


def summary(**fields):
    """A whole run of `storm()`."""
    base = {
        "format": "chamiperf-summary",
        "format_version": 1,
        "scenario": "boot_storm",
        "scenario_version": 1,
        "profile": "quick",
        "duration_s": 85.0,
        "iterations": 8500,
        "max_vus": 200,
        "series": (series(),),
        "traffic": (traffic(),),
        "health": ScriptHealth(overrun_ms=distribution(500, 0, 2), stall_ms=distribution(500, 0, 2)),
    }
    return ScriptSummary(**{**base, **fields})


def healthy(**fields):
    """A generator that kept up."""
    base = {
        "cpu_percent_p95": 50.0,
        "machine_cpu_percent_p95": 60.0,
        "cores": 2,
        "rss_mb_max": 200.0,
        "dropped_iterations": 0,
        "overrun_ms_p99": 1.0,
        "stall_ms_max": 2.0,
        "time_series": 10,
        "saturated": False,
        "reasons": (),
    }
    return GeneratorHealth(**{**base, **fields})


def vitals(at_s=0.0, cpu=50.0, rss_mb=200.0, available_mb=8000.0, foreign=1.0, **limits):
    """One look at the generator."""
    return ResourceSample(at_s, cpu, 60.0, rss_mb, available_mb, foreign, **limits)


def observation(load_s=1.0, requests=0.0, failed=0.0, vus=100.0, **fields):
    """One look at the load; counters that are None were not answered."""
    counts = {"http_reqs": requests, "chamiperf_failed": failed, "vus": vus}
    return Observation(load_s, {name: value for name, value in counts.items() if value is not None}, vitals(**fields))
