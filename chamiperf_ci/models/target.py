"""Where a stack is and what it is made of: its services, the embedded stack's state, the fingerprint."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chamiperf_ci.models.document import Value

CHAMICORE: Final = "chamicore"
"""The dialect of a stack that names none; it is left out of documents, so that those of before stay as they are."""


DialectName = Annotated[str, Field(exclude_if=lambda name: name == CHAMICORE)]


class StackKind(StrEnum):
    """The embedded stand-in, or a deployed Chamicore; their runs never mix."""

    EMBEDDED = "embedded"
    DEPLOYED = "deployed"


class CredentialKind(StrEnum):
    """How requests that need a credential are authenticated."""

    NONE = "none"
    INTERNAL_TOKEN = "internal-token"  # noqa: S105 - a kind, not a secret
    BEARER = "bearer"
    CLIENT_CREDENTIALS = "client-credentials"
    DEV_MODE = "dev-mode"


class Fingerprint(Value):
    """The circumstances of a run; a difference in any field makes another fingerprint.

    Injected faults are outside it on purpose: a slowed stack must be comparable with itself.
    """

    environment: str
    dialect: DialectName = CHAMICORE
    """What the services speak; a baseline of one dialect never meets runs of another."""
    stack_kind: StackKind
    stack_sizing: str
    """Sizing of the stack as it describes itself, such as `bss: workers 1, service time 8 ms`; empty if unknown."""
    scenario: str
    scenario_version: int
    profile: str
    parameters: dict[str, str | int | float | bool]
    """The load's parameters after overrides, such as VUs, pace and phase durations, by name."""
    seeded: dict[str, int]
    """Objects seeded, by kind (components, interfaces, bootparams, payloads)."""
    machine_class: str
    """Cores and memory rounded to GiB of the generator's machine, such as `2c-24GiB`."""
    k6_version: str
    credential: CredentialKind
    route: Literal["direct", "gateway"]
    tls: Literal["none", "verified", "insecure"]
    connections: Literal["keep", "fresh"]
    generator_on_target_host: bool
    shards: int = Field(default=1, exclude_if=lambda number: number == 1)
    """k6 processes that shared the load; each adds its own scheduling, so figures of one are not those of four."""

    def differences(self, other: "Fingerprint") -> tuple[str, ...]:
        """Name each field that differs, with both values, as `profile: quick here, full there`.

        Of the load's parameters and the seeded counts only those that differ are named: `seeded: payloads 5 here, 9
        there`.
        """
        return tuple(
            f"{name}: {_difference(mine, theirs)}"
            for name in type(self).model_fields
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        )


def _difference(mine: object, theirs: object) -> str:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return f"{mine} here, {theirs} there"
    names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    return "; ".join(f"{name} {mine.get(name, 'none')} here, {theirs.get(name, 'none')} there" for name in names)


class Machine(Value):
    """The generator's machine; reported when it differs, never a reason to refuse a comparison.

    Other work on it may be a reason not to believe a slow-down (docs/verdict.md section 2).
    """

    cores: int
    memory_gib: int
    cpu_model: str
    kernel: str
    load_average: float
    """One-minute load average at the start of the run."""
    foreign_cpu_percent: float | None = None
    """Processor time that neither the generator nor an embedded stack used, mean of the sustained phase, percent of all
    cores; time stolen by the machine's host is part of it. None where it was not watched."""
    foreign_cpu_percent_busiest_quarter: float | None = Field(default=None, exclude_if=lambda share: share is None)
    """The same, mean of the quarter of the samples in which it was most."""


class Identity(Value):
    """What a service says it is: version, commit, image digest; opaque text."""

    service: str
    version: str = ""
    commit: str = ""
    image: str = ""

    @property
    def build(self) -> str:
        """The build's shortest name: commit, else image, else version."""
        return self.commit[:12] or self.image or self.version or "unknown build"


STATE_FILE = "stack.json"
TOKEN_FILE = "internal-token"  # noqa: S105 - a file name

_STATE_FIELD = 0
_THREADS_FIELD = 17
_START_FIELD = 19
"""Fields 3, 20 and 22 of /proc/PID/stat, counted after the command name, which may contain blanks."""

