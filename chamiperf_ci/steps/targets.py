"""The target of a command: its services, credentials, and whether it is the embedded stack."""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from chamiperf_ci.adapters.files import DEFAULT, dialect, find_stack, read_secret, read_targets
from chamiperf_ci.adapters.http_client import check_url, host_of, is_loopback
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.target import (
    CHAMICORE,
    GATEWAY_VARIABLE,
    GRAFANA_VARIABLE,
    KEA_SYNC_VARIABLE,
    KEA_VARIABLE,
    NETWORK,
    PROMETHEUS_VARIABLE,
    TOKEN_FILE,
    URL_VARIABLES,
    Credential,
    CredentialKind,
    Service,
    StackKind,
    Target,
    TargetEntry,
    TargetsFile,
    Tls,
)

NAME: Final = "embedded"
"""The target's name; `chamiperf.toml` cannot use it."""


def entry(given: Mapping[Service, str]) -> TargetEntry:
    """The running stack, as if it stood in `chamiperf.toml`.

    Args:
        given: URLs from options and variables; one that is not the stack's own would be measured under its name.

    Raises:
        ConfigurationError: No embedded stack runs, or a given URL is not its own.
    """
    state = find_stack()
    if state is None:
        raise ConfigurationError(
            "no embedded stack is running", where=f"--target {NAME}", remedy="Start it: chamiperf stack up."
        )
    urls = {service.name: service.url for service in state.services}
    services = {service: urls[service] for service in Service if service in urls}
    for service, url in given.items():
        if check_url(url, where=f"--{service}-url") != services.get(service):
            raise ConfigurationError(
                f"{service} is given as {url}, which is not the embedded stack's",
                where=f"--target {NAME}",
                remedy="Unset that option or variable, or leave --target out.",
            )
    return TargetEntry(
        services=services,
        kea=urls.get("kea"),
        kea_sync=urls.get("kea-sync"),
        credential=CredentialKind.INTERNAL_TOKEN,
        internal_token_file=Path(state.state_dir) / TOKEN_FILE,
        ca_file=None if state.ca_file is None else Path(state.ca_file),
        generator_on_target_host=True,
    )


def serves(urls: Iterable[str]) -> bool:
    """Whether any of these URLs is the running embedded stack's: then what is measured is not a product."""
    state = find_stack()
    return state is not None and not {service.url for service in state.services}.isdisjoint(urls)


_HOW_TO_GIVE: Final[Mapping[CredentialKind, str]] = {
    CredentialKind.INTERNAL_TOKEN: "Set CHAMICORE_INTERNAL_TOKEN, or name its file with --internal-token-file.",
    CredentialKind.BEARER: "Set CHAMICORE_TOKEN, or name its file with --token-file.",
    CredentialKind.CLIENT_CREDENTIALS: "Set CHAMIPERF_CLIENT_ID and CHAMIPERF_CLIENT_SECRET (or --client-secret-file).",
}


@dataclass(frozen=True, slots=True)
class GivenCredential:
    """Credentials as given; a kind is named only where several are given, or where none needs a secret."""

    kind: CredentialKind | None = None
    internal_token: SecretStr | None = field(default=None, repr=False)
    bearer: SecretStr | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: SecretStr | None = field(default=None, repr=False)

    @property
    def kinds(self) -> tuple[CredentialKind, ...]:
        """The kinds of which at least a part is given."""
        present = {
            CredentialKind.INTERNAL_TOKEN: self.internal_token is not None,
            CredentialKind.BEARER: self.bearer is not None,
            CredentialKind.CLIENT_CREDENTIALS: self.client_id is not None or self.client_secret is not None,
        }
        return tuple(kind for kind, there in present.items() if there)


NOTHING: Final = GivenCredential()


def filed(entry: TargetEntry, folder: Path) -> GivenCredential:
    """The credential that an entry of `chamiperf.toml` names; its files lie relative to the file's folder.

    Raises:
        ConfigurationError: A file cannot be read or holds no usable secret.
    """
    return GivenCredential(
        kind=entry.credential,
        internal_token=_secret(folder, entry.internal_token_file, "internal_token_file"),
        bearer=_secret(folder, entry.token_file, "token_file"),
        client_id=entry.client_id,
        client_secret=_secret(folder, entry.client_secret_file, "client_secret_file"),
    )


