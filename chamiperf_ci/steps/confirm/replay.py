"""The options that make `load` do again what a run did: what its fingerprint says beside its profile; pure."""

from collections.abc import Mapping
from typing import Any

from chamiperf_ci.models.plan import Load
from chamiperf_ci.models.run import Run
from chamiperf_ci.steps.load.overrides import SPIKE, describe


def replay(run: Run, load: Load) -> dict[str, Any]:
    """Return fields of `load`'s options.

    What equals the profile is left to the profile, so that a profile's own rules (shorter pairs) still apply. Whether
    the repeat is one is checked afterwards, by its fingerprint.

    Args:
        run: The run to do again.
        load: Its scenario's load as the profile has it.
    """
    done, planned = run.fingerprint.parameters, describe(load)
    changed = {name: value for name, value in done.items() if planned.get(name) != value}
    given: dict[str, Any] = {
        "scenarios": (run.scenario,),
        "profile": run.fingerprint.profile,
        "connections": run.fingerprint.connections,
        "durations_s": _durations(load, done, changed),
        "settings": tuple(f"{name}={_text(changed[name])}" for name in load.parameters if name in changed),
    }
    for name, option in (("pace_s", "pace"), ("windows", "windows"), ("request_timeout_s", "request_timeout")):
        if name in changed:
            given[option] = changed[name]
    for ending, option in (("_vus", "vus"), ("_per_s", "rate")):
        levels = {name.removesuffix(ending): value for name, value in changed.items() if name.endswith(ending)}
        others = [levels[name] for name in _held(load) if name in levels]
        given |= {option: others[0]} if others else {}
        given |= {f"spike_{option}": levels[SPIKE]} if SPIKE in levels else {}
    iterations = [value for name, value in changed.items() if name.endswith("_iterations")]
    given |= {"iterations": iterations[0]} if iterations else {}
    herds = [phase.name for phase in load.phases if (f"{phase.name}_herd" in done) != (f"{phase.name}_herd" in planned)]
    given |= {"herd": f"{herds[0]}_herd" in done} if herds else {}
    return given


def _held(load: Load) -> list[str]:
    """The phases whose level an option sets directly: not the spike, nor one that falls from whatever came before."""
    return [phase.name for phase in load.phases if phase.name != SPIKE and 0 not in (phase.to_vus, phase.to_rate)]


def _durations(load: Load, done: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, float]:
    """Durations that differ; a phase that the run did not have was left out of it."""
    keys = {phase.name: f"{phase.name}_s" for phase in load.phases}
    return {name: done.get(key, 0.0) for name, key in keys.items() if key in changed or key not in done}


def _text(value: Any) -> str:  # noqa: ANN401 - a parameter of any kind
    return str(value).lower() if isinstance(value, bool) else str(value)
