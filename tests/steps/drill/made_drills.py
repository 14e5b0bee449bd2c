"""A stack made by arithmetic, that a drill can slow down, and the loads driven at it."""

from contextlib import contextmanager
from datetime import timedelta

from made_runs import FIRST_NIGHT, made_run

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.run import RunKind, RunProblem
from chamiperf_ci.models.target import ProcessRef, StackOptions, StackState
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.drill.measure import Injection

BUSY = (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="the machine was busy"),)
STATE = StackState(
    version="1",
    commit="c",
    started_at="2026-01-01T00:00:00Z",
    boot_id="b",
    state_dir="nowhere",
    options=StackOptions(service_time_ms=8),
    sizing="",
    durability="",
    supervisor=ProcessRef(pid=1, started_ticks=1),
    services=(),
)


class World:
    """A stack whose level is `1 + strength * effect` while it is slowed, and what was driven at it."""

    def __init__(self, *, strength=1.0, noise=0.01, invalid=(), problems=BUSY, cut_off=None, level=None):
        self.strength, self.noise, self.invalid, self.cut_off = strength, noise, set(invalid), cut_off
        self.problems = problems
        self.level = level or (lambda _number: 1.0)
        self.effect, self.slowed_by, self.asked = 0.0, [], []

    def drives(self, options, output):
        """Write the run that a load would write."""
        output.progress("driving")
        self.asked.append(options)
        number = len(self.asked)
        started = FIRST_NIGHT + timedelta(minutes=number)
        (scenario,) = options.scenarios
        run = made_run(
            number,
            noise=self.noise,
            factor=self.level(number) * (1 + self.strength * self.effect),
            scenario=scenario,
            run_kind=RunKind(options.kind),
            started_at=started,
            ended_at=started + timedelta(seconds=20),
            problems=self.problems if number in self.invalid else (),
            complete=number != self.cut_off,
        )
        write_document(options.out / "runs" / f"{scenario}{options.file_ending}.json", run)
        return ExitCode.OK if run.valid else ExitCode.INVALID

    def injection(self, *_):
        """Where this stack is slowed down."""
        return Slowable(self)


class Slowable(Injection):
    """An injection that slows the arithmetic."""

    def __init__(self, world):
        super().__init__(STATE, "bss", "bootscript", 8.0)
        object.__setattr__(self, "world", world)

    @contextmanager
    def slowed(self, effect):
        """Slow down, and put back."""
        self.world.effect = effect
        self.world.slowed_by += [effect] if effect else []
        try:
            yield
        finally:
            self.world.effect = 0.0
