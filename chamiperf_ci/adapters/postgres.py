"""A PostgreSQL's own statistics, read beside a load: statements, connections, what went wrong in its databases.

Nothing is written and nothing of a session's query text is read. Of a statement only its normalized text is shown, and
only of SELECT, INSERT, UPDATE and DELETE: utility statements keep their literals, passwords among them. The connection
string comes by variable alone; no error repeats any part of it.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, LiteralString, Self

from pydantic import SecretStr

from chamiperf_ci.adapters.console import mask
from chamiperf_ci.errors import ConfigurationError, OutsideServiceError

if TYPE_CHECKING:
    import psycopg

VARIABLE: Final = "CHAMIPERF_POSTGRES_DSN"
POOLS_VARIABLE: Final = "CHAMIPERF_POSTGRES_POOLS"
_APPLICATION: Final = "chamiperf"
_TIMEOUT_S: Final = 5
_MOST_TEXT: Final = 600
"""Characters of a statement's text that are kept."""

# What errors say, by SQLSTATE; the driver's own text would name the host, the user, or a piece of the string.
_REFUSED: Final[Mapping[str, str]] = {
    "42501": "the role may not read the statistics",
    "57014": f"no answer within {_TIMEOUT_S} s",
    "55000": "pg_stat_statements is installed but not loaded (shared_preload_libraries)",
}
# A login that fails has no SQLSTATE; what its text says, in words of our own.
_NO_LOGIN: Final[Mapping[str, str]] = {
    "password authentication failed": "the password is refused",
    "no password supplied": "it wants a password",
    "pg_hba.conf": "it takes no connection from here",
    "does not exist": "there is no such role or database",
    "too many": "it has no connection left",
    "remaining connection slots": "it has no connection left",
    "starting up": "it is starting up",
    "certificate": "the certificate is not trusted",
    "does not support SSL": "it speaks no TLS",
}

_STATEMENTS: Final = """
    SELECT s.queryid, s.userid, s.dbid, s.calls, s.total_exec_time, s.rows
    FROM pg_stat_statements(false) AS s WHERE s.queryid IS NOT NULL AND s.calls > 0"""
_TEXTS: Final = """
    SELECT s.queryid, s.userid, s.dbid, coalesce(r.rolname, ''), coalesce(d.datname, ''), s.query
    FROM pg_stat_statements(true) AS s
    LEFT JOIN pg_roles AS r ON r.oid = s.userid LEFT JOIN pg_database AS d ON d.oid = s.dbid
    WHERE s.queryid = ANY(%s)"""
_SESSIONS: Final = """
    SELECT coalesce(usename, ''), coalesce(datname, ''), coalesce(state, ''), coalesce(wait_event_type, ''), count(*)
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    GROUP BY 1, 2, 3, 4"""
_DATABASES: Final = """
    SELECT datname, xact_commit, xact_rollback, deadlocks, temp_files, temp_bytes, sessions
    FROM pg_stat_database WHERE datname IS NOT NULL AND datname NOT IN ('template0', 'template1')"""
STATISTICS: Final = "pg_stat_"
"""Stands in every statement that reads statistics, ours among them."""
_WORDS: Final = re.compile(r"(?is)\s*(select|insert|update|delete)\b")
# Comments nest, and a text that was cut may end in the middle of one, or of a literal.
_INNERMOST: Final = re.compile(r"(?s)/\*(?:(?!/\*|\*/).)*\*/")
_COMMENTS: Final = re.compile(r"(?s)/\*.*|--[^\n]*")
_LITERALS: Final = re.compile(r"(?s)\$(\w*)\$.*?(?:\$\1\$|\Z)|[eEbBxX]?'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)")
_NUMBERS: Final = re.compile(r"(?<![\w$.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")


@dataclass(frozen=True, slots=True)
class StatementKey:
    """How the server tells statements apart, as long as nobody makes its tables anew."""

    query: int
    role: int | str
    """Its number, or its name."""
    database: int | str


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """What a statement took since its statistics were last reset."""

    calls: int
    total_ms: float
    rows: int


