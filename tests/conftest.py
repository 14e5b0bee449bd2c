"""What every test gets: an environment without the machine's settings, and the embedded stack on request."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["stack_fixtures"]

# How fast examples are made is the machine's business: on a busy one it failed tests.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_OURS = ("CHAMIPERF_", "CHAMICORE_", "K6_", "GITHUB_", "OTEL_", "INPUT_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def pytest_configure():
    """Let a suite that is cut off by a time-out end as by Ctrl-C: with its fixtures, so that no stack stays.

    A shell starts what runs in its background with Ctrl-C ignored, and so would be everything that a test starts.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    """No variable of the machine or of a surrounding workflow changes what a test sees."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _PROXIES or name in ("CI", "RUNNER_TEMP", "COLUMNS"):
            monkeypatch.delenv(name)
