"""A load: as a profile has it, as it is planned, and as a script is told it.

`k6/README.md` states what a script is told and what a profile holds. None of it is secret.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from chamiperf_ci.models.document import Count, Number, Value
from chamiperf_ci.models.target import CHAMICORE, CredentialKind, Service, Target
from chamiperf_ci.models.vocabulary import Statistic

Parameter = bool | int | float | str
"""A scenario's own setting."""

SUSTAINED = "sustained"
"""The phase whose windows are compared."""
SHORT_S = 120.0
"""A sustained phase shorter than this has ten windows, else twenty (verdict.md section 1)."""


class Ramp(Value):
    """A number of VUs or a rate of arrivals, from the phase's start to its end; equal where it is held."""

    start: float
    end: float

    @property
    def mean(self) -> float:
        """The mean over the phase; a ramp is straight."""
        return (self.start + self.end) / 2


UNCOLLECTED = 1_000_000
"""Percent by which no heap grows: it is collected when its memory is full."""


class Phase(Value):
    """One phase of a load: VUs, arrivals per second, or both, and for how long."""

    name: str
    start_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds from the beginning of the load; a profile leaves it out."""
    duration_s: Annotated[float, Field(gt=0)]
    from_vus: Annotated[int, Field(ge=0)] | None = None
    to_vus: Annotated[int, Field(ge=0)] | None = None
    from_rate: Annotated[float, Field(ge=0)] | None = None
    """Arrivals per second."""
    to_rate: Annotated[float, Field(ge=0)] | None = None
    iterations: Annotated[int, Field(gt=0)] | None = None
    """The phase ends when so many are done, at the latest after `duration_s`."""
    herd: bool = False
    """Every VU starts an iteration at the phase's first instant, once."""

    @property
    def vus(self) -> Ramp | None:
        """The VUs, or None where only arrivals are planned."""
        if self.from_vus is None or self.to_vus is None:
            return None
        return Ramp(start=self.from_vus, end=self.to_vus)

    @property
    def most_vus(self) -> int:
        """The most VUs; 0 where only arrivals are planned."""
        return max(self.from_vus or 0, self.to_vus or 0)

    @property
    def rate(self) -> Ramp | None:
        """The arrivals per second, or None where there are none."""
        if self.from_rate is None or self.to_rate is None:
            return None
        return Ramp(start=self.from_rate, end=self.to_rate)


class Load(Value):
    """The load of one scenario: what a profile says of it, or a plan after overrides."""

    model: Literal["closed", "open"]
    pace_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds between the starts of a VU's iterations; 0 for none."""
    windows: Annotated[int, Field(gt=0)] | None = None
    """Equal windows of the sustained phase; None for the usual number."""
    request_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    parameters: dict[str, Parameter] = Field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds that all phases take as planned."""
        return sum(phase.duration_s for phase in self.phases)

    @property
    def max_vus(self) -> int:
        """The most VUs that a phase plans; 0 where only arrivals are planned."""
        return max((phase.most_vus for phase in self.phases), default=0)

    def phase(self, name: str) -> Phase | None:
        """The phase of this name, or None."""
        return next((phase for phase in self.phases if phase.name == name), None)

    @property
    def window_count(self) -> int:
        """How many windows the sustained phase has; 0 without one, or where nothing plans them for its iterations."""
        sustained = self.phase(SUSTAINED)
        if sustained is None or (sustained.iterations and not self.windows):
            return 0
        return self.windows or (10 if sustained.duration_s < SHORT_S else 20)


class PlannedPhase(Phase):
    """A phase with what it offers; a run's file states more of it than the script is told."""

    offered_per_s: Number
    """Planned iterations per second, mean over the phase; 0 where the phase has no fixed rate (unpaced)."""
    requests_per_iteration: Number = 1.0
    """Of those that are measured."""
    sent_per_s: dict[Service, Number] = Field(default_factory=dict)
    """Requests per second by service, unmeasured ones among them; empty where nothing fixes the rate."""


