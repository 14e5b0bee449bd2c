"""PostgreSQL watched over a load: which statements took how long, how many connections were in use, what went wrong.

`pg_stat_statements` knows means and no quantiles, so a p99 stays unavailable: a mean is never called one. Nor does a
server know how large its clients' pools are; `max_connections` is another limit.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final, Protocol

from chamiperf_ci.adapters.postgres import (
    POOLS_VARIABLE,
    DatabaseTotals,
    PostgresSample,
    Sessions,
    StatementKey,
    StatementText,
    StatementTotals,
)
from chamiperf_ci.errors import ToolkitError
from chamiperf_ci.models.run import ServerMetric, Statement, StatementPoint
from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.steps.server_metrics.tracks import PeriodicSampler, distance

SERVICE: Final = "postgres"
MOST_STATEMENTS: Final = 20
"""Statements that are kept, those that took most of the time."""
MOST_POINTS: Final = 20
FEWEST: Final = 10
"""Calls that make a role one that is under load."""
_WAIT_FOR_SESSION_S: Final = 6.0
_WAIT_FOR_LOOK_S: Final = 1.0
_BUSY: Final = ("active", "idle in transaction", "idle in transaction (aborted)", "fastpath function call")
_OWN_WAITS: Final = ("", "Client", "Activity", "Timeout", "Extension")
"""Kinds of event that are no wait for the server: idle, or waiting for the client itself."""
_STATEMENTS_SOURCE: Final = "pg_stat_statements"
_ACTIVITY_SOURCE: Final = "pg_stat_activity"
_DATABASE_SOURCE: Final = "pg_stat_database"


class Described(Protocol):
    """What goes with looks."""

    statements_problem: str

    def max_connections(self) -> int:
        """How many sessions the server takes."""

    def texts(self, keys: Sequence[StatementKey]) -> dict[StatementKey, StatementText]:
        """What statements are."""


class PostgresSource(Described, Protocol):
    """Where looks come from."""

    def look(self) -> PostgresSample:
        """Sample once."""

    def close(self) -> None:
        """End the session."""


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """What was seen of the server over a phase."""

    metrics: tuple[ServerMetric, ...] = ()
    statements: tuple[Statement, ...] = ()


class PostgresWatch:
    """Looks at a server again and again.

    Args:
        source: Of the looks.
        pools: The limit of each role's pool, where somebody stated it.
        distance: Seconds until the next look, by the seconds since the first.
    """

    def __init__(
        self, source: PostgresSource, pools: Mapping[str, int], distance: Callable[[float], float] = distance
    ) -> None:
        self._source = source
        self._pools = pools
        self._lock = threading.Lock()
        self._looks: list[tuple[float, PostgresSample]] = []
        self._problem = ""
        self._looker = PeriodicSampler("postgres", self._look, distance)

    def start(self) -> None:
        """Begin to look, and forget the load before."""
        self._looker.stop()
        self._looks, self._problem = [], ""
        self._looker.start()

    def stop(self, started_at: float, ended_at: float) -> DatabaseFigures:
        """End looking, and say what was seen between two moments (Unix seconds); never raises for the server."""
        self._looker.stop()
        looks = [(at, look) for at, look in self._looks if started_at <= at <= ended_at]
        if not self._lock.acquire(timeout=_WAIT_FOR_SESSION_S):
            return DatabaseFigures(unread("the server does not answer"))
        try:
            return database_metrics(looks, self._source, self._pools, started_at, problem=self._problem)
        finally:
            self._lock.release()

    def end(self) -> None:
        """End looking, and the session; one that hangs ends with the process, since `stop` has waited for it."""
        self._looker.stop()
        if self._lock.acquire(timeout=_WAIT_FOR_LOOK_S):
            try:
                self._source.close()
            finally:
                self._lock.release()

    def _look(self, over: threading.Event) -> None:
        with self._lock:
            if over.is_set():
                return
            try:
                before = time.time()
                look = self._source.look()
                found, problem = [((before + time.time()) / 2, look)], self._source.statements_problem
            except ToolkitError as error:
                found, problem = [], error.wrong
            if over is self._looker.over:  # else this is a look of the load before, whose answer came late
                self._looks += found
                self._problem = problem


def database_metrics(
    looks: Sequence[tuple[float, PostgresSample]],
    source: Described,
    pools: Mapping[str, int],
    started_at: float,
    *,
    problem: str = "",
) -> DatabaseFigures:
    """What looks of a phase say, each with its moment (Unix seconds); never raises for the source.

    Args:
        looks: In their order.
        source: Where they came from; it is asked for texts and limits.
        pools: The limit of each role's pool, where somebody stated it.
        started_at: When the phase began.
        problem: Why the last look failed; empty if it did not.
    """
    if len(looks) < 2:  # noqa: PLR2004 - a difference
        read = f"it was read {len(looks)} times in the phase, and a difference needs two"
        return DatabaseFigures(unread("; ".join(part for part in (problem, read) if part)))
    statements, wrong = _statements(looks, source, started_at)
    try:
        most = source.max_connections()
    except ToolkitError:
        most = None
    return DatabaseFigures(tuple(_metrics(looks, statements, pools, most, wrong)), statements)


def _statements(
    looks: Sequence[tuple[float, PostgresSample]], source: Described, started_at: float
) -> tuple[tuple[Statement, ...], str]:
    """The statements that took most of the phase, and why there are none if there are none."""
    (_, first), (_, last) = looks[0], looks[-1]
    if not last.statements:
        return (), source.statements_problem or "no statement was counted"
    spent = {key: rise for key in last.statements if (rise := _rise(first, last, key)) is not None}
    keys = sorted(spent, key=lambda key: -spent[key].total_ms)[: 2 * MOST_STATEMENTS]
    try:
        texts = source.texts(keys)
    except ToolkitError as error:
        return (), error.wrong
    together: dict[str, list[StatementKey]] = {}
    for key in keys:
        if key in texts:
            together.setdefault(texts[key].fingerprint, []).append(key)
    found = [_statement(texts[same[0]], same, spent, _points(looks, same, started_at)) for same in together.values()]
    problem = "" if found else "the role may not see the statements' texts (GRANT pg_read_all_stats)"
    return tuple(sorted(found, key=lambda each: -each.total_ms)[:MOST_STATEMENTS]), problem


def unread(reason: str) -> tuple[ServerMetric, ...]:
    """What a server that was not read leaves open, and why."""
    figures = (("statements", "statements"), ("db_query_p99", "ms"), ("pool_utilisation", "share"))
    return tuple(_missing(name, unit, reason) for name, unit in figures)


def _rise(first: PostgresSample, last: PostgresSample, key: StatementKey) -> StatementTotals | None:
    """What a statement took between two looks; None where it was not called, or its statistics were reset."""
    before, after = first.statements.get(key, StatementTotals(0, 0.0, 0)), last.statements.get(key)
    if after is None or after.calls <= before.calls or after.total_ms < before.total_ms:
        return None
    return StatementTotals(after.calls - before.calls, after.total_ms - before.total_ms, after.rows - before.rows)


def _statement(
    text: StatementText,
    keys: Sequence[StatementKey],
    spent: Mapping[StatementKey, StatementTotals],
    points: tuple[StatementPoint, ...],
) -> Statement:
    calls = sum(spent[key].calls for key in keys)
    total = sum(spent[key].total_ms for key in keys)
    return Statement(
        fingerprint=text.fingerprint,
        text=text.text,
        role=text.role,
        database=text.database,
        calls=calls,
        mean_ms=total / calls,
        total_ms=total,
        rows=sum(spent[key].rows for key in keys),
        points=points,
    )


def _points(
    looks: Sequence[tuple[float, PostgresSample]], keys: Sequence[StatementKey], started_at: float
) -> tuple[StatementPoint, ...]:
    """The statement's mean over the phase, in at most 20 stretches of about equal length."""
    step = max(1, -(-(len(looks) - 1) // MOST_POINTS))
    chosen = [*looks[:-1:step], looks[-1]]
    found = []
    for (_, first), (at, last) in itertools.pairwise(chosen):
        rises = [rise for key in keys if (rise := _rise(first, last, key)) is not None]
        calls = sum(rise.calls for rise in rises)
        if calls:
            mean = sum(rise.total_ms for rise in rises) / calls
            found.append(StatementPoint(at_s=round(at - started_at, 3), calls=calls, mean_ms=mean))
    return tuple(found)


def _metrics(
    looks: Sequence[tuple[float, PostgresSample]],
    statements: Sequence[Statement],
    pools: Mapping[str, int],
    most: int | None,
    problem: str,
) -> Iterator[ServerMetric]:
    observed = looks[-1][0] - looks[0][0]
    why = problem or f"{_STATEMENTS_SOURCE} tells means, no quantiles; a mean is not a p99"
    if problem:
        yield _missing("statements", "statements", problem)
    yield _missing("db_query_p99", "ms", why)
    yield from _connections(looks, statements, pools, most, observed)
    yield from _databases(looks[0][1], looks[-1][1], observed)


def _connections(
    looks: Sequence[tuple[float, PostgresSample]],
    statements: Sequence[Statement],
    pools: Mapping[str, int],
    most: int | None,
    observed: float,
) -> Iterator[ServerMetric]:
    """Of the roles that were under load: seen at work, or with some statements; by database where roles are unknown."""
    sessions = [each for _, look in looks for each in look.sessions]
    kind = "role" if any(each.role for each in sessions) else "database"
    of = attrgetter(kind)
    busy = {of(each) for each in statements if each.calls >= FEWEST}

    def fullest(name: str, states: Container[str] | None = None) -> int:
        """The most sessions of a name at one moment, in any state or in one of these."""
        return max(
            sum(each.count for each in look.sessions if of(each) == name and (states is None or each.state in states))
            for _, look in looks
        )

    figure = partial(_figure, source=_ACTIVITY_SOURCE, observed=observed)
    for name in sorted({of(each) for each in sessions if of(each)}):
        opened = fullest(name)
        in_use = fullest(name, _BUSY)
        if not in_use and name not in busy:
            continue
        labels = {kind: name}
        yield figure("connections_open", "connections", opened, labels=labels)
        yield figure("connections_in_use", "connections", in_use, labels=labels)
        if kind == "role" and name in pools:
            yield figure("pool_utilisation", "share", in_use / pools[name], labels=labels)
        else:
            known = "" if most is None else f"; max_connections is {most:,}, which is another limit"
            why = f"the limit of the pool is not known (see {POOLS_VARIABLE}){known}"
            if kind == "database":
                why = f"the sessions of single roles are not told, and a pool is a role's{known}"
            yield _missing("pool_utilisation", "share", why, labels)
    yield from _waiting_sessions(looks, sessions, observed)


def _waiting_sessions(
    looks: Sequence[tuple[float, PostgresSample]], sessions: Sequence[Sessions], observed: float
) -> Iterator[ServerMetric]:
    """How many sessions waited for the server at the worst moment, and of each kind of wait the most."""
    if not any(each.waits_for is not None for each in sessions):
        if sessions:
            yield _missing("sessions_waiting", "sessions", "the server does not say what sessions wait for")
        return
    most, at_worst = Counter[str](), 0
    for _, look in looks:
        waiting = Counter[str]()
        for each in look.sessions:
            if (each.waits_for or "") not in _OWN_WAITS:
                waiting[each.waits_for or ""] += each.count
        most |= waiting
        at_worst = max(at_worst, waiting.total())
    said = ", ".join(f"{count} for {kind}" for kind, count in sorted(most.items()))
    reason = f"at most {said}" if said else ""
    yield _figure("sessions_waiting", "sessions", at_worst, _ACTIVITY_SOURCE, observed=observed, reason=reason)


def _databases(first: PostgresSample, last: PostgresSample, observed: float) -> Iterator[ServerMetric]:
    figures: tuple[tuple[str, str, Callable[[DatabaseTotals], int | None]], ...] = (
        ("sessions_opened", "sessions", lambda each: each.sessions),
        ("rollbacks", "transactions", lambda each: each.rollbacks),
        ("deadlocks", "deadlocks", lambda each: each.deadlocks),
        ("temporary_files", "files", lambda each: each.temporary_files),
    )
    both = [(first.databases[name], after) for name, after in last.databases.items() if name in first.databases]
    for name, unit, of in figures:
        rises = [
            after - before for was, now in both if (before := of(was)) is not None and (after := of(now)) is not None
        ]
        if rises:
            yield _figure(name, unit, sum(max(0, rise) for rise in rises), _DATABASE_SOURCE, observed=observed)
        else:
            yield _missing(name, unit, "the server does not report it")


def _figure(
    name: str,
    unit: str,
    value: float,
    source: str,
    *,
    observed: float,
    labels: Mapping[str, str] | None = None,
    reason: str = "",
) -> ServerMetric:
    return ServerMetric(
        service=SERVICE,
        name=name,
        unit=unit,
        direction=Direction.LOWER,
        value=float(value),
        reason=reason,
        source=source,
        observed_s=round(observed, 3),
        labels=dict(labels or {}),
    )


def _missing(name: str, unit: str, reason: str, labels: Mapping[str, str] | None = None) -> ServerMetric:
    return ServerMetric(
        service=SERVICE,
        name=name,
        unit=unit,
        direction=Direction.LOWER,
        value=None,
        reason=reason,
        labels=dict(labels or {}),
    )
