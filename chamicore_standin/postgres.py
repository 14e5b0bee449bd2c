"""The PostgreSQL under a stack: a private server, made from the binaries on this machine, or one that was named.

One database, one schema a service, as Chamicore has it. A private server listens on loopback alone, asks for a
password, goes with the stack, and loads `pg_stat_statements`; a read-only role may look at its statistics. It
refuses to run as root, so root starts it by an account without rights, in a folder of that account's.

No password is an argument, part of a process's environment, or in the stack's state: they lie in files of mode 0600.
"""

import ctypes
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chamiperf_ci.errors import ConfigurationError

if TYPE_CHECKING:
    import psycopg

DSN_VARIABLE = "CHAMIPERF_STACK_POSTGRES_DSN"
"""Names a PostgreSQL to be used in place of a private one."""

DATABASE = "chamicore"
OWNER, READER = "chamicore", "chamiperf_reader"
SECRETS_FILE = "postgres.json"
"""In the stack's data folder, mode 0600: the passwords of a private server, or the DSN of a named one."""
START_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5
RESERVED_CONNECTIONS = 20
"""Connections of a private server beyond the pools: readers of its statistics, syncs, maintenance."""

_ACCOUNTS = ("postgres", "nobody")
"""Accounts by which root runs the server, the first that exists."""
_DEBIAN_BINARIES = Path("/usr/lib/postgresql")
"""Debian keeps the server's binaries off PATH."""
_OURS = "made by the chamiperf embedded stack in "
"""Begins the comment on every schema that a stack made, and names that stack's folder: no other is ever dropped."""
_PR_SET_PDEATHSIG = 1

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "top",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "jit": "off",
    "logging_collector": "off",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
}
"""Errors are answered to who made them; the server's log holds no statement, which could hold a value."""


@dataclass(frozen=True)
class Secrets:
    """What opens the stack's PostgreSQL: a named one's DSN, or the passwords of a private one."""

    dsn: str = ""
    owner: str = ""
    reader: str = ""

    @classmethod
    def kept(cls, data: Path) -> "Secrets | None":
        """What an earlier start left in a stack's data folder."""
        try:
            return cls(**json.loads((data / SECRETS_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def keep(self, data: Path) -> None:
        """Leave them for a restart."""
        data.mkdir(exist_ok=True)
        write_secret(data / SECRETS_FILE, json.dumps(asdict(self)))


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def prepare(data: Path, named: str | None) -> Secrets:
    """Make ready what a stack on PostgreSQL needs before its supervisor exists.

    Args:
        data: The stack's data folder; a private server's cluster is made there, or is there from before.
        named: The DSN of a server to be used in place of a private one.

    Raises:
        ConfigurationError: A package or a program is missing, the cluster cannot be made, or the named server cannot
            be used.
    """
    if importlib.util.find_spec("psycopg") is None or importlib.util.find_spec("psycopg_pool") is None:
        raise ConfigurationError(
            "psycopg is not installed", where="--database postgres", remedy="Install chamiperf-ci[postgres]."
        )
    kept = Secrets.kept(data)
    known = Secrets(dsn=named) if named else kept or Secrets(owner=secrets.token_hex(24), reader=secrets.token_hex(24))
    known.keep(data)
    if known.dsn:
        check_named(known.dsn)
    elif not (data / "postgres").exists():
        try:
            _make_cluster(data, known.owner)
        except OSError as fault:
            remove_cluster(data)
            raise _not_made(str(fault)) from None
    return known


def _program(name: str) -> str:
    found = shutil.which(name)
    for folder in sorted(_DEBIAN_BINARIES.glob("*/bin"), reverse=True):
        found = found or shutil.which(name, path=folder)
    if found is None:
        raise ConfigurationError(
            f"{name} is not installed",
            where="--database postgres",
            remedy=f"Install PostgreSQL's server (Debian: postgresql), or name one by {DSN_VARIABLE}.",
        )
    return found


def _account() -> pwd.struct_passwd | None:
    """The account that runs the server in root's place; None where this user may run it himself."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError(
        f"no unprivileged account: {', '.join(_ACCOUNTS)}",
        where="--database postgres",
        remedy=f"PostgreSQL does not run as root. Create one of them, or name a server by {DSN_VARIABLE}.",
    )


def _as_account(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _make_cluster(data: Path, password: str) -> None:
    """Make the cluster: in the data folder, or, as root, in a folder of the account's that the data folder leads to.

    The account could not enter the stack's own folder, which is root's.
    """
    initdb, account, place = _program("initdb"), _account(), data / "postgres"
    _program("postgres")
    if account is None:
        place.mkdir(mode=0o700)
        cluster = place
    else:
        cluster = Path(tempfile.mkdtemp(prefix="chamiperf-postgres-"))
        os.chown(cluster, account.pw_uid, account.pw_gid)
        place.symlink_to(cluster)
    password_file = cluster.parent / f"{cluster.name}.password"
    try:
        write_secret(password_file, password)
        if account is not None:
            os.chown(password_file, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [initdb, "--pgdata", cluster, "--username", OWNER, "--pwfile", password_file, "--auth", "scram-sha-256",
             "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"],
            capture_output=True, text=True, check=False, cwd="/", env=_environment(), **_as_account(account),
        )  # fmt: skip
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode:
        remove_cluster(data)
        last = (made.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise _not_made(last)


def _not_made(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the private PostgreSQL could not be made: {why}",
        where="--database postgres",
        remedy=f"Give another place (TMPDIR as root, else --state-dir), or name a server by {DSN_VARIABLE}.",
    )


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "TZ", "TMPDIR") if name in os.environ} | {"LC_ALL": "C"}


def remove_cluster(data: Path) -> None:
    """Remove a private server's cluster, wherever it lies."""
    place = data / "postgres"
    if place.is_symlink():
        shutil.rmtree(place.readlink(), ignore_errors=True)
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)


# Running it


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that a stack may use."""

    dsn: str
    """Opens the database as the owner of the schemas."""
    pid: int | None = None
    """Of a private server's first process."""


def start(data: Path, known: Secrets, connections: int) -> Server:
    """Start the private server as a child of this process, ended when it ends, and wait until it answers.

    Raises:
        RuntimeError: It did not start; the message says why as far as the server did.
    """
    if known.dsn:
        return Server(known.dsn)
    account, port = _account(), _free_port()
    settings = {**_SETTINGS, "port": port, "max_connections": connections + RESERVED_CONNECTIONS}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [_program("postgres"), "-D", os.path.realpath(data / "postgres"), *arguments],
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", env=_environment(), start_new_session=True,
            preexec_fn=_ended_with_parent(os.getpid()),  # noqa: PLW1509 - the supervisor has one thread
            **_as_account(account),
        )  # fmt: skip
        dsn = f"postgresql://{OWNER}:{quote(known.owner)}@127.0.0.1:{port}"
        try:
            _wait_until_it_answers(f"{dsn}/postgres", process)
        except RuntimeError as fault:
            process.kill()
            said.seek(0)
            raise RuntimeError((said.read().strip().splitlines() or [str(fault)])[-1]) from None
    _set_up(dsn, known.reader)
    return Server(f"{dsn}/{DATABASE}", process.pid)


def _ended_with_parent(parent: int) -> Callable[[], None]:
    """Ask the kernel to shut the server down when its parent dies, however that dies (SIGQUIT: at once)."""

    def ask() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(dsn: str, process: "subprocess.Popen[bytes]") -> None:
    import psycopg  # noqa: PLC0415 - extra `postgres`

    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL did not answer in time")


def _set_up(dsn: str, reader_password: str) -> None:
    """Make the database and the read-only role, where an earlier start has not."""
    with connect(f"{dsn}/postgres") as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
            # As a hash: statistics of statements keep what a statement of this kind says.
            secret = connection.pgconn.encrypt_password(reader_password.encode(), READER.encode(), b"scram-sha-256")
            connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{secret.decode()}'".encode())
            connection.execute(f"ALTER ROLE {READER} SET default_transaction_read_only = on".encode())
            connection.execute(f"GRANT pg_monitor TO {READER}".encode())
    with connect(f"{dsn}/{DATABASE}") as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def reader_dsn(server: Server, known: Secrets) -> str | None:
    """How the read-only role connects; a named server's roles are its owner's business."""
    if server.pid is None:
        return None
    return server.dsn.replace(f"//{OWNER}:{quote(known.owner)}@", f"//{READER}:{quote(known.reader)}@")


# Schemas


def schema_of(service: str) -> str:
    """The schema of a service, named as Chamicore names it."""
    return service.replace("-", "")


def make_schemas(dsn: str, services: Iterable[str], folder: Path) -> None:
    """Make a schema for each service that has none yet, marked as this stack's."""
    from psycopg import sql  # noqa: PLC0415 - extra `postgres`

    with connect(dsn) as connection:
        for name in map(schema_of, services):
            if _comment(connection, name) is None:
                connection.execute(f"CREATE SCHEMA {name}".encode())
                mark = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(name), f"{_OURS}{folder}")
                connection.execute(mark)


