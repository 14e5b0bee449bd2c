"""Reading PostgreSQL's statistics: what may be shown of a statement, and what an error may say."""

import traceback

import pytest

from chamiperf_ci.adapters import postgres
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT a\n  FROM t WHERE b = $1", "SELECT a FROM t WHERE b = $1"),
        ("select 'it''s', E'x\\'y', 5, 1.5e3, x2, $12 from t", "select ?, ?, ?, ?, x2, $12 from t"),
        ("DELETE FROM t /* token=abc */ WHERE a = $q$secret$q$ -- secret", "DELETE FROM t WHERE a = ?"),
        ("/* who */ UPDATE t SET a = $1", "UPDATE t SET a = $1"),
        ("SELECT a /* b /* c */ secret */ FROM t", "SELECT a FROM t"),
        ("SELECT a FROM t /* secret", "SELECT a FROM t"),
        ("SELECT a FROM t WHERE b = 'secr", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = $q$secr", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = E'secr\\", "SELECT a FROM t WHERE b = ?"),
        ("ALTER ROLE a PASSWORD 'secret'", ""),
        ("CREATE USER a PASSWORD 'secret'; SELECT 1", ""),
        ("COPY t FROM stdin", ""),
        ("selection", ""),
        ("<insufficient privilege>", ""),
        (None, ""),
    ],
)
def test_only_reads_and_writes_of_rows_are_shown_and_without_literals(text, shown):
    assert postgres.harmless(text) == shown


def test_a_fingerprint_tells_role_database_and_text_apart():
    made = {
        postgres.fingerprint(*each) for each in (("a", "b", "c"), ("a", "b", "d"), ("a", "x", "c"), ("y", "b", "c"))
    }
    assert len(made) == 4
    assert postgres.fingerprint("a", "b", "c") in made


def test_no_variable_means_no_database():
    assert postgres.from_environment({}) is None
    assert postgres.from_environment({postgres.VARIABLE: ""}) is None


def looked_at(dsn):
    """A look at the database that a connection string names; nothing that holds the string shows it."""
    database = postgres.from_environment({postgres.VARIABLE: dsn})
    assert SECRET not in repr(vars(database))
    return database.look()


@pytest.mark.parametrize(
    "dsn",
    [
        f"host=127.0.0.1 {SECRET}",
        f"postgresql://reader:{SECRET}@127.0.0.1:port/db",
        f"postgresql://reader:{SECRET}@127.0.0.1:1/db",
        f"host=127.0.0.1 port=1 user=reader password={SECRET} dbname=db connect_timeout=1",
        f"password={SECRET} no_such_option=1",
        f"host=127.0.0.1 port=1 password={SECRET}\udcff",
        f"postgresql://u:{SECRET}%zz@127.0.0.1:1/db",
        f"host=/{SECRET} port=1",
        f"host=127.0.0.1 port=1 sslmode=verify-full sslrootcert=/{SECRET}",
        f"host=127.0.0.1 port={SECRET}",
        f"service={SECRET}",
        f"host=127.0.0.1 port=1 connect_timeout={SECRET}",
        f"host=127.0.0.1 port=1 cursor_factory={SECRET}",
    ],
)
def test_no_error_repeats_any_part_of_the_connection_string(dsn):
    with pytest.raises((ConfigurationError, OutsideServiceError)) as caught:
        looked_at(dsn)
    chain, error = [], caught.value
    while error is not None:
        chain.append(f"{error} {error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert SECRET not in " ".join(chain)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert postgres.VARIABLE in str(caught.value)


def test_the_limits_of_pools_are_read():
    assert postgres.pool_limits({postgres.POOLS_VARIABLE: " smd=70, bss=20 ,"}) == {"smd": 70, "bss": 20}
    assert postgres.pool_limits({}) == {}


@pytest.mark.parametrize("text", ["smd", "smd=", "=5", "smd=0", "smd=-1", "smd=many", "smd=1;bss=2"])
def test_limits_of_pools_that_are_none_are_refused_by_their_text(text):
    with pytest.raises(ConfigurationError, match=postgres.POOLS_VARIABLE):
        postgres.pool_limits({postgres.POOLS_VARIABLE: text})
