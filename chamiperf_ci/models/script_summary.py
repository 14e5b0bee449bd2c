"""What a script's handleSummary writes when its load is over; `k6/README.md` states the format."""

from typing import Annotated, Literal

from pydantic import Field

from chamiperf_ci.models.document import Value
from chamiperf_ci.models.run import Distribution, ObjectCount, Scalar, Series, Traffic, Unavailable


class ScriptSeries(Series):
    """A series with the service that answers; empty for a Trend of the scenario's own."""

    service: str = ""


class PhaseHealth(Value):
    """What the VUs saw of their own generator; None where nothing was sampled."""

    overrun_ms: Distribution | None = None
    """An iteration's time outside its requests and its pacing sleep."""
    stall_ms: Distribution | None = None
    """By how much pacing sleeps overslept."""


class ScriptHealth(PhaseHealth):
    """The same of the whole load, and by phase."""

    phases: dict[str, PhaseHealth] = Field(default_factory=dict)


class ScriptSummary(Value):
    """One k6 process's summary."""

    format: Literal["chamiperf-summary"]
    format_version: Literal[1]
    scenario: str
    scenario_version: int
    profile: str
    duration_s: Annotated[float, Field(ge=0)]
    iterations: float
    dropped_iterations: float = 0
    max_vus: int
    time_series: int = 0
    """Metrics and sub-metrics that k6 held; 0 if the script did not say."""
    series: tuple[ScriptSeries, ...]
    traffic: tuple[Traffic, ...]
    scalars: tuple[Scalar, ...] = ()
    objects: tuple[ObjectCount, ...] = ()
    health: ScriptHealth
    unavailable: tuple[Unavailable, ...] = ()
    warnings: tuple[str, ...] = ()
