"""The stand-in on PostgreSQL: private or named, a pool with real figures, an index that goes and returns."""

import concurrent.futures
import errno
import json
import os
import signal
from pathlib import Path

import psycopg
import pytest
from database_stack import needs_postgres
from stack_api import eventually

from chamicore_standin import faulting, lifecycle, postgres
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.faults import DropIndex, PoolExhaustion
from chamiperf_ci.models.target import StackOptions

pytestmark = [pytest.mark.e2e, needs_postgres]

FEW = ("auth", "cloud-init", "discovery", "power", "mcp", "kea")
SCRIPT = "/boot/v1/bootscript?mac=02:00:00:00:00:01"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack of SMD and BSS on a private server, with three connections each."""
    folder = tmp_path_factory.mktemp("postgres") / "state"
    options = StackOptions(ports="ephemeral", database="postgres", database_connections=3, without=FEW)
    yield lifecycle.up(options, state_dir=folder)
    lifecycle.down(folder)


@pytest.fixture
def reader(stack):
    """A connection of the read-only role."""
    with psycopg.connect(Path(stack.postgres_dsn_file).read_text(), autocommit=True) as connection:
        yield connection


def test_the_read_only_role_sees_the_statistics_of_statements_and_changes_nothing(stack, api, reader):
    api(stack).script("02:00:00:00:00:01")
    seen = reader.execute("SELECT query FROM pg_stat_statements WHERE query LIKE '%script, seq FROM boot_params%'")
    assert seen.fetchall() != []
    for refused in ("CREATE TABLE public.mine (x int)", "DELETE FROM bss.boot_params", "DROP SCHEMA bss CASCADE"):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            reader.execute(refused)


def test_a_service_has_a_schema_and_connections_of_its_own(reader):
    schemas = reader.execute("SELECT nspname FROM pg_namespace WHERE nspname IN ('smd', 'bss', 'auth')").fetchall()
    assert sorted(schemas) == [("bss",), ("smd",)]
    named = reader.execute("SELECT DISTINCT application_name FROM pg_stat_activity").fetchall()
    assert {("chamicore-bss",), ("chamicore-smd",)} <= set(named)


def test_no_password_is_where_others_read(stack):
    known = json.loads((Path(stack.state_dir) / "data" / postgres.SECRETS_FILE).read_text())
    secrets = [known[name].encode() for name in ("owner", "reader")]
    for path in (Path(stack.postgres_dsn_file), Path(stack.state_dir) / "data" / postgres.SECRETS_FILE):
        assert path.stat().st_mode & 0o777 == 0o600
    seen = [(Path(stack.state_dir) / name).read_bytes() for name in ("stack.json", "stack.log")]
    processes = [stack.supervisor, stack.postgres, *(ref for each in stack.services for ref in each.processes)]
    seen += [Path(f"/proc/{ref.pid}/{name}").read_bytes() for ref in processes for name in ("cmdline", "environ")]
    assert [text for text in seen for secret in secrets if secret in text] == []


def test_no_password_is_in_the_statistics_of_statements(stack, reader):
    known = json.loads((Path(stack.state_dir) / "data" / postgres.SECRETS_FILE).read_text())
    said = " ".join(query for (query,) in reader.execute("SELECT query FROM pg_stat_statements").fetchall())
    assert "CREATE ROLE" in said
    assert [name for name in ("owner", "reader") if known[name] in said] == []


def test_the_server_ends_with_a_supervisor_that_is_killed(make_stack):
    state = make_stack(database="postgres", without=FEW)
    cluster = Path(os.path.realpath(Path(state.state_dir) / "data" / "postgres"))
    os.kill(state.supervisor.pid, signal.SIGKILL)
    assert eventually(lambda: not state.postgres.is_running())
    assert (lifecycle.down(Path(state.state_dir)), cluster.exists()) == (True, False)


def test_the_pools_figures_are_its_own_and_not_marked_as_simulated(stack, api):
    client = api(stack)
    with concurrent.futures.ThreadPoolExecutor(24) as threads:
        list(threads.map(lambda _: client.get("smd", "/hsm/v2/State/Components?limit=1000"), range(200)))
    figures = dict(line.rsplit(" ", 1) for line in client.get("smd", "/metrics").text.splitlines() if line[0] != "#")
    assert figures["db_pool_connections_max"] == "3"
    opened = int(figures["db_pool_connections_active"]) + int(figures["db_pool_connections_idle"])
    assert 1 <= opened <= 3
    assert int(figures["db_pool_wait_duration_seconds_count"]) >= 200
    assert [name for name in figures if name.startswith("chamiperf_embedded_simulated")] == []


def test_an_exhausted_pool_is_marked_as_simulated_while_it_lasts(make_stack, api):
    state = make_stack(database="postgres", database_connections=3, without=FEW)
    client = api(state)
    fault = faulting.set_fault(state, PoolExhaustion(service="smd", wait_ms=1))
    text = client.get("smd", "/metrics").text
    assert "db_pool_connections_active 3\n" in text
    assert 'chamiperf_embedded_simulated{family="db_pool_connections_active"} 1' in text
    faulting.clear_faults(state, fault.id)
    assert "chamiperf_embedded_simulated" not in client.get("smd", "/metrics").text


def test_a_taken_mac_and_a_value_that_does_not_fit_are_refused_as_on_sqlite(stack, api):
    client = api(stack)
    client.create_boot_params("n-1", "02:00:00:00:0a:01")
    body = {"component_id": "n-2", "mac": "02:00:00:00:0A:01", "kernel_uri": "k", "initrd_uri": "i"}
    assert client.post("bss", "/boot/v1/bootparams", body).status_code == 409
    body = {"id": "n-large", "type": "Node", "nid": 1 << 70}
    assert client.post("smd", "/hsm/v2/State/Components", body).status_code == 422
    assert client.post("smd", "/hsm/v2/State/Components", {"type": "Node", "parentId": "absent"}).status_code == 422


def _blocks_a_call(reader):
    """Blocks that a lookup of boot parameters by id reads, on average since the last call."""
    row = reader.execute(
        "SELECT sum(shared_blks_hit + shared_blks_read) / sum(calls) FROM pg_stat_statements"
        " WHERE query LIKE 'SELECT id, spec, created_at%FROM boot_params WHERE id =%'"
    ).fetchone()
    return float(row[0])


def test_a_dropped_index_makes_its_statement_read_the_table_until_it_is_cleared(make_stack, api):
    state = make_stack(database="postgres", without=FEW)
    client = api(state)
    places = [
        client.create_boot_params(f"n-{each}", f"02:00:00:00:{each >> 8:02x}:{each & 255:02x}").headers["location"]
        for each in range(600)
    ]
    owner = json.loads((Path(state.state_dir) / "data" / postgres.SECRETS_FILE).read_text())["owner"]
    dsn = Path(state.postgres_dsn_file).read_text().strip()
    with psycopg.connect(dsn, user=postgres.OWNER, password=owner, autocommit=True) as connection:

        def cost():
            connection.execute("SELECT pg_stat_statements_reset()")
            assert [client.get("bss", place).status_code for place in places[:20]] == [200] * 20
            return _blocks_a_call(connection)

        whole = cost()
        fault = faulting.set_fault(state, DropIndex(service="bss", index="boot_params_by_id"))
        broken = cost()
        faulting.clear_faults(state, fault.id)
        assert eventually(lambda: cost() < 2 * whole)
    assert broken > 5 * whole


@pytest.mark.parametrize(
    ("service", "index", "named"), [("bss", "absent", "boot_params_by_mac"), ("*", "boot_params_by_mac", "postgres")]
)
def test_an_index_that_is_not_there_is_refused_with_those_that_are(stack, service, index, named):
    with pytest.raises(ConfigurationError) as refused:
        faulting.set_fault(stack, DropIndex(service=service, index=index))
    assert named in refused.value.remedy


def test_an_index_is_not_dropped_where_it_would_slow_nothing_down(embedded_stack):
    with pytest.raises(ConfigurationError, match="no index"):
        faulting.set_fault(embedded_stack, DropIndex(service="bss", index="boot_params_by_mac"))


def test_data_outlives_a_restart_and_goes_with_the_stack(make_stack, api):
    state = make_stack(database="postgres", without=FEW)
    cluster = Path(os.path.realpath(Path(state.state_dir) / "data" / "postgres"))
    api(state).create_boot_params("n-1", "02:00:00:00:00:01")
    again = lifecycle.restart(Path(state.state_dir))
    assert api(again).script("02:00:00:00:00:01").status_code == 200
    lifecycle.down(Path(state.state_dir), keep_data=True)
    kept = lifecycle.up(state.options, state_dir=Path(state.state_dir), keep_data=True)
    assert api(kept).script("02:00:00:00:00:01").status_code == 200
    lifecycle.down(Path(state.state_dir))
    assert (cluster.exists(), Path(state.state_dir).exists(), kept.postgres.is_running()) == (False, False, False)


# A server that was named


@pytest.fixture
def named(stack):
    """The DSN of a database that is not the embedded stack's own, on a server that it did not start."""
    owner = json.loads((Path(stack.state_dir) / "data" / postgres.SECRETS_FILE).read_text())["owner"]
    server = psycopg.conninfo.conninfo_to_dict(Path(stack.postgres_dsn_file).read_text().strip())
    dsn = f"postgresql://{postgres.OWNER}:{owner}@127.0.0.1:{server['port']}"
    with psycopg.connect(f"{dsn}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE elsewhere")
        yield f"{dsn}/elsewhere"
        connection.execute("DROP DATABASE elsewhere WITH (FORCE)")


