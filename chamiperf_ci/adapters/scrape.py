"""Prometheus' text format as a service writes it, and one look at a service's `/metrics`.

Understands the text format 0.0.4 and OpenMetrics 1.0 as far as samples go: comments, types and exemplars are passed
over, a sample's own timestamp is ignored, since the time of the scrape is what the samples of one look share.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx

from chamiperf_ci.adapters import transport
from chamiperf_ci.errors import StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.target import Service, Target

PATH: Final = "/metrics"
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
    """Every sample in an exposition; a line that is none is passed over, as is a value that is not finite."""
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
            yield Sample(name, _labels(labels or ""), value)


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, _ESCAPED.sub(_meant, value)) for name, value in _LABEL.findall(text)))


def _meant(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1])


class Scraper(transport.Connections):
    """Reads `/metrics` of one target's services. Safe to use from several threads; use it in a `with`, or close it."""

    def __init__(self, target: Target, *, timeout_s: float) -> None:
        self._http = transport.client(target, timeout_s=timeout_s)

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
            raise transport.failure(url, error) from error
        except httpx.InvalidURL as error:
            raise StackUnreachable(f"no URL: {error}", where=url, remedy="Check the service's URL.") from error
        found = tuple(samples(response.text)) if response.is_success else ()
        if not found:
            raise UnexpectedAnswer(
                "no metrics are served",
                where=f"GET {url}, status {response.status_code}",
                remedy="See whether the service's metrics are switched off.",
            )
        return found


def scraped(target: Target) -> dict[str, str]:
    """The base URL of each service that can be scraped: its own, since a gateway does not pass `/metrics` on."""
    found = {str(service): target.services[service] for service in Service if service in target.services}
    return {**found, **({"kea-sync": target.kea_sync} if target.kea_sync else {})}
