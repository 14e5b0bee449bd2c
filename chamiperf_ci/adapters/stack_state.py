"""The embedded stack, as the toolkit knows it: by its state file, and by the file of the faults that lie on it."""

from pathlib import Path

from pydantic import ValidationError

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models import faults
from chamiperf_ci.models.faults import Fault
from chamiperf_ci.models.target import STATE_FILE, StackState, default_state_dir


def find(state_dir: Path | None = None) -> StackState | None:
    """Return the stack that is up; None where there is none, or only what a killed one left.

    Raises:
        ConfigurationError: The state file cannot be read, or is not one of this version.
    """
    path = (state_dir or default_state_dir()) / STATE_FILE
    try:
        state = StackState.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise ConfigurationError(
            f"the stack's state cannot be read: {fault.strerror}",
            where=str(path),
            remedy="Give another folder by CHAMIPERF_STATE_DIR.",
        ) from None
    except ValidationError as fault:
        raise ConfigurationError(
            f"not the state of an embedded stack of this version: {fault.error_count()} fault(s)",
            where=str(path),
            remedy="Remove the file, or give another folder by CHAMIPERF_STATE_DIR.",
        ) from None
    return state if state.is_up() else None


def found() -> StackState:
    """As `find`, where there has to be one.

    Raises:
        ConfigurationError: No stack is up.
    """
    state = find()
    if state is None:
        raise ConfigurationError(
            "no embedded stack is up", where=str(default_state_dir()), remedy="Start one with `chamiperf stack up`."
        )
    return state


def list_faults(state: StackState) -> tuple[Fault, ...]:
    """Return the faults that are set, in the order in which they were."""
    return faults.read(Path(state.state_dir))


def set_fault(state: StackState, fault: Fault) -> Fault:
    """Set a fault that fits the stack, and wait until every worker knows of it; the fault with its id."""
    return faults.add(Path(state.state_dir), fault)


def clear_faults(state: StackState, ident: str | None = None) -> None:
    """Take one fault away, if it is still set, or all of them, and wait until every worker knows of it."""
    faults.remove(Path(state.state_dir), ident)
