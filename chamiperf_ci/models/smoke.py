"""What the smoke test found, check by check."""

from datetime import datetime
from typing import ClassVar, Literal

from chamiperf_ci.models.document import Document, Value


class SmokeCheck(Value):
    """One service and one operation."""

    service: str
    operation: str
    outcome: Literal["ok", "failed", "skipped"]
    duration_ms: float
    problem: str = ""
    """What is wrong, or why it was skipped."""


class Smoke(Document):
    """See the module."""

    KIND: ClassVar[str] = "smoke"

    kind: Literal["smoke"] = "smoke"
    environment: str
    started_at: datetime
    seconds: float
    ok: bool
    checks: tuple[SmokeCheck, ...]
    left_behind: tuple[str, ...] = ()
    """Objects that the smoke test made and could not remove."""
    warnings: tuple[str, ...] = ()
