"""A verdict as metrics, so that a dashboard shows what was decided and decides nothing; documented in observability.md.

Every number is a gauge of the night's run; `run_id` is that of the scenario's first run, so that the confirmed verdict
replaces the first look.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from chamiperf_ci.adapters import otlp
from chamiperf_ci.adapters.otlp import Gauge
from chamiperf_ci.errors import ToolkitError
from chamiperf_ci.models.verdict import Row, Verdict
from chamiperf_ci.models.vocabulary import RowVerdict, TargetVerdict

SERVICE = "chamiperf"
_PREFIX = "chamiperf.verdict"
_DECISIONS = (f"{_PREFIX}.row", f"{_PREFIX}.target")
"""Gauges whose labels say what was decided."""


def publish(verdict: Verdict, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Send a verdict to the collector that the environment names; one that fails costs a line, never the verdict."""
    to = otlp.endpoint(environment)
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
    said = tuple(_said(verdict))
    yield from said
    known = {(gauge.name, gauge.attributes) for gauge in said}
    for gauge in _said(verdict.first_look) if verdict.first_look else ():
        if gauge.name in _DECISIONS and (gauge.name, gauge.attributes) not in known:
            yield replace(gauge, value=0.0)


def _said(verdict: Verdict) -> Iterator[Gauge]:
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