def _schemas(dsn):
    with psycopg.connect(dsn) as connection:
        return {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace").fetchall()}


OPTIONS = StackOptions(ports="ephemeral", database="postgres", database_connections=2, without=FEW)


def test_a_named_server_is_used_and_left_as_it_was(named, tmp_path, api):
    before = _schemas(named)
    state = lifecycle.up(OPTIONS, state_dir=tmp_path / "state", postgres_dsn=named)
    try:
        assert (state.postgres, state.postgres_dsn_file) == (None, None)
        assert _schemas(named) - before == {"smd", "bss"}
        api(state).create_boot_params("n-1", "02:00:00:00:00:01")
        assert named.encode() not in (tmp_path / "state" / "stack.json").read_bytes()
    finally:
        lifecycle.down(tmp_path / "state")
    assert _schemas(named) == before


def test_a_schema_that_no_stack_made_is_neither_used_nor_dropped(named, tmp_path):
    with psycopg.connect(named) as connection:
        connection.execute("CREATE SCHEMA bss")
        connection.execute("CREATE TABLE bss.boot_params (precious text)")
    with pytest.raises(ConfigurationError, match="the schema bss is there already"):
        lifecycle.up(OPTIONS, state_dir=tmp_path / "state", postgres_dsn=named)
    assert list((tmp_path / "state").iterdir()) == [tmp_path / "state" / "lock"]
    with psycopg.connect(named) as connection:
        assert connection.execute("SELECT count(*) FROM bss.boot_params").fetchone() == (0,)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("postgresql://chamicore:hidden-word@127.0.0.1:1/x", "cannot be reached"),
        ("hidden-word", "not a connection string"),
        ("postgresql://[hidden-word", "not a connection string"),
    ],
)
def test_a_named_server_that_cannot_be_used_is_refused_without_its_password(tmp_path, dsn, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        lifecycle.up(OPTIONS, state_dir=tmp_path / "state", postgres_dsn=dsn)
    assert "hidden-word" not in str(refused.value) + refused.value.remedy


def test_a_place_that_cannot_be_written_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres, "_account", _no_room)
    with pytest.raises(ConfigurationError, match=r"could not be made: .*No space left"):
        postgres.prepare(tmp_path, None)


def _no_room(*_given, **_named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_missing_server_program_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN_BINARIES", tmp_path)
    with pytest.raises(ConfigurationError, match="initdb is not installed"):
        lifecycle.up(OPTIONS, state_dir=tmp_path / "state")


def test_a_stack_that_does_not_become_ready_leaves_no_cluster(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        lifecycle, "wait_until_ready", lambda _service, state, _deadline: made.append(state) or _no_room()
    )
    with pytest.raises(OSError, match="No space left"):
        lifecycle.up(OPTIONS, state_dir=tmp_path / "state")
    assert not made[0].postgres.is_running()
    assert {entry.name for entry in (tmp_path / "state").iterdir()} == {"lock", "stack.log"}
