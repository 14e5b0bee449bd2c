"""Collecting the services' metrics while a load runs, or from a Prometheus after it."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Protocol

from chamiperf_ci.adapters import postgres
from chamiperf_ci.adapters.prometheus import PATH, Access, Prometheus, Sample, Scraper, Track, scraped
from chamiperf_ci.errors import OutsideServiceError, ToolkitError
from chamiperf_ci.models.run import MOST_POINTS, Course, ServerMetric, Statement
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.load.scenario import ServerCollector, Span
from chamiperf_ci.steps.server_metrics import exporter
from chamiperf_ci.steps.server_metrics import tracks as families
from chamiperf_ci.steps.server_metrics.figures import TARGETED, phase_of, service_metrics
from chamiperf_ci.steps.server_metrics.postgres import DatabaseFigures, PostgresWatch
from chamiperf_ci.steps.server_metrics.tracks import PeriodicSampler, Quantity, Recorder, Recording, SeriesName

_LONGEST_S = 86_400.0
_ALIASES = {"cloudinit": "cloud-init", "keasync": "kea-sync"}


class Store(Protocol):
    """Gives the samples of series over a while."""

    url: str

    def samples(self, names: Iterable[str], *, start: float, end: float) -> Sequence[Track]:
        """The samples of all series of these names."""


class StoredCollector:
    """Asks Prometheus; one over all loads of a night, so that memory is seen as a whole.

    Args:
        store: The Prometheus.
        services: Those whose figures are wanted.
        clock: Unix seconds.
    """

    statements: tuple[Statement, ...] = ()
    courses: tuple[Course, ...] = ()

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
        seen = []
        for service in self._services:
            job, chosen = _one_job(by_service.get(service, []))
            wrong = problem or ("" if chosen else f"{self._store.url} has no series of {service}")
            seen.append(_ServiceLook(service, _recording(chosen), partial(self._source, job, phase), wrong))
        figures, self.courses = _figures(seen, spans)
        return figures

    def _source(self, job: str, phase: Span | None, series: str) -> str:
        length = f"[{(phase.ended_at - phase.started_at).total_seconds():.0f}s]" if phase else ""
        return f'{series}{{job="{job}"}}{length}'


@dataclass(frozen=True, slots=True)
class _ServiceLook:
    """What was seen of a service over a load, by whichever way."""

    service: str
    recording: Recording
    source: Callable[[str], str]
    """From the name of a series to the query or path that it was read by."""
    problem: str
    """Why nothing was seen; empty if something was."""


def _figures(
    seen: Iterable[_ServiceLook], spans: Sequence[Span]
) -> tuple[tuple[ServerMetric, ...], tuple[Course, ...]]:
    """The figures of services over the sustained phase, and how they went over the load."""
    phase = phase_of(spans)
    figures: list[ServerMetric] = []
    courses: list[Course] = []
    for each in seen:
        figures += service_metrics(each.service, each.recording, phase, each.source, each.problem)
        courses += courses_of(each.service, each.recording, spans)
    return tuple(figures), tuple(courses)


def _by_service(stored: Iterable[Track], services: Sequence[str]) -> dict[str, list[Track]]:
    """Series by the service that they are of, by whichever label names it; those of others are left out."""
    found: dict[str, list[Track]] = {}
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


def _one_job(stored: Sequence[Track]) -> tuple[str, list[Track]]:
    """The series of the job that has most samples: a service that is scraped and exported would count twice."""
    samples: Counter[str] = Counter()
    for series in stored:
        samples[dict(series.labels).get("job", "")] += len(series.times)
    if not samples:
        return "", []
    job = samples.most_common(1)[0][0]
    return job, [series for series in stored if dict(series.labels).get("job", "") == job]


def _recording(stored: Sequence[Track]) -> Recording:
    tracks = [series for series in stored if series.times]
    looks = sorted({time for track in tracks for time in track.times})
    return Recording.of(looks, tracks, late_s=1.5 * _interval(tracks))


def _interval(tracks: Sequence[Track]) -> float:
    """Seconds between two scrapes of one series."""
    steps = [after - before for track in tracks for before, after in zip(track.times, track.times[1:], strict=False)]
    return sorted(steps)[len(steps) // 2] if steps else 0.0


_WANTED = frozenset(families.series_names())


class Source(Protocol):
    """Gives one look at a service."""

    def scrape(self, base: str) -> Sequence[Sample]:
        """Every sample of the service at this URL now."""


class DirectCollector:
    """Scrapes the services themselves; one over all loads of a night, so that memory is seen as a whole."""

    statements: tuple[Statement, ...] = ()
    courses: tuple[Course, ...] = ()

    def __init__(self, source: Source, urls: Mapping[str, str]) -> None:
        self._source = source
        self._watched = {service: _WatchedService(service, url, source) for service, url in urls.items()}

    def start(self) -> None:
        """Begin to look, and forget what is of the load before, but for memory."""
        for watched in self._watched.values():
            watched.start()

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """End looking and say what was seen over the sustained phase, and of memory since the first load."""
        self.end()
        seen = [
            _ServiceLook(service, watched.recorder.recording(), watched.where, watched.problem)
            for service, watched in self._watched.items()
        ]
        figures, self.courses = _figures(seen, spans)
        return figures

    def end(self) -> None:
        """End looking."""
        for watched in self._watched.values():
            watched.stop()


class _WatchedService:
    """One service, looked at again and again."""

    def __init__(self, service: str, base: str, source: Source) -> None:
        self.service = service
        self.recorder = Recorder()
        self.problem = ""
        """Why the last look failed; empty if it did not."""
        self._base = base
        self._source = source
        self._lock = threading.Lock()
        self._looker = PeriodicSampler(f"metrics {service}", self._look)

    def where(self, series: str) -> str:
        """What a figure's series was read from."""
        return f"GET {PATH} of {self.service}: {series}"

    def start(self) -> None:
        self._looker.stop()
        with self._lock:
            self.recorder.keep_only(families.LASTING)
        self._looker.start()

    def stop(self) -> None:
        self._looker.stop()

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


