"""What the command line changes in a profile's load; pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import SUSTAINED, Load, Parameter, Phase

SPIKE = "spike"
_KINDS = {bool: "true or false", str: "a text", int: "a number from 0 on", float: "a number from 0 on"}


@dataclass(frozen=True, slots=True)
class Overrides:
    """Values given on the command line; None or empty leaves the profile's.

    Durations are seconds by phase name; 0 takes the phase out. Levels apply to every phase that touches them: the ramp
    leads to the sustained level, the cooldown from whatever comes before it.
    """

    vus: int | None = None
    spike_vus: int | None = None
    rate: float | None = None
    """Arrivals per second of the sustained phase."""
    spike_rate: float | None = None
    iterations: int | None = None
    """Of every phase that ends after a number of iterations."""
    pace_s: float | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)
    windows: int | None = None
    herd: bool | None = None
    request_timeout_s: float | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


def apply(load: Load, overrides: Overrides, *, scenario: str) -> Load:
    """The load after overrides, with the phases placed one after the other.

    Raises:
        ConfigurationError: A value was given that this load has no place for, or no phase is left.
    """
    _check_places(load, overrides, scenario)
    phases = _levelled(load, overrides)
    phases = tuple(
        phase.model_copy(update={"duration_s": overrides.durations_s.get(phase.name, phase.duration_s)})
        for phase in phases
        if overrides.durations_s.get(phase.name, phase.duration_s) > 0
    )
    if not phases:
        raise ConfigurationError("no phase is left", where=scenario, remedy="Leave at least one duration above 0.")
    return load.model_copy(
        update={
            "phases": placed(_cooling_from_where_it_is(phases)),
            "pace_s": load.pace_s if overrides.pace_s is None else overrides.pace_s,
            "windows": overrides.windows or load.windows,
            "request_timeout_s": overrides.request_timeout_s or load.request_timeout_s,
            "parameters": {**load.parameters, **overrides.parameters},
        }
    )


def placed(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The phases with their starts: each at the sum of the durations before it."""
    start = 0.0
    result = []
    for phase in phases:
        result.append(phase.model_copy(update={"start_s": round(start, 6)}))
        start += phase.duration_s
    return tuple(result)


def _check_places(load: Load, overrides: Overrides, scenario: str) -> None:
    names = [phase.name for phase in load.phases]
    has_vus = any(phase.vus for phase in load.phases)
    has_rate = any(phase.rate for phase in load.phases)
    misplaced = [
        *(f"--{name}: there is no such phase" for name in overrides.durations_s if name not in names),
        *(["--vus: this load is arrivals only"] if overrides.vus is not None and not has_vus else []),
        *(["--rate: this load has no arrivals"] if overrides.rate is not None and not has_rate else []),
        *(["--spike-vus: no spike of VUs"] if overrides.spike_vus is not None and not _spikes(load, "vus") else []),
        *(["--spike-rate: no spike of arrivals"] if overrides.spike_rate and not _spikes(load, "rate") else []),
        *(
            ["--iterations: no phase ends after a number of them"]
            if overrides.iterations and not any(phase.iterations for phase in load.phases)
            else []
        ),
        *(f"--set {name}: unknown" for name in overrides.parameters if name not in load.parameters),
        *(
            f"--set {name}: {value!r} is not {_KINDS[type(load.parameters[name])]}"
            for name, value in overrides.parameters.items()
            if name in load.parameters and not _fits(value, load.parameters[name])
        ),
    ]
    if misplaced:
        known = ", ".join(load.parameters) or "none"
        raise ConfigurationError(
            "; ".join(misplaced),
            where=f"{scenario}: phases {', '.join(names)}; parameters {known}",
            remedy="Leave it out, or choose another scenario or profile.",
        )


def _fits(value: Parameter, profiles: Parameter) -> bool:
    """Whether a parameter is of the kind that the profile gives it; the scripts refuse another, NaN upsets the plan."""
    if isinstance(profiles, bool) or isinstance(value, bool) or isinstance(profiles, str):
        return type(value) is type(profiles)
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def _spikes(load: Load, what: str) -> bool:
    spike = load.phase(SPIKE)
    return spike is not None and getattr(spike, what) is not None


def _levelled(load: Load, overrides: Overrides) -> tuple[Phase, ...]:
    """Every phase with the new levels: of the spike in the spike, of the sustained phase elsewhere."""
    result = []
    for phase in load.phases:
        spike = phase.name == SPIKE
        update: dict[str, float | int] = {}
        for name, given in (
            ("vus", overrides.spike_vus if spike else overrides.vus),
            ("rate", overrides.spike_rate if spike else overrides.rate),
        ):
            if given is not None and getattr(phase, name) is not None:
                for end in (f"from_{name}", f"to_{name}"):
                    if getattr(phase, end):
                        update[end] = given
        if overrides.herd is not None and phase.name == SUSTAINED:
            update["herd"] = overrides.herd
        if overrides.iterations and phase.iterations:
            update["iterations"] = overrides.iterations
        result.append(phase.model_copy(update=update))
    return tuple(result)


def _cooling_from_where_it_is(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """A last phase that falls to 0 begins where the one before it ends, whatever became of that one."""
    if len(phases) < 2:  # noqa: PLR2004 - a phase and the one before it
        return phases
    before, last = phases[-2:]
    update: dict[str, float | int | None] = {}
    if last.to_vus == 0 and last.from_vus and before.to_vus is not None:
        update["from_vus"] = before.to_vus
    if last.to_rate == 0 and last.from_rate and before.to_rate is not None:
        update["from_rate"] = before.to_rate
    return (*phases[:-1], last.model_copy(update=update))


def describe(load: Load) -> dict[str, str | int | float | bool]:
    """The load's values by name, flat, as they stand in the fingerprint."""
    values: dict[str, str | int | float | bool] = {"pace_s": load.pace_s}
    for phase in load.phases:
        values[f"{phase.name}_s"] = phase.duration_s
        if phase.to_vus is not None and phase.from_vus is not None:
            values[f"{phase.name}_vus"] = max(phase.from_vus, phase.to_vus)
        if phase.to_rate is not None and phase.from_rate is not None:
            values[f"{phase.name}_per_s"] = max(phase.from_rate, phase.to_rate)
        if phase.herd:
            values[f"{phase.name}_herd"] = True
        if phase.iterations is not None:
            values[f"{phase.name}_iterations"] = phase.iterations
    if load.phase(SUSTAINED) is not None:
        values["windows"] = load.window_count
    return {**values, "request_timeout_s": load.request_timeout_s, **load.parameters}
