"""Requests in flight and database connections in use, as the loaded services state them, before and after a load."""

from collections.abc import Iterable, Mapping, Sequence

from chamiperf_ci.adapters.scrape import Sample, Scraper, scraped
from chamiperf_ci.errors import ToolkitError
from chamiperf_ci.models.run import Check
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.server_metrics.families import ACTIVE, POOL_ACTIVE

NAME = "gauges after the load"
SPARE = 2.0
"""More than before by so many is nothing that lingers: the look itself is a request in flight."""
_QUANTITIES = {"active requests": ACTIVE, "connections in use": POOL_ACTIVE}
_ANSWER_S = 5.0


def read_gauges(target: Target, services: Sequence[Service]) -> dict[str, float]:
    """The gauges by service and name; one that a service does not serve is absent."""
    found: dict[str, float] = {}
    urls = scraped(target)
    with Scraper(target, timeout_s=_ANSWER_S) as scraper:
        for service in services:
            if service in urls:
                try:
                    found |= gauges_of(service, scraper.scrape(urls[service]))
                except ToolkitError:
                    continue
    return found


def gauges_of(service: str, samples: Iterable[Sample]) -> dict[str, float]:
    """What one look at a service says, added up over its labels."""
    values: dict[str, float] = {}
    for sample in samples:
        values[sample.name] = values.get(sample.name, 0.0) + sample.value
    return {
        f"{service} {what}": next(values[name] for name in quantity.names if name in values)
        for what, quantity in _QUANTITIES.items()
        if any(name in values for name in quantity.names)
    }


def compare(before: Mapping[str, float], after: Mapping[str, float]) -> Check:
    """Whether the gauges are back where they were."""
    both = sorted(before.keys() & after.keys())
    if not both:
        return Check(name=NAME, ok=None, problem="the services state no active requests and no connections in use")
    higher = [
        f"{name}: {after[name]:g}, {before[name]:g} before" for name in both if after[name] > before[name] + SPARE
    ]
    return Check(name=NAME, ok=not higher, problem="; ".join(higher))
