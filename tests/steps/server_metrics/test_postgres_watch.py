"""PostgreSQL over a phase: statements, connections, and figures that are not there."""

import threading
import time

import pytest

from chamiperf_ci.adapters.postgres import (
    DatabaseTotals,
    PostgresSample,
    Sessions,
    StatementKey,
    StatementText,
    StatementTotals,
    fingerprint,
)
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.steps.server_metrics.postgres import PostgresWatch

LOOKUP, OTHER, UTILITY = (StatementKey(number, 10, 5) for number in (1, 2, 3))
TEXTS = {LOOKUP: "SELECT * FROM nodes WHERE boot_mac = $1", OTHER: "INSERT INTO endpoint_access VALUES ($1)"}


class Server:
    """Answers each look with the next one that was scripted, and the last one for ever."""

    def __init__(self, *looks, problem="", most=300):
        self.looks, self.statements_problem, self.most = list(looks), problem, most
        self.given = self.closed = 0
        self.answers = threading.Event()
        self.answers.set()

    def close(self):
        """Once is enough."""
        self.closed += 1

    def look(self):
        """The next look; an error is raised."""
        found = self.looks[min(self.given, len(self.looks) - 1)]
        self.given += 1
        self.answers.wait(10)
        if isinstance(found, Exception):
            raise found
        return found

    def max_connections(self):
        """As it was made."""
        return self.most

    def texts(self, keys):
        """Those that may be shown."""
        return {
            key: StatementText(fingerprint("bss", "bssdb", TEXTS[key]), TEXTS[key], "bss", "bssdb")
            for key in keys
            if key in TEXTS
        }


def look(calls=0, total_ms=0.0, in_use=1, waiting=0, other=0, **database):
    """One moment; the counters are totals."""
    statements = {
        LOOKUP: StatementTotals(calls, total_ms, calls),
        OTHER: StatementTotals(other, other * 0.1, other),
        UTILITY: StatementTotals(calls, 1000.0 * calls, 0),
    }
    sessions = (
        Sessions("bss", "bssdb", "active", "Lock" if waiting else "", in_use),
        Sessions("bss", "bssdb", "idle", "Client", 4),
    )
    counted = {"commits": 0, "rollbacks": 0, "deadlocks": 0, "temporary_files": 0, "temporary_bytes": 0, "sessions": 0}
    return PostgresSample(sessions, {"bssdb": DatabaseTotals(**{**counted, **database})}, statements)


def seen(server, pools=None, looks=None):
    """What is said of a phase that all the looks fall into."""
    watch = PostgresWatch(server, pools or {}, lambda _: 0.01)
    began = time.time()
    watch.start()
    end = time.monotonic() + 5
    while server.given < (looks or len(server.looks)) and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.02)
    return watch.stop(began, time.time())


def values(found, name):
    """A figure's value and reason by role."""
    return {each.labels.get("role", ""): (each.value, each.reason) for each in found.metrics if each.name == name}


def test_a_statement_has_the_calls_and_the_mean_of_the_phase_alone():
    found = seen(
        Server(look(calls=100, total_ms=900.0), look(calls=150, total_ms=910.0), look(calls=300, total_ms=920.0))
    )
    (lookup,) = found.statements
    assert (lookup.calls, lookup.total_ms, lookup.mean_ms) == (200, 20.0, 0.1)
    assert (lookup.text, lookup.role, lookup.database) == (TEXTS[LOOKUP], "bss", "bssdb")
    assert [(point.calls, point.mean_ms) for point in lookup.points] == [(50, 0.2), (150, pytest.approx(1 / 15))]


def test_statements_come_by_the_time_that_they_took():
    found = seen(Server(look(), look(calls=10, total_ms=1.0, other=100)))
    assert [each.text for each in found.statements] == [TEXTS[OTHER], TEXTS[LOOKUP]]


def test_statistics_that_were_reset_are_no_figure():
    found = seen(Server(look(calls=100, total_ms=900.0), look(calls=5, total_ms=1.0)))
    assert found.statements == ()


def test_a_mean_is_never_called_a_p99():
    found = seen(Server(look(), look(calls=10, total_ms=1.0)))
    ((value, reason),) = values(found, "db_query_p99").values()
    assert value is None
    assert "no quantiles" in reason


def test_the_use_of_a_pool_needs_its_own_limit():
    server = Server(look(in_use=2), look(in_use=14), look(in_use=3), most=300)
    value, reason = values(seen(server), "pool_utilisation")["bss"]
    assert value is None
    assert "max_connections is 300" in reason
    assert values(seen(Server(look(in_use=2), look(in_use=14)), {"bss": 20}), "pool_utilisation")["bss"][0] == 0.7


def test_connections_are_those_of_the_fullest_moment():
    found = seen(Server(look(in_use=2), look(in_use=14, waiting=1), look(in_use=3)))
    assert values(found, "connections_in_use")["bss"][0] == 14
    assert values(found, "connections_open")["bss"][0] == 18
    assert values(found, "sessions_waiting")[""][0] == 14


def test_what_went_wrong_is_counted_over_the_phase():
    found = seen(
        Server(look(rollbacks=5, sessions=10), look(rollbacks=7, deadlocks=1, temporary_files=3, sessions=1410))
    )
    counted = {each.name: each.value for each in found.metrics if each.source == "pg_stat_database"}
    assert counted == {"sessions_opened": 1400, "rollbacks": 2, "deadlocks": 1, "temporary_files": 3}


def test_a_server_that_does_not_answer_is_named_and_is_no_error():
    found = seen(Server(OutsideServiceError("the password is refused", where="x", remedy="y.")))
    assert found.statements == ()
    expected = {"statements": None, "db_query_p99": None, "pool_utilisation": None}
    assert {each.name: each.value for each in found.metrics} == expected
    assert all(each.reason.startswith("the password is refused") for each in found.metrics)


def test_without_the_extension_connections_are_still_told():
    bare = PostgresSample(look().sessions, look().databases, {})
    found = seen(Server(bare, bare, problem="the extension pg_stat_statements is not installed in this database"))
    assert found.statements == ()
    assert "not installed" in values(found, "statements")[""][1]
    assert values(found, "connections_in_use")["bss"][0] == 1


def test_the_session_is_closed_at_the_end_and_nothing_asks_again():
    server = Server(look())
    watch = PostgresWatch(server, {}, lambda _: 0.01)
    watch.start()
    while not server.given:
        time.sleep(0.005)
    watch.end()
    given = server.given
    time.sleep(0.1)
    assert (server.closed, server.given) == (1, given)


def test_a_session_that_hangs_is_left_to_the_end_of_the_process():
    server = Server(look())
    server.answers.clear()
    watch = PostgresWatch(server, {}, lambda _: 0.01)
    watch.start()
    while not server.given:
        time.sleep(0.005)
    watch.end()
    assert server.closed == 0
    server.answers.set()
