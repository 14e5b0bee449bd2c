"""What may be published of a text or a verdict: the environment's name stands where a host stood.

Summaries, comments, reports and annotations are read by more people than may know where a stack lies. Files of a run
and the log keep what was measured where. `CHAMIPERF_SHOW_HOSTS=true` publishes hosts too.
"""

import os
from collections.abc import Mapping
from typing import Any

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.privacy import address_of, without_hosts
from chamiperf_ci.steps.targets import (
    GATEWAY_VARIABLE,
    GRAFANA_VARIABLE,
    KEA_SYNC_VARIABLE,
    KEA_VARIABLE,
    PROMETHEUS_VARIABLE,
    URL_VARIABLES,
)

_SHOW = "CHAMIPERF_SHOW_HOSTS"
_OTHERS = {
    GATEWAY_VARIABLE: "gateway",
    KEA_VARIABLE: "kea",
    KEA_SYNC_VARIABLE: "kea-sync",
    PROMETHEUS_VARIABLE: "prometheus",
    GRAFANA_VARIABLE: "grafana",
}


def published(text: str, *, environment: str = "", variables: Mapping[str, str] = os.environ) -> str:
    """The text without hosts.

    Args:
        text: Of one line or many.
        environment: The stack's name; by default the one that the variables give.
        variables: Where the stack's URLs stand, so that a service is called by its name.

    Raises:
        ConfigurationError: CHAMIPERF_SHOW_HOSTS is neither true nor false.
    """
    if _show_hosts(variables):
        return text
    place = environment or variables.get("CHAMIPERF_ENVIRONMENT") or variables.get("CHAMIPERF_TARGET") or ""
    return without_hosts(text, environment=place, services=_services(variables))


def published_verdict(verdict: Verdict, *, variables: Mapping[str, str] = os.environ) -> Verdict:
    """The verdict without hosts in any of its texts; an acknowledgement's link stays, as baselines.json has it.

    Raises:
        ConfigurationError: As `published`.
    """
    if _show_hosts(variables):
        return verdict

    def walk(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, str):
            return without_hosts(value, environment=verdict.environment, services=services)
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {key: item if key == "link" else walk(item) for key, item in value.items()}
        return value

    services = _services(variables)
    return Verdict.model_validate(walk(verdict.model_dump(mode="json")))


def _services(variables: Mapping[str, str]) -> dict[str, str]:
    names = {variable: str(service) for service, variable in URL_VARIABLES.items()} | _OTHERS
    return {address_of(url): name for variable, name in names.items() if (url := variables.get(variable, ""))}


def _show_hosts(variables: Mapping[str, str]) -> bool:
    given = variables.get(_SHOW, "").strip().lower()
    if given not in {"", "true", "false"}:
        raise ConfigurationError(f"{given!r} is neither true nor false", where=_SHOW, remedy="Give true or false.")
    return given == "true"
