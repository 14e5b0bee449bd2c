"""The embedded stack as a target: found by its state file, and never mixed with another stack."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from chamiperf_ci.adapters import stack_state
from chamiperf_ci.adapters.hosts import check_url
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.fingerprint import CredentialKind
from chamiperf_ci.models.stack import TOKEN_FILE
from chamiperf_ci.models.target import Service, TargetEntry

NAME: Final = "embedded"
"""The target's name; `chamiperf.toml` cannot use it."""


def entry(given: Mapping[Service, str]) -> TargetEntry:
    """The running stack, as if it stood in `chamiperf.toml`.

    Args:
        given: URLs from options and variables; one that is not the stack's own would be measured under its name.

    Raises:
        ConfigurationError: No embedded stack runs, or a given URL is not its own.
    """
    state = stack_state.find()
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
    """Whether any of these URLs is the running embedded stack's: then what is measured is no product."""
    state = stack_state.find()
    return state is not None and not {service.url for service in state.services}.isdisjoint(urls)
