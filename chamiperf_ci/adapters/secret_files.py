"""Secrets that come in files: read once, never shown."""

from pathlib import Path

from pydantic import SecretStr

from chamiperf_ci.adapters.actions import mask
from chamiperf_ci.errors import ConfigurationError


def read_secret(path: Path, *, option: str) -> SecretStr:
    """The secret in a file, without the line end after it.

    Raises:
        ConfigurationError: The file is missing, unreadable or empty, or holds what no HTTP header can carry.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"the secret cannot be read: {reason}", where=f"{option}, {path}", remedy="Name a file that holds it."
        ) from error
    return check_secret(text.rstrip("\r\n"), where=f"{option}, {path}")


def check_secret(text: str, *, where: str) -> SecretStr:
    """A secret that an HTTP header or a JSON body can carry.

    Raises:
        ConfigurationError: It is empty, or holds blanks, line ends or characters outside ASCII.
    """
    if not text or not all("!" <= character <= "~" for character in text):
        wrong = "holds blanks, line ends or characters outside ASCII" if text else "is empty"
        raise ConfigurationError(f"the secret {wrong}", where=where, remedy="Put the bare secret there.")
    # Every secret comes through here before its first use; a runner then keeps it out of the log.
    mask(text)
    return SecretStr(text)
