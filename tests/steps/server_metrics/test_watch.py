import threading
import time
from datetime import UTC, datetime

import pytest

from chamiperf_ci.adapters.prometheus import Sample
from chamiperf_ci.errors import StackUnreachable
from chamiperf_ci.steps.load.scenario import Span
from chamiperf_ci.steps.server_metrics.collect import DirectCollector
from chamiperf_ci.steps.server_metrics.figures import phase_of


class Counting:
    """A service that answers 1,000 requests between two looks, and holds its memory."""

    def __init__(self):
        self.looks = threading.Semaphore(0)
        self.count = 0

    def scrape(self, _base):
        """One look."""
        self.count += 1000
        route = (("le", "+Inf"), ("method", "GET"), ("route", "/x"))
        self.looks.release()
        return (
            Sample("http_server_request_duration_seconds_bucket", route, float(self.count)),
            Sample("process_resident_memory_bytes", (), 1e8),
            Sample("something_else_total", (), 1.0),
        )


class Silent:
    """A service that does not answer."""

    def __init__(self):
        self.looks = threading.Semaphore(0)

    def scrape(self, base):
        """One look, in vain."""
        self.looks.release()
        raise StackUnreachable("no answer", where=base, remedy="Look.")


def watched(source, looks=3):
    return load(DirectCollector(source, {"bss": "http://bss.example"}), source, looks)


def load(collector, source, looks):
    began = datetime.now(UTC)
    collector.start()
    for _ in range(looks):
        assert source.looks.acquire(timeout=20)
    time.sleep(0.05)  # the last look is taken in after it is answered
    return collector.stop([Span("sustained", began, datetime.now(UTC))])


def test_looks_become_figures():
    figures = {figure.name: figure for figure in watched(Counting())}
    assert figures["server_request_rate"].value == pytest.approx(1000, rel=0.5)


def test_a_service_that_does_not_answer_lacks_its_targets_figures_by_name():
    figures = watched(Silent(), looks=1)
    assert [(figure.name, figure.value) for figure in figures] == [("db_query_p99", None), ("pool_utilisation", None)]
    assert "http://bss.example" in figures[0].reason


def test_memory_is_seen_over_all_loads():
    source = Counting()
    collector = DirectCollector(source, {"bss": "http://bss.example"})
    load(collector, source, looks=1)
    figures = {figure.name: figure for figure in load(collector, source, looks=2)}
    assert figures["memory_growth"].observed_s > figures["server_request_rate"].observed_s


def at(second):
    return datetime.fromtimestamp(second, UTC)


def test_figures_are_of_the_sustained_phase():
    spans = [Span("ramp-up", at(0), at(99)), Span("sustained", at(99), at(105))]
    assert phase_of(spans).phase == "sustained"


def test_without_a_sustained_phase_they_are_of_the_longest():
    assert phase_of([Span("registration", at(0), at(50)), Span("spike", at(50), at(51))]).phase == "registration"


def test_without_a_phase_there_is_none():
    assert phase_of([]) is None


def test_a_load_that_was_never_asked_for_its_figures_leaves_nobody_looking():
    collector = DirectCollector(Counting(), {"forgotten": "http://bss.example"})
    collector.start()
    collector.start()
    collector.stop([])
    looking = [thread for thread in threading.enumerate() if thread.name == "metrics forgotten"]
    for thread in looking:
        thread.join(10)
    assert not any(thread.is_alive() for thread in looking)


def test_a_look_whose_connections_are_closed_meanwhile_ends_in_silence():
    asked, closed = threading.Event(), threading.Event()

    class Closing:
        """A service whose answer never comes, because the load is over."""

        def scrape(self, _base):
            asked.set()
            closed.wait(10)
            raise RuntimeError("Cannot send a request, as the client has been closed.")

    watched = DirectCollector(Closing(), {"smd": "http://smd.test"})
    watched.start()
    asked.wait(10)
    (thread,) = (each for each in threading.enumerate() if each.name == "metrics smd")
    watched.end()
    closed.set()
    # An exception of the thread would be a warning, and a warning is an error here.
    thread.join(10)
    assert not thread.is_alive()
