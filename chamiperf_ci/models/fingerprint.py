"""What must be equal before two runs may be compared (verdict.md section 1), and what is only reported."""

from enum import StrEnum
from typing import Literal

from chamiperf_ci.models.document import Value


class StackKind(StrEnum):
    """The embedded stand-in, or a deployed Chamicore; their runs never mix."""

    EMBEDDED = "embedded"
    DEPLOYED = "deployed"


class CredentialKind(StrEnum):
    """How requests that need a credential are authenticated."""

    NONE = "none"
    INTERNAL_TOKEN = "internal-token"  # noqa: S105 - a kind, not a secret
    BEARER = "bearer"
    CLIENT_CREDENTIALS = "client-credentials"
    DEV_MODE = "dev-mode"


class Fingerprint(Value):
    """The circumstances of a run; a difference in any field makes another fingerprint.

    Injected faults are outside it on purpose: a slowed stack must be comparable with itself.
    """

    environment: str
    stack_kind: StackKind
    stack_sizing: str
    """Sizing of the stack as it describes itself, such as `bss: workers 1, service time 8 ms`; empty if unknown."""
    scenario: str
    scenario_version: int
    profile: str
    parameters: dict[str, str | int | float | bool]
    """The load's parameters after overrides, such as VUs, pace and phase durations, by name."""
    seeded: dict[str, int]
    """Objects seeded, by kind (components, interfaces, bootparams, payloads)."""
    machine_class: str
    """Cores and memory rounded to GiB of the generator's machine, such as `2c-24GiB`."""
    k6_version: str
    credential: CredentialKind
    route: Literal["direct", "gateway"]
    tls: Literal["none", "verified", "insecure"]
    connections: Literal["keep", "fresh"]
    generator_on_target_host: bool

    def differences(self, other: "Fingerprint") -> tuple[str, ...]:
        """Name each field that differs, with both values, as `profile: quick here, full there`.

        Of the load's parameters and the seeded counts only those that differ are named: `seeded: payloads 5 here, 9
        there`.
        """
        return tuple(
            f"{name}: {_difference(mine, theirs)}"
            for name in type(self).model_fields
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        )


def _difference(mine: object, theirs: object) -> str:
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return f"{mine} here, {theirs} there"
    names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    return "; ".join(f"{name} {mine.get(name, 'none')} here, {theirs.get(name, 'none')} there" for name in names)


class Machine(Value):
    """The generator's machine; reported when it differs, never a reason to refuse a comparison.

    Other work on it may be a reason not to believe a slow-down (docs/verdict.md section 2).
    """

    cores: int
    memory_gib: int
    cpu_model: str
    kernel: str
    load_average: float
    """One-minute load average at the start of the run."""
    foreign_cpu_percent: float | None = None
    """Processor time that neither the generator nor an embedded stack used, mean of the sustained phase, percent of all
    cores; time stolen by the machine's host is part of it. None where it was not watched."""


class Identity(Value):
    """What a service says it is: version, commit, image digest; opaque text."""

    service: str
    version: str = ""
    commit: str = ""
    image: str = ""
