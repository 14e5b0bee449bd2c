"""Rows that the verdict's tests start from: the specification's baseline and history, and a key."""

from chamiperf_ci.verdict.row import RowInput, RowName

KEY = RowName("boot_storm", "bootscript", "p99")
B = (80.0, 84.0, 78.0, 82.0, 90.0)
H = (
    *(81.0, 79.0, 84.0, 80.0, 83.0, 78.0, 82.0, 86.0, 80.0, 79.0, 83.0, 81.0, 77.0, 82.0, 84.0),
    *(80.0, 85.0, 79.0, 81.0, 83.0, 78.0, 82.0, 80.0, 84.0, 81.0, 79.0, 86.0, 82.0, 80.0, 83.0),
)


def row(*current, key=KEY, baseline=B, history=H, **more):
    """A row of the specification's baseline; more of `RowInput`'s fields by name."""
    return RowInput(key, baseline=baseline, history=history, current=current, **more)


def key(scenario="boot_storm", endpoint="bootscript", metric="p99"):
    """A key that differs where told."""
    return RowName(scenario, endpoint, metric)