class Plan(Load):
    """One scenario's load, planned: what k6 is told, what the plan's table shows, and what the run's file states.

    The fields after `connections` are missing from the files of earlier versions.
    """

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    windows: Count = 0
    """Of the sustained phase; 0 without one, or where nothing plans them for its iterations."""
    phases: tuple[PlannedPhase, ...]
    window_s: Number
    """Planned length of a window in seconds; 0 where there are none, or where they are shares of the iterations."""
    planned_iterations: Number
    """0 where nothing fixes them (unpaced)."""
    memory_mb: Number
    """Memory the generator was planned to need, MB; with its collector as `gogc` has it."""
    segments: Count
    """Local k6 processes that share the load."""
    connections: Count | None = None
    """The most that may be open at the same time: each VU keeps one to each service."""
    scenario: str = ""
    services: tuple[Service, ...] = ()
    """The HTTP services that its requests go to."""
    needs: tuple[Service | Literal["kea"], ...] = ()
    """Services without which the scenario has nothing to measure."""
    setup_s: Number = 0.0
    """Seconds that it waits at the longest before its phases."""
    writes_addresses: bool = False
    """Whether it writes interfaces, whose addresses reach a DHCP server by themselves."""
    vus: Count = 0
    """VUs that k6 must hold: the planned ones, and those it needs for arrivals."""
    creates: Number = 0.0
    """Objects created."""
    objects_left: Number = Field(default=0.0, alias="leaves")
    """Objects that stay behind; the file keeps the name that it has had since the first version."""
    rows_left: dict[str, Number] = Field(default_factory=dict)
    """What stays for good beside objects, by what it is; as far as the iterations are fixed."""
    requests: Number = 0.0
    """Of the whole load, with a guess where nothing fixes them."""
    unpaced_requests_per_s: Number = 0.0
    """To all services together, as far as a rate that nothing fixes can be guessed; 0 where all rates are fixed."""
    gogc: Count | None = None
    """How rarely k6 collects its garbage, percent of growth; UNCOLLECTED until its memory is full, None for its own
    default."""
    statistics: dict[str, dict[str, Statistic | None]] = Field(default_factory=dict)
    """By endpoint and quantile, how the number of the sustained phase is formed; null: too few requests are planned.
    Of an endpoint without a planned rate empty: its requests decide."""

    @property
    def longest_s(self) -> float:
        """Seconds that it takes at the longest, from setup to the end of its phases."""
        return self.setup_s + self.duration_s

    @property
    def peak_requests_per_s(self) -> dict[Service, float]:
        """By service, in the phase that offers most; empty where nothing fixes the rate."""
        offered = [phase.sent_per_s for phase in self.phases]
        return {
            service: max(rates.get(service, 0.0) for rates in offered)
            for service in self.services
            if any(service in rates for rates in offered)
        }

    def share(self, machines: int) -> Self:
        """What one of so many machines needs that make the load in equal shares; its phases are still the whole's."""
        return self.model_copy(
            update={
                "vus": math.ceil(self.vus / machines),
                "memory_mb": self.memory_mb / machines,
                "segments": math.ceil(self.segments / machines),
                "connections": None if self.connections is None else math.ceil(self.connections / machines),
                "requests": self.requests / machines,
                "unpaced_requests_per_s": self.unpaced_requests_per_s / machines,
                "phases": tuple(
                    phase.model_copy(
                        update={"sent_per_s": {name: rate / machines for name, rate in phase.sent_per_s.items()}}
                    )
                    for phase in self.phases
                ),
            }
        )

    @property
    def exchanges_token(self) -> bool:
        """Whether it asks for tokens in exchange for somebody else's."""
        return self.parameters.get("grant") == "token-exchange"

    def missing(self, target: Target) -> tuple[str, ...]:
        """What the scenario cannot do without and the target does not have."""
        return tuple(need for need in self.needs if (target.kea if need == "kea" else target.url(need)) is None)


class Profile(Value):
    """A file of `k6/profiles/`: load shapes by scenario."""

    format_version: Literal[1]
    name: str
    description: str
    scenarios: dict[str, Load]

    @model_validator(mode="after")
    def _each_phase_has_a_level(self) -> Self:
        for phase in (phase for load in self.scenarios.values() for phase in load.phases):
            if (phase.from_vus is None) != (phase.to_vus is None) or (phase.from_rate is None) != (
                phase.to_rate is None
            ):
                raise ValueError("from and to belong together")
            if phase.vus is None and phase.rate is None:
                raise ValueError("a phase has VUs or a rate")
        return self


class PlanTls(Value):
    """How the scripts reach services over TLS; a private CA is given to k6 in its environment."""

    insecure: bool = False
    certificate_file: str | None = None
    key_file: str | None = None


class PlanIdentities(Value):
    """What was seeded, and under which run id the scenario itself writes."""

    run_id: str
    nodes: int
    network: str
    written_run_id: str


class ScriptPlan(Value):
    """What one run of one script is told."""

    format: Literal["chamiperf-plan"] = "chamiperf-plan"
    format_version: Literal[1] = 1
    scenario: str
    profile: str
    dialect: str = CHAMICORE
    urls: dict[Service | Literal["kea"], str]
    tls: PlanTls = PlanTls()
    credential: CredentialKind
    connections: Literal["keep", "fresh"] = "keep"
    identities: PlanIdentities
    quantiles: tuple[float, ...] | None = None
    """Percentages of the summary's quantiles, ascending; None for the usual ones."""
    load: Load
