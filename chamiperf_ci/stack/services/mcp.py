"""MCP: only the operational endpoints. Its tools call other services for agents, which nobody measures here."""

from chamiperf_ci.stack.service import Context, Service
from chamiperf_ci.stack.tokens import Gatekeeper


def build(_context: Context, _gatekeeper: Gatekeeper) -> Service:
    """A service without routes of its own."""
    return Service(routes=[])
