"""What is driven: the services' URLs, how to reach and authenticate to them, and which hosts may be loaded."""

from enum import StrEnum
from pathlib import Path

from pydantic import Field, SecretStr

from chamiperf_ci.models.document import Value
from chamiperf_ci.models.fingerprint import CredentialKind, StackKind


class Service(StrEnum):
    """The HTTP services of the contract, in the order in which a person lists them."""

    AUTH = "auth"
    SMD = "smd"
    BSS = "bss"
    CLOUD_INIT = "cloud-init"
    DISCOVERY = "discovery"
    POWER = "power"
    MCP = "mcp"


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


class Target(Value):
    """One stack, as given by `chamiperf.toml`, variables and options."""

    environment: str
    stack_kind: StackKind
    services: dict[Service, str]
    """Base URLs without a trailing slash; a service that is not configured is absent."""
    gateway: str | None = None
    kea: str | None = None
    kea_sync: str | None = None
    """Where Kea-Sync serves its metrics; it has no other HTTP interface."""
    prometheus: str | None = None
    grafana: str | None = None
    tls: Tls = Tls()
    credential: Credential
    allowed_hosts: tuple[str, ...] = ()
    """Hosts, other than loopback, that seed and load may touch."""
    network: str = "198.18.0.0/15"
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
        return self.services.get(service, self.gateway)


class TargetEntry(Value):
    """`[targets.NAME]` of `chamiperf.toml`: a target without its secrets, which come by variable or by file."""

    environment: str | None = None
    services: dict[Service, str] = Field(default_factory=dict)
    gateway: str | None = None
    kea: str | None = None
    kea_sync: str | None = None
    prometheus: str | None = None
    grafana: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    without: tuple[Service, ...] = ()
    network: str | None = None
    generator_on_target_host: bool | None = None
    """None: decided by whether a service is on loopback or on this machine's own name."""
    credential: CredentialKind | None = None
    token_file: Path | None = None
    """Holds a bearer token; relative paths start at the file's own folder."""
    internal_token_file: Path | None = None
    client_id: str | None = None
    client_secret_file: Path | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    insecure: bool = False
    stack_manifest: Path | None = None


class TargetsFile(Value):
    """`chamiperf.toml`."""

    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may be loaded whatever target names them, also one given by variables alone."""
    targets: dict[str, TargetEntry] = Field(default_factory=dict)
