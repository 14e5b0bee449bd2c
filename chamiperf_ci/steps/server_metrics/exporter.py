"""PostgreSQL as postgres_exporter tells it to a Prometheus: the other way to the figures of `postgres`.

Names and labels are those of postgres_exporter 0.11 (Debian 12; seen) and of its later versions (read in its source).
For statements, 0.11 needs a query file that makes `pg_stat_statements_calls` and `_total_time_seconds` by `rolname`,
`datname` and `queryid`. What a version does not tell stays unavailable: 0.11 knows no roles and no waits, and no
version knows quantiles.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from chamiperf_ci.adapters.postgres import (
    STATISTICS,
    DatabaseTotals,
    PostgresSample,
    Sessions,
    StatementKey,
    StatementText,
    StatementTotals,
    fingerprint,
    harmless,
)
from chamiperf_ci.adapters.prometheus import Track
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.steps.server_metrics.postgres import DatabaseFigures, database_metrics, unread

INSTANCE_VARIABLE: Final = "CHAMIPERF_POSTGRES_INSTANCE"
_ACTIVITY: Final = "pg_stat_activity_count"
_LIMIT: Final = "pg_settings_max_connections"
_TEXT: Final = "pg_stat_statements_query_id"
_CALLS: Final = ("pg_stat_statements_calls_total", "pg_stat_statements_calls")
"""Of its own collector, and of the query file that came before it."""
_SECONDS: Final = ("pg_stat_statements_seconds_total", "pg_stat_statements_total_time_seconds")
_ROWS: Final = ("pg_stat_statements_rows_total", "pg_stat_statements_rows")
_DATABASE: Final = {
    "pg_stat_database_xact_commit": "commits",
    "pg_stat_database_xact_rollback": "rollbacks",
    "pg_stat_database_deadlocks": "deadlocks",
    "pg_stat_database_temp_files": "temporary_files",
    "pg_stat_database_temp_bytes": "temporary_bytes",
    "pg_stat_database_sessions": "sessions",
}
NAMES: Final = (_ACTIVITY, _LIMIT, _TEXT, *_CALLS, *_SECONDS, *_ROWS, *_DATABASE)
"""Every series that is asked for."""
_ROLE: Final = ("user", "rolname", "usename")
_CLIENT: Final = ("", "client backend")
_EVERY_DATABASE: Final = ("", "template0", "template1")
"""What is no database that a service uses; the first are objects that all share."""


def exported(
    stored: Sequence[Track], pools: Mapping[str, int], started_at: float, *, instance: str = ""
) -> DatabaseFigures:
    """What the stored series of a phase say of the PostgreSQL; nothing where there are none.

    Args:
        stored: Samples of `NAMES` over the phase, times in Unix seconds.
        pools: The limit of each role's pool, where somebody stated it.
        started_at: When the phase began, Unix seconds.
        instance: Which server's exporter, by its label `instance`; empty: the only one.
    """
    instances = sorted({dict(each.labels).get("instance", "") for each in stored})
    if instance:
        stored = [each for each in stored if dict(each.labels).get("instance", "") == instance]
    if instance and not stored:
        known = f"; it has {', '.join(instances)}" if instances else ""
        return DatabaseFigures(unread(f"Prometheus has no PostgreSQL {instance}{known}"))
    if not instance and len(instances) > 1:
        return DatabaseFigures(
            unread(f"Prometheus has several: {', '.join(instances)}; name one by {INSTANCE_VARIABLE}")
        )
    if not stored:
        return DatabaseFigures()
    source = _Exported(stored)
    return database_metrics(source.looks(), source, pools, started_at)


class _Exported:
    """One server's series as looks."""

    def __init__(self, stored: Iterable[Track]) -> None:
        self._by_name: dict[str, list[tuple[dict[str, str], Track]]] = defaultdict(list)
        for each in stored:
            self._by_name[each.name].append((dict(each.labels), each))
        counted = any(name in self._by_name for name in _CALLS)
        self.statements_problem = "" if counted else "the exporter tells no statements (--collector.stat_statements)"

    def looks(self) -> list[tuple[float, PostgresSample]]:
        """One look a scrape: all samples of one have the same time."""
        sessions: dict[float, list[Sessions]] = defaultdict(list)
        databases: dict[float, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
        for labels, at, value in self._samples((_ACTIVITY,)):
            if labels.get("backend_type", "") in _CLIENT and value:
                waits = labels.get("wait_event_type")
                role, database, state = labels.get("usename", ""), labels.get("datname", ""), labels.get("state", "")
                sessions[at].append(Sessions(role, database, state, waits, int(value)))
        for name, attribute in _DATABASE.items():
            for labels, at, value in self._samples((name,)):
                if (database := labels.get("datname", "")) not in _EVERY_DATABASE:
                    databases[at][database][attribute] = int(value)
        statements = self._statements()
        return [
            (
                at,
                PostgresSample(
                    tuple(sessions[at]),
                    {
                        name: DatabaseTotals(**{name: counted.get(name) for name in _DATABASE.values()})
                        for name, counted in databases[at].items()
                    },
                    statements.get(at, {}),
                ),
            )
            for at in sorted({*sessions, *databases, *statements})
        ]

    def max_connections(self) -> int:
        """How many sessions the server takes.

        Raises:
            OutsideServiceError: The exporter does not say.
        """
        values = [value for _, _, value in self._samples((_LIMIT,))]
        if not values:
            raise OutsideServiceError("the exporter does not say", where=_LIMIT, remedy="Leave its settings on.")
        return int(values[-1])

    def texts(self, keys: Sequence[StatementKey]) -> dict[StatementKey, StatementText]:
        """What statements are: by their number where the exporter tells no texts."""
        texts = {labels.get("queryid"): labels.get("query", "") for labels, _, _ in self._samples((_TEXT,))}
        found = {}
        for key in keys:
            text = harmless(texts.get(str(key.query), "")) if texts else f"queryid {key.query}"
            if text and STATISTICS not in text:
                role, database = str(key.role), str(key.database)
                found[key] = StatementText(fingerprint(role, database, text), text, role, database)
        return found

    def _statements(self) -> dict[float, dict[StatementKey, StatementTotals]]:
        seconds, rows = self._by_statement(_SECONDS), self._by_statement(_ROWS)
        found: dict[float, dict[StatementKey, StatementTotals]] = defaultdict(dict)
        for (at, key), calls in self._by_statement(_CALLS).items():
            if (at, key) in seconds:
                total = StatementTotals(int(calls), 1000.0 * seconds[at, key], int(rows.get((at, key), 0)))
                found[at][key] = total
        return found

    def _by_statement(self, names: Sequence[str]) -> dict[tuple[float, StatementKey], float]:
        found = {}
        for labels, at, value in self._samples(names):
            number = labels.get("queryid", "")
            if number.lstrip("-").isdecimal():
                role = next((labels[name] for name in _ROLE if name in labels), "")
                found[at, StatementKey(int(number), role, labels.get("datname", ""))] = value
        return found

    def _samples(self, names: Sequence[str]) -> Iterable[tuple[dict[str, str], float, float]]:
        """Labels, moment and value of every sample of the first of these names that there is."""
        name = next((name for name in names if name in self._by_name), "")
        for labels, series in self._by_name.get(name, ()):
            for at, value in zip(series.times, series.values, strict=True):
                yield labels, at, value
