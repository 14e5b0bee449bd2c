"""Variables of Chamicore's own load scripts that set thresholds: refused, because baselines.json decides here.

The others (stages, VUs, seed sizes) keep their meaning in plain `k6 run`; `load` takes its shapes from profiles and
options and never hands them to a script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chamiperf_ci.errors import ConfigurationError

_SCENARIOS = {"BOOT": "boot_storm", "CLOUDINIT": "cloud_init_storm", "INVENTORY": "inventory_scale"}
_THRESHOLDS = {"P99_TARGET_MS": "p99", "ERROR_RATE_MAX": "errors"}


def refuse_thresholds(environment: Mapping[str, str], baselines: Path) -> None:
    """Stop if a variable would set a threshold.

    Args:
        environment: The process's variables.
        baselines: The file that holds the targets; need not exist.

    Raises:
        ConfigurationError: Names the variable, and the line of the file that decides instead.
    """
    for prefix, scenario in _SCENARIOS.items():
        for suffix, metric in _THRESHOLDS.items():
            variable = f"{prefix}_{suffix}"
            if environment.get(variable):
                raise ConfigurationError(
                    f"{variable} sets a threshold, which load does not take",
                    where=f"{variable}={environment[variable]}",
                    remedy=f"Unset it. {scenario} {metric} is decided by {_place(baselines, scenario, metric)}.",
                )


def _place(baselines: Path, scenario: str, metric: str) -> str:
    """The file, with the line of the metric's rule: the scenario's own, else the first, else none."""
    try:
        lines = baselines.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return str(baselines)
    start = _line_of(lines, scenario, after=0)
    line = _line_of(lines, metric, after=start or 0) or _line_of(lines, metric, after=0)
    return f"{baselines}, line {line}" if line else str(baselines)


def _line_of(lines: Sequence[str], key: str, *, after: int) -> int | None:
    """The first line from the given one on that opens an object of this key; lines count from 1."""
    opening = f'"{key}": {{'
    return next((n for n, text in enumerate(lines[after:], start=after + 1) if opening in text), None)
