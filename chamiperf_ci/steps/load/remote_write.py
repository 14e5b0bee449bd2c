"""k6's own metrics to a Prometheus while the load runs: where to, with what credential, under which labels.

k6 sends from beside its VUs; a Prometheus that is gone costs the figures there and nothing else, and k6's complaints
become warnings of the run.
"""

from collections.abc import Mapping
from typing import Final

from chamiperf_ci.adapters.hosts import check_url
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import Target

OUTPUT: Final = "experimental-prometheus-rw"
PREFIX: Final = "K6_PROMETHEUS_RW_"
URL: Final = f"{PREFIX}SERVER_URL"
RECEIVER: Final = "/api/v1/write"
STATISTICS: Final = "count,sum,avg,min,max,p(50),p(95),p(99)"
"""What k6 says of a Trend; of its own accord it would say the p99 alone."""


def settings(environment: Mapping[str, str], target: Target, *, native_histograms: bool) -> dict[str, str]:
    """K6's variables for this output: those that are set, with ours where they are silent.

    Args:
        environment: The process's variables; credentials come by `K6_PROMETHEUS_RW_USERNAME` and `_PASSWORD`, or
            `_BEARER_TOKEN`.
        target: Its Prometheus is written to where no URL is set.
        native_histograms: Send Trends as native histograms, which the receiver must have switched on.

    Raises:
        ConfigurationError: There is nowhere to write to, or the URL is none.
    """
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    url = given.get(URL) or (f"{target.prometheus}{RECEIVER}" if target.prometheus else "")
    if not url:
        raise ConfigurationError(
            "there is no Prometheus to write to",
            where=f"--remote-write, and {URL} is empty",
            remedy=f"Set {URL}=http://HOST:9090{RECEIVER}, or give the target's Prometheus.",
        )
    check_url(url, where=URL)
    ours = {f"{PREFIX}TREND_STATS": STATISTICS, f"{PREFIX}STALE_MARKERS": "true"}
    native = {f"{PREFIX}TREND_AS_NATIVE_HISTOGRAM": "true"} if native_histograms else {}
    return {**ours, **native, **given, URL: url}


def labels(run_id: str, scenario: str, environment: str, segment: int, segments: int) -> dict[str, str]:
    """What every series of a run carries beside k6's `name`, `phase`, `status` and `window`; nothing that names a node.

    Processes that share a load need a label of their own, since two writers of one series overwrite each other.
    """
    shared = {"run_id": run_id, "load": scenario, "environment": environment}
    return {**shared, "segment": str(segment)} if segments > 1 else shared
