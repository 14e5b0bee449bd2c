"""Addresses taken out of text that is published: a service is `smd@staging` there, not a host.

Knows no verdict and no event. What it replaces: the scheme, user, password and host of a URL, IP addresses, and names
of hosts; a URL's path stays and its query goes. A file name, a version and a number with dots are none of these.
"""

import re
from collections.abc import Mapping

# Every repetition is bounded, as names and addresses are: the text may be made to be slow.
_REST = r"[^\s\"'<>()\[\]{}|`,;"
_URL = (
    rf"[A-Za-z][A-Za-z0-9+.-]{{0,15}}://(?:{_REST}/?#]{{0,256}}@)?(?:\[[0-9A-Fa-f:.]+\](?::\d+)?|{_REST}/?#@]+)"
    rf"(?P<path>/{_REST}?#]*)?(?:[?#]{_REST}]*)?"
)
_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.]*\w)"
_IPV6 = r"\[[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{0,45}\](?::\d{1,5})?"
# Two dots at least, and a last label of letters that no file of ours ends in.
_NAME = (
    r"(?<![\w./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){2,8}"
    r"(?!(?:json|js|py|md|ya?ml|toml|html|xml|txt|log|csv)\b)[A-Za-z]{2,24}(?::\d{1,5})?(?![\w-])"
)
_PORT_NAME = r"(?<![\w./-])[A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z][A-Za-z0-9-]{0,62}){0,8}:\d{4,5}(?!\d|\.)"
_ADDRESS = re.compile(f"{_URL}|{_IPV6}|{_IPV4}|{_NAME}|{_PORT_NAME}")
_HOST = re.compile(r"^(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)(?::(\d+))?")


def without_hosts(text: str, *, environment: str, services: Mapping[str, str]) -> str:
    """The text with each address replaced by `service@environment`.

    Args:
        text: Any text, of one line or many.
        environment: The stack's name; empty becomes `stack`.
        services: `host:port`, or `host` alone where a service has its default port, to the service's name; addresses
            that are not in it become `host@environment`.
    """
    place = environment or "stack"
    known = {address.lower(): service for address, service in services.items()}

    def replace(match: re.Match[str]) -> str:
        found = match[0]
        # A full stop or a colon behind an address belongs to the sentence.
        kept = found.rstrip(".:!?")
        path = (match["path"] or "").rstrip(".:!?")
        return f"{known.get(_address(kept), 'host')}@{place}{path}{found[len(kept) :]}"

    return _ADDRESS.sub(replace, text)


def address_of(url: str) -> str:
    """The `host:port` of a URL, in lower case; `host` alone where the URL has no port."""
    return _address(url)


def _address(found: str) -> str:
    rest = found.partition("://")[2] or found
    match = _HOST.match(rest)
    if match is None:
        return ""
    host, port = match[1].lower(), match[2]
    return f"{host}:{port}" if port else host
