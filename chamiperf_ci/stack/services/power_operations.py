"""Power's vocabulary: operations with their aliases, and the states of transitions and tasks (contract 3.8)."""

import re
from collections.abc import Mapping, Sequence

OPERATIONS = ("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi")
_ALIASES = {"off": "ForceOff", "reboot": "ForceRestart", "shutdown": "GracefulShutdown", "restart": "GracefulRestart"}
_BY_NAME = {**{name.lower(): name for name in OPERATIONS}, **_ALIASES}

ACTIONS = {"on": "On", "off": "ForceOff", "reboot": "ForceRestart"}
"""The routes below `/actions` that need no operation."""

POWER_AFTER: Mapping[str, str] = {
    "On": "On",
    "ForceOff": "Off",
    "GracefulShutdown": "Off",
    "GracefulRestart": "On",
    "ForceRestart": "On",
    "Nmi": "On",
}


def operation_of(text: str) -> str | None:
    """The operation meant, whatever its case or alias; None for none."""
    return _BY_NAME.get(re.sub(r"[^a-z]", "", text.lower()))


def state_of(task_states: Sequence[str], *, dry_run: bool) -> str:
    """A transition's state from its tasks'. A dry run is planned, even where a task failed for want of a mapping."""
    if dry_run:
        return "planned"
    if any(state in ("pending", "running") for state in task_states):
        return "running"
    for whole, single in (("canceled", "canceled"), ("failed", "failed"), ("completed", "succeeded")):
        if all(state == single for state in task_states):
            return whole
    return "partial"
