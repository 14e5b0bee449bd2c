"""Click options that several commands share, and how options and variables become one typed object.

Only here are variables read. A secret comes by variable or by file, never as an argument, which others could read in
the list of processes.
"""

from chamiperf_ci.options.claim import GivenClaim, claim_options
from chamiperf_ci.options.command import Command
from chamiperf_ci.options.durations import DURATION, Duration
from chamiperf_ci.options.files import baseline_options, gate_options, history_options, out_option
from chamiperf_ci.options.history_range import range_options, source_options
from chamiperf_ci.options.target import target_options

__all__ = [
    "DURATION",
    "Command",
    "Duration",
    "GivenClaim",
    "baseline_options",
    "claim_options",
    "gate_options",
    "history_options",
    "out_option",
    "range_options",
    "source_options",
    "target_options",
]
