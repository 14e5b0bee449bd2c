"""k6, the load generator: found, started, watched, stopped, and read. One door: `run_k6`."""

from chamiperf_ci.adapters.k6.command import K6Run, Segment
from chamiperf_ci.adapters.k6.exit_codes import Ending
from chamiperf_ci.adapters.k6.locate import K6Binary, find_k6
from chamiperf_ci.adapters.k6.log import Said, marked
from chamiperf_ci.adapters.k6.run import INTERRUPTED, TIMED_OUT, K6Outcome, Observation, ProcessEnd, run_k6
from chamiperf_ci.adapters.k6.stopping import StopOrder, StopRequest
from chamiperf_ci.adapters.k6.vitals import Vitals

__all__ = [
    "INTERRUPTED", "TIMED_OUT", "Ending", "K6Binary", "K6Outcome", "K6Run", "Observation", "ProcessEnd", "Said",
    "Segment", "StopOrder", "StopRequest", "Vitals", "find_k6", "marked", "run_k6",
]  # fmt: skip
