"""`docs/adr-012.md` answers the requirement sentence by sentence; what it names must exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "adr-012.md"

LISTED = re.compile(r"(?m)^- \*\*(.+?)\*\* ([^→\n]+?)(?: → (.+))?$")
ROWS = LISTED.findall(PAGE.read_text(encoding="utf-8").partition("## Never tried")[0])


def test_every_line_of_the_list_is_read():
    assert len(ROWS) == PAGE.read_text(encoding="utf-8").partition("## Never tried")[0].count("\n- ")


def _paths(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_each_answer_names_a_file_and_a_test_or_says_why_not(row):
    _, answer, test = row
    assert answer.startswith("not here, because ") or (_paths(answer) and _paths(test)), row


@pytest.mark.parametrize("named", sorted({path for row in ROWS for cell in row[1:] for path in _paths(cell)}))
def test_what_the_page_names_exists(named):
    path, _, function = named.partition("::")
    assert (ROOT / path).exists(), f"docs/adr-012.md names {path}, which is not there"
    if function:
        assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {function}"


def test_the_page_covers_each_scenario_phase_target_and_dashboard_by_name():
    text = " ".join(row[0] for row in ROWS)
    names = (
        "Boot storm", "Cloud-init storm", "Inventory at scale", "Bulk registration", "DHCP sync burst",
        "Auth under load", "Mixed boot path", "Database stress", "Phase 1", "Phase 2", "Phase 3", "Phase 4", "Phase 5",
        "p50", "p95", "p99", "Full boot path", "throughput", "Error rate", "Database query", "pool utilization",
        "Container memory", "Boot Storm Overview", "Service Performance", "Database Performance",
        "Load Test Comparison",
    )  # fmt: skip
    assert [name for name in names if name.lower() not in text.lower()] == []
