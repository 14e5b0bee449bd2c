"""What turns a night's exit code and what is advice, which must not look like a failure; the same in every place."""

from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import FailOn

_UNLESS_TOLD = (FailOn.REGRESSION, FailOn.TARGET, FailOn.INVALID)


def fails(verdict: Verdict, kind: FailOn) -> bool:
    """Whether what is of this kind turns the exit code; nothing did in a night that ended in 0."""
    return verdict.outcome.exit_code != 0 and kind in (verdict.fail_on or _UNLESS_TOLD)
