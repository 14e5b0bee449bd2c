"""postgres_exporter's series as figures and statements: of 0.11 as Debian 12 has it, and of later versions."""

import pytest

from chamiperf_ci.adapters.prometheus import Track
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.steps.server_metrics.collect import StoredDatabase
from chamiperf_ci.steps.server_metrics.exporter import NAMES, exported

TIMES = (100.0, 115.0, 130.0)
BEGAN = 95.0
LOOKUP = "SELECT * FROM nodes WHERE boot_mac = $1"


def series(name, *values, **labels):
    """One series with a sample a scrape."""
    labels = {"instance": "db:9187", "job": "postgres", **labels}
    return Track(name, tuple(sorted(labels.items())), TIMES[: len(values)], tuple(map(float, values)))


OLD = [
    series("pg_settings_max_connections", 300, 300, 300, server="db:5432"),
    series("pg_stat_activity_count", 1, 14, 2, datname="bssdb", server="db:5432", state="active"),
    series("pg_stat_activity_count", 2, 4, 2, datname="bssdb", server="db:5432", state="idle"),
    series("pg_stat_database_xact_rollback", 5, 6, 7, datid="1", datname="bssdb", server="db:5432"),
    series("pg_stat_database_deadlocks", 0, 1, 1, datid="1", datname="bssdb", server="db:5432"),
    series("pg_stat_database_temp_files", 0, 0, 3, datid="1", datname="bssdb", server="db:5432"),
    series("pg_stat_database_sessions", 10, 11, 1410, datid="1", datname="bssdb", server="db:5432"),
    series("pg_stat_database_sessions", 0, 0, 9000, datid="0", datname="", server="db:5432"),
    series("pg_stat_statements_calls", 100, 150, 300, datname="bssdb", rolname="bss", queryid="-77"),
    series("pg_stat_statements_total_time_seconds", 0.9, 0.91, 0.92, datname="bssdb", rolname="bss", queryid="-77"),
    series("pg_stat_statements_rows", 100, 150, 300, datname="bssdb", rolname="bss", queryid="-77"),
]
STATEMENTS = (
    ("-77", (100, 150, 300), (0.9, 0.91, 0.92)),
    ("5", (1, 2, 9), (1.0, 2.0, 9.0)),
    ("6", (1, 2, 3), (1.0, 2.0, 3.0)),
)
NEW = [
    series("pg_settings_max_connections", 300, 300, 300),
    *(
        series("pg_stat_activity_count", *counts, datname="bssdb", state=state, usename="bss", wait_event_type=waits,
               wait_event=event, backend_type=kind, application_name="")
        for counts, state, waits, event, kind in (
            ((1, 3, 2), "active", "", "", "client backend"),
            ((0, 11, 0), "active", "Lock", "tuple", "client backend"),
            ((2, 4, 2), "idle", "Client", "ClientRead", "client backend"),
            ((9, 9, 9), "active", "", "", "autovacuum worker"),
        )
    ),
    series("pg_stat_database_xact_rollback", 5, 6, 7, datid="1", datname="bssdb"),
    *(
        series(f"pg_stat_statements_{name}", *values, datname="bssdb", user="bss", queryid=number)
        for number, calls, seconds in STATEMENTS
        for name, values in (("calls_total", calls), ("seconds_total", seconds), ("rows_total", calls))
    ),
    series("pg_stat_statements_query_id", 1, 1, 1, queryid="-77", query=LOOKUP),
    series("pg_stat_statements_query_id", 1, 1, 1, queryid="5", query="ALTER ROLE bss PASSWORD 'hunter2'"),
    series("pg_stat_statements_query_id", 1, 1, 1, queryid="6", query="SELECT calls FROM pg_stat_statements"),
]  # fmt: skip


def figures(found, name):
    """A figure's value and reason by role or database."""
    return {"".join(each.labels.values()): (each.value, each.reason) for each in found.metrics if each.name == name}


@pytest.mark.parametrize(("stored", "text"), [(OLD, "queryid -77"), (NEW, LOOKUP)], ids=["0.11", "later"])
def test_a_statement_has_the_calls_and_the_mean_of_the_phase(stored, text):
    (found,) = exported(stored, {}, BEGAN).statements
    assert (found.text, found.role, found.database) == (text, "bss", "bssdb")
    assert (found.calls, found.mean_ms, found.total_ms) == (200, pytest.approx(0.1), pytest.approx(20.0))
    assert [(point.at_s, point.calls) for point in found.points] == [(20.0, 50), (35.0, 150)]


