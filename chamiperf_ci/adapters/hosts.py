"""URLs of a target: what a usable one looks like, and which hosts seed and load may touch.

A wrong URL must not send a boot storm into production, so hosts other than loopback have to be listed in
`chamiperf.toml`. A name that merely resolves to a loopback address is not loopback: what it resolves to can change
between the check and the load.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from chamiperf_ci.errors import ConfigurationError, LoadNotAllowed
from chamiperf_ci.models.target import Target


def check_url(url: str, *, where: str) -> str:
    """A base URL as it is used: without a trailing slash.

    Raises:
        ConfigurationError: Not http or https, no host, a bad port, a user or password in it, or a query or fragment.
    """
    problem = _problem(url)
    if problem is not None:
        raise ConfigurationError(problem, where=where, remedy="Give a URL such as http://127.0.0.1:27778.")
    return url.strip().rstrip("/")


def host_of(url: str) -> str:
    """The host of a URL, in lower case, an IPv6 address without its brackets; empty if it has none."""
    return (urlsplit(url).hostname or "").lower()


def is_loopback(host: str) -> bool:
    """Whether a host is loopback by its spelling: `localhost`, 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(url: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether load may go to a URL: its host is loopback, or listed (exactly, in any case)."""
    host = host_of(url)
    return is_loopback(host) or host in {listed.strip("[]").lower() for listed in allowed_hosts}


def urls_of(target: Target) -> dict[str, str]:
    """Every URL of a target that a load or a seed may touch, by what it is."""
    urls = {str(service): url for service, url in target.services.items() if service not in target.without}
    urls |= {} if target.gateway is None else {"gateway": target.gateway}
    return urls | ({} if target.kea is None else {"kea": target.kea})


def require_allowed(target: Target) -> None:
    """Stop unless every URL of the target may be loaded.

    Raises:
        LoadNotAllowed: Names the first host that is not listed.
    """
    for name, url in urls_of(target).items():
        if not is_allowed(url, target.allowed_hosts):
            raise LoadNotAllowed(
                f"the host {host_of(url)} may not be loaded",
                where=f"{name} at {url}",
                remedy=f'Add allowed_hosts = ["{host_of(url)}"] to chamiperf.toml if it is meant.',
            )


def refuse_redirect(url: str, location: str, allowed_hosts: Iterable[str]) -> None:
    """Stop when a redirect leads to a host that may not be loaded.

    Raises:
        LoadNotAllowed: Names both ends of the redirect.
    """
    if not is_allowed(location, allowed_hosts):
        raise LoadNotAllowed(
            f"the host {host_of(location) or '(none)'} may not be loaded",
            where=f"{url} redirects to it",
            remedy="Give the URL of the service itself, and list its host under allowed_hosts in chamiperf.toml.",
        )


def _problem(url: str) -> str | None:
    try:
        parts = urlsplit(url.strip())
        return _problem_of(parts)
    except ValueError as error:
        return f"not a URL: {error}"


def _problem_of(parts: SplitResult) -> str | None:
    """What is wrong with a URL; never repeats it, for it may hold a password.

    Raises:
        ValueError: The port is not a number from 0 to 65535.
    """
    if parts.scheme not in ("http", "https"):
        return "not an http or https URL"
    if not parts.hostname or any(character.isspace() for character in parts.netloc + parts.path):
        return "the URL has no usable host"
    if parts.port == 0:
        return "the port of the URL is 0"
    if parts.username is not None or parts.password is not None:
        return "the URL carries a user or a password, which belong into the credential"
    if parts.query or parts.fragment:
        return "a base URL has no query and no fragment"
    return None
