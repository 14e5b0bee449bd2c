"""Targets from Chamicore's own `tests/load/baselines.json`: absolute limits per scenario, no measurements.

Its load figures (VUs, durations, `quick_mode`) say how to drive, which the profiles decide here; they are not taken.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Baselines, Level, Rule, ScenarioRules, TargetRule

SOURCE = "Chamicore's tests/load/baselines.json"

_ENDPOINTS = MappingProxyType(
    {"boot_storm": "bootscript", "cloud_init_storm": "user-data", "inventory_scale": "component-get"}
)
"""The one request that each of Chamicore's load scripts makes."""
_METRICS = MappingProxyType(
    {
        "http_req_duration_p50_ms": ("p50", "ms"),
        "http_req_duration_p95_ms": ("p95", "ms"),
        "http_req_duration_p99_ms": ("p99", "ms"),
        "http_req_failed_rate_max": ("errors", "share"),
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """The file with the targets taken over, the names of those, and of what was left."""

    baselines: Baselines
    taken: tuple[str, ...]
    left: tuple[str, ...]


def import_targets(baselines: Baselines, data: Any, *, where: str) -> Imported:  # noqa: ANN401 - any JSON
    """Return `baselines` with the targets of Chamicore's file in place of its own for the same metrics.

    Args:
        baselines: The file to change.
        data: Chamicore's file, parsed.
        where: Names it in messages.

    Raises:
        ConfigurationError: It is not such a file, or a limit is not a positive number.
    """
    if not isinstance(data, dict) or not set(data) & set(_ENDPOINTS):
        raise ConfigurationError(
            f"none of the scenarios {', '.join(_ENDPOINTS)} is in it", where=where, remedy=f"Give {SOURCE}."
        )
    taken: dict[tuple[str, str], TargetRule] = {}
    left: list[str] = []
    for scenario, fields in sorted(data.items()):
        if scenario not in _ENDPOINTS or not isinstance(fields, dict):
            left.append(scenario)
            continue
        left += [f"{scenario}.{name}" for name in sorted(fields) if name not in _METRICS]
        taken |= {(scenario, metric): target for metric, target in _targets(fields, f"{where}, {scenario}")}
    return Imported(
        baselines=_with(baselines, taken),
        taken=tuple(
            f"{scenario} / {_ENDPOINTS[scenario]} {metric}: at most {target.limit:g} {target.unit}"
            for (scenario, metric), target in taken.items()
        ),
        left=tuple(left),
    )


def _targets(fields: Mapping[str, Any], where: str) -> Iterator[tuple[str, TargetRule]]:
    for name, (metric, unit) in _METRICS.items():
        if name not in fields:
            continue
        limit = fields[name]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
            raise ConfigurationError(
                f"{name} is {limit!r}, not a positive number", where=where, remedy="Correct it there first."
            )
        yield metric, TargetRule(limit=limit, unit=unit, source=SOURCE)


def _with(baselines: Baselines, taken: Mapping[tuple[str, str], TargetRule]) -> Baselines:
    scenarios = dict(baselines.rules.scenarios)
    for (scenario, metric), target in taken.items():
        of_scenario = scenarios.get(scenario, ScenarioRules())
        endpoint = _ENDPOINTS[scenario]
        level = of_scenario.endpoints.get(endpoint, Level())
        rule = level.metrics.get(metric, Rule())
        present = rule.target if isinstance(rule.target, TargetRule) else None
        if present is not None and (present.limit, present.unit) == (target.limit, target.unit):
            continue
        changed = level.model_copy(
            update={"metrics": {**level.metrics, metric: rule.model_copy(update={"target": target})}}
        )
        scenarios[scenario] = of_scenario.model_copy(update={"endpoints": {**of_scenario.endpoints, endpoint: changed}})
    rules = baselines.rules.model_copy(update={"scenarios": scenarios})
    return baselines.model_copy(update={"rules": rules})