Milliseconds = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class Frozen(BaseModel):
    """A value: never changed, and refusing keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StackOptions(Frozen):
    """How a stack is set up. What it is sized like is here; what is broken on purpose is a fault, and is not."""

    ports: Literal["contract", "ephemeral"] = "contract"
    without: tuple[str, ...] = ()
    gateway: bool = False
    tls: bool = False
    dev_mode: bool = False
    workers: Annotated[int, Field(ge=1, le=16)] = 1
    service_time_ms: Milliseconds = 0.0
    seed: int = 1
    sync_interval_s: Annotated[float, Field(gt=0)] = 30.0
    sync_delay_s: Seconds = 0.0
    auto_rows: bool = False
    delete_orphans: bool = False
    truncate_sync: bool = False
    page_clamp: Annotated[int, Field(ge=1)] = 10_000
    bulk: bool = False
    kea_style: Literal["shim", "stock"] = "shim"
    metrics: bool = True
    token_lifetime_s: Annotated[float, Field(gt=0)] = 1800.0
    password_cost: Annotated[int, Field(ge=4, le=16)] = 12
    """Rounds of client-secret hashing as a power of two, like bcrypt's cost; 12 takes some 10 ms of a core."""
    database: Literal["sqlite", "postgres"] = "sqlite"
    database_connections: Annotated[int, Field(ge=1, le=200)] = 20
    """The limit of each service's pool; for PostgreSQL alone."""


class ProcessRef(Frozen):
    """A process, recognised again: a recycled pid has another start time."""

    pid: int
    started_ticks: int
    """Clock ticks after boot at which it started (field 22 of /proc/PID/stat)."""

    @classmethod
    def of(cls, pid: int) -> "ProcessRef":
        """Name a running process so that it is recognised later.

        Raises:
            ProcessLookupError: It is not running.
        """
        stat = _stat(pid)
        if stat is None:
            raise ProcessLookupError(pid)
        return cls(pid=pid, started_ticks=int(stat[_START_FIELD]))

    def is_running(self) -> bool:
        """Whether this very process still runs; a stranger with a recycled pid does not count.

        A zombie has ended, unless threads of it are still going down: until then its sockets are open.
        """
        stat = _stat(self.pid)
        if stat is None or int(stat[_START_FIELD]) != self.started_ticks:
            return False
        return stat[_STATE_FIELD] != "Z" or int(stat[_THREADS_FIELD]) > 1


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def boot_id() -> str:
    """What tells one boot of this machine from the next."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class ServiceState(Frozen):
    """One service of the stack: where it is served, and by which processes."""

    name: str
    url: str
    port: int
    processes: tuple[ProcessRef, ...]


class StackState(Frozen):
    """A stack that was started; `is_up` says whether it still runs."""

    schema_version: Literal[1] = 1
    """1: first version."""
    kind: Literal["embedded"] = "embedded"
    version: str
    commit: str
    started_at: str
    """RFC 3339, UTC."""
    boot_id: str
    state_dir: str
    options: StackOptions
    sizing: str
    """What one asks of it, in words: workers, service time, page clamp, sync interval. Part of the fingerprint."""
    durability: str
    """When a write is safe, in words. Stands beside every seeding rate."""
    supervisor: ProcessRef
    services: tuple[ServiceState, ...]
    ca_file: str | None = None
    postgres: ProcessRef | None = None
    """The first process of the stack's private PostgreSQL."""
    postgres_dsn_file: str | None = None
    """A file of mode 0600: how a role that may only read connects to the private PostgreSQL and its statistics."""

    def url(self, service: str) -> str:
        """The base URL of a service, without a trailing slash.

        Raises:
            KeyError: The stack was started without it.
        """
        return {entry.name: entry.url for entry in self.services}[service]

    def is_up(self) -> bool:
        """Whether the stack's own supervisor still runs, in this boot of the machine."""
        return self.boot_id == boot_id() and self.supervisor.is_running()


def default_state_dir() -> Path:
    """CHAMIPERF_STATE_DIR, else a folder of this user's that a reboot empties, else one in the cache."""
    given = os.environ.get("CHAMIPERF_STATE_DIR")
    if given:
        return Path(given)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(runtime or cache) / "chamiperf" / "stack"


