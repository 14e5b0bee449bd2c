"""The target of a command: its services, credentials, and whether it is the embedded stack."""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from chamiperf_ci.adapters.bounds import check_url, host_of, is_loopback
from chamiperf_ci.adapters.files import DEFAULT, dialect, find_stack, read_secret, read_targets
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.target import (
    CHAMICORE,
    NETWORK,
    SECRET_FILES,
    TOKEN_FILE,
    URL_VARIABLES,
    Addresses,
    Credential,
    CredentialKind,
    Service,
    StackKind,
    Target,
    TargetEntry,
    TargetOptions,
    TargetsFile,
    Tls,
    setting,
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


def secrets_in(entry: TargetEntry, folder: Path) -> dict[CredentialKind, SecretStr]:
    """The secrets whose files an entry of `chamiperf.toml` names; they lie relative to the file's folder.

    Raises:
        ConfigurationError: A file cannot be read or holds no usable secret.
    """
    files = ((kind, field, getattr(entry, field)) for kind, field in SECRET_FILES.items())
    return {kind: read_secret(folder / path, option=field) for kind, field, path in files if path is not None}


def _kinds(said: TargetEntry, secrets: Mapping[CredentialKind, SecretStr]) -> list[CredentialKind]:
    """The kinds of credentials of which at least a part is given."""
    half = {CredentialKind.CLIENT_CREDENTIALS} if said.client_id is not None else set()
    return [kind for kind in SECRET_FILES if kind in secrets or kind in half]


def choose(given: TargetOptions, entry: TargetEntry, filed: Mapping[CredentialKind, SecretStr]) -> Credential:
    """The one credential: what options and variables give, else what the file does, else none.

    Raises:
        ConfigurationError: Several kinds and no `--credential`, a kind that was asked for and not given, or half of a
            pair of client credentials.
    """
    said, secrets = (given, given.secrets) if _kinds(given, given.secrets) else (entry, filed)
    kinds = _kinds(said, secrets)
    kind = given.credential or said.credential
    if kind is None:
        if len(kinds) > 1:
            raise ConfigurationError(
                f"several credentials are given: {', '.join(kinds)}",
                where="options, variables and chamiperf.toml",
                remedy="Say which one with --credential.",
            )
        kind = kinds[0] if kinds else CredentialKind.NONE
    if kind in SECRET_FILES and kind not in kinds:
        raise ConfigurationError(
            f"the credential {kind} is selected but not given", where="--credential", remedy=_HOW_TO_GIVE[kind]
        )
    if kind is not CredentialKind.CLIENT_CREDENTIALS:
        return Credential(kind=kind, token=secrets.get(kind))
    if said.client_id is None or kind not in secrets:
        raise ConfigurationError(
            "client credentials need both an id and a secret", where="--client-id", remedy=_HOW_TO_GIVE[kind]
        )
    return Credential(kind=kind, client_id=said.client_id, client_secret=secrets[kind])


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


_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def resolve(given: TargetOptions) -> Target:
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


def dialect_of(given: TargetOptions) -> str:
    """The name of the dialect that a target speaks, of one that need not be there.

    Raises:
        ConfigurationError: As `resolve`, for the dialect.
    """
    file, path = read_targets(given.config), given.config or DEFAULT
    entry = TargetEntry() if given.name == NAME else _entry(given.name, file, path)
    return _dialect(given, entry).dialect


def check_form(given: TargetOptions) -> None:
    """Refuse what no stack could make right: an unknown name, a malformed URL, environment or network.

    For what is only planned: no stack need be there, and no secret is looked for.

    Raises:
        ConfigurationError: As `resolve`, for those.
    """
    file, path = read_targets(given.config), given.config or DEFAULT
    entry = TargetEntry() if given.name == NAME else _entry(given.name, file, path)
    place = f"{path}, targets.{given.name}"
    _dialect(given, entry)
    _addresses(given, entry, place)
    _usable(given.environment or entry.environment or given.name or NAME)
    check_network(given.network or entry.network or NETWORK)


def _fill(given: TargetOptions, entry: TargetEntry, file: TargetsFile, path: Path) -> Target:
    """Complete what was given from an entry of the file, or from the embedded stack's."""
    said = _either(given, entry, path.parent)
    addresses = _addresses(given, entry, f"{path}, targets.{given.name}")
    urls = [*addresses.services.values(), *([addresses.gateway] if addresses.gateway else [])]
    if not urls:
        variables = ", ".join([*URL_VARIABLES.values(), setting("gateway").variable])
        raise ConfigurationError(
            "no target is given",
            where=f"these variables are empty: {variables}",
            remedy="Set them, or give --target with a name from chamiperf.toml, or --target embedded.",
        )
    spoken = _dialect(given, entry)
    credential = choose(given, entry, secrets_in(entry, path.parent))
    _require_spoken(spoken, addresses, credential)
    on_this_host = entry.generator_on_target_host
    return Target(
        **dict(addresses),
        environment=_environment(said.environment or given.name, urls),
        stack_kind=StackKind.EMBEDDED if serves(urls) else StackKind.DEPLOYED,
        dialect=spoken.dialect,
        gateway_prefixes=spoken.gateway.prefixes,
        tls=_tls(said),
        credential=credential,
        allowed_hosts=(*file.allowed_hosts, *entry.allowed_hosts),
        network=check_network(said.network or NETWORK),
        generator_on_target_host=any(
            is_loopback(host) or host == socket.gethostname().lower() for host in map(host_of, urls)
        )
        if on_this_host is None
        else on_this_host,
        without=_absent(said.without, spoken),
        stack_manifest=said.stack_manifest,
    )


def _either(given: TargetOptions, entry: TargetEntry, folder: Path) -> TargetEntry:
    """What options and variables say, else what the file does; its paths start at its folder."""
    both = {}
    for name in TargetEntry.model_fields:
        filed = getattr(entry, name)
        both[name] = getattr(given, name) or (folder / filed if isinstance(filed, Path) else filed)
    return TargetEntry(**both)


def _dialect(given: TargetOptions, entry: TargetEntry) -> Dialect:
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


def _require_spoken(spoken: Dialect, addresses: Addresses, credential: Credential) -> None:
    """Stop where something is given that no stack of this dialect has.

    Raises:
        ConfigurationError: Names it.
    """
    where = f"dialect {spoken.dialect}"
    given = [*addresses.services, *(["kea"] if addresses.kea and spoken.kea is None else [])]
    unknown = [str(name) for name in given if (name != "kea" and Service(name) not in spoken.services) or name == "kea"]
    if unknown:
        described = ", ".join(spoken.not_described.get(Service(name), name) for name in unknown if name != "kea")
        wrong = f"{described} is not described yet" if spoken.not_described.keys() & set(addresses.services) else ""
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


def _addresses(given: TargetOptions, entry: TargetEntry, place: str) -> Addresses:
    """All URLs, checked; a gateway that was given hides the services of the file."""
    services = {
        service: check_url(url, where=f"{place}.services.{service}")
        for service, url in ({} if given.gateway else entry.services).items()
    }
    for service, url in given.services.items():
        services[service] = check_url(url, where=f"--{service}-url or {URL_VARIABLES[service]}")
    found: dict[str, str] = {}
    for name in Addresses.model_fields.keys() - {"services"}:
        how = setting(name)
        if (url := getattr(given, name)) is not None:
            found[name] = check_url(url, where=f"--{how.option} or {how.variable}")
        elif (url := getattr(entry, name)) is not None:
            found[name] = check_url(url, where=f"{place}.{name}")
    return Addresses(services={service: services[service] for service in Service if service in services}, **found)


def _environment(said: str | None, urls: list[str]) -> str:
    """The name under which runs are kept: given, else the target's, else `local` or the first host.

    Raises:
        ConfigurationError: It is longer than 64 or has other characters than letters, digits, dot, dash, underscore.
    """
    hosts = [host_of(url) for url in urls]
    local = NAME if serves(urls) else "local"
    derived = local if all(is_loopback(host) for host in hosts) else hosts[0].replace(":", ".")
    return _usable(said or derived)


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


def _tls(said: TargetEntry) -> Tls:
    """How TLS is verified.

    Raises:
        ConfigurationError: A file is missing, or a client certificate has no key or the other way round.
    """
    tls = Tls(**{name: getattr(said, name) for name in Tls.model_fields})
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
