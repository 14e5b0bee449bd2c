"""Metrics of services: queries to a Prometheus, and the text that a service shows itself."""

import functools
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import SecretStr

from chamiperf_ci.adapters import bounds, http_client
from chamiperf_ci.errors import OutsideServiceError, StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.target import Service, Target

Labels = tuple[tuple[str, str], ...]
"""Label names with their values, sorted by name; without that of the series."""
T = TypeVar("T")
_TIMEOUT_S: Final = 30.0
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Access:
    """What Prometheus wants to see before it answers; secrets have no repr."""

    token: SecretStr | None = None
    username: str = ""
    password: SecretStr | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """From `CHAMIPERF_PROMETHEUS_TOKEN`, or `_USERNAME` and `_PASSWORD`."""
        prefix = "CHAMIPERF_PROMETHEUS_"
        token, password = environment.get(f"{prefix}TOKEN"), environment.get(f"{prefix}PASSWORD")
        return cls(
            token=SecretStr(token) if token else None,
            username=environment.get(f"{prefix}USERNAME", ""),
            password=SecretStr(password) if password else None,
        )


@dataclass(frozen=True, slots=True)
class PrometheusValue:
    """One series at one moment."""

    labels: Labels
    value: float
    """May be NaN: 0 divided by 0 is what an idle service's error rate is."""


@dataclass(frozen=True, slots=True)
class Track:
    """One series: its samples by ascending time."""

    name: str
    labels: Labels
    times: Sequence[float]
    """Unix seconds."""
    values: Sequence[float]

    def label(self, candidates: Iterable[str]) -> str | None:
        """The value of the first of these labels that the series has."""
        mine = dict(self.labels)
        return next((mine[name] for name in candidates if name in mine), None)

    def between(self, start: float, end: float) -> "Track":
        """The samples from start to end, both included."""
        first, last = bisect_left(self.times, start), bisect_right(self.times, end)
        return Track(self.name, self.labels, self.times[first:last], self.values[first:last])

    def increase(self, first_look: float) -> float:
        """What a counter rose by; 0 without samples.

        After a restart it counts from 0 again, so a fall means that all of the new value was added. A series that is
        not there at `first_look` and appears later was 0 until then.
        """
        if not self.times:
            return 0.0
        total = self.values[0] if self.times[0] > first_look else 0.0
        for before, after in zip(self.values, self.values[1:], strict=False):
            total += after if after < before else after - before
        return total

    def restarts(self) -> tuple[float, ...]:
        """The times of the first samples after a fall."""
        steps = zip(self.values, self.values[1:], self.times[1:], strict=False)
        return tuple(time for before, after, time in steps if after < before)


class Prometheus(http_client.Connections):
    """One Prometheus. Safe to use from several threads; use it in a `with`, or close it."""

    def __init__(self, url: str, target: Target, access: Access) -> None:
        self.url = url
        self._http = http_client.client(target, timeout_s=_TIMEOUT_S)
        if access.username:
            self._http.auth = httpx.BasicAuth(access.username, _secret(access.password))
        if access.token is not None:
            self._http.headers["Authorization"] = f"Bearer {_secret(access.token)}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def query(self, promql: str, *, at: float | None = None) -> tuple[PrometheusValue, ...]:
        """What an expression is at a moment (Unix seconds; None for now).

        Raises:
            OutsideServiceError: Prometheus does not answer, refuses, or does not understand.
        """
        return self._ask(promql, at, lambda each: PrometheusValue(_labels(each["metric"]), float(each["value"][1])))

    def samples(self, names: Iterable[str], *, start: float, end: float, matchers: str = "") -> tuple[Track, ...]:
        """The samples of all series of these names from start to end, Unix seconds.

        Args:
            names: Of the series, exactly.
            start: First moment.
            end: Last moment, after the first.
            matchers: Further label matchers, such as `job="bss"`.

        Raises:
            OutsideServiceError: As for `query`.
        """
        selector = "|".join(names)
        further = f",{matchers}" if matchers else ""
        whole_ms = max(1, math.ceil((end - start) * 1000))
        return self._ask(f'{{__name__=~"{selector}"{further}}}[{whole_ms}ms]', end, _raw)

    def _ask(self, promql: str, at: float | None, read: Callable[[Any], T]) -> tuple[T, ...]:
        where = f"{self.url}/api/v1/query"
        form = {"query": promql, **({} if at is None else {"time": f"{at:.3f}"})}
        try:
            response = self._http.post(where, data=form)
        except httpx.HTTPError as error:
            raise OutsideServiceError(
                f"Prometheus does not answer: {error or type(error).__name__}",
                where=where,
                remedy="Check that it is up and the URL is right.",
            ) from error
        try:
            return tuple(read(each) for each in bounds.parse_json(response.content)["data"]["result"])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError):
            raise OutsideServiceError(
                f"Prometheus refused a query with status {response.status_code}: {response.text[:_SHOWN]}",
                where=where,
                remedy="Check its credential, CHAMIPERF_PROMETHEUS_TOKEN, and that the URL is a Prometheus.",
            ) from None