_TIMEOUT_S = 5.0
"""A service that takes longer for its own figures is looked at again at the next turn."""


class DatabaseCollector(Protocol):
    """Says what was seen of a PostgreSQL over a phase."""

    def start(self) -> None:
        """Begin to look, and forget the load before."""

    def stop(self, started_at: float, ended_at: float) -> DatabaseFigures:
        """End looking, and say what was seen between two moments (Unix seconds); never raises for the server."""


class StoredDatabase:
    """A PostgreSQL as a postgres_exporter told it to a Prometheus.

    Args:
        store: The Prometheus.
        pools: The limit of each role's pool, where somebody stated it.
        instance: Which exporter's, by its label; empty: the only one's.
    """

    def __init__(self, store: Store, pools: Mapping[str, int], instance: str = "") -> None:
        self._store = store
        self._pools = pools
        self._instance = instance

    def start(self) -> None:
        """Nothing: Prometheus looks."""

    def stop(self, started_at: float, ended_at: float) -> DatabaseFigures:
        """Ask what was stored; that there is no exporter is not news."""
        try:
            stored = self._store.samples(exporter.NAMES, start=started_at, end=ended_at)
        except OutsideServiceError:
            return DatabaseFigures()  # The services' own figures say that it does not answer.
        return exporter.exported(stored, self._pools, started_at, instance=self._instance)


class WithDatabase:
    """What the services say of themselves, and what the PostgreSQL behind them says."""

    def __init__(self, services: ServerCollector, database: DatabaseCollector) -> None:
        self.statements: tuple[Statement, ...] = ()
        self.courses: tuple[Course, ...] = ()
        self._services = services
        self._database = database

    def start(self) -> None:
        """Begin to look at both."""
        self.statements = ()
        self._services.start()
        self._database.start()

    def stop(self, spans: Sequence[Span]) -> tuple[ServerMetric, ...]:
        """End looking; a figure with a target is the database's only where no service states it."""
        figures, phase = self._services.stop(spans), phase_of(spans)
        self.courses = self._services.courses
        if phase is None:
            return figures
        seen = self._database.stop(phase.started_at.timestamp(), phase.ended_at.timestamp())
        self.statements = seen.statements
        stated = {figure.name for figure in figures if figure.value is not None}
        targeted = {name for name, _ in TARGETED}
        return (*figures, *(each for each in seen.metrics if each.name not in targeted or each.name not in stated))


