"""Watching whether the loaded services are ready, beside the load."""

import threading
from http import HTTPStatus
from types import SimpleNamespace

import pytest

from chamiperf_ci.errors import StackUnreachable
from chamiperf_ci.models.target import Service
from chamiperf_ci.steps import readiness
from chamiperf_ci.steps.readiness import Readiness


class Answering:
    """A client whose services answer as the test says; a question can be held up."""

    def __init__(self, answer=HTTPStatus.OK):
        self.answer = answer
        self.target = SimpleNamespace(url={Service.BSS: "http://bss.example"}.get)
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def operational(self, service, name):
        """Answer, or fail."""
        assert name == "readiness"
        self.asked.set()
        assert self.go_on.wait(20)
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(status=self.answer, service=service)


@pytest.mark.parametrize(
    ("answer", "red"),
    [
        (HTTPStatus.OK, ()),
        (HTTPStatus.SERVICE_UNAVAILABLE, (Service.BSS,)),
        (HTTPStatus.NOT_FOUND, ()),
        (StackUnreachable("no answer", where="bss", remedy="Look."), (Service.BSS,)),
    ],
)
def test_a_service_is_red_when_it_says_so_or_does_not_answer(answer, red):
    assert Readiness(Answering(answer), [Service.BSS]).red() == red


def test_a_service_that_the_stack_does_not_have_is_not_red():
    assert Readiness(Answering(HTTPStatus.SERVICE_UNAVAILABLE), [Service.BSS, Service.POWER]).red() == (Service.BSS,)


def test_a_question_that_outlives_the_load_meets_a_closed_client_in_silence(monkeypatch):
    monkeypatch.setattr(readiness, "EVERY_S", 0.01)
    client = Answering(RuntimeError("Cannot send a request, as the client has been closed."))
    client.go_on.clear()
    with Readiness(client, [Service.BSS]):
        assert client.asked.wait(20)
        (thread,) = [each for each in threading.enumerate() if each.name == "readiness"]
    client.go_on.set()
    thread.join(20)
    assert not thread.is_alive()
