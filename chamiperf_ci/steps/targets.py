"""From what was given (options, variables, `chamiperf.toml`, the embedded stack) to one typed target.

The options and variables arrive merged, an option before its variable; the file fills what they leave open.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chamiperf_ci.adapters.hosts import check_url, host_of, is_loopback
from chamiperf_ci.adapters.targets_file import DEFAULT, read_targets
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.fingerprint import StackKind
from chamiperf_ci.models.target import Service, Target, TargetEntry, TargetsFile, Tls
from chamiperf_ci.steps import embedded
from chamiperf_ci.steps.credentials import NOTHING, GivenCredential, choose, filed

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
GATEWAY_VARIABLE: Final = "CHAMIPERF_GATEWAY_URL"
KEA_VARIABLE: Final = "CHAMIPERF_KEA_URL"
KEA_SYNC_VARIABLE: Final = "CHAMIPERF_KEASYNC_URL"
PROMETHEUS_VARIABLE: Final = "CHAMIPERF_PROMETHEUS_URL"
GRAFANA_VARIABLE: Final = "CHAMIPERF_GRAFANA_URL"
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class GivenTarget:
    """What options and variables say of the target; None or empty where they are silent."""

    name: str | None = None
    config: Path | None = None
    environment: str | None = None
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
    if embedded.NAME in file.targets:
        raise ConfigurationError(
            "the name embedded belongs to the embedded stack", where=str(path), remedy="Rename [targets.embedded]."
        )
    if given.name == embedded.NAME:
        return _fill(given, embedded.entry(given.services), file, path)
    return _fill(given, _entry(given.name, file, path), file, path)


def check_form(given: GivenTarget) -> None:
    """Refuse what no stack could make right: an unknown name, a malformed URL, environment or network.

    For what is only planned: no stack need be there, and no secret is looked for.

    Raises:
        ConfigurationError: As `resolve`, for those.
    """
    file, path = read_targets(given.config), given.config or DEFAULT
    entry = TargetEntry() if given.name == embedded.NAME else _entry(given.name, file, path)
    place = f"{path}, targets.{given.name}"
    _services(given, entry, place)
    _other_urls(given, entry, place)
    _usable(given.environment or entry.environment or given.name or embedded.NAME)
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
    return Target(
        environment=_environment(given, entry, urls),
        stack_kind=StackKind.EMBEDDED if embedded.serves(urls) else StackKind.DEPLOYED,
        services=services,
        **others,
        tls=_tls(given.tls, entry, path.parent),
        credential=choose(given.credential, filed(entry, path.parent)),
        allowed_hosts=(*file.allowed_hosts, *entry.allowed_hosts),
        network=check_network(given.network or entry.network or NETWORK),
        generator_on_target_host=_on_this_host(urls) if on_this_host is None else on_this_host,
        without=given.without or entry.without,
        stack_manifest=given.stack_manifest or _beside(path.parent, entry.stack_manifest),
    )


def _entry(name: str | None, file: TargetsFile, path: Path) -> TargetEntry:
    if name is None:
        return TargetEntry()
    if name not in file.targets:
        known = ", ".join([embedded.NAME, *file.targets])
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
    local = embedded.NAME if embedded.serves(urls) else "local"
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
