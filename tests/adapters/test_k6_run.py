"""Running a real k6: its ends, its stops, and that it never outlives us."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timedelta

import psutil
import pytest
from command_line import k6_of
from scripted_server import Reply, serving

from chamiperf_ci.adapters.k6 import (
    INTERRUPTED,
    TIMED_OUT,
    EndKind,
    K6Run,
    Segment,
    StopOrder,
    StopRequest,
    find_k6,
    run_k6,
)
from chamiperf_ci.adapters.k6 import run as run_module
from chamiperf_ci.adapters.k6.process import K6Process
from chamiperf_ci.errors import ConfigurationError

pytestmark = pytest.mark.e2e

QUICK = "export default function () {}"
LONG = """
import { sleep } from 'k6';
export const options = { vus: 2, duration: '60s' };
export default function () { sleep(0.1); }
"""
SUMMARY = """
export function handleSummary(data) {
  return { [__ENV.CHAMIPERF_SUMMARY]: JSON.stringify({ iterations: data.metrics.iterations.values.count }) };
}
"""


@pytest.fixture
def run_of(tmp_path):
    """A run of a script's text."""

    def make(text, **fields):
        script = tmp_path / "script.js"
        script.write_text(text, encoding="utf-8")
        return K6Run(**{"binary": find_k6().path, "script": script, "folder": tmp_path / "k6", **fields})

    return make


def _stop_soon(_observation):
    return StopOrder("enough", "seen enough")


def test_a_script_that_ends_leaves_its_summary_and_no_file_of_it(run_of, tmp_path):
    outcome = run_k6(run_of(QUICK + SUMMARY), StopRequest())
    assert (outcome.ending, outcome.order, outcome.summary) == (EndKind.COMPLETE, None, {"iterations": 1})
    assert not list(tmp_path.rglob("summary*"))


def test_a_script_that_throws_is_told_in_its_own_words(run_of):
    outcome = run_k6(run_of("throw new Error('planted')"), StopRequest())
    assert (outcome.ending, outcome.code) == (EndKind.THREW, 107)
    assert "planted" in outcome.text


def test_exceptions_of_iterations_and_of_the_summary_are_found_although_k6_ends_well(run_of):
    throws = "export default function () { throw new Error('cut') }\nexport const options = { iterations: 3 };"
    outcome = run_k6(run_of(throws + "export const handleSummary = () => { throw new Error('lost') };"), StopRequest())
    assert (outcome.code, outcome.summary) == (0, None)
    assert {(said.text.split(" at ")[0], said.times) for said in outcome.thrown} == {
        ("Error: cut", 3),
        ("Error: lost", 1),
    }


def test_a_clock_that_is_set_back_meanwhile_ends_no_run_before_it_began(run_of, monkeypatch):
    hours = itertools.count()

    class Back(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=next(hours))

    monkeypatch.setattr(run_module, "datetime", Back)
    outcome = run_k6(run_of(QUICK), StopRequest())
    assert outcome.ended_at > outcome.started_at


def test_options_that_k6_refuses_are_told(run_of):
    text = "export const options = { scenarios: { a: { executor: 'nonsense' } } };" + QUICK
    assert run_k6(run_of(text), StopRequest()).ending is EndKind.MISCONFIGURED


def test_a_summary_that_is_not_whole_is_none(run_of):
    text = QUICK + "\nexport const handleSummary = () => ({ [__ENV.CHAMIPERF_SUMMARY]: '{\"cut' });"
    assert run_k6(run_of(text), StopRequest()).summary is None


def test_a_watcher_stops_the_load_and_the_summary_is_kept(run_of):
    outcome = run_k6(run_of(LONG + SUMMARY), StopRequest(), watch=_stop_soon)
    assert (outcome.ending, outcome.code) == (EndKind.STOPPED, 105)
    assert outcome.order == StopOrder("enough", "seen enough")
    assert outcome.summary is not None


def test_a_watcher_sees_counters_vitals_and_the_time_under_load(run_of):
    seen = []

    def watch(observation):
        seen.append(observation)
        return StopOrder("enough", "") if len(seen) > 1 else None

    run_k6(run_of(LONG), StopRequest(), watch=watch, counters=("iterations", "vus", "http_reqs"))
    last = seen[-1]
    assert (last.counts["vus"], last.counts["http_reqs"]) == (2, 0)
    assert last.counts["iterations"] > 0
    assert last.load_s > 0
    assert last.vitals.rss_mb > 1


def test_a_load_that_takes_too_long_is_stopped(run_of):
    outcome = run_k6(run_of(LONG + SUMMARY, timeout_s=1.0), StopRequest())
    assert outcome.order is not None
    assert outcome.order.reason == TIMED_OUT
    assert outcome.summary is not None


def test_a_request_to_stop_keeps_the_summary(run_of):
    stop = StopRequest()

    def press_ctrl_c(_observation):
        stop.request("SIGINT")

    outcome = run_k6(run_of(LONG + SUMMARY), stop, watch=press_ctrl_c)
    assert outcome.order == StopOrder(INTERRUPTED, "interrupted by SIGINT")
    assert outcome.summary is not None