def choose(given: GivenCredential, from_file: GivenCredential) -> Credential:
    """The one credential: what options and variables give, else what the file does, else none.

    Raises:
        ConfigurationError: Several kinds and no `--credential`, a kind that was asked for and not given, or half of a
            pair of client credentials.
    """
    known = given if given.kinds else from_file
    kind = given.kind or known.kind
    if kind is None:
        if len(known.kinds) > 1:
            raise ConfigurationError(
                f"several credentials are given: {', '.join(known.kinds)}",
                where="options, variables and chamiperf.toml",
                remedy="Say which one with --credential.",
            )
        kind = known.kinds[0] if known.kinds else CredentialKind.NONE
    if kind in _HOW_TO_GIVE and kind not in known.kinds:
        raise ConfigurationError(
            f"the credential {kind} is asked for and not given", where="--credential", remedy=_HOW_TO_GIVE[kind]
        )
    if kind is CredentialKind.CLIENT_CREDENTIALS:
        if known.client_id is None or known.client_secret is None:
            raise ConfigurationError(
                "client credentials need both an id and a secret", where="--client-id", remedy=_HOW_TO_GIVE[kind]
            )
        return Credential(kind=kind, client_id=known.client_id, client_secret=known.client_secret)
    tokens = {CredentialKind.INTERNAL_TOKEN: known.internal_token, CredentialKind.BEARER: known.bearer}
    return Credential(kind=kind, token=tokens.get(kind))


def k6_environment(credential: Credential) -> dict[str, str]:
    """The credential as the load scripts read it from their environment (`k6/README.md`)."""
    token = "" if credential.token is None else credential.token.get_secret_value()
    if credential.kind is CredentialKind.INTERNAL_TOKEN:
        return {"CHAMICORE_INTERNAL_TOKEN": token}
    if credential.kind is CredentialKind.BEARER:
        return {"CHAMIPERF_TOKEN": token}
    if credential.kind is CredentialKind.CLIENT_CREDENTIALS:
        secret = "" if credential.client_secret is None else credential.client_secret.get_secret_value()
        return {"CHAMIPERF_CLIENT_ID": credential.client_id or "", "CHAMIPERF_CLIENT_SECRET": secret}
    return {}


def _secret(folder: Path, path: Path | None, key: str) -> SecretStr | None:
    return None if path is None else read_secret(folder / path, option=key)


_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class GivenTarget:
    """What options and variables say of the target; None or empty where they are silent."""

    name: str | None = None
    config: Path | None = None
    environment: str | None = None
    dialect: str | None = None
    services: Mapping[Service, str] = field(default_factory=dict)
    gateway: str | None = None
    kea: str | None = None
    kea_sync: str | None = None
    prometheus: str | None = None
    grafana: str | None = None
    network: str | None = None
    without: tuple[Service, ...] = ()
    credential: GivenCredential = NOTHING
    tls: Tls = field(default_factory=Tls)
    stack_manifest: Path | None = None


def resolve(given: GivenTarget) -> Target:
    """The target, complete and checked, before anything is sent to it.

    Raises:
        ConfigurationError: No target, an unknown name, a malformed URL, file or secret, two kinds of credential, or
            `--target embedded` without a running embedded stack or with a URL that is not its own.
    """
    file = read_targets(given.config)
    path = given.config or DEFAULT
    if NAME in file.targets:
        raise ConfigurationError(
            "the name embedded belongs to the embedded stack", where=str(path), remedy="Rename [targets.embedded]."
        )
    if given.name == NAME:
        return _fill(given, entry(given.services), file, path)
    return _fill(given, _entry(given.name, file, path), file, path)


def dialect_of(given: GivenTarget) -> str:
    """The name of the dialect that a target speaks, of one that need not be there.

    Raises:
        ConfigurationError: As `resolve`, for the dialect.
    """
    file, path = read_targets(given.config), given.config or DEFAULT
    entry = TargetEntry() if given.name == NAME else _entry(given.name, file, path)
    return _dialect(given, entry).dialect


def check_form(given: GivenTarget) -> None:
    """Refuse what no stack could make right: an unknown name, a malformed URL, environment or network.

    For what is only planned: no stack need be there, and no secret is looked for.

    Raises:
        ConfigurationError: As `resolve`, for those.
    """
    file, path = read_targets(given.config), given.config or DEFAULT
    entry = TargetEntry() if given.name == NAME else _entry(given.name, file, path)
    place = f"{path}, targets.{given.name}"
    _dialect(given, entry)
    _services(given, entry, place)
    _other_urls(given, entry, place)
    _usable(given.environment or entry.environment or given.name or NAME)
    check_network(given.network or entry.network or NETWORK)


