"""A request to stop, in a process of its own that gets the signals."""

import subprocess
import sys

import pytest

ENDS = """
import signal, sys
{before}
from chamiperf_ci.adapters.k6 import StopRequest
with StopRequest() as stop:
    {within}
{after}
sys.exit(3)
"""


def code_of(within: str, after: str, before: str = "") -> int:
    script = ENDS.format(before=before, within=within, after=after)
    return subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode


@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM"])
def test_a_second_signal_does_not_change_how_a_stopped_command_ends(second):
    assert code_of("signal.raise_signal(signal.SIGINT)", f"signal.raise_signal(signal.{second})") == 3


def test_a_first_signal_after_the_work_ends_the_command_as_ever():
    assert code_of("pass", "signal.raise_signal(signal.SIGTERM)") == -15


def test_one_within_another_hands_back_to_it():
    first, second = "signal.raise_signal(signal.SIGINT)", "signal.raise_signal(signal.SIGTERM)"
    within = f"inner = StopRequest()\n    with inner: {first}\n    {second}"
    assert code_of(within, "assert stop.requested and inner.by == 'SIGINT' and stop.by == 'SIGTERM'") == 3


def test_a_hangup_stops_as_a_termination_does():
    # What runs the tests may itself ignore it, as under nohup.
    within = "signal.raise_signal(signal.SIGHUP); assert stop.by == 'SIGHUP'"
    assert code_of(within, "", before="signal.signal(signal.SIGHUP, signal.SIG_DFL)") == 3


def test_a_hangup_that_nohup_ignores_stays_ignored():
    within = "signal.raise_signal(signal.SIGHUP); assert not stop.requested"
    assert code_of(within, "", before="signal.signal(signal.SIGHUP, signal.SIG_IGN)") == 3
