from datetime import UTC, datetime

import pytest

from chamiperf_ci.adapters.prometheus import Track
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.steps.load.scenario import Span
from chamiperf_ci.steps.server_metrics.collect import StoredCollector

BUCKET = "http_server_request_duration_seconds_bucket"
TIMES = tuple(float(second) for second in range(1000, 1011, 2))
PHASE = Span("sustained", datetime.fromtimestamp(1000, UTC), datetime.fromtimestamp(1010, UTC))


def series(name=BUCKET, values=None, times=TIMES, **labels):
    labels = {"job": "bss", "le": "+Inf", "method": "GET", "route": "/x", **labels}
    counted = tuple(float(100 * number) for number in range(len(times)))
    return Track(name, tuple(sorted(labels.items())), times, counted if values is None else values)


class Store:
    """A Prometheus that has these series, whatever it is asked."""

    url = "http://prometheus.example"

    def __init__(self, *stored, broken=False):
        self.stored, self.broken = stored, broken

    def samples(self, names, *, start, end):
        """Those of the names."""
        if self.broken:
            raise OutsideServiceError("no answer", where=self.url, remedy="Look.")
        wanted = set(names)
        return [each for each in self.stored if each.name in wanted and start <= end]


def figures(store, service="bss"):
    collector = StoredCollector(store, [service], clock=lambda: 1010.0)
    collector.start()
    return {figure.name: figure for figure in collector.stop([PHASE])}


def test_the_rate_comes_from_what_is_stored_and_says_from_which_query():
    rate = figures(Store(series()))["server_request_rate"]
    assert (rate.value, rate.source) == (50.0, f'{BUCKET}{{job="bss"}}[10s]')


@pytest.mark.parametrize(
    "labels",
    [
        {"job": "bss"},
        {"job": "chamicore-bss"},
        {"job": "collector", "service_name": "bss"},
        {"job": "collector", "exported_job": "chamicore/bss"},
    ],
)
def test_a_service_is_recognised_by_whichever_label_names_it(labels):
    assert figures(Store(series(**labels)))["server_request_rate"].value == 50.0


def test_a_service_that_is_both_scraped_and_exported_counts_once():
    both = Store(series(), series(job="collector", service_name="bss", times=TIMES[:4]))
    assert figures(both)["server_request_rate"].value == 50.0


def test_two_instances_add_up_although_they_are_scraped_at_different_moments():
    shifted = tuple(time + 0.9 for time in TIMES[:-1])
    two = Store(series(instance="a"), series(instance="b", times=shifted))
    assert figures(two)["server_request_rate"].value == pytest.approx((500 + 400) / 10)


def test_a_prometheus_that_does_not_answer_leaves_the_targets_unavailable():
    found = figures(Store(broken=True))["db_query_p99"]
    assert (found.value, "prometheus.example" in found.reason) == (None, True)


def test_a_service_that_is_not_stored_is_missed_by_name():
    assert "has no series of smd" in figures(Store(series()), service="smd")["db_query_p99"].reason
