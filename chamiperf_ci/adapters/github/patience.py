"""When to ask GitHub again, and after how long; pure, knows no network and no clock.

GitHub's rules (docs: "Best practices for using the REST API"): `retry-after` first; else, with no requests left, wait
for `x-ratelimit-reset`; else, for a secondary limit, at least a minute and longer each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ATTEMPTS = 4
"""How often one request is sent at most."""

LONGEST_WAIT_S = 300.0
"""A wait above this is not waited for: a job that sleeps costs money, and the next run posts as well."""

SECONDARY_LIMIT_WAIT_S = 60.0
BACKOFF_S = 1.0

_LIMITED = (403, 429)
_SECONDARY = ("secondary rate limit", "abuse detection", "retry your request again later", "wait a few minutes")


@dataclass(frozen=True)
class Answer:
    """What came back: a status, headers with lower-case names, and GitHub's message.

    Status 0 stands for no answer at all: the connection was refused or broke, so nobody knows whether a write happened.
    """

    status: int
    headers: Mapping[str, str]
    message: str

    @property
    def doubtful(self) -> bool:
        """Whether a write may have happened although the answer does not say so."""
        return self.status == 0 or self.status >= 500  # noqa: PLR2004 - HTTP's own boundary

    @property
    def rate_limited(self) -> bool:
        """Whether GitHub refused because of its limits, and not because of what was asked."""
        if self.status not in _LIMITED:
            return False
        message = self.message.lower()
        return (
            self.status == 429  # noqa: PLR2004 - "too many requests"
            or "retry-after" in self.headers
            or self.headers.get("x-ratelimit-remaining") == "0"
            or any(phrase in message for phrase in _SECONDARY)
        )


def pause_before_retry(answer: Answer, attempt: int, now: float) -> float | None:
    """Seconds to wait before the same request is sent again; None when that cannot help.

    Args:
        answer: What came back.
        attempt: How many times the request was sent, from 1.
        now: Seconds since the epoch, as `x-ratelimit-reset` counts.
    """
    if attempt >= ATTEMPTS:
        return None
    if answer.rate_limited:
        wait = _asked_for(answer, attempt, now)
        return wait if wait <= LONGEST_WAIT_S else None
    if answer.doubtful:
        return BACKOFF_S * 2.0 ** (attempt - 1)
    return None


def _asked_for(answer: Answer, attempt: int, now: float) -> float:
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        # One second more: the reset is given in whole seconds, and nobody says at which end of that second.
        return max(0.0, float(reset) - now) + 1
    return SECONDARY_LIMIT_WAIT_S * 2.0 ** (attempt - 1)
