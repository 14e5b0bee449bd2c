"""The smoke test's table, compared whole."""

from datetime import UTC, datetime

from chamiperf_ci.commands.smoke import conclusion, table
from chamiperf_ci.models.seed import Smoke, SmokeCheck

DOCUMENT = Smoke(
    producer="chamiperf 0",
    environment="lab",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    seconds=1.24,
    ok=False,
    checks=(
        SmokeCheck(service="smd", operation="health", outcome="ok", duration_ms=3.04),
        SmokeCheck(service="bss", operation="health", outcome="failed", duration_ms=1000, problem="no answer"),
        SmokeCheck(service="mcp", operation="health", outcome="skipped", duration_ms=0, problem="not configured"),
    ),
    left_behind=("components of n-1 in smd: no answer in time",),
    warnings=("certificates were not verified (--insecure)",),
)


def test_each_check_is_a_row():
    assert table(DOCUMENT) == (
        "service  operation  outcome      ms  problem\n"
        "-------  ---------  -------  ------  --------------\n"
        "smd      health     ok          3.0\n"
        "bss      health     failed   1000.0  no answer\n"
        "mcp      health     skipped     0.0  not configured"
    )


def test_the_conclusion_counts_and_names_what_is_left():
    assert conclusion(DOCUMENT) == (
        "lab does not work: 1 ok, 1 failed, 1 skipped; 1.2 s\n"
        "left behind: components of n-1 in smd: no answer in time\n"
        "warning: certificates were not verified (--insecure)"
    )