def _raw(body: Mapping[str, Any]) -> Track:
    samples = [(float(time), float(value)) for time, value in body["values"] if math.isfinite(float(value))]
    return Track(
        name=body["metric"].get("__name__", ""),
        labels=_labels(body["metric"]),
        times=tuple(time for time, _ in samples),
        values=tuple(value for _, value in samples),
    )


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "__name__"))


def _secret(text: SecretStr | None) -> str:
    return "" if text is None else text.get_secret_value()


PATH: Final = "/metrics"
_MOST_BYTES: Final = 16_000_000
"""Of one exposition; a large service takes 0.1 MB."""
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{((?:[^\"}]|\"(?:\\.|[^\"\\])*\")*)\})?[ \t]+(\S+)", re.ASCII)
_LABEL = re.compile(r"([a-zA-Z_]\w*)\s*=\s*\"((?:\\.|[^\"\\])*)\"", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one series at one look."""

    name: str
    labels: tuple[tuple[str, str], ...]
    """Sorted by name."""
    value: float
    """Finite; what is not is left out."""


def samples(text: str) -> Iterator[Sample]:
    """Every sample in an exposition; a line that is none is skipped, as is a value that is not finite.

    By hand, because prometheus_client's parser refuses the whole text for one such line, and takes 2.8 times as long
    (22.5 against 7.9 ms of processor time for 110 kB, medians of 15 rounds), each time that a service is looked at.
    """
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found is None:
            continue
        name, labels, number = found.groups()
        try:
            value = float(number)
        except ValueError:
            continue
        if math.isfinite(value):
            yield Sample(name, _read_labels(labels or ""), value)


@functools.lru_cache(maxsize=8192)
def _read_labels(text: str) -> Labels:
    """Kept, because a service states the same series at each look."""
    return tuple(sorted((name, _ESCAPED.sub(_meant, value)) for name, value in _LABEL.findall(text)))


def _meant(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1])


class Scraper(http_client.Connections):
    """Reads `/metrics` of one target's services. Safe to use from several threads; use it in a `with`, or close it."""

    def __init__(self, target: Target, *, timeout_s: float) -> None:
        self._http = http_client.client(target, timeout_s=timeout_s, most_bytes=_MOST_BYTES)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def scrape(self, base: str) -> tuple[Sample, ...]:
        """Return what the service at this URL says of itself now. No credential is sent: the route takes none.

        Raises:
            StackUnreachable: It does not answer.
            CertificateRefused: TLS failed.
            UnexpectedAnswer: It answers something else than metrics, such as 404 where they are switched off.
        """
        url = f"{base}{PATH}"
        try:
            response = self._http.get(url)
        except httpx.HTTPError as error:
            raise http_client.failure(url, error) from error
        except httpx.InvalidURL as error:
            raise StackUnreachable(f"no URL: {error}", where=url, remedy="Check the service's URL.") from error
        found = tuple(samples(response.text)) if response.is_success else ()
        if not found:
            raise UnexpectedAnswer(
                "no metrics are served",
                where=f"GET {url}, status {response.status_code}",
                remedy="Check whether the service's metrics are switched off.",
            )
        return found


def scraped(target: Target) -> dict[str, str]:
    """The base URL of each service that can be scraped: its own, since a gateway does not pass `/metrics` on."""
    found = {str(service): target.services[service] for service in Service if service in target.services}
    return {**found, **({"kea-sync": target.kea_sync} if target.kea_sync else {})}
