"""What may be published of a verdict, and the metrics that are sent of it."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from chamiperf_ci.adapters import otlp
from chamiperf_ci.adapters.otlp import Gauge
from chamiperf_ci.errors import ConfigurationError, ToolkitError
from chamiperf_ci.models.target import URL_VARIABLES, Addresses, setting
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict

_SHOW = "CHAMIPERF_SHOW_HOSTS"
_OTHERS = {setting(name).variable: name.replace("_", "-") for name in Addresses.model_fields if name != "services"}


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


SERVICE = "chamiperf"
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Variables that name a collector, the more special first."""
_PREFIX = "chamiperf.verdict"
_DECISIONS = (f"{_PREFIX}.row", f"{_PREFIX}.target")
"""Gauges whose labels say what was decided."""


def endpoint(environment: Mapping[str, str]) -> str | None:
    """The collector that the environment names; None if it names none."""
    return next((environment[name] for name in ENDPOINTS if environment.get(name)), None)


def publish(verdict: Verdict, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Send a verdict to the collector that the environment names; one that fails costs a line, never the verdict."""
    to = endpoint(environment)
    if to is None:
        return
    try:
        otlp.send(tuple(gauges(verdict)), service=SERVICE, to=to)
    except ToolkitError as error:
        say(f"the verdict was not published as metrics: {error}")


def gauges(verdict: Verdict) -> Iterator[Gauge]:
    """Every number of a verdict: of each row, and of each scenario how many rows there are of each verdict.

    What the first look had decided and the confirmation has not is 0, so that nobody shows both.
    """
    said = tuple(_verdict_gauges(verdict))
    yield from said
    known = {(gauge.name, gauge.attributes) for gauge in said}
    for gauge in _verdict_gauges(verdict.first_look) if verdict.first_look else ():
        if gauge.name in _DECISIONS and (gauge.name, gauge.attributes) not in known:
            yield replace(gauge, value=0.0)


def _verdict_gauges(verdict: Verdict) -> Iterator[Gauge]:
    for outcome in verdict.scenarios:
        of_scenario = {
            "environment": verdict.environment,
            "scenario": outcome.scenario,
            "run_id": outcome.runs[0] if outcome.runs else "",
        }
        rows = [row for row in verdict.rows if row.key.scenario == outcome.scenario]
        yield _gauge("valid", float(outcome.valid), of_scenario)
        yield from _counts(rows, of_scenario)
        for row in rows:
            yield from _of_row(row, of_scenario)


def _counts(rows: list[Row], of_scenario: dict[str, str]) -> Iterator[Gauge]:
    """All verdicts, also those that no row has: a line that is not there is no zero."""
    for verdict in RowVerdict:
        count = sum(row.compared and row.verdict is verdict for row in rows)
        yield _gauge("count", float(count), {**of_scenario, "verdict": str(verdict)})


def _of_row(row: Row, of_scenario: dict[str, str]) -> Iterator[Gauge]:
    named = {
        **of_scenario,
        "endpoint": row.key.endpoint,
        "metric": row.key.metric,
        "phase": row.key.phase,
        "unit": row.unit,
        "simulated": str(row.simulated).lower(),
    }
    change = row.change
    numbers = {
        "value": row.current,
        "baseline": row.baseline,
        "change": change.ratio if change else None,
        "change_low": change.low if change else None,
        "change_high": change.high if change else None,
        "target_limit": row.target.limit,
    }
    for name, value in numbers.items():
        if value is not None:
            yield _gauge(name, value, named)
    yield _gauge("row", 1.0, {**named, "verdict": str(row.verdict), "reason": str(row.reason)})
    if row.target.verdict is not TargetVerdict.NONE:
        yield _gauge("target", 1.0, {**named, "verdict": str(row.target.verdict), "source": row.target.source})


def _gauge(name: str, value: float, attributes: dict[str, str]) -> Gauge:
    return Gauge(f"{_PREFIX}.{name}", value, tuple(sorted(attributes.items())))


# Every repetition is bounded, as names and addresses are: the text may be made to be slow.
_REST = r"[^\s\"'<>()\[\]{}|`,;"
_URL = (
    rf"[A-Za-z][A-Za-z0-9+.-]{{0,15}}://(?:{_REST}/?#]{{0,256}}@)?(?:\[[0-9A-Fa-f:.]+\](?::\d+)?|{_REST}/?#@]+)"
    rf"(?P<path>/{_REST}?#]*)?(?:[?#]{_REST}]*)?"
)
_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\w)"
_IPV6 = r"\[[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,45}\](?::\d{1,5})?"
# Two dots at least, and a last label of letters that no file of ours ends in.
_NAME = (
    r"(?<![\w./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){2,8}"
    r"(?!(?:json|js|py|md|ya?ml|toml|html|xml|txt|log|csv)\b)[A-Za-z]{2,24}(?::\d{1,5})?(?![\w-])"
)
_PORT_NAME = r"(?<![\w./-])[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z][A-Za-z0-9-]{0,62}){0,8}:\d{4,5}(?!\d|\.)"
_ADDRESS = re.compile(f"{_URL}|{_IPV6}|{_IPV4}|{_NAME}|{_PORT_NAME}")
_HOST = re.compile(r"^(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?")


def without_hosts(text: str, *, environment: str, services: Mapping[str, str]) -> str:
    """The text with each address replaced by `service@environment`.

    Args:
        text: Any text, of one line or many.
        environment: The stack's name; empty becomes `stack`.
        services: `host:port`, or `host` alone where a service has its default port, to the service's name; addresses
            that are not in it become `host@environment`.
    """
    place = environment or "stack"
    known = {address.lower(): service for address, service in services.items()}

    def replace(match: re.Match[str]) -> str:
        found = match[0]
        # A full stop or a colon behind an address belongs to the sentence.
        kept = found.rstrip(".:!?")
        path = (match["path"] or "").rstrip(".:!?")
        return f"{known.get(_address(kept), 'host')}@{place}{path}{found[len(kept) :]}"

    return _ADDRESS.sub(replace, text)


def address_of(url: str) -> str:
    """The `host:port` of a URL, in lower case; `host` alone where the URL has no port."""
    return _address(url)


def _address(found: str) -> str:
    rest = found.partition("://")[2] or found
    match = _HOST.match(rest)
    if match is None:
        return ""
    host, port = match[1].lower(), match[2]
    return f"{host}:{port}" if port else host
