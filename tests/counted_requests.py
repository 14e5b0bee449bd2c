"""How many requests of ours a stack has had, by its own count."""

import re
import urllib.request

_COUNTED = re.compile(r"^http_server_requests_total\{([^}]*)\} (\d+)", re.MULTILINE)
_NOT_OURS = re.compile(r"health|readiness|version|metrics|jwks|revocations")
"""Routes that tests ask, or the services each other."""


def counted_requests(state):
    """Requests of seed and load that the services have counted; a sync's look the same, so let there be none."""
    total = 0
    for service in state.services:
        with urllib.request.urlopen(f"{service.url}/metrics", timeout=5) as answer:  # noqa: S310 - our own stack
            text = answer.read().decode()
        total += sum(int(count) for labels, count in _COUNTED.findall(text) if not _NOT_OURS.search(labels))
    return total
