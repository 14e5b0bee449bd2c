"""Asking the loaded services whether they are ready, from a thread of its own: a hanging one holds up nothing."""

import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self

from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import ToolkitError
from chamiperf_ci.models.target import Service

EVERY_S = 2.0


class Readiness:
    """Watches `/readiness` while it is entered.

    A service is red when it answers 503 or not at all; any other answer, such as 404 from a stack without the route,
    says nothing.

    Args:
        client: One that does not try again by itself, and gives up after some seconds.
        services: Those under load.
    """

    def __init__(self, client: Chamicore, services: Sequence[Service]) -> None:
        self._client = client
        self._services = services
        self._red_since: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="readiness", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The thread is not joined: a question that hangs must not hold up an interrupted run.
        self._over.set()

    def red_for_s(self) -> float:
        """Since how many seconds some service is red; 0 while none is."""
        since = self._red_since
        return 0.0 if since is None else time.monotonic() - since

    def red(self) -> tuple[Service, ...]:
        """Ask now; the services that are red."""
        return tuple(service for service in self._services if self._is_red(service))

    def _watch(self) -> None:
        while not self._over.wait(EVERY_S):
            asked = time.monotonic()
            try:
                red = self.red()
            except RuntimeError:
                # httpx's word for a client that was closed while a question was under way.
                if self._over.is_set():
                    return
                raise
            if not red:
                self._red_since = None
            elif self._red_since is None:
                self._red_since = asked

    def _is_red(self, service: Service) -> bool:
        try:
            return self._client.operational(service, "readiness").status == HTTPStatus.SERVICE_UNAVAILABLE
        except ToolkitError:
            return True
