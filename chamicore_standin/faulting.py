"""Setting, listing and clearing the faults of a stack that is up."""

from pathlib import Path

from chamicore_standin.lifecycle import version
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models import faults
from chamiperf_ci.models.faults import Fault
from chamiperf_ci.models.target import StackState


def set_fault(state: StackState, fault: Fault) -> Fault:
    """Add a fault and wait until every worker knows of it; the fault with its id.

    Raises:
        ConfigurationError: The stack has no such service, the service no such route, or the fault makes no sense there.
    """
    _check_service(state, fault)
    if fault.service != "*" and (fault.affects_routes or fault.route != "*"):
        _check_route(state, fault)
    if isinstance(fault, faults.DropIndex):
        _check_index(state, fault)
    return faults.add(Path(state.state_dir), fault)


def _check_service(state: StackState, fault: Fault) -> None:
    """The gateway is left out: what it passes on never comes to where a fault could lie."""
    there = [service.name for service in state.services if service.name != "gateway"]
    names = [name for name in there if name in (fault.affects_only or there)]
    if fault.service == "*" and fault.route != "*":
        raise ConfigurationError(
            "a route belongs to one service", where="--route", remedy="Name the service too, instead of `*`."
        )
    if fault.service not in (names if fault.affects_only else ["*", *names]):
        raise ConfigurationError(
            f"{fault.kind} cannot lie on {fault.service}", where="--service", remedy=f"Choose from {', '.join(names)}."
        )


def _check_route(state: StackState, fault: Fault) -> None:
    known = version(state, fault.service)["routes"]
    if not known:
        raise ConfigurationError(
            f"{fault.service} has no routes that {fault.kind} could lie on",
            where="--service",
            remedy="Name a service that answers requests.",
        )
    if fault.route not in ("*", *known):
        raise ConfigurationError(
            f"{fault.service} has no route {fault.route}", where="--route", remedy=f"Choose from {', '.join(known)}."
        )


def _check_index(state: StackState, fault: faults.DropIndex) -> None:
    known = version(state, fault.service)["indexes"] if fault.service != "*" else []
    if fault.index not in known:
        raise ConfigurationError(
            f"{fault.service} has no index {fault.index} that can be dropped",
            where="--drop-index",
            remedy=f"Choose from {', '.join(known)}."
            if known
            else "Start the stack with --database postgres, and name a service that has a database.",
        )


def list_faults(state: StackState) -> tuple[Fault, ...]:
    """The faults that are set, in the order in which they were."""
    return faults.read(Path(state.state_dir))


def clear_faults(state: StackState, ident: str | None = None) -> int:
    """Take away one fault, or all of them; how many that were.

    Raises:
        ConfigurationError: No fault has that id.
    """
    count = faults.remove(Path(state.state_dir), ident)
    if ident is not None and count == 0:
        known = ", ".join(fault.id for fault in list_faults(state)) or "none is set"
        raise ConfigurationError(f"no fault {ident}", where="--id", remedy=f"Faults: {known}.")
    return count
