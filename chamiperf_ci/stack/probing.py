"""Asking a stack's services how they are, over HTTP as anybody would."""

import json
import ssl
import time
import urllib.error
import urllib.request
from typing import Any

from chamiperf_ci.errors import StackUnreachable
from chamiperf_ci.models.stack import ServiceState, StackState
from chamiperf_ci.stack import places, processes

_POLL_S = 0.02


def version(state: StackState, service: str) -> dict[str, Any]:
    """What a service says of itself under `/version`.

    Raises:
        StackUnreachable: It does not answer.
    """
    url = f"{state.url(service)}/version"
    try:
        with _opened(url, state) as reply:
            document: dict[str, Any] = json.loads(reply.read())
    except OSError as fault:
        raise StackUnreachable(
            f"{service} does not answer: {fault}", where=url, remedy="See `chamiperf stack status`."
        ) from None
    return document


def _opened(url: str, state: StackState) -> Any:  # noqa: ANN401 - urllib's answers have no public type
    context = ssl.create_default_context(cafile=state.ca_file) if state.ca_file else None
    return urllib.request.urlopen(url, timeout=2, context=context)  # noqa: S310 - a service of our own, on loopback


def wait_until_ready(service: ServiceState, state: StackState, deadline: float) -> None:
    """Until the service answers 200 on `/readiness`, several times over where several workers take turns."""
    wanted = 1 if len(service.processes) == 1 else 4 * len(service.processes)
    good, reason = 0, "nothing answered"
    while good < wanted:
        try:
            with _opened(f"{service.url}/readiness", state):
                good += 1
                continue
        except urllib.error.HTTPError as refusal:
            with refusal:
                good, reason = 0, json.loads(refusal.read() or b"{}").get("detail", refusal.reason)
        except OSError as fault:
            good, reason = 0, str(fault)
        if time.monotonic() > deadline or not any(processes.is_running(each) for each in service.processes):
            raise StackUnreachable(
                f"{service.name} did not become ready: {reason}",
                where=service.url,
                remedy=f"See {places.LOG_FILE} in {state.state_dir}.",
            )
        time.sleep(_POLL_S)
