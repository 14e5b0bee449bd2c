"""Looking at the services' `/metrics` while they are under load, each from a thread of its own."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from chamiperf_ci.adapters.scrape import PATH, Sample
from chamiperf_ci.errors import ToolkitError
from chamiperf_ci.models.run import ServerMetric
from chamiperf_ci.steps.load.server import Span
from chamiperf_ci.steps.server_metrics import families
from chamiperf_ci.steps.server_metrics.summary import phase_of, told
from chamiperf_ci.steps.server_metrics.tracks import Recorder

_WANTED = frozenset(families.series_names())
_EVERY_S = ((60.0, 1.0), (600.0, 5.0))
"""Until so many seconds after the start, look so often: a short load needs close looks, a long one few."""
_LATER_S = 15.0


class Source(Protocol):
    """Gives one look at a service."""

    def scrape(self, base: str) -> Sequence[Sample]:
        """Every sample of the service at this URL now."""


class DirectCollector:
    """Scrapes the services themselves; one over all loads of a night, so that memory is seen as a whole.

    Args:
        source: Scrapes.
        urls: Base URL by service.
    """

    def __init__(self, source: Source, urls: Mapping[str, str]) -> None:
        self._source = source
        self._watched = {service: _Watched(service, url, source) for service, url in urls.items()}

    def start(self) -> None:
        """Begin to look, and forget what is of the load before, but for memory."""
        for watched in self._watched.values():
            watched.start()

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """End looking and say what was seen over the sustained phase, and of memory since the first load."""
        for watched in self._watched.values():
            watched.stop()
        phase = phase_of(spans)
        return tuple(
            figure
            for service, watched in self._watched.items()
            for figure in told(service, watched.recorder.recording(), phase, watched.where, watched.problem)
        )


class _Watched:
    """One service, looked at again and again."""

    def __init__(self, service: str, base: str, source: Source) -> None:
        self.service = service
        self.recorder = Recorder()
        self.problem = ""
        """Why the last look failed; empty if it did not."""
        self._base = base
        self._source = source
        self._over = threading.Event()
        self._lock = threading.Lock()

    def where(self, series: str) -> str:
        """What a figure's series was read from."""
        return f"GET {PATH} of {self.service}: {series}"

    def start(self) -> None:
        # A load that left no summary is not asked for its figures, so nobody has stopped the look of that one.
        self._over.set()
        with self._lock:
            self.recorder.keep_only(families.LASTING)
        self._over = threading.Event()
        threading.Thread(target=self._follow, args=(self._over,), name=f"metrics {self.service}", daemon=True).start()

    def stop(self) -> None:
        # The thread is not joined: a service that hangs must not hold up the run's end.
        self._over.set()

    def _follow(self, over: threading.Event) -> None:
        began = time.monotonic()
        while not over.is_set():
            asked = time.monotonic()
            self._look(over)
            over.wait(max(0.0, _distance(asked - began) - (time.monotonic() - asked)))

    def _look(self, over: threading.Event) -> None:
        asked = time.time()
        try:
            found = self._source.scrape(self._base)
        except ToolkitError as error:
            self.problem = f"{error.wrong} ({error.where})"
            return
        wanted = [(sample.name, sample.labels, sample.value) for sample in found if sample.name in _WANTED]
        with self._lock:
            if not over.is_set():
                self.problem = ""
                # Between question and answer: when exactly the service counted is not known.
                self.recorder.add((asked + time.time()) / 2, wanted)


def _distance(elapsed_s: float) -> float:
    return next((every for until, every in _EVERY_S if elapsed_s < until), _LATER_S)