@dataclass(frozen=True, slots=True)
class StatementText:
    """What a statement is."""

    fingerprint: str
    """Of role, database and normalized text: the same after a restart, and after tables were made anew."""
    text: str
    role: str
    database: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Client sessions of one role in one database at one moment, those of this toolkit left out."""

    role: str
    database: str
    state: str
    """As the server says it: `active`, `idle`, `idle in transaction`; empty where it does not."""
    waits_for: str | None
    """Kind of event: `Lock`, `IO`, `Client` and so on; empty for none, None where it is not told."""
    count: int


@dataclass(frozen=True, slots=True)
class DatabaseTotals:
    """Counters of one database since its statistics were last reset; None for one that is not told."""

    commits: int | None
    rollbacks: int | None
    deadlocks: int | None
    temporary_files: int | None
    temporary_bytes: int | None
    sessions: int | None
    """Sessions opened."""


@dataclass(frozen=True, slots=True)
class PostgresSample:
    """Everything that is sampled, at one moment."""

    sessions: tuple[Sessions, ...] = ()
    databases: Mapping[str, DatabaseTotals] = field(default_factory=dict)
    statements: Mapping[StatementKey, StatementTotals] = field(default_factory=dict)


class Postgres:
    """A read-only session. Not safe to use from several threads; connects when first asked, and again after a loss."""

    def __init__(self, dsn: SecretStr) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self.statements_problem = ""
        """Why no statements can be read; empty if they can."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def look(self) -> PostgresSample:
        """Sample once.

        Raises:
            ConfigurationError: The connection string cannot be used, or psycopg is not installed.
            OutsideServiceError: The server does not answer, or refuses.
        """
        sessions = tuple(Sessions(*row) for row in self._rows(_SESSIONS))
        databases = {str(name): DatabaseTotals(*values) for name, *values in self._rows(_DATABASES)}
        return PostgresSample(sessions, databases, self._statements())

    def max_connections(self) -> int:
        """How many sessions the server takes, its own reserve included.

        Raises:
            ConfigurationError, OutsideServiceError: As `look`.
        """
        return int(self._rows("SELECT current_setting('max_connections')::int")[0][0])

    def texts(self, keys: Sequence[StatementKey]) -> dict[StatementKey, StatementText]:
        """What statements are; absent: those that are not a SELECT, INSERT, UPDATE or DELETE, or that nobody shows us.

        Raises:
            ConfigurationError, OutsideServiceError: As `look`.
        """
        wanted = set(keys)
        found = {}
        for query, role, database, user, name, text in self._rows(_TEXTS, ([key.query for key in keys],)):
            key = StatementKey(query, role, database)
            shown = harmless(text) if key in wanted else ""
            if shown and STATISTICS not in shown:
                found[key] = StatementText(fingerprint(user, name, shown), shown, user, name)
        return found

    def _statements(self) -> dict[StatementKey, StatementTotals]:
        try:
            rows = self._rows(_STATEMENTS)
        except OutsideServiceError as error:
            self.statements_problem = error.wrong
            return {}
        self.statements_problem = ""
        return {
            StatementKey(query, role, database): StatementTotals(calls, total_ms, count)
            for query, role, database, calls, total_ms, count in rows
        }

    def _rows(self, query: LiteralString, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        import psycopg  # noqa: PLC0415 - only where a connection string is given

        try:
            # Without prepared statements: a pooler in between may hand each of them to another server process.
            return self._session().execute(query, values, prepare=False).fetchall()
        except psycopg.errors.UndefinedFunction as error:
            raise self._failure(error, "the extension pg_stat_statements is not installed in this database") from None
        except psycopg.Error as error:
            raise self._failure(error) from None

    def _session(self) -> "psycopg.Connection[tuple[Any, ...]]":
        import psycopg  # noqa: PLC0415 - as above

        if self._connection is None or self._connection.closed:
            connection = psycopg.connect(
                self._dsn.get_secret_value(),
                autocommit=True,
                connect_timeout=_TIMEOUT_S,
                application_name=_APPLICATION,
            )
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.execute("SET statement_timeout = '5s'")
            self._connection = connection
        return self._connection

    def _failure(self, error: "psycopg.Error", wrong: str = "") -> OutsideServiceError:
        """The error in words of our own."""
        said = str(error)
        wrong = wrong or _REFUSED.get(error.sqlstate or "", "")
        wrong = wrong or next((words for part, words in _NO_LOGIN.items() if part in said), "")
        return OutsideServiceError(
            wrong or f"no answer from PostgreSQL ({error.sqlstate or type(error).__name__})",
            where=VARIABLE,
            remedy="Check the variable, and that the role may read pg_stat_statements (GRANT pg_read_all_stats).",
        )


def from_environment(environment: Mapping[str, str] | None = None) -> Postgres | None:
    """The PostgreSQL that the variable names; None where it is not set.

    Raises:
        ConfigurationError: The variable holds no connection string, or psycopg is not installed.
    """
    text = (os.environ if environment is None else environment).get(VARIABLE, "")
    if not text:
        return None
    try:
        import psycopg  # noqa: PLC0415 - an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigurationError(
            "reading a PostgreSQL needs psycopg", where=VARIABLE, remedy="Run: pip install 'chamiperf-ci[postgres]'."
        ) from None
    try:
        mask(text)
        parts = conninfo_to_dict(text)
    except (psycopg.Error, UnicodeError):
        # The driver's own text repeats what it could not read.
        raise ConfigurationError(
            "the connection string cannot be read",
            where=VARIABLE,
            remedy="Give one such as postgresql://reader@db.example:5432/hmsds.",
        ) from None
    if password := parts.get("password"):
        mask(str(password))
    return Postgres(SecretStr(text))


def pool_limits(environment: Mapping[str, str] | None = None) -> dict[str, int]:
    """Connections that the pool of each role may open, by role, as the variable says: `smd=70,bss=20`.

    Raises:
        ConfigurationError: It says something else.
    """
    text = (os.environ if environment is None else environment).get(POOLS_VARIABLE, "")
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, equals, limit = part.partition("=")
        if not role or not equals or not limit.isascii() or not limit.isdigit() or int(limit) < 1:
            raise ConfigurationError(
                f"{part!r} is not ROLE=CONNECTIONS", where=POOLS_VARIABLE, remedy="Give some such as smd=70,bss=20."
            )
        found[role] = int(limit)
    return found


def harmless(text: object) -> str:
    """A statement's normalized text without comments and literals, on one line; empty if it may not be shown.

    The server replaces literals itself, but keeps those of comments, and all of them where it ran out of room.
    """
    if not isinstance(text, str):
        return ""
    bare, found = text, 1
    while found:
        bare, found = _INNERMOST.subn(" ", bare)
    bare = _COMMENTS.sub(" ", bare)
    if _WORDS.match(bare) is None:
        return ""
    bare = _NUMBERS.sub("?", _LITERALS.sub("?", bare))
    return " ".join("".join(each if each.isprintable() else " " for each in bare).split())[:_MOST_TEXT]


def fingerprint(role: str, database: str, text: str) -> str:
    """Sixteen hex digits by which a statement is known from run to run."""
    return hashlib.sha256(f"{role}\0{database}\0{text}".encode()).hexdigest()[:16]
