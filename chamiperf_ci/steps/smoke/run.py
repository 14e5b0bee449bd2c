"""Runs the smoke test: all services side by side, to a deadline that holds, and takes away what it made."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, Interrupted, ToolkitError
from chamiperf_ci.models.identities import Identities
from chamiperf_ci.models.smoke import Smoke, SmokeCheck
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps.deadline import side_by_side
from chamiperf_ci.steps.smoke.bench import Bench, Made, NotChecked
from chamiperf_ci.steps.smoke.operations import OPERATIONS, Operation
from chamiperf_ci.steps.wait import configured

_TIDYING_SHARE: Final = 0.25
"""Of the deadline, kept back for taking away what was made."""


@dataclass(frozen=True, slots=True)
class SmokeOutcome:
    """The document, and the first thing that only a change of the configuration can cure."""

    document: Smoke
    refused: ConfigurationError | None


@dataclass(slots=True)
class _Row:
    """One operation as it goes."""

    service: Service
    operation: Operation
    started: float | None = None
    check: SmokeCheck | None = None


@dataclass(slots=True)
class _Checks:
    """All operations of all configured services."""

    rows: list[_Row] = field(default_factory=list)
    refusals: list[ConfigurationError] = field(default_factory=list)

    def of(self, service: Service) -> Iterator[_Row]:
        return (row for row in self.rows if row.service is service)


def smoke(client: Chamicore, *, run_id: str, deadline_s: float, stop: StopRequest | None = None) -> SmokeOutcome:
    """Check every configured service within `deadline_s` seconds, whatever hangs.

    Args:
        client: Of the target; its time-outs should be shorter than the deadline.
        run_id: Names the one node that is created, so that `seed --sweep` finds what may be left of it.
        deadline_s: For checking and tidying up together.
        stop: A request to check no further; what was made is taken away all the same.

    Raises:
        Interrupted: `stop` was requested; says what is left behind.
    """
    stop = stop or StopRequest()
    started_at, started = datetime.now(UTC), time.monotonic()
    values = Identities(client.dialect.identity, run_id, client.target.network).values(0)
    bench = Bench(client, values)
    services = configured(client.target)
    checks = _Checks([_Row(service, operation) for service in services for operation in OPERATIONS[service]])
    checking_s = deadline_s * (1 - _TIDYING_SHARE)

    side_by_side(
        {service: partial(_check_service, bench, checks, service) for service in services},
        checking_s,
        over=lambda: stop.requested,
    )
    results = [row.check or _overdue(row, checking_s) for row in checks.rows]
    left = _tidy(bench, services, min(deadline_s * _TIDYING_SHARE, stop.seconds_left()))
    if stop.requested:
        behind = f"; left behind: {', '.join(left)}" if left else ""
        raise Interrupted(
            f"interrupted by {stop.by}{behind}",
            where="the smoke test",
            remedy="Run the command again; `chamiperf seed --sweep` takes away what is left.",
        )
    results += [
        SmokeCheck(service=service, operation="health", outcome="skipped", duration_ms=0.0, problem="not configured")
        for service in Service
        if service not in services
    ]
    document = Smoke(
        producer=PRODUCER,
        environment=client.target.environment,
        started_at=started_at,
        seconds=round(time.monotonic() - started, 3),
        ok=all(check.outcome != "failed" for check in results) and not left,
        checks=tuple(results),
        left_behind=tuple(left),
        warnings=tuple(_warnings(bench)),
    )
    return SmokeOutcome(document, next(iter(checks.refusals), None))


def _check_service(bench: Bench, checks: _Checks, service: Service) -> None:
    """A service's operations in order; after a failure the rest are skipped."""
    failed: str | None = None
    for row in checks.of(service):
        if failed is not None:
            row.check = _result(row, "skipped", f"{failed} failed")
            continue
        row.started = time.monotonic()
        try:
            row.operation.run(bench)
            row.check = _result(row, "ok")
        except NotChecked as reason:
            row.check = _result(row, "skipped", str(reason))
        except ToolkitError as error:
            if isinstance(error, ConfigurationError):
                checks.refusals.append(error)
            row.check = _result(row, "failed", f"{error.wrong} ({error.where})")
            failed = row.operation.name
    if service is Service.SMD:
        bench.node_settled.set()


def _result(row: _Row, outcome: str, problem: str = "") -> SmokeCheck:
    took_s = 0.0 if row.started is None else time.monotonic() - row.started
    return SmokeCheck.model_validate(
        {
            "service": row.service,
            "operation": row.operation.name,
            "outcome": outcome,
            "duration_ms": round(took_s * 1000, 1),
            "problem": problem,
        }
    )


def _overdue(row: _Row, seconds: float) -> SmokeCheck:
    """An operation that the deadline cut off, or that never had its turn; both are red."""
    if row.started is None:
        return _result(row, "skipped", "an operation before it did not end")
    return _result(row, "failed", f"no answer within {seconds:g} s")


def _tidy(bench: Bench, services: tuple[Service, ...], seconds: float) -> list[str]:
    """Remove what was made, service by service side by side; what is left or may be left."""
    left: dict[int, str] = {}
    made = list(bench.made)

    def remove(service: Service) -> None:
        for each in bench.made_by(service):
            try:
                _remove(bench, each)
            except ToolkitError as error:
                left[id(each)] = f"{_name(bench, each)}: {error.wrong}"
            else:
                left.pop(id(each), None)

    for each in made:
        left[id(each)] = f"{_name(bench, each)}: the service does not answer"
    busy = {service for service in services if bench.made_by(service)}
    side_by_side({service: partial(remove, service) for service in sorted(busy)}, seconds)
    return list(left.values())


def _remove(bench: Bench, made: Made) -> None:
    """Delete an object; one whose creation was not answered is looked for by its node."""
    if made.key is not None:
        bench.client.delete(made.shape, made.key)
        return
    if made.shape.find or made.shape.key != "{key}":
        for resource in bench.client.find(made.shape, bench.values):
            bench.client.delete(made.shape, resource.key)


def _name(bench: Bench, made: Made) -> str:
    return f"{made.shape.kind} of {bench.values['id']} in {made.shape.service}"


def _warnings(bench: Bench) -> list[str]:
    insecure = ["certificates were not verified (--insecure)"] if bench.client.target.tls.insecure else []
    return insecure + sorted(set(bench.warnings))
