"""Old and new side by side: pairs of runs in alternating order, so that both meet the same moments of the machine."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.steps.load.budget import Budget
from chamiperf_ci.steps.load.job import Job
from chamiperf_ci.steps.load.night import ScenarioEnd, run_night
from chamiperf_ci.steps.load.planning import assign
from chamiperf_ci.steps.load.scenario import Clients

LONGEST_S = 300.0
"""A pair's sustained phase: shorter than the profile's, because there are ten of them (verdict.md section 4)."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two stacks: a job that differs in target and seed, and the clients of its target."""

    job: Job
    clients: Clients


def order(pairs: int) -> Iterator[tuple[int, RunKind]]:
    """The runs in order, AB BA AB ..., with the number of their pair from 1; A is old."""
    for number in range(1, pairs + 1):
        sides = (RunKind.PAIR_OLD, RunKind.PAIR_NEW)
        yield from ((number, kind) for kind in (sides if number % 2 else reversed(sides)))


def shortened(job: Job, scenario: str) -> Job:
    """The job with a sustained phase of at most five minutes, unless its length was asked for."""
    sustained = job.profile.scenarios[scenario].phase(SUSTAINED)
    if SUSTAINED in job.overrides.durations_s or sustained is None or sustained.duration_s <= LONGEST_S:
        return job
    durations = {**job.overrides.durations_s, SUSTAINED: LONGEST_S}
    return replace(job, overrides=replace(job.overrides, durations_s=durations))


def run_pairs(old: Side, new: Side, scenarios: Sequence[str], pairs: int, budget: Budget) -> list[ScenarioEnd]:
    """Run each scenario's pairs; files end in `.pair-N.old.json` and `.pair-N.new.json`.

    Raises:
        ToolkitError: A side could not be driven: half a pair says nothing.
    """
    ends: list[ScenarioEnd] = []
    began = time.monotonic()
    for scenario in scenarios:
        for number, kind in order(pairs):
            if new.clients.stop.requested:
                return ends
            side = old if kind is RunKind.PAIR_OLD else new
            word = kind.removeprefix("pair-")
            side.clients.say(f"{scenario}: pair {number} of {pairs}, {word}")
            job = replace(shortened(side.job, scenario), kind=kind, file_ending=f".pair-{number}.{word}")
            assignment = assign(job.profile, scenario, job.overrides)
            ends.extend(run_night(job, [assignment], side.clients, budget, began=began))
    return ends