def _fill(given: GivenTarget, entry: TargetEntry, file: TargetsFile, path: Path) -> Target:
    """Complete what was given from an entry of the file, or from the embedded stack's."""
    place = f"{path}, targets.{given.name}"
    services = _services(given, entry, place)
    others = _other_urls(given, entry, place)
    gateway = others["gateway"]
    urls = [*services.values(), *([gateway] if gateway else [])]
    if not urls:
        variables = ", ".join([*URL_VARIABLES.values(), GATEWAY_VARIABLE])
        raise ConfigurationError(
            "no target is given",
            where=f"these variables are empty: {variables}",
            remedy="Set them, or give --target with a name from chamiperf.toml, or --target embedded.",
        )
    on_this_host = entry.generator_on_target_host
    spoken = _dialect(given, entry)
    credential = choose(given.credential, filed(entry, path.parent))
    _require_spoken(spoken, services, others["kea"], credential)
    return Target(
        environment=_environment(given, entry, urls),
        stack_kind=StackKind.EMBEDDED if serves(urls) else StackKind.DEPLOYED,
        dialect=spoken.dialect,
        services=services,
        **others,
        gateway_prefixes=spoken.gateway.prefixes,
        tls=_tls(given.tls, entry, path.parent),
        credential=credential,
        allowed_hosts=(*file.allowed_hosts, *entry.allowed_hosts),
        network=check_network(given.network or entry.network or NETWORK),
        generator_on_target_host=_on_this_host(urls) if on_this_host is None else on_this_host,
        without=_absent(given.without or entry.without, spoken),
        stack_manifest=given.stack_manifest or _beside(path.parent, entry.stack_manifest),
    )


def _dialect(given: GivenTarget, entry: TargetEntry) -> Dialect:
    """The dialect of the stack.

    Raises:
        ConfigurationError: There is none of this name, or it is not that of the embedded stack.
    """
    spoken = dialect(given.dialect or entry.dialect or CHAMICORE)
    if given.name == NAME and spoken.dialect != CHAMICORE:
        raise ConfigurationError(
            f"the embedded stack speaks {CHAMICORE}, not {spoken.dialect}",
            where="--dialect or CHAMIPERF_DIALECT",
            remedy="Leave it out.",
        )
    return spoken


def _require_spoken(spoken: Dialect, services: Mapping[Service, str], kea: str | None, credential: Credential) -> None:
    """Stop where something is given that no stack of this dialect has.

    Raises:
        ConfigurationError: Names it.
    """
    where = f"dialect {spoken.dialect}"
    given = [*services, *(["kea"] if kea and spoken.kea is None else [])]
    unknown = [str(name) for name in given if (name != "kea" and Service(name) not in spoken.services) or name == "kea"]
    if unknown:
        described = ", ".join(spoken.not_described.get(Service(name), name) for name in unknown if name != "kea")
        wrong = f"{described} is not described yet" if spoken.not_described.keys() & set(services) else ""
        raise ConfigurationError(
            wrong or f"a stack of this dialect has no {' and no '.join(unknown)}",
            where=where,
            remedy=f"Leave out {', '.join(f'--{name}-url and its variable' for name in unknown)}.",
        )
    if credential.kind in (CredentialKind.CLIENT_CREDENTIALS, CredentialKind.DEV_MODE) and not spoken.grants:
        raise ConfigurationError(
            f"no service of this stack issues tokens for {credential.kind}",
            where=where,
            remedy="Give a token in CHAMICORE_TOKEN, or none.",
        )


def _absent(without: Sequence[Service], spoken: Dialect) -> tuple[Service, ...]:
    """The services that the stack behind a gateway does not have, those among them that its dialect does not know."""
    unspoken = (service for service in Service if service not in spoken.services)
    return tuple(dict.fromkeys((*without, *unspoken)))


def _entry(name: str | None, file: TargetsFile, path: Path) -> TargetEntry:
    if name is None:
        return TargetEntry()
    if name not in file.targets:
        known = ", ".join([NAME, *file.targets])
        raise ConfigurationError(
            f"there is no target {name!r}",
            where=str(path),
            remedy=f"Give one of {known}, or add [targets.{name}] to the file.",
        )
    return file.targets[name]