@contextmanager
def collector(target: Target) -> Iterator[ServerCollector]:
    """A collector for all loads of one call; its connections are closed at the end.

    Raises:
        ConfigurationError: A variable of the PostgreSQL that is to be read cannot be used.
    """
    database, pools = postgres.from_environment(), postgres.pool_limits()
    watch = None if database is None else PostgresWatch(database, pools)
    with ExitStack() as held:
        if watch is not None:
            held.callback(watch.end)
        if target.prometheus is None:
            services = DirectCollector(held.enter_context(Scraper(target, timeout_s=_TIMEOUT_S)), scraped(target))
            held.callback(services.end)
            yield services if watch is None else WithDatabase(services, watch)
        else:
            names = [str(service) for service in Service if target.url(service) is not None]
            store = held.enter_context(Prometheus(target.prometheus, target, Access.of(os.environ)))
            stored = StoredDatabase(store, pools, os.environ.get(exporter.INSTANCE_VARIABLE, ""))
            yield WithDatabase(StoredCollector(store, [*names, "kea-sync"]), watch or stored)


def courses_of(service: str, recording: Recording, spans: Sequence[Span]) -> tuple[Course, ...]:
    """Return how a service's requests, database, pool, processor and memory went over a load.

    What the service does not state has no course, and neither has a service that nobody asked, or that was looked at
    fewer than twice.
    """
    if not spans:
        return ()
    began = min(span.started_at for span in spans).timestamp()
    within = _drawn(recording).between(began, max(span.ended_at for span in spans).timestamp())
    edges = within.looks[:: -(-len(within.looks) // MOST_POINTS) or 1]
    steps = [within.between(*ends) for ends in pairwise(edges)]
    answered = list(_rate(steps, families.REQUESTS, _answered))
    if answered and not any(rate for _, rate in answered):
        return ()
    made: tuple[tuple[str, str, Iterable[tuple[float, float]]], ...] = (
        ("requests answered", "/s", answered),
        ("mean of a database statement", "ms", _means(steps, families.QUERIES)),
        ("database connections in use", "connections", _levels(steps, families.POOL_ACTIVE)),
        ("processor time", "cores", _rate(steps, families.CPU, None)),
        ("memory", "MB", _levels(steps, families.MEMORY)),
    )
    return tuple(
        Course.of_points(service, what, unit, found)
        for what, unit, values in made
        if (found := [(at - began, value) for at, value in values])
    )


def _drawn(recording: Recording) -> Recording:
    """The series that courses are made of, of buckets those that hold all: each step looks at all that are left."""
    names = {
        f"{spelling.name}{ending}"
        for quantity in (families.REQUESTS, families.QUERIES, families.POOL_ACTIVE, families.CPU, families.MEMORY)
        for spelling in quantity.spellings
        for ending in ("", "_bucket", "_sum")
    }
    kept = {
        name: tuple(track for track in recording.named(name) if track.label(("le",)) in (None, *_HOLDS_ALL))
        for name in names & recording.tracks.keys()
    }
    return replace(recording, tracks=kept)


_HOLDS_ALL = ("+Inf", "Inf", "inf")
"""The bucket of a histogram that has no upper end."""


def _spelling(steps: Sequence[Recording], quantity: Quantity, ending: str = "") -> SeriesName | None:
    return next((found for step in steps if (found := step.spelling(quantity, ending)) is not None), None)


def _answered(track: Track) -> bool:
    """Whether a bucket holds all requests of a route that load goes to."""
    return track.label(("le",)) in _HOLDS_ALL and track.label(families.ROUTE) not in families.PROBES


def _risen(step: Recording, name: str, counts: Callable[[Track], bool] | None = None) -> float:
    return sum(rise for track, rise in step.increases(name) if counts is None or counts(track))


def _rate(
    steps: Sequence[Recording], quantity: Quantity, counts: Callable[[Track], bool] | None
) -> Iterator[tuple[float, float]]:
    ending = "_bucket" if counts else ""
    spelling = _spelling(steps, quantity, ending)
    for step in steps:
        if spelling is not None and step.observed_s > 0:
            yield step.looks[-1], _risen(step, f"{spelling.name}{ending}", counts) / step.observed_s


def _means(steps: Sequence[Recording], quantity: Quantity) -> Iterator[tuple[float, float]]:
    spelling = _spelling(steps, quantity, "_bucket")
    for step in steps:
        if spelling is None:
            return
        whole = _risen(step, f"{spelling.name}_bucket", lambda track: track.label(("le",)) in _HOLDS_ALL)
        if whole > 0:
            yield step.looks[-1], spelling.factor * _risen(step, f"{spelling.name}_sum") / whole


def _levels(steps: Sequence[Recording], quantity: Quantity) -> Iterator[tuple[float, float]]:
    spelling = _spelling(steps, quantity)
    for step in steps:
        if spelling is not None and (levels := step.totals(spelling.name)):
            yield step.looks[-1], spelling.factor * levels[-1]
