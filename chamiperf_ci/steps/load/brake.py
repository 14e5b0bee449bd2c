"""When running load is to stop before its end, so that a stack that is down is not beaten on."""

from collections.abc import Callable
from dataclasses import dataclass

from chamiperf_ci.adapters.k6 import Observation, StopOrder
from chamiperf_ci.adapters.k6.run import REQUESTS
from chamiperf_ci.models.vocabulary import RunReason

FAILED = "chamiperf_failed"
"""The scripts' Counter of failed requests."""
COUNTERS = (REQUESTS, FAILED, "vus")
"""What k6 is asked for once a second: Counters and a Gauge, 0.4 ms each."""
_MB_KEPT_FREE = 256.0
_SHARE_KEPT_FREE = 0.1
"""Of the generator's own memory: what writing the summary needs on top."""


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """When to stop."""

    failure_share: float = 0.5
    """Stop above this share of failed requests ..."""
    after_s: float = 30.0
    """... for this long; readiness that is red for this long stops as well."""
    max_duration_s: float = 19_800.0
    """Of the load itself."""


@dataclass(frozen=True, slots=True)
class LoadSecond:
    """Load in one second, as far as k6 said."""

    at_s: float
    """Seconds since the load began."""
    vus: float
    requests: float
    failed: float


class Brake:
    """Watches a load; keeps what it saw, for the phases' numbers of VUs.

    Args:
        limits: When to stop.
        red_for_s: Since how many seconds a service that is needed says that it is not ready; 0 while all are.
    """

    def __init__(self, limits: BrakeLimits, red_for_s: Callable[[], float] = lambda: 0.0) -> None:
        self._limits = limits
        self._red_for_s = red_for_s
        self._failing_since: float | None = None
        self.seen: list[LoadSecond] = []

    def __call__(self, observation: Observation) -> StopOrder | None:
        """Look once; an order if the load is to stop."""
        memory = _memory(observation)
        if memory is not None:
            return memory
        if observation.load_s > self._limits.max_duration_s:
            return StopOrder(
                RunReason.MAX_DURATION,
                f"the load was stopped after {self._limits.max_duration_s:.0f} s, --max-duration",
            )
        return self._failures(observation) or self._readiness()

    def _failures(self, observation: Observation) -> StopOrder | None:
        counts = observation.counts
        if not observation.load_s or not {REQUESTS, FAILED} <= counts.keys():
            return None
        before = self.seen[-1] if self.seen else LoadSecond(0.0, 0.0, 0.0, 0.0)
        now = LoadSecond(observation.load_s, counts.get("vus", 0.0), counts[REQUESTS], counts[FAILED])
        self.seen.append(now)
        requests = now.requests - before.requests
        if requests <= 0:
            # Nothing came back in this second: a stack that hangs fails its requests only when they time out.
            return None
        if (now.failed - before.failed) / requests <= self._limits.failure_share:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = before.at_s
        if self._failing_since is None or now.at_s - self._failing_since < self._limits.after_s:
            return None
        return StopOrder(
            RunReason.BRAKE_FAILURES,
            f"over {self._limits.failure_share:.0%} of the requests failed for {self._limits.after_s:.0f} s "
            f"({now.failed:,.0f} of {now.requests:,.0f} in all)",
        )

    def _readiness(self) -> StopOrder | None:
        if self._red_for_s() < self._limits.after_s:
            return None
        return StopOrder(
            RunReason.BRAKE_READINESS, f"a service under load was not ready for {self._limits.after_s:.0f} s"
        )


def _memory(observation: Observation) -> StopOrder | None:
    """A generator that the kernel kills for memory loses its summary; one that stops before keeps it."""
    vitals = observation.vitals
    kept_free = max(_MB_KEPT_FREE, vitals.rss_mb * _SHARE_KEPT_FREE)
    if vitals.available_mb >= kept_free:
        return None
    return StopOrder(
        RunReason.OUT_OF_MEMORY,
        f"only {vitals.available_mb:,.0f} MB of memory were left; the generator held {vitals.rss_mb:,.0f} MB",
    )
