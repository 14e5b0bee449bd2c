"""Why a run cannot be judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from made_loads import healthy, series, storm, summary, traffic

from chamiperf_ci.adapters.k6 import K6Outcome, LogMessage, ProcessEnd, StopOrder
from chamiperf_ci.models.run import PhaseOutcome, Unavailable
from chamiperf_ci.models.target import Service
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.load.validity import ended_badly, problems
from chamiperf_ci.steps.load.volume import Work, plan_of

PLAN = plan_of(storm(), Work("a node", {Service.BSS: 1}))
SICK = healthy(saturated=True, reasons=("VUs woke 400 ms late",))


def _sustained(achieved=100.0, vus=100):
    return PhaseOutcome(name="sustained", offered_per_s=100.0, achieved_per_s=achieved, max_vus=vus)


THROWN = LogMessage("error", "TypeError: items is not iterable at keysOf (objects.js:180)", 9, thrown=True)


def _problems(*, health=None, sustained=None, thrown=(), **fields):
    return problems(
        summary(**fields),
        PLAN,
        health or healthy(),
        sustained or _sustained(),
        arrivals=9000,
        thrown=thrown,
    )


def _reasons(**fields):
    return [problem.reason for problem in _problems(**fields)]


def test_a_load_as_planned_has_no_problem():
    assert _reasons() == []


def test_a_slow_server_that_lowers_the_load_is_judged():
    assert _reasons(sustained=_sustained(achieved=40.0)) == []


def test_load_that_a_sick_generator_did_not_make_is_not_judged():
    assert _reasons(health=SICK, sustained=_sustained(achieved=94.0)) == [
        RunReason.GENERATOR_SATURATED,
        RunReason.LOAD_NOT_REACHED,
    ]


def test_missing_vus_are_never_the_servers_doing():
    assert _reasons(sustained=_sustained(vus=94)) == [RunReason.LOAD_NOT_REACHED]


@pytest.mark.parametrize(("dropped", "expected"), [(9, []), (10, [RunReason.DROPPED_ITERATIONS])])
def test_one_arrival_in_a_thousand_may_be_dropped(dropped, expected):
    assert _reasons(dropped_iterations=dropped) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"throttled": 6}, []),
        ({"throttled": 7}, [RunReason.THROTTLED]),
        ({"refused": 7}, [RunReason.AUTH_EXPIRED]),
        ({"failed": 5999}, []),
        ({"failed": 6000}, [RunReason.INCOMPLETE]),
        ({"failed": 5000, "throttled": 1000}, [RunReason.INCOMPLETE, RunReason.THROTTLED]),
    ],
)
def test_throttling_and_refused_credentials_spoil_a_run_and_failures_are_judged(counts, expected):
    assert _reasons(traffic=(traffic(6000, **counts),)) == expected


@pytest.mark.parametrize(("iterations", "expected"), [(9000, []), (8999, [RunReason.SCRIPT_FAILED])])
def test_one_iteration_in_a_thousand_may_end_in_an_exception_of_the_script(iterations, expected):
    assert _reasons(thrown=(THROWN,), iterations=iterations) == expected


def test_a_load_without_a_request_has_measured_nothing_and_says_why():
    unavailable = (Unavailable(what="Kea", reason="it gives no list of reservations"),)
    found = _problems(traffic=(traffic(requests=0),), series=(), unavailable=unavailable)
    assert [(each.reason, each.text) for each in found] == [
        (RunReason.INCOMPLETE, "nothing was measured (Kea: it gives no list of reservations)")
    ]


def test_a_run_with_data_in_fewer_than_half_of_its_windows_is_incomplete():
    half = series(windows=10)
    empty = tuple(window.model_copy(update={"count": 0, "quantiles": {}}) for window in half.windows[:6])
    gap = half.model_copy(update={"windows": (*empty, *half.windows[6:])})
    assert _reasons(series=(gap,)) == [RunReason.INCOMPLETE]


def _outcome(code=0, order=None, said=()):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return K6Outcome(
        ends=(ProcessEnd(code, None),), started_at=now, load_started_at=None, ended_at=now, load_began_s=None,
        order=order, vitals=(), said=said, log=Path("k6.log"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "has_summary", "reason"),
    [
        pytest.param(_outcome(), True, None, id="as planned"),
        pytest.param(_outcome(99), True, None, id="a threshold of the script was crossed"),
        pytest.param(_outcome(), False, RunReason.GENERATOR_DIED, id="no summary"),
        pytest.param(_outcome(-9), False, RunReason.GENERATOR_DIED, id="killed"),
        pytest.param(_outcome(107), True, RunReason.SCRIPT_FAILED, id="the script threw"),
        pytest.param(_outcome(said=(THROWN,)), False, RunReason.SCRIPT_FAILED, id="its summary threw"),
        pytest.param(_outcome(105), True, RunReason.INCOMPLETE, id="stopped by somebody else"),
        pytest.param(_outcome(105, StopOrder("interrupted", "")), True, RunReason.INCOMPLETE, id="Ctrl-C"),
        pytest.param(_outcome(105, StopOrder("brake-failures", "")), True, RunReason.BRAKE_FAILURES, id="brake"),
        pytest.param(_outcome(105, StopOrder("out-of-memory", "")), True, RunReason.OUT_OF_MEMORY, id="memory"),
    ],
)
def test_an_end_before_the_planned_one_has_its_reason(outcome, has_summary, reason):
    problem = ended_badly(outcome, has_summary=has_summary)
    assert (problem and problem.reason) == reason


@pytest.mark.parametrize(("code", "has_summary"), [(107, True), (0, False)])
def test_a_script_that_threw_is_told_in_k6s_own_words(code, has_summary):
    problem = ended_badly(
        _outcome(code, said=(LogMessage("error", "another error", 99), THROWN)), has_summary=has_summary
    )
    assert problem is not None
    assert THROWN.text in problem.text


@pytest.mark.parametrize("set_by", [timedelta(0), timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_before_the_load_begins_moves_its_end_too(set_by):
    found = _outcome()
    began = found.started_at + timedelta(seconds=4) + set_by
    found = replace(found, ended_at=found.started_at + timedelta(seconds=34), load_started_at=began, load_began_s=4.0)
    assert found.load_ended_at == began + timedelta(seconds=30)
    assert _outcome().load_ended_at is None
