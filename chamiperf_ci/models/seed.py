"""What is in the stack: seed record, smoke results, and the lock on a shared stack."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from chamiperf_ci.models.document import Document, Value
from chamiperf_ci.models.target import CHAMICORE, DialectName, StackKind


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


class NameFormula(Value):
    """How a node's names follow from the run id and its index, as the dialect states it."""

    id: str
    mac: str
    ip: str


class SeedRate(Value):
    """How seeding one kind of object went."""

    kind: str
    objects: int
    created: int
    resolved: int
    """409s that were resolved by list and PATCH."""
    failed: int
    seconds: float
    per_s: float


class Verification(Value):
    """What was read back."""

    counted: dict[str, int]
    sampled: int
    wrong: tuple[str, ...]
    """Sentences about samples that were missing or different; empty when all is well."""


class SharedStack(Value):
    """Objects of others in the stack, recorded before seeding and checked after the removal."""

    counts: dict[str, int]
    bootscripts: dict[str, str]
    """MAC to SHA-256 of the boot script served before, at most 50."""


class Seed(Document):
    """What is on the stack, written by `seed`, read by `load` and by `seed --remove`."""

    KIND: ClassVar[str] = "seed"

    kind: Literal["seed"] = "seed"
    run_id: str
    environment: str
    dialect: DialectName = CHAMICORE
    stack_kind: StackKind
    nodes: int
    counts: dict[str, int]
    """Objects of ours by kind: components, interfaces, bootparams, payloads."""
    formula: NameFormula
    network: str
    """CIDR of the nodes' addresses."""
    created_at: datetime
    seconds: float
    objects_per_s: float
    durability: str
    """The stack's statement on how writes are made durable; empty if it makes none."""
    rates: tuple[SeedRate, ...]
    verification: Verification
    complete: bool
    dhcp_allowed: bool = False
    """Whether leave was given to fill a deployed stack's DHCP server."""
    shared: SharedStack | None = None
    removed_at: datetime | None = None
    """When the nodes were taken away again; None while they are there."""
    warnings: tuple[str, ...] = ()


class SmokeCheck(Value):
    """One service and one operation."""

    service: str
    operation: str
    outcome: Literal["ok", "failed", "skipped"]
    duration_ms: float
    problem: str = ""
    """What is wrong, or why it was skipped."""


class Smoke(Document):
    """The smoke test as it went, written by `smoke`, read by people."""

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
