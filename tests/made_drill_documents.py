"""Drills made by hand: a document with values that a test chooses, without a measurement behind it."""

from datetime import UTC, datetime
from typing import Any

from chamiperf_ci.models.drill import Drill, DrillEffect, DrillRow, DrillRun
from chamiperf_ci.models.verdict import RowKey

WHEN = datetime(2026, 11, 24, tzinfo=UTC)


def made_drill(**changes: Any) -> Drill:
    """A drill in which everything happened once, unless told otherwise."""
    key = RowKey(scenario="boot_storm", endpoint="bootscript", metric="p99")
    fields = {
        "producer": "chamiperf 0.1.0",
        "started_at": WHEN,
        "ended_at": WHEN,
        "scenario": "boot_storm",
        "profile": "demo",
        "fingerprint": None,
        "self_test": True,
        "method": "injected",
        "word": "proved",
        "exit_code": 0,
        "runs": (
            DrillRun(run_id="w1", purpose="baseline", effect=0, file="a.json"),
            DrillRun(run_id="w2", purpose="baseline", effect=0, file="b.json", problems=("generator-saturated: x",)),
        ),
        "unchanged": DrillEffect(
            effect=0, injected_ms=0, comparisons=1, suspected=1, caught=0, missed=0, measured=-0.012
        ),
        "effects": (
            DrillEffect(effect=0.4, injected_ms=3.2, comparisons=3, suspected=3, caught=2, missed=1, measured=0.334),
        ),
        "rows": (DrillRow(key=key, spread=0.0312, smallest_suspected=0.214, smallest_confirmed=12.0),),
        "unchanged_runs": 8,
        "trials": 200,
        "false_alarms_a_month": 0.3,
        "false_alarms_a_month_at_most": 0.84,
    }  # fmt: skip
    return Drill(**(fields | changes))
