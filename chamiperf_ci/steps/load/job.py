"""What is asked of `load`, as one typed object, and what one scenario of it is; frozen values, no doing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from chamiperf_ci.adapters.k6 import K6Binary
from chamiperf_ci.models.plan import Load, Profile
from chamiperf_ci.models.run import LoadPlan, RunKind
from chamiperf_ci.models.seed import Seed
from chamiperf_ci.models.target import Service, Target
from chamiperf_ci.steps.load.arithmetic import Volume
from chamiperf_ci.steps.load.brake import Limits
from chamiperf_ci.steps.load.catalogue import KEA, Work
from chamiperf_ci.steps.load.overrides import Overrides

REST_S = 30.0
"""Between a load and a look at the stack: what lingers is to show."""
REST_SHARE = 0.05
"""Of the load's duration: a load of some seconds leaves nothing that takes half a minute to show."""


@dataclass(frozen=True, slots=True)
class Job:
    """One call of `load`."""

    target: Target
    seed: Seed
    profile: Profile
    k6: K6Binary
    out: Path
    kind: RunKind = RunKind.QUICK
    overrides: Overrides = field(default_factory=Overrides)
    connections: str = "keep"
    limits: Limits = field(default_factory=Limits)
    settle_s: float | None = None
    """Seconds between the load and the checks after it; None for 30 s, less after a short load."""
    pause_s: float | None = None
    """Seconds between two scenarios; None as for `settle_s`."""
    many_objects: bool = False
    """Whether more than 300,000 objects may be created."""
    outputs: tuple[str, ...] = ()
    """Further outputs of k6 (`--out`)."""
    output_settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """k6's variables for them; credentials among them."""
    subject_token: SecretStr | None = None
    """Somebody else's token, which `auth_under_load` exchanges with the grant of that name."""
    file_ending: str = ""
    """Between the scenario's name and `.json`, such as `.repeat-1`."""

    def settling_s(self, load: Load) -> float:
        """Seconds between a load's end and the checks after it."""
        return usual_rest_s(load) if self.settle_s is None else self.settle_s

    def pausing_s(self, load: Load) -> float:
        """Seconds between a load's checks and the next scenario."""
        return usual_rest_s(load) if self.pause_s is None else self.pause_s


def usual_rest_s(load: Load) -> float:
    """Seconds after a load where nobody gave any."""
    return min(REST_S, REST_SHARE * load.duration_s)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One scenario of a job, planned."""

    scenario: str
    script: Path
    load: Load
    work: Work
    volume: Volume
    segments: int
    plan: LoadPlan

    @property
    def longest_s(self) -> float:
        """Seconds that it takes at the longest, from setup to the end of its phases."""
        return self.work.setup_s + self.load.duration_s

    @property
    def services(self) -> tuple[Service, ...]:
        """The HTTP services that its requests go to."""
        return self.work.services

    @property
    def exchanges_token(self) -> bool:
        """Whether it asks for tokens in exchange for somebody else's."""
        return self.load.parameters.get("grant") == "token-exchange"

    def missing(self, target: Target) -> tuple[str, ...]:
        """What the scenario cannot do without and the target does not have."""
        return tuple(
            need for need in self.work.needs if (target.kea if need == KEA else target.url(Service(need))) is None
        )