def test_the_text_of_a_statement_that_may_hold_a_secret_is_not_kept():
    assert "hunter2" not in repr(exported(NEW, {}, BEGAN))


def test_what_an_old_exporter_does_not_tell_is_unavailable():
    found = exported(OLD, {"bss": 20}, BEGAN)
    assert figures(found, "connections_in_use")["bssdb"][0] == 14
    assert figures(found, "connections_open")["bssdb"][0] == 18
    value, reason = figures(found, "pool_utilisation")["bssdb"]
    assert (value, "a pool is a role's; max_connections is 300" in reason) == (None, True)
    assert figures(found, "sessions_waiting")[""] == (None, "the server does not say what sessions wait for")


def test_roles_and_waits_of_a_later_exporter():
    found = exported(NEW, {"bss": 20}, BEGAN)
    assert figures(found, "pool_utilisation")["bss"][0] == 0.7
    assert figures(found, "sessions_waiting")[""] == (11, "at most 11 for Lock")
    assert figures(exported(NEW, {}, BEGAN), "pool_utilisation")["bss"][0] is None


@pytest.mark.parametrize("stored", [OLD, NEW], ids=["0.11", "later"])
def test_a_mean_is_never_called_a_p99(stored):
    ((value, reason),) = figures(exported(stored, {}, BEGAN), "db_query_p99").values()
    assert (value, "no quantiles" in reason) == (None, True)


def test_counters_of_databases_and_those_that_are_not_told():
    found = exported(OLD, {}, BEGAN)
    names = ("sessions_opened", "rollbacks", "deadlocks", "temporary_files")
    assert [figures(found, name)[""][0] for name in names] == [1400, 2, 1, 3]
    assert [figures(exported(NEW, {}, BEGAN), name)[""][0] for name in names] == [None, 2, None, None]


def test_without_the_collector_of_statements_the_rest_is_told():
    found = exported([each for each in OLD if "statements" not in each.name], {}, BEGAN)
    assert "--collector.stat_statements" in figures(found, "statements")[""][1]
    assert figures(found, "rollbacks")[""][0] == 2


def test_of_several_servers_one_is_named():
    both = [*OLD, series("pg_settings_max_connections", 1, 1, 1, instance="other:9187")]
    value, reason = figures(exported(both, {}, BEGAN), "db_query_p99")[""]
    assert (value, "db:9187, other:9187; name one by CHAMIPERF_POSTGRES_INSTANCE" in reason) == (None, True)
    assert exported(both, {}, BEGAN, instance="db:9187").statements
    assert "no PostgreSQL x" in figures(exported(both, {}, BEGAN, instance="x"), "statements")[""][1]


@pytest.mark.parametrize(("samples", "said"), [(1, "read 1 times"), (0, "read 0 times")])
def test_one_scrape_in_the_phase_is_no_difference(samples, said):
    few = [Track(each.name, each.labels, each.times[:samples], each.values[:samples]) for each in OLD]
    assert said in figures(exported(few, {}, BEGAN), "statements")[""][1]


class Store:
    """A Prometheus."""

    url = "http://prometheus.example"

    def __init__(self, stored=(), *, broken=False):
        self.stored, self.broken, self.asked = stored, broken, ()

    def samples(self, names, *, start, end):
        """Whatever it has."""
        self.asked = (tuple(names), start, end)
        if self.broken:
            raise OutsideServiceError("no answer", where=self.url, remedy="Look.")
        return self.stored


def test_a_prometheus_without_exporter_says_nothing_of_a_database():
    store = Store()
    found = StoredDatabase(store, {}).stop(1.0, 2.0)
    assert (found.metrics, found.statements) == ((), ())
    assert store.asked == (NAMES, 1.0, 2.0)
    assert StoredDatabase(Store(broken=True), {}).stop(1.0, 2.0).metrics == ()
    assert StoredDatabase(Store(OLD), {}, "db:9187").stop(BEGAN, 200.0).statements
