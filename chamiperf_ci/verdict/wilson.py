"""Wilson's interval for a share, widened where events come in clumps.

Wilson 1927; the dispersion factor phi is the usual chi-squared over its degrees of freedom.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Failures:
    """How many of how many requests failed, in a window or in a run."""

    failed: int
    requests: int


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """A share with its 95 % interval, each in [0, 1]; `clumping` is phi, 1 where failures are independent."""

    failed: int
    requests: int
    share: float
    low: float
    high: float
    clumping: float


def wilson(failed: float, requests: float, *, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's interval for `failed` of `requests`, both in [0, 1]; (0, 1) where nothing was requested."""
    if requests <= 0:
        return (0.0, 1.0)
    share = failed / requests
    weight = z * z / requests
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / requests + weight / (4 * requests)) / (1 + weight)
    return (max(0.0, middle - half) if failed > 0 else 0.0, min(1.0, middle + half) if failed < requests else 1.0)


def clumping(windows: Sequence[Failures]) -> float:
    """Return phi >= 1: how much more the failures per window vary than independent failures would.

    chi^2 / (W - 1) over windows that had requests; 1 with fewer than two windows, no failures or nothing else.
    """
    used = [window for window in windows if window.requests > 0]
    requests = sum(window.requests for window in used)
    failed = sum(window.failed for window in used)
    if len(used) < 2 or failed <= 0 or failed >= requests:  # noqa: PLR2004 - one window has no spread
        return 1.0
    share = failed / requests
    chi_squared = math.fsum(
        (window.failed - window.requests * share) ** 2 / (window.requests * share * (1 - share)) for window in used
    )
    return max(1.0, chi_squared / (len(used) - 1))


def share_interval(windows: Sequence[Failures]) -> ShareInterval:
    """Pool windows (or runs) into one share, with Wilson's interval for failed / phi of requests / phi."""
    failed = sum(window.failed for window in windows)
    requests = sum(window.requests for window in windows)
    phi = clumping(windows)
    low, high = wilson(failed / phi, requests / phi)
    return ShareInterval(failed, requests, failed / requests if requests > 0 else 0.0, low, high, phi)