def test_a_summary_that_takes_longer_than_a_signal_leaves_is_given_up(run_of):
    stop = StopRequest()
    hanging = "\nexport function handleSummary() { for (;;) {} }"

    def press_ctrl_c(_observation):
        stop.request("SIGTERM")

    outcome = run_k6(run_of(LONG + hanging), stop, watch=press_ctrl_c)
    assert (outcome.ending, outcome.summary) == (EndKind.KILLED, None)
    assert stop.seconds_left() > 0


def test_segments_start_together_and_share_the_iterations(run_of, tmp_path):
    text = """
    export const options = { scenarios: { a: { executor: 'shared-iterations', vus: 4, iterations: 10 } } };
    export default function () {}
    """
    runs = [run_of(text + SUMMARY, folder=tmp_path / str(n), segment=Segment(n, 2)) for n in range(2)]
    outcome = run_k6(runs, StopRequest())
    assert [end.summary for end in outcome.ends] == [{"iterations": 5}, {"iterations": 5}]


def test_vus_connect_from_the_addresses_that_are_given(run_of):
    text = """
    import http from 'k6/http';
    export const options = { vus: 4, iterations: 40 };
    export default function () { http.get(__ENV.URL); }
    """
    given = ("127.0.0.2", "127.0.0.5")
    with serving(Reply()) as server:
        outcome = run_k6(run_of(text + SUMMARY, sources=given, environment={"URL": server.url}), StopRequest())
    assert outcome.summary == {"iterations": 40}
    assert {asked.peer for asked in server.asked} == set(given)


def test_a_folder_that_cannot_be_written_is_told_before_k6_starts(run_of, tmp_path):
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ConfigurationError, match="cannot be started"):
        run_k6(run_of(QUICK, folder=tmp_path / "file" / "k6"), StopRequest())


PARENT = """
    import sys
    from pathlib import Path
    from chamiperf_ci.adapters.k6 import K6Run, StopRequest, find_k6, run_k6
    with StopRequest() as stop:
        outcome = run_k6(K6Run(find_k6().path, Path(sys.argv[1]), Path(sys.argv[2])), stop)
    print(outcome.order.text if outcome.order else "", outcome.summary is not None)
"""


@pytest.fixture
def parent(run_of, tmp_path):
    """A process of ours whose k6 runs; and k6's process id."""
    run = run_of(LONG + SUMMARY)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(run.script), str(run.folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        yield process, k6_of(process)
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_a_signal_to_us_stops_k6_gracefully(parent, number):
    process, k6 = parent
    time.sleep(1)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert said == f"interrupted by {number.name} True\n"
    assert not k6.is_running()


def test_k6_dies_with_a_parent_that_is_killed(parent):
    process, k6 = parent
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs([k6], timeout=5)
    assert not alive


@pytest.fixture
def wrapped(run_of, tmp_path):
    """A run whose k6 is a shell that starts k6 on one processor and waits for it, beside a child of its own."""
    wrapper = tmp_path / "other-k6"
    core = min(os.sched_getaffinity(0))
    wrapper.write_text(
        f'#!/bin/sh\nsleep 60 &\ntaskset -c {core} {find_k6().path} "$@"\ncode=$?\nkill $!\nexit $code\n'
    )
    wrapper.chmod(0o755)
    return lambda text: run_of(text, binary=wrapper)


def test_k6_is_watched_and_stopped_below_a_wrapper(wrapped):
    seen = []

    def watch(observation):
        seen.append(observation.vitals)
        return StopOrder("enough", "seen enough") if len(seen) > 2 else None

    with StopRequest() as stop:
        outcome = run_k6(wrapped(LONG + SUMMARY), stop, watch=watch)
    assert (outcome.code, outcome.ending, len(outcome.ends)) == (105, EndKind.STOPPED, 1)
    assert outcome.summary["iterations"] > 0
    # A shell and a sleep have a few MB, and may use every processor.
    assert seen[-1].rss_mb > 20
    assert seen[-1].usable_cores == 1


def test_a_stop_looks_for_k6_below_a_wrapper_whenever_the_next_look_is_due(wrapped, monkeypatch):
    monkeypatch.setattr("chamiperf_ci.adapters.k6.process._LOOK_EVERY_S", 600.0)
    process = K6Process(wrapped(LONG))
    try:
        deadline = time.monotonic() + 60
        while not process.live.running() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert process.k6_pid == process.pid
        process.stop()
        while not process.ended and time.monotonic() < deadline:
            time.sleep(0.1)
        # 105 is k6's own word for an interrupt; a shell that got the signal would say another.
        assert process.ended
        assert process.code == 105
    finally:
        process.kill()


def test_what_a_wrapper_started_is_killed_with_it(wrapped):
    process = K6Process(wrapped(LONG))
    deadline = time.monotonic() + 60
    while process.k6_pid == process.pid and time.monotonic() < deadline:
        time.sleep(0.1)
    below = psutil.Process(process.pid).children(recursive=True)
    assert process.k6_pid in [each.pid for each in below]
    process.kill()
    assert psutil.wait_procs(below, timeout=20)[1] == []
