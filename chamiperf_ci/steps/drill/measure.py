"""Measuring for a drill: unchanged runs and slowed runs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted, InvalidMeasurement
from chamiperf_ci.models import faults
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill, DrillEffect, DrillRun, Purpose
from chamiperf_ci.models.faults import Latency
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackKind, StackState, Target, default_state_dir
from chamiperf_ci.models.vocabulary import NOT_BY_CHANCE
from chamiperf_ci.steps.load.drive import Output, describe
from chamiperf_ci.steps.load.request import LoadOptions
from chamiperf_ci.verdict.change import RUNS_TO_DECIDE
from chamiperf_ci.verdict.power import BASELINE_RUNS

FEWEST_RUNS = BASELINE_RUNS + RUNS_TO_DECIDE
"""Runs of unchanged code for a baseline and one comparison with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Runs that are made one after the other.

    Attributes:
        purpose: What for.
        effect: The slow-down as a fraction of the declared service time, 0 for none.
        runs: How many; of a slowed comparison at most: nothing is repeated that was not suspect.
    """

    purpose: Purpose
    effect: float
    runs: int


def schedule(runs: int, comparisons: int, effects: Sequence[float]) -> tuple[Part, ...]:
    """Return the parts of a drill in their order; no run belongs to two.

    Args:
        runs: Runs of unchanged code: five for the baseline, every further three a comparison, the rest for the noise.
        comparisons: How often each effect is judged.
        effects: Slow-downs to inject; empty for none.
    """
    unchanged, rest = divmod(runs - BASELINE_RUNS, RUNS_TO_DECIDE)
    parts = [Part("baseline", 0.0, BASELINE_RUNS)]
    for turn in range(max(unchanged, comparisons)):
        if turn < unchanged:
            parts.append(Part("unchanged", 0.0, RUNS_TO_DECIDE))
        if turn < comparisons:
            parts += [Part("slowed", effect, RUNS_TO_DECIDE) for effect in effects]
    return (*parts, Part("noise", 0.0, rest)) if rest else tuple(parts)


PLACES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"boot_storm": ("bss", "bootscript"), "cloud_init_storm": ("cloud-init", "user-data")}
)
"""Scenario to the service and route that spend the declared service time in it; the endpoint is named as the route."""

DEPLOYED = "a deployed stack is not slowed down on purpose"


@dataclass(frozen=True, slots=True)
class Injection:
    """Where slow-downs are injected.

    Attributes:
        state: The stack.
        service: The service.
        route: Its route, which is also the endpoint's name.
        service_time_ms: The declared service time, above 0.
    """

    state: StackState
    service: str
    route: str
    service_time_ms: float

    def milliseconds(self, effect: float) -> float:
        """Return the latency that makes an effect, ms."""
        return effect * self.service_time_ms

    @contextmanager
    def slowed(self, effect: float) -> Iterator[None]:
        """Slow the route down while entered; nothing is done for an effect of 0.

        Raises:
            ConfigurationError: The stack is gone when it is entered.
        """
        if effect == 0:
            yield
            return
        latency = Latency(service=self.service, route=self.route, latency_ms=self.milliseconds(effect))
        folder = Path(self.state.state_dir)
        fault = faults.add(folder, latency)
        try:
            yield
        finally:
            faults.remove(folder, fault.id)


def find_injection(target: Target, scenario: str) -> Injection | str:
    """Return where a scenario's slow-downs can be injected, or why they cannot be.

    Raises:
        ConfigurationError: The stack could be slowed down, but is not set up for it.
    """
    if target.stack_kind is not StackKind.EMBEDDED:
        return DEPLOYED
    if scenario not in PLACES:
        return f"the embedded stack spends no declared service time in {scenario}"
    state = files.find_stack()
    if state is None:
        raise ConfigurationError(
            "no embedded stack is up", where=str(default_state_dir()), remedy="Start one with `chamiperf stack up`."
        )
    where, remedy = "the embedded stack", "Start it again: chamiperf stack up --service-time-ms 8."
    if state.options.service_time_ms == 0:
        raise ConfigurationError("a slow-down is a share of a service time, and none is declared", where=where,
                                 remedy=remedy)  # fmt: skip
    if faults.read(Path(state.state_dir)):
        raise ConfigurationError(
            "faults are set on the stack",
            where=where,
            remedy="Remove them: chamiperf stack fault clear.",
        )
    service, route = PLACES[scenario]
    return Injection(state, service, route, state.options.service_time_ms)


Drives = Callable[[LoadOptions, Output], ExitCode]

MOST_INVALID = 10
"""Invalid runs in a row, after which the machine is not asked again."""


class DrillOver(Exception):
    """No further run is made; the text says why."""


class CutOff(DrillOver):
    """A run was stopped, by a person, a brake or a dead generator: what was measured is not what was asked for."""


@dataclass
class Drilling:
    """A drill while it runs: makes its runs and fills the `Drill` that is stored.

    Args:
        drill: What is stored if it ends now.
        place: Where slow-downs are injected, or why they are computed.
        load: The load, one scenario; folder, names and time left are set for each run.
        drives: Drives a load.
        run_s: Seconds that a run takes.
        most_s: Seconds for all of them.
        say: Where progress goes.
        of: Valid runs that are wanted.
    """

    drill: Drill
    place: Injection | str
    load: LoadOptions
    drives: Drives
    run_s: float
    most_s: float
    say: Callable[[str], None]
    of: int
    baselines: Baselines | None = None
    """The drill's own, once its first five runs are there."""
    unchanged: list[Run] = field(default_factory=list)
    """Valid runs of unchanged code."""
    comparisons: dict[float, list[DrillEffect]] = field(default_factory=dict)
    """By effect, each comparison alone; 0 for unchanged code."""
    _began: float = field(default_factory=time.monotonic)

    def fill(self, **fields: object) -> None:
        """Set fields of the drill."""
        self.drill = self.drill.model_copy(update=fields)

    def run(self, purpose: Purpose, effect: float) -> Run:
        """Return a valid run.

        Raises:
            Over: The time is used up, too many in a row were invalid, or one was that no repetition would mend.
            CutOff: A run did not come to its planned end.
            InvalidMeasurement: The stack is another than before.
            ToolkitError: As `load`.
        """
        for _ in range(MOST_INVALID):
            run = self._once(purpose, effect)
            if not run.complete:
                raise CutOff(f"run {run.run_id} was cut off: {describe(run)}")
            if run.valid:
                self._require_same_stack(run)
                return run
            if any(problem.reason in NOT_BY_CHANCE for problem in run.problems):
                raise DrillOver(f"run {run.run_id} is invalid, and another would be as well: {describe(run)}")
            self.say(f"  it is not valid and is repeated: {describe(run)}")
        raise DrillOver(f"{MOST_INVALID} runs in a row were invalid")

    def _once(self, purpose: Purpose, effect: float) -> Run:
        left = self.most_s - (time.monotonic() - self._began)
        if left < self.run_s:
            raise DrillOver(f"the time is used up: a run takes {self.run_s:.0f} s, {max(0.0, left):.0f} s are left")
        number = len(self.drill.runs) + 1
        ending = f".{purpose}-{number:03}"
        path = self.load.out / "runs" / f"{self.drill.scenario}{ending}.json"
        path.unlink(missing_ok=True)
        of = f" of {self.of}" if number <= self.of else ", for one that was invalid"
        self.say(f"run {number}{of}: {purpose}" + (f" by {effect:.0%}" if effect else ""))
        limits = replace(self.load.limits, max_duration_s=left)
        quiet = Output(result=_nowhere, progress=_nowhere)
        try:
            self.drives(replace(self.load, file_ending=ending, limits=limits), quiet)
        except Interrupted as error:
            raise CutOff(error.wrong) from error
        if not path.exists():
            raise CutOff("a run was stopped before its load began")
        run = files.read_document(path, Run)
        problems = tuple(f"{problem.reason}: {problem.text}" for problem in run.problems)
        made = DrillRun(run_id=run.run_id, purpose=purpose, effect=effect, file=path.name, problems=problems)
        self.fill(runs=(*self.drill.runs, made))
        return run

    def _require_same_stack(self, run: Run) -> None:
        if self.drill.fingerprint is None:
            self.fill(fingerprint=run.fingerprint, identities=run.identities, self_test=run.self_test)
        if run.fingerprint != self.drill.fingerprint:
            raise InvalidMeasurement(
                "the stack or the machine has changed since the drill began",
                where=f"run {run.run_id}",
                remedy="Do not change either during a drill; start it again.",
            )
        self.say(f"  {describe(run)}")


def _nowhere(_text: str) -> None:
    """A run's plan and table, which a drill of dozens of runs does not show."""