class Service(StrEnum):
    """The HTTP services of the contract, in the order in which a person lists them."""

    AUTH = "auth"
    SMD = "smd"
    BSS = "bss"
    CLOUD_INIT = "cloud-init"
    DISCOVERY = "discovery"
    POWER = "power"
    MCP = "mcp"


NETWORK: Final = "198.18.0.0/15"
"""RFC 2544's addresses for benchmarks: 131,072 of them, routed nowhere."""
URL_VARIABLES: Final[Mapping[Service, str]] = {
    Service.AUTH: "CHAMICORE_TEST_AUTH_URL",
    Service.SMD: "CHAMICORE_TEST_SMD_URL",
    Service.BSS: "CHAMICORE_TEST_BSS_URL",
    Service.CLOUD_INIT: "CHAMICORE_TEST_CLOUDINIT_URL",
    Service.DISCOVERY: "CHAMICORE_TEST_DISCOVERY_URL",
    Service.POWER: "CHAMICORE_TEST_POWER_URL",
    Service.MCP: "CHAMICORE_TEST_MCP_URL",
}


class Setting(NamedTuple):
    """How one thing is said of a target: its option, the option's variable, and what the help says."""

    option: str
    variable: str
    metavar: str
    help: str


class Credential(Value):
    """A credential and where it came from; secrets have no repr."""

    kind: CredentialKind
    token: SecretStr | None = Field(default=None, repr=False)
    client_id: str | None = None
    client_secret: SecretStr | None = Field(default=None, repr=False)


class Tls(Value):
    """How TLS is verified."""

    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    insecure: bool = False


class Addresses(Value):
    """Where a stack and what watches it are; base URLs without a trailing slash."""

    services: dict[Service, str] = Field(default_factory=dict)
    """A service that is not configured is absent. Its option is `--SERVICE-url`, its variable of `URL_VARIABLES`."""
    gateway: Annotated[
        str | None,
        Setting("gateway", "CHAMIPERF_GATEWAY_URL", "URL", "Gateway for the services that have no URL of their own."),
    ] = None
    kea: Annotated[str | None, Setting("kea-url", "CHAMIPERF_KEA_URL", "URL", "Kea's control endpoint.")] = None
    kea_sync: Annotated[
        str | None, Setting("kea-sync-url", "CHAMIPERF_KEASYNC_URL", "URL", "Where Kea-Sync serves its metrics.")
    ] = None
    """It has no other HTTP interface."""
    prometheus: Annotated[
        str | None,
        Setting("prometheus-url", "CHAMIPERF_PROMETHEUS_URL", "URL", "Prometheus that scrapes the services."),
    ] = None
    grafana: Annotated[
        str | None, Setting("grafana-url", "CHAMIPERF_GRAFANA_URL", "URL", "Grafana, for links in reports.")
    ] = None


def setting(name: str) -> Setting:
    """How the field of this name is said.

    Raises:
        StopIteration: By `chamiperf.toml` alone.
    """
    return next(each for each in TargetEntry.model_fields[name].metadata if isinstance(each, Setting))


class Target(Addresses):
    """One stack, as given by `chamiperf.toml`, variables and options: complete and checked."""

    environment: str
    stack_kind: StackKind
    dialect: str = CHAMICORE
    """Which dialect its services speak: the name of a file of `k6/dialects/`."""
    gateway_prefixes: dict[Service, str] = Field(default_factory=dict)
    """What the gateway has before a service's own paths."""
    tls: Tls = Tls()
    credential: Credential
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, other than loopback, that seed and load may touch."""
    network: str = NETWORK
    """CIDR from which seeded nodes get addresses."""
    generator_on_target_host: bool = False
    without: tuple[Service, ...] = ()
    """Services that the stack behind a gateway does not have."""
    stack_manifest: Path | None = None
    """JSON of service to image digest or commit; it outranks what `/version` says."""

    def url(self, service: Service) -> str | None:
        """The base URL of a service: its own, else the gateway's, else None."""
        if service in self.without:
            return None
        own = self.services.get(service)
        if own is not None or self.gateway is None:
            return own
        return f"{self.gateway}{self.gateway_prefixes.get(service, '')}"


