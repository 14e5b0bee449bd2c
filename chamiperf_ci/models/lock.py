"""Who uses a stack right now; kept on the stack itself, so that workflows and laptops see the same."""

from pydantic import AwareDatetime

from chamiperf_ci.models.document import Value


class Lock(Value):
    """The lock as its holder wrote it."""

    run: str
    """What holds it: the steps of one workflow run share it."""
    owner: str
    """Who that is, for people."""
    expires: AwareDatetime
    """When it may be taken over; the holder keeps putting it off."""
    process: str = ""
    """The process that holds it, as `HOST BOOT PID-NAMESPACE PID START`; empty for a lock that outlives its command."""
