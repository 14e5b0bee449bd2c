"""Published text names the environment, not its hosts."""

import re

# A URL's scheme and authority, with user and password if there are any; an address of either family with its port.
_AUTHORITY = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/?#)\]'\"]+", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]*:[0-9a-f:]*\]|localhost)(?::\d{1,5})?(?![\w.]*\d)", re.IGNORECASE
)


def without_hosts(text: str, environment: str) -> str:
    """Return text in which each URL keeps its path and nothing of its host: `stack@lab/hsm/v2`; addresses alike."""
    name = f"stack@{environment}"
    return _ADDRESS.sub(lambda _: name, _AUTHORITY.sub(lambda _: name, text))