class TargetEntry(Addresses):
    """What one place says of a target, without secrets: `[targets.NAME]` of `chamiperf.toml`, or options.

    Fields with a `Setting` are options too. Paths of the file start at its own folder.
    """

    environment: Annotated[
        str | None,
        Setting("environment", "CHAMIPERF_ENVIRONMENT", "NAME", "Name under which runs and baselines are kept."),
    ] = None
    dialect: Annotated[
        str | None,
        Setting(
            "dialect",
            "CHAMIPERF_DIALECT",
            "NAME",
            "What the services speak: chamicore (the default), openchami, openchami-shared or openchami-fabrica.",
        ),
    ] = None
    without: Annotated[
        tuple[Service, ...],
        Setting(
            "without",
            "CHAMIPERF_WITHOUT",
            "",
            "A service that the stack behind the gateway does not have; repeatable.",
        ),
    ] = ()
    allowed_hosts: tuple[str, ...] = ()
    network: Annotated[
        str | None,
        Setting("network", "CHAMIPERF_NETWORK", "CIDR", f"Network of the seeded nodes' addresses; default {NETWORK}."),
    ] = None
    generator_on_target_host: bool | None = None
    """None: decided by whether a service is on loopback or on this machine's own name."""
    credential: Annotated[
        CredentialKind | None,
        Setting("credential", "CHAMIPERF_CREDENTIAL", "", "Which credential to use when several are given."),
    ] = None
    internal_token_file: Annotated[
        Path | None,
        Setting(
            "internal-token-file",
            "CHAMIPERF_INTERNAL_TOKEN_FILE",
            "FILE",
            "File with the internal token; or CHAMICORE_INTERNAL_TOKEN holds it.",
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Setting("token-file", "CHAMIPERF_TOKEN_FILE", "FILE", "File with a bearer token; or CHAMICORE_TOKEN holds it."),
    ] = None
    client_id: Annotated[str | None, Setting("client-id", "CHAMIPERF_CLIENT_ID", "ID", "Service account's id.")] = None
    client_secret_file: Annotated[
        Path | None,
        Setting(
            "client-secret-file",
            "CHAMIPERF_CLIENT_SECRET_FILE",
            "FILE",
            "File with the account's secret; or CHAMIPERF_CLIENT_SECRET holds it.",
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        Setting("ca-file", "CHAMIPERF_CA_FILE", "FILE", "CA certificates (PEM) that sign the services' certificates."),
    ] = None
    client_certificate: Annotated[
        Path | None,
        Setting("client-certificate", "CHAMIPERF_CLIENT_CERTIFICATE", "FILE", "Client certificate (PEM)."),
    ] = None
    client_key: Annotated[
        Path | None,
        Setting("client-key", "CHAMIPERF_CLIENT_KEY", "FILE", "Key of the client certificate (PEM)."),
    ] = None
    insecure: Annotated[
        bool,
        Setting("insecure", "CHAMIPERF_INSECURE", "", "Do not verify certificates; every report says so."),
    ] = False
    stack_manifest: Annotated[
        Path | None,
        Setting(
            "stack-manifest",
            "CHAMIPERF_STACK_MANIFEST",
            "FILE",
            "JSON of service to image digest or commit, as deployed.",
        ),
    ] = None


SECRET_FILES: Final[Mapping[CredentialKind, str]] = {
    CredentialKind.INTERNAL_TOKEN: "internal_token_file",
    CredentialKind.BEARER: "token_file",
    CredentialKind.CLIENT_CREDENTIALS: "client_secret_file",
}
"""By kind of credential, the field of `TargetEntry` that names its secret's file."""


class TargetOptions(TargetEntry):
    """What options and variables say of the target; None or empty where they are silent."""

    name: str | None = None
    config: Path | None = None
    secrets: dict[CredentialKind, SecretStr] = Field(default_factory=dict, repr=False)
    """From variables, or from the files that the options name."""


class TargetsFile(Value):
    """`chamiperf.toml`."""

    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may be loaded whatever target names them, also one given by variables alone."""
    targets: dict[str, TargetEntry] = Field(default_factory=dict)
