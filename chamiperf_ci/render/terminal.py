"""The report for a terminal."""

from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.body import body
from chamiperf_ci.render.context import Context
from chamiperf_ci.render.surface import Terminal


def terminal(verdict: Verdict) -> str:
    """Return the report as plain text, without links; what a terminal cannot fold away is in the other renderings."""
    return body(verdict, Terminal(), Context(), appendix=False)
