"""Which collector a target gets: its Prometheus where it has one, else its services themselves."""

import os

from chamiperf_ci.adapters.prometheus import Access, Prometheus
from chamiperf_ci.adapters.scrape import Scraper, scraped
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.load.server import ServerCollector
from chamiperf_ci.steps.server_metrics.stored import StoredCollector
from chamiperf_ci.steps.server_metrics.watch import DirectCollector

_TIMEOUT_S = 5.0
"""A service that takes longer for its own figures is looked at again at the next turn."""


def collector(target: Target) -> ServerCollector:
    """A collector for all loads of one call."""
    if target.prometheus is None:
        return DirectCollector(Scraper(target, timeout_s=_TIMEOUT_S), scraped(target))
    services = [str(service) for service in Service if target.url(service) is not None]
    return StoredCollector(Prometheus(target.prometheus, target, Access.of(os.environ)), [*services, "kea-sync"])
