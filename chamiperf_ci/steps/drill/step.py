"""What `drill` does: measures unchanged and slowed code, has both judged as a night is, and says what the gate sees.

Where the stack can be slowed down, it is; elsewhere the recorded runs are scaled, which is marked as computed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chamiperf_ci.adapters import actions, files
from chamiperf_ci.adapters.data import default_baselines
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.target import Target
from chamiperf_ci.render.drill import drill_table
from chamiperf_ci.render.surface import Markdown, Terminal
from chamiperf_ci.steps.drill import judging, plan, slowing
from chamiperf_ci.steps.drill.document import Found, document
from chamiperf_ci.steps.drill.measuring import CutOff, Drives, Measuring, Over
from chamiperf_ci.steps.load.budget import seconds_of
from chamiperf_ci.steps.load.entry import Given, drive
from chamiperf_ci.steps.load.names import choose_scenarios, read_profile
from chamiperf_ci.steps.load.overrides import Overrides
from chamiperf_ci.steps.load.planning import assign
from chamiperf_ci.steps.published import published
from chamiperf_ci.steps.targets import resolve

if TYPE_CHECKING:
    from chamiperf_ci.models.run import Run

Finds = Callable[[Target, str], slowing.Injection | str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of `drill`.

    Attributes:
        load: The load of each run: target, one scenario, profile; its folder is the drill's.
        baselines: File with the rules to judge by, None for those that ship; its accepted runs are not used.
        runs: Valid runs of unchanged code, at least eight.
        comparisons: How often each slow-down is judged.
        effects: Slow-downs as fractions, at least one, above 0.
        most_s: Seconds for everything.
        say: Where progress goes.
    """

    load: Given
    baselines: Path | None
    runs: int
    comparisons: int
    effects: tuple[float, ...]
    most_s: float
    say: Callable[[str], None]


def drill(asked: Asked, out: Path, drives: Drives = drive, finds: Finds = slowing.find_injection) -> ExitCode:
    """Drill the gate, write `drill.json` into `out`, show the table, and return the exit code.

    Args:
        asked: The options.
        out: Folder of `drill.json`.
        drives: Drives a load; tests hand in another.
        finds: Says where a slow-down can be injected.

    Raises:
        ConfigurationError: The target, the scenario or the stack cannot be used.
        InvalidMeasurement: Nothing could be measured at all.
        Interrupted: Asked to stop; what was measured is in `drill.json`.
    """
    profile = read_profile(asked.load.profile)
    scenario = _only(choose_scenarios(asked.load.scenarios, profile))
    rules = files.read_document(asked.baselines or default_baselines(), Baselines)
    place = finds(resolve(asked.load.target), scenario)
    injects = isinstance(place, slowing.Injection)
    seconds = seconds_of(assign(profile, scenario, Overrides()))
    effects = sorted(set(asked.effects))
    parts = plan.schedule(asked.runs, asked.comparisons if injects else 0, effects)
    asked.say(
        f"at most {sum(part.runs for part in parts)} valid runs of {seconds:.0f} s, within {asked.most_s:.0f} s; "
        + ("slow-downs are injected" if injects else f"slow-downs are computed, not injected: {place}")
    )
    measuring = Measuring(asked.load, drives, seconds, asked.most_s, asked.say)
    found = Found(scenario, profile.name, place, effects, measuring.made)
    path, cut_off = out / "drill.json", False
    with StopRequest() as stop:
        try:
            for part in parts:
                _measure(part, measuring, rules, found, stop)
        except Over as over:
            found.ended_early, cut_off = str(over), isinstance(over, CutOff)
        ended = document(found)
        files.write_document(path, ended)
    click.echo(actions.quoted(drill_table(ended, Terminal())))
    actions.append_summary(published(drill_table(ended, Markdown())))
    click.echo(actions.harmless(ended.sentence), err=True)
    actions.publish({"drill": ended.word, "drill-path": str(path)})
    if cut_off:
        raise Interrupted(
            f"the drill was cut off: {found.ended_early}", where=str(path), remedy="Run `chamiperf drill` again."
        )
    return ExitCode(ended.exit_code)


def _only(scenarios: tuple[str, ...]) -> str:
    if len(scenarios) > 1:
        raise ConfigurationError(
            f"{len(scenarios)} scenarios are named, and a drill repeats one", where="--scenario", remedy="Name one."
        )
    return scenarios[0]


def _check(stop: StopRequest) -> None:
    """End a drill that was asked to stop between two loads."""
    if stop.requested:
        raise CutOff(f"interrupted by {stop.by}")


def _measure(part: plan.Part, measuring: Measuring, rules: Baselines, found: Found, stop: StopRequest) -> None:
    """Make a part's runs and judge them; a slowed part is repeated only where its first run is suspect, as a night."""
    runs: list[Run] = []
    endpoint = found.place.route if isinstance(found.place, slowing.Injection) else ""
    with _slowed(found.place, part.effect):
        for _ in range(part.runs):
            _check(stop)
            runs.append(measuring.run(part.purpose, part.effect))
            if part.purpose != "slowed":
                found.unchanged.append(runs[-1])
            elif not judging.compare(_accepted(found), runs[:1]).suspected:
                break
    if part.purpose == "baseline":
        found.baselines = judging.accept(rules, runs, found.started_at.date())
    elif part.purpose != "noise":
        found.judged.setdefault(part.effect, []).append(judging.compare(_accepted(found), runs, endpoint))


def _slowed(place: slowing.Injection | str, effect: float) -> AbstractContextManager[None]:
    return place.slowed(effect) if isinstance(place, slowing.Injection) else nullcontext()


def _accepted(found: Found) -> Baselines:
    """The drill's own baseline, which its first part makes."""
    if found.baselines is None:
        message = "nothing is compared before the baseline is there"
        raise RuntimeError(message)
    return found.baselines
