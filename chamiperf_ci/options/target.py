"""The options that name a target: where the services are, and how to authenticate to them."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click
from pydantic import SecretStr

from chamiperf_ci.adapters.secret_files import check_secret, read_secret
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.target import Service, Tls
from chamiperf_ci.options.command import Command
from chamiperf_ci.steps.credentials import GivenCredential
from chamiperf_ci.steps.targets import (
    GATEWAY_VARIABLE,
    GRAFANA_VARIABLE,
    KEA_SYNC_VARIABLE,
    KEA_VARIABLE,
    NETWORK,
    PROMETHEUS_VARIABLE,
    URL_VARIABLES,
    GivenTarget,
)

_PATH: Final = click.Path(path_type=Path)
_SECRET_VARIABLES: Final = {
    "internal_token": "CHAMICORE_INTERNAL_TOKEN",
    "bearer": "CHAMICORE_TOKEN",
    "client_secret": "CHAMIPERF_CLIENT_SECRET",
}


def target_options(command: Command) -> Command:
    """Add the options that name a target; the command gets them as `given`, a GivenTarget."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        mine = {name: values.pop(name) for name in _NAMES}
        return command(given=_given(mine, click.get_current_context()), **values)

    decorated: Command = collect
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _url_option(name: str, variable: str, what: str) -> Callable[[Command], Command]:
    return click.option(f"--{name}", envvar=variable, show_envvar=True, metavar="URL", help=what)


def _file_option(name: str, what: str) -> Callable[[Command], Command]:
    variable = f"CHAMIPERF_{name.upper().replace('-', '_')}"
    return click.option(f"--{name}", type=_PATH, envvar=variable, show_envvar=True, metavar="FILE", help=what)


_OPTIONS: Final[tuple[Callable[[Command], Command], ...]] = (
    click.option(
        "--target",
        envvar="CHAMIPERF_TARGET",
        show_envvar=True,
        metavar="NAME",
        help="A target of chamiperf.toml, or `embedded`.",
    ),
    _file_option("config", "The file with named targets and allowed hosts; default chamiperf.toml."),
    click.option(
        "--environment",
        envvar="CHAMIPERF_ENVIRONMENT",
        show_envvar=True,
        metavar="NAME",
        help="Name under which runs and baselines are kept.",
    ),
    *(
        _url_option(f"{service}-url", variable, f"Base URL of {service}.")
        for service, variable in URL_VARIABLES.items()
    ),
    _url_option("gateway", GATEWAY_VARIABLE, "Gateway for the services that have no URL of their own."),
    click.option(
        "--without",
        type=click.Choice([str(service) for service in Service]),
        multiple=True,
        envvar="CHAMIPERF_WITHOUT",
        show_envvar=True,
        help="A service that the stack behind the gateway does not have; repeatable.",
    ),
    _url_option("kea-url", KEA_VARIABLE, "Kea's control endpoint."),
    _url_option("kea-sync-url", KEA_SYNC_VARIABLE, "Where Kea-Sync serves its metrics."),
    _url_option("prometheus-url", PROMETHEUS_VARIABLE, "Prometheus that scrapes the services."),
    _url_option("grafana-url", GRAFANA_VARIABLE, "Grafana, for links in reports."),
    click.option(
        "--network",
        envvar="CHAMIPERF_NETWORK",
        show_envvar=True,
        metavar="CIDR",
        help=f"Network of the seeded nodes' addresses; default {NETWORK}.",
    ),
    click.option(
        "--credential",
        type=click.Choice([str(kind) for kind in CredentialKind]),
        envvar="CHAMIPERF_CREDENTIAL",
        show_envvar=True,
        help="Which credential to use when several are given.",
    ),
    _file_option("internal-token-file", "File with the internal token; or CHAMICORE_INTERNAL_TOKEN holds it."),
    _file_option("token-file", "File with a bearer token; or CHAMICORE_TOKEN holds it."),
    click.option(
        "--client-id", envvar="CHAMIPERF_CLIENT_ID", show_envvar=True, metavar="ID", help="Service account's id."
    ),
    _file_option("client-secret-file", "File with the account's secret; or CHAMIPERF_CLIENT_SECRET holds it."),
    _file_option("ca-file", "CA certificates (PEM) that sign the services' certificates."),
    _file_option("client-certificate", "Client certificate (PEM)."),
    _file_option("client-key", "Key of the client certificate (PEM)."),
    _file_option("stack-manifest", "JSON of service to image digest or commit, as deployed."),
    click.option(
        "--insecure",
        is_flag=True,
        envvar="CHAMIPERF_INSECURE",
        show_envvar=True,
        help="Do not verify certificates; every report says so.",
    ),
)
_NAMES: Final = (
    *("target", "config", "environment", "gateway", "without", "network"),
    *("kea_url", "kea_sync_url", "prometheus_url", "grafana_url"),
    *("credential", "internal_token_file", "token_file", "client_id", "client_secret_file"),
    *("ca_file", "client_certificate", "client_key", "insecure", "stack_manifest"),
    *(f"{service.replace('-', '_')}_url" for service in Service),
)


def _given(values: Mapping[str, Any], context: click.Context) -> GivenTarget:
    """One typed object; a gateway on the command line hides service URLs that come from variables."""
    services = {service: f"{service.replace('-', '_')}_url" for service in Service}
    typed = {name for name in values if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    return GivenTarget(
        name=values["target"],
        config=values["config"],
        environment=values["environment"],
        services={
            service: values[name]
            for service, name in services.items()
            if values[name] is not None and ("gateway" not in typed or name in typed)
        },
        gateway=values["gateway"],
        kea=values["kea_url"],
        kea_sync=values["kea_sync_url"],
        prometheus=values["prometheus_url"],
        grafana=values["grafana_url"],
        network=values["network"],
        without=tuple(Service(name) for name in values["without"]),
        credential=GivenCredential(
            kind=None if values["credential"] is None else CredentialKind(values["credential"]),
            internal_token=_secret("internal_token", values["internal_token_file"], "--internal-token-file"),
            bearer=_secret("bearer", values["token_file"], "--token-file"),
            client_id=values["client_id"],
            client_secret=_secret("client_secret", values["client_secret_file"], "--client-secret-file"),
        ),
        tls=Tls(
            ca_file=values["ca_file"],
            client_certificate=values["client_certificate"],
            client_key=values["client_key"],
            insecure=values["insecure"],
        ),
        stack_manifest=values["stack_manifest"],
    )


def _secret(name: str, file: Path | None, option: str) -> SecretStr | None:
    """A secret from the named file, else from its variable; an empty variable is none."""
    if file is not None:
        return read_secret(file, option=option)
    variable = _SECRET_VARIABLES[name]
    value = os.environ.get(variable, "")
    return check_secret(value, where=variable) if value else None
