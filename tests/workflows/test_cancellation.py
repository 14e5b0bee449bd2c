"""A night that is cancelled in the middle of its load: as GitHub does it, and as a machine that cannot wait."""

import json
import os
import signal
import time

import psutil
import pytest
from counted_requests import counted_requests

from chamicore_standin import lifecycle

pytestmark = [pytest.mark.needs_act, pytest.mark.timeout(900)]

GITHUB = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 5.0))
"""What GitHub's runner sends to a cancelled step's process, and how many seconds it waits after each."""
QUIET_AFTER_S = 5.0
IN_THE_LOAD_S = 3.0


def load_of(adopter, act):
    """The process of the step Load and its k6, once k6 runs."""
    machine = str(adopter.folder / "machine" / "HOME")
    while act.poll() is None:
        for process in psutil.process_iter(["cmdline", "environ"]):
            if "load" not in (process.info["cmdline"] or []) or (process.info["environ"] or {}).get("HOME") != machine:
                continue
            if k6 := [child for child in process.children(recursive=True) if child.name() == "k6"]:
                return process, k6[0]
        time.sleep(0.2)
    raise AssertionError("the night ended before its load began")


def is_gone(process):
    """Whether it has ended, also where its parent has not heard of it yet."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def ends_within(process, seconds):
    """Wait for its end."""
    due = time.monotonic() + seconds
    while time.monotonic() < due:
        if is_gone(process):
            return True
        time.sleep(0.05)
    return False


def cancel_as_github(adopter, seen):
    """Return what cancels: one signal after another to the step's process, and no step that is not `always()`."""

    def cancel(act):
        load, k6 = load_of(adopter, act)
        time.sleep(IN_THE_LOAD_S)
        stack = lifecycle.find(adopter.folder / "machine" / "XDG_RUNTIME_DIR" / "chamiperf" / "stack")
        # Held, so that it starts no step of its own before it hears of the cancellation.
        os.kill(act.pid, signal.SIGSTOP)
        begun = time.monotonic()
        for number, retry in GITHUB:
            load.send_signal(number)
            seen["signal"] = number
            if ends_within(load, retry):
                break
        time.sleep(max(0.0, QUIET_AFTER_S - (time.monotonic() - begun)))
        seen["k6"] = is_gone(k6)
        seen["requests"] = [counted_requests(stack)]
        time.sleep(2.0)
        seen["requests"].append(counted_requests(stack))
        act.send_signal(signal.SIGINT)
        os.kill(act.pid, signal.SIGCONT)

    return cancel


def cancel_at_once(adopter, seen):
    """Return what cancels as `act` does: the step's process is killed, then the steps with `always()` run."""

    def cancel(act):
        _, k6 = load_of(adopter, act)
        time.sleep(IN_THE_LOAD_S)
        act.send_signal(signal.SIGINT)
        seen["k6"] = ends_within(k6, QUIET_AFTER_S)

    return cancel


def cancelled(adopter, how):
    """Run a night of a deployed stack and cancel it; what was seen meanwhile, and how it ended."""
    adopter.deploy_a_lab('vus: "20"\n      sustained: 60s')
    seen = {}
    ran = adopter.run("nightly.yml", meanwhile=how(adopter, seen))
    return seen, ran


def require_tidied(ran):
    """The nodes, the lock and the stack are gone, and the files are kept."""
    summary = ran.summaries["measure"]
    assert "removed components 200, interfaces 200, bootparams 200, payloads 200 of run " in ran.log, ran.log
    assert "\nfree\n" in summary
    assert "would remove nothing" in summary
    steps = ("Remove the seeded nodes", "Release the lock", "Take the stack down", "Keep everything")
    assert {ran.steps[step] for step in steps} == {"success"}
    assert {"Compare", "Report"}.isdisjoint(ran.steps)
    assert (ran.artifacts / "chamiperf-chamiperf-1" / "smoke.json").is_file()


def test_a_cancelled_night_sends_no_request_more_tidies_up_and_says_so(adopter):
    seen, ran = cancelled(adopter, cancel_as_github)
    assert seen["signal"] == signal.SIGINT, "GitHub's retry was used up"
    assert seen["k6"]
    assert seen["requests"][0] == seen["requests"][1] > 0
    require_tidied(ran)
    assert ran.jobs == {"measure": "failure"}
    assert "interrupted by SIGINT" in ran.summaries["measure"]
    (run,) = (ran.artifacts / "chamiperf-chamiperf-1" / "runs").glob("*.json")
    assert not json.loads(run.read_text())["complete"]


def test_a_night_whose_load_is_killed_leaves_no_load_and_tidies_up(adopter):
    seen, ran = cancelled(adopter, cancel_at_once)
    assert seen["k6"]
    require_tidied(ran)
    assert ran.jobs == {"measure": "failure"}
    assert "- **load** ended with " in ran.summaries["measure"]
