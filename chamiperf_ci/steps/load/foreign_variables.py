"""Variables of Chamicore's own load scripts that set thresholds: refused, because baselines.json decides here.

The others (stages, VUs, seed sizes) keep their meaning in plain `k6 run`; `load` takes its shapes from profiles and
options and never hands them to a script.
"""

from collections.abc import Mapping
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
                    remedy=f"Unset it. The target of {scenario} {metric} is decided by {_place(baselines, metric)}.",
                )


def _place(baselines: Path, metric: str) -> str:
    """The file, with the line of the first target of this metric where it can be found."""
    try:
        lines = baselines.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return str(baselines)
    wanted = f'"metric": "{metric}"'
    line = next((number for number, text in enumerate(lines, start=1) if wanted in text), None)
    return str(baselines) if line is None else f"{baselines}, line {line}"