def _services(given: GivenTarget, entry: TargetEntry, place: str) -> dict[Service, str]:
    """The services' own URLs, in order; a gateway that was given hides those of the file."""
    services = {
        service: check_url(url, where=f"{place}.services.{service}")
        for service, url in ({} if given.gateway else entry.services).items()
    }
    for service, url in given.services.items():
        services[service] = check_url(url, where=f"--{service}-url or {URL_VARIABLES[service]}")
    return {service: services[service] for service in Service if service in services}


def _other_urls(given: GivenTarget, entry: TargetEntry, place: str) -> dict[str, str | None]:
    """What is not a service of its own, by the target's field."""
    asked = {
        "gateway": (given.gateway, entry.gateway, f"--gateway or {GATEWAY_VARIABLE}"),
        "kea_sync": (given.kea_sync, entry.kea_sync, f"--kea-sync-url or {KEA_SYNC_VARIABLE}"),
        "kea": (given.kea, entry.kea, f"--kea-url or {KEA_VARIABLE}"),
        "prometheus": (given.prometheus, entry.prometheus, f"--prometheus-url or {PROMETHEUS_VARIABLE}"),
        "grafana": (given.grafana, entry.grafana, f"--grafana-url or {GRAFANA_VARIABLE}"),
    }
    return {name: _url(mine, filed_url, option, f"{place}.{name}") for name, (mine, filed_url, option) in asked.items()}


def _url(given: str | None, filed_url: str | None, option: str, place: str) -> str | None:
    if given is not None:
        return check_url(given, where=option)
    return None if filed_url is None else check_url(filed_url, where=place)


def _environment(given: GivenTarget, entry: TargetEntry, urls: list[str]) -> str:
    """The name under which runs are kept: given, else the target's, else `local` or the first host.

    Raises:
        ConfigurationError: It is longer than 64 or has other characters than letters, digits, dot, dash, underscore.
    """
    hosts = [host_of(url) for url in urls]
    local = NAME if serves(urls) else "local"
    derived = local if all(is_loopback(host) for host in hosts) else hosts[0].replace(":", ".")
    return _usable(given.environment or entry.environment or given.name or derived)


def _usable(name: str) -> str:
    if _ENVIRONMENT.fullmatch(name) is None:
        raise ConfigurationError(
            f"{name!r} cannot name an environment",
            where="--environment",
            remedy="Use at most 64 letters, digits, dots, dashes and underscores.",
        )
    return name


def check_network(network: str) -> str:
    """A network from which nodes get addresses, as IPv4 CIDR.

    Raises:
        ConfigurationError: Not an IPv4 network, or one without an address between its first and its last.
    """
    remedy = f"Give one such as {NETWORK}."
    try:
        found = ipaddress.IPv4Network(network)
    except ValueError as error:
        raise ConfigurationError(f"not an IPv4 network: {error}", where="--network", remedy=remedy) from error
    if found.num_addresses <= 2:  # noqa: PLR2004 - the first and the last belong to no node
        raise ConfigurationError(f"{found} has no address for a node", where="--network", remedy=remedy)
    return str(found)


def _tls(given: Tls, entry: TargetEntry, folder: Path) -> Tls:
    """How TLS is verified; the file's paths are relative to its folder.

    Raises:
        ConfigurationError: A file is missing, or a client certificate has no key or the other way round.
    """
    tls = Tls(
        ca_file=given.ca_file or _beside(folder, entry.ca_file),
        client_certificate=given.client_certificate or _beside(folder, entry.client_certificate),
        client_key=given.client_key or _beside(folder, entry.client_key),
        insecure=given.insecure or entry.insecure,
    )
    for option, path in (
        ("--ca-file", tls.ca_file),
        ("--client-certificate", tls.client_certificate),
        ("--client-key", tls.client_key),
    ):
        if path is not None and not path.is_file():
            raise ConfigurationError(
                "the file does not exist", where=f"{option} {path}", remedy="Name a file in PEM format."
            )
    if (tls.client_certificate is None) != (tls.client_key is None):
        raise ConfigurationError(
            "a client certificate and its key belong together",
            where="--client-certificate and --client-key",
            remedy="Give both or neither.",
        )
    return tls


def _beside(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else folder / path


def _on_this_host(urls: list[str]) -> bool:
    """Whether a service runs where the generator does, as far as its host's name tells."""
    return any(is_loopback(host) or host == socket.gethostname().lower() for host in map(host_of, urls))
