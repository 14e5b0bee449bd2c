"""What each exit code of k6 means, and whether it leaves a measurement that can be read; knows nothing of processes.

The codes are k6's own (`errext/exitcodes`), from 0.57 to 2.x. A negative code is the signal that ended the process.
"""

import signal
from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a k6 process came to its end, as far as a measurement is concerned."""

    COMPLETE = "complete"
    """The script ran as planned."""
    STOPPED = "stopped"
    """Stopped from outside; the summary holds what was measured until then."""
    MISCONFIGURED = "misconfigured"
    """k6 refused its options or the script; no load was made."""
    THREW = "threw"
    """An exception of the script ended it: a bug of the script, or of an answer that it does not expect."""
    FAILED = "failed"
    """Something broke while it ran."""
    KILLED = "killed"
    """Ended by a signal that leaves no summary."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One exit code, for people and for the decision that follows."""

    ending: Ending
    text: str


_MEANINGS = {
    0: Meaning(Ending.COMPLETE, "finished"),
    97: Meaning(Ending.FAILED, "the cloud test run failed"),
    98: Meaning(Ending.FAILED, "the cloud's progress could not be read"),
    # Thresholds only make k6 compute sub-metrics here; a crossed one is still a whole measurement.
    99: Meaning(Ending.COMPLETE, "finished; a threshold of the script was crossed"),
    100: Meaning(Ending.FAILED, "the script's setup() took too long"),
    101: Meaning(Ending.FAILED, "the script's teardown() took too long"),
    102: Meaning(Ending.FAILED, "a step of k6 timed out (handleSummary is given 120 s before k6 2.2)"),
    103: Meaning(Ending.STOPPED, "stopped through k6's REST API"),
    104: Meaning(Ending.MISCONFIGURED, "k6 refused its configuration"),
    105: Meaning(Ending.STOPPED, "stopped by a signal"),
    106: Meaning(Ending.FAILED, "k6's REST API could not be started (its port was taken)"),
    107: Meaning(Ending.THREW, "the script threw an exception"),
    108: Meaning(Ending.STOPPED, "the script stopped itself (exec.test.abort)"),
    109: Meaning(Ending.FAILED, "k6 itself crashed (Go panic)"),
    110: Meaning(Ending.STOPPED, "the script marked its run as failed (exec.test.fail)"),
    255: Meaning(Ending.FAILED, "k6 failed without a code of its own"),
}


def meaning_of(code: int) -> Meaning:
    """Say what an exit code means.

    Args:
        code: As `subprocess` reports it: 0 to 255, or minus the number of the signal that ended the process.
    """
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code == -signal.SIGKILL:
        return Meaning(Ending.KILLED, "killed (SIGKILL); the usual sender is the kernel, out of memory")
    if code < 0:
        return Meaning(Ending.KILLED, f"ended by {_signal_name(-code)}")
    return Meaning(Ending.FAILED, "k6 ended with a code that is not known here")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
