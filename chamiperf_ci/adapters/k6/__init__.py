"""k6, the load generator: found, started, watched, stopped, and read. Start with `run_k6`."""

from chamiperf_ci.adapters.k6.command import K6Binary, K6Run, Segment, find_k6
from chamiperf_ci.adapters.k6.process import LogMessage, ResourceSample, StopOrder, StopRequest, marked
from chamiperf_ci.adapters.k6.run import (
    INTERRUPTED,
    TIMED_OUT,
    EndKind,
    K6Outcome,
    Observation,
    ProcessEnd,
    Stage,
    run_k6,
)

__all__ = [
    "INTERRUPTED",
    "TIMED_OUT",
    "EndKind",
    "K6Binary",
    "K6Outcome",
    "K6Run",
    "LogMessage",
    "Observation",
    "ProcessEnd",
    "ResourceSample",
    "Segment",
    "Stage",
    "StopOrder",
    "StopRequest",
    "find_k6",
    "marked",
    "run_k6",
]  # fmt: skip
