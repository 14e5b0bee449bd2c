"""Which collector a target gets."""

from chamiperf_ci.adapters.scrape import Scraper, scraped
from chamiperf_ci.models.target import Target
from chamiperf_ci.steps.load.server import ServerCollector
from chamiperf_ci.steps.server_metrics.watch import DirectCollector

_TIMEOUT_S = 5.0
"""A service that takes longer for its own figures is looked at again at the next turn."""


def collector(target: Target) -> ServerCollector:
    """Scrapes the services themselves."""
    return DirectCollector(Scraper(target, timeout_s=_TIMEOUT_S), scraped(target))
