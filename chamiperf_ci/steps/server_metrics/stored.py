"""What a Prometheus has stored of the services, read after the load."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

from chamiperf_ci.adapters.prometheus import RawSeries
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.models.run import ServerMetric
from chamiperf_ci.steps.load.server import Span
from chamiperf_ci.steps.server_metrics import families
from chamiperf_ci.steps.server_metrics.summary import phase_of, told
from chamiperf_ci.steps.server_metrics.tracks import Recording, Track

_LONGEST_S = 86_400.0
_ALIASES = {"cloudinit": "cloud-init", "keasync": "kea-sync"}


class Store(Protocol):
    """Gives the samples of series over a while."""

    url: str

    def samples(self, names: Iterable[str], *, start: float, end: float) -> Sequence[RawSeries]:
        """The samples of all series of these names."""


class StoredCollector:
    """Asks Prometheus; one over all loads of a night, so that memory is seen as a whole.

    Args:
        store: The Prometheus.
        services: Those whose figures are wanted.
        clock: Unix seconds.
    """

    def __init__(self, store: Store, services: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._services = services
        self._clock = clock
        self._began: float | None = None

    def start(self) -> None:
        """Note when the first load began: memory is looked at from then on."""
        if self._began is None:
            self._began = self._clock()

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """Read what was stored over the sustained phase, and of memory since the first load."""
        phase = phase_of(spans)
        now = self._clock()
        began = max(self._began or now, now - _LONGEST_S)
        problem, stored = "", []
        try:
            if phase is not None:
                start, end = phase.started_at.timestamp(), phase.ended_at.timestamp()
                stored = list(self._store.samples(families.series_names(), start=start, end=end))
            lasting = self._store.samples(sorted(families.LASTING), start=began, end=now)
            stored = [*(each for each in stored if each.name not in families.LASTING), *lasting]
        except OutsideServiceError as error:
            problem = f"{error.wrong} ({error.where})"
        by_service = _by_service(stored, self._services)
        return tuple(
            figure
            for service in self._services
            for figure in self._told(service, by_service.get(service, []), phase, problem)
        )

    def _told(
        self, service: str, stored: Sequence[RawSeries], phase: Span | None, problem: str
    ) -> Iterator[ServerMetric]:
        job, chosen = _one_job(stored)
        problem = problem or ("" if chosen else f"{self._store.url} has no series of {service}")
        return told(service, _recording(chosen), phase, partial(self._source, job, phase), problem)

    def _source(self, job: str, phase: Span | None, series: str) -> str:
        length = f"[{(phase.ended_at - phase.started_at).total_seconds():.0f}s]" if phase else ""
        return f'{series}{{job="{job}"}}{length}'


def _by_service(stored: Iterable[RawSeries], services: Sequence[str]) -> dict[str, list[RawSeries]]:
    """Series by the service that they are of, by whichever label names it; those of others are left out."""
    found: dict[str, list[RawSeries]] = {}
    for series in stored:
        labels = dict(series.labels)
        named = (_bare(labels[name]) for name in families.SERVICE if name in labels)
        service = next((name for name in named if name in services), None)
        if service is not None:
            found.setdefault(service, []).append(series)
    return found


def _bare(value: str) -> str:
    name = value.rsplit("/", 1)[-1].removeprefix("chamicore-")
    return _ALIASES.get(name, name)


def _one_job(stored: Sequence[RawSeries]) -> tuple[str, list[RawSeries]]:
    """The series of the job that has most samples: a service that is scraped and exported would count twice."""
    samples: Counter[str] = Counter()
    for series in stored:
        samples[dict(series.labels).get("job", "")] += len(series.times)
    if not samples:
        return "", []
    job = samples.most_common(1)[0][0]
    return job, [series for series in stored if dict(series.labels).get("job", "") == job]


def _recording(stored: Sequence[RawSeries]) -> Recording:
    tracks = [Track(series.name, series.labels, series.times, series.values) for series in stored if series.times]
    looks = sorted({time for track in tracks for time in track.times})
    return Recording.of(looks, tracks, late_s=1.5 * _interval(tracks))


def _interval(tracks: Sequence[Track]) -> float:
    """Seconds between two scrapes of one series."""
    steps = [after - before for track in tracks for before, after in zip(track.times, track.times[1:], strict=False)]
    return sorted(steps)[len(steps) // 2] if steps else 0.0
