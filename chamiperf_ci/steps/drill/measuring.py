"""Valid runs, one after the other, within a budget: an invalid run says nothing and is made again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ExitCode, Interrupted, InvalidMeasurement
from chamiperf_ci.models.drill import DrillRun, Purpose
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.vocabulary import NOT_BY_CHANCE
from chamiperf_ci.steps.load.entry import Given, Voice
from chamiperf_ci.steps.load.night import describe

Drives = Callable[[Given, Voice], ExitCode]

MOST_INVALID = 10
"""Invalid runs in a row, after which the machine is not asked again."""


class Over(Exception):
    """No further run is made; the text says why."""


class CutOff(Over):
    """A run was stopped, by a person, a brake or a dead generator: what was measured is not what was asked for."""


@dataclass
class Measuring:
    """Makes the runs of a drill and remembers each, valid or not.

    Args:
        load: The load, one scenario; folder, names and time left are set for each run.
        drives: Drives a load.
        run_s: Seconds that a run takes.
        most_s: Seconds for all of them.
        say: Where progress goes.
    """

    load: Given
    drives: Drives
    run_s: float
    most_s: float
    say: Callable[[str], None]
    made: list[DrillRun] = field(default_factory=list)
    _fingerprint: object = None
    _began: float = field(default_factory=time.monotonic)

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
                return self._alike(run)
            if any(problem.reason in NOT_BY_CHANCE for problem in run.problems):
                raise Over(f"run {run.run_id} is invalid, and another would be as well: {describe(run)}")
            self.say(f"  it says nothing and is made again: {describe(run)}")
        raise Over(f"{MOST_INVALID} runs in a row were invalid")

    def _once(self, purpose: Purpose, effect: float) -> Run:
        left = self.most_s - (time.monotonic() - self._began)
        if left < self.run_s:
            raise Over(f"the time is used up: a run takes {self.run_s:.0f} s, {max(0.0, left):.0f} s are left")
        (scenario,) = self.load.scenarios
        ending = f".{purpose}-{len(self.made) + 1:03}"
        path = self.load.out / "runs" / f"{scenario}{ending}.json"
        path.unlink(missing_ok=True)
        self.say(f"run {len(self.made) + 1}: {purpose}" + (f" by {effect:.0%}" if effect else ""))
        quiet = Voice(result=_nowhere, progress=_nowhere)
        try:
            self.drives(replace(self.load, file_ending=ending, max_duration=left), quiet)
        except Interrupted as error:
            raise CutOff(error.wrong) from error
        run = _read(path)
        problems = tuple(f"{problem.reason}: {problem.text}" for problem in run.problems)
        self.made.append(DrillRun(run_id=run.run_id, purpose=purpose, effect=effect, file=path.name, problems=problems))
        return run

    def _alike(self, run: Run) -> Run:
        self._fingerprint = self._fingerprint or run.fingerprint
        if run.fingerprint != self._fingerprint:
            raise InvalidMeasurement(
                "the stack or the machine is another than when the drill began",
                where=f"run {run.run_id}",
                remedy="Leave both alone during a drill, and start it again.",
            )
        self.say(f"  {describe(run)}")
        return run


def _read(path: Path) -> Run:
    if not path.exists():
        raise CutOff("a run was stopped before its load began")
    return files.read_document(path, Run)


def _nowhere(_text: str) -> None:
    """A run's plan and table, which a drill of dozens of runs does not show."""
