"""Waits until every configured service says that it is ready."""

import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.deadline import side_by_side

_EVERY_S: Final = 0.25
"""How often a service is asked, as Chamicore's own smoke tests do."""

Say = Callable[[str], None]


def configured(target: Target) -> tuple[Service, ...]:
    """The services that the target has."""
    return tuple(service for service in Service if target.url(service) is not None)


def wait_until_ready(client: Chamicore, *, timeout_s: float, say: Say) -> float:
    """Wait until each configured service answers `/readiness` with 200; the seconds that took.

    Args:
        client: One that does not try again by itself.
        timeout_s: Seconds after which it is given up.
        say: Told what a service is waited for, whenever that changes.

    Raises:
        StackUnreachable: A service was not ready in time; names each, and what it said last.
        ConfigurationError: A certificate that is not trusted, or a redirect to a host that is not listed.
    """
    started = time.monotonic()
    over = threading.Event()
    states = dict.fromkeys(configured(client.target), "no answer yet")

    def poll(service: Service) -> None:
        while not over.is_set():
            state = _state(client, service)
            if state is None:
                del states[service]
                return
            if state != states[service]:
                say(f"waiting for {service}: {state}")
            states[service] = state
            over.wait(_EVERY_S)

    try:
        unready = side_by_side({service: partial(poll, service) for service in tuple(states)}, timeout_s)
    finally:
        over.set()
    if unready:
        said = "; ".join(f"{service}: {states.get(service, 'ready too late')}" for service in sorted(unready))
        raise StackUnreachable(
            f"not ready within {timeout_s:g} s: {said}",
            where=", ".join(str(client.target.url(service)) for service in sorted(unready)),
            remedy="See the services' logs, or wait longer with --timeout.",
        )
    return time.monotonic() - started


def _state(client: Chamicore, service: Service) -> str | None:
    """What a service says when it is not ready; None when it is."""
    try:
        answer = client.operational(service, "readiness")
    except (StackUnreachable, UnexpectedAnswer) as error:
        return error.wrong
    if answer.status == HTTPStatus.OK:
        return None
    return f"status {answer.status}, {answer.detail() or 'without a word'}"
