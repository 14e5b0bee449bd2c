"""Where a stack keeps its files, and how its state is read and written."""

import os
from pathlib import Path

from pydantic import ValidationError

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.stack import StackState

STATE_FILE = "stack.json"
TOKEN_FILE = "internal-token"  # noqa: S105 - a file name
LOG_FILE = "stack.log"
LOCK_FILE = "lock"
OWN_ENTRIES = (STATE_FILE, TOKEN_FILE, LOG_FILE, LOCK_FILE, "faults.json", "data", "metrics", "tls")
"""Everything a stack ever leaves in its folder; `down` removes these and nothing else."""
KEPT_ENTRIES = ("data", TOKEN_FILE)
"""What outlives `down --keep-data`."""


def default_state_dir() -> Path:
    """CHAMIPERF_STATE_DIR, else a folder of this user's that a reboot empties, else one in the cache."""
    given = os.environ.get("CHAMIPERF_STATE_DIR")
    if given:
        return Path(given)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(runtime or cache) / "chamiperf" / "stack"


def certificate(state_dir: Path) -> tuple[Path, Path]:
    """The server's certificate and key."""
    return state_dir / "tls" / "server.pem", state_dir / "tls" / "server.key"


def ca_file(state_dir: Path) -> Path:
    """The private CA's certificate, for clients."""
    return state_dir / "tls" / "ca.pem"


def write_state(state: StackState) -> None:
    """Record a stack, all at once."""
    path = Path(state.state_dir) / STATE_FILE
    aside = path.with_suffix(".tmp")
    aside.write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")
    aside.replace(path)


def read_state(state_dir: Path) -> StackState | None:
    """The stack that was recorded here; None where none was.

    Raises:
        ConfigurationError: The file is not one of ours, or of another version.
    """
    path = state_dir / STATE_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigurationError(
            f"the stack's state cannot be read: {fault.strerror}", where=str(path), remedy="Give another --state-dir."
        ) from None
    try:
        return StackState.model_validate_json(text)
    except ValidationError as fault:
        raise ConfigurationError(
            f"not the state of an embedded stack of this version: {fault.error_count()} fault(s)",
            where=str(path),
            remedy="Remove the file, or give another --state-dir.",
        ) from None