def drop_schemas(dsn: str, services: Iterable[str], folder: Path) -> None:
    """Drop the schemas that this stack made, and no other."""
    with connect(dsn) as connection:
        for name in map(schema_of, services):
            if _comment(connection, name) == f"{_OURS}{folder}":
                connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def check_named(dsn: str) -> None:
    """Refuse a server that cannot be reached, without a word of the DSN: it holds a password.

    Raises:
        ConfigurationError: It is not a DSN, the server does not answer, or it refuses.
    """
    import psycopg  # noqa: PLC0415 - extra `postgres`

    try:
        with connect(dsn) as connection:
            connection.execute("SELECT 1")
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "not a connection string of PostgreSQL",
            where=DSN_VARIABLE,
            remedy="Write it like postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
        ) from None
    except psycopg.OperationalError:
        raise ConfigurationError(
            "the named PostgreSQL cannot be reached, or refuses the user",
            where=DSN_VARIABLE,
            remedy="Try the same string with psql, or unset the variable for a private server.",
        ) from None


def check_schemas(dsn: str, services: Iterable[str], folder: Path) -> None:
    """Refuse a server that has a schema of a service's name which this stack did not make.

    Raises:
        ConfigurationError: There is one.
    """
    with connect(dsn) as connection:
        for name in map(schema_of, services):
            comment = _comment(connection, name)
            if comment in (None, f"{_OURS}{folder}"):
                continue
            made = comment if comment and comment.startswith(_OURS) else "not made by an embedded stack"
            raise ConfigurationError(
                f"the schema {name} is there already, {made}",
                where=DSN_VARIABLE,
                remedy="Name a database of this stack's own; `chamiperf stack down` drops what its stack made.",
            )


def connect(dsn: str, schema: str = "public") -> "psycopg.Connection[tuple[Any, ...]]":
    """A connection on which each statement is a transaction, and names are those of a schema."""
    import psycopg  # noqa: PLC0415 - extra `postgres`

    options = f"-c search_path={schema}"
    return psycopg.connect(dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, options=options)


def _comment(connection: "psycopg.Connection[tuple[Any, ...]]", schema: str) -> str | None:
    """A schema's comment, empty where it has none; None where there is no such schema."""
    row = connection.execute(
        "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = %s", (schema,)
    ).fetchone()
    return None if row is None else str(row[0])
