"""When a run cannot be judged at all: a busy generator, missing load, other work on the machine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, Statistic
from chamiperf_ci.verdict.row import RowDecision
from chamiperf_ci.verdict.statistic import RunStatistic


@dataclass(frozen=True, slots=True)
class Limits:
    """Where measurements stop being answers.

    Attributes:
        steps: Smallest number of resolution steps in a value; below 20 a step is over 5 %.
        offered: How many times a rate target a phase must offer to be able to show it.
    """

    steps: float = 20.0
    offered: float = 1.2


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What decides whether a row is judged.

    Attributes:
        run_valid: The current run is.
        current: The current run's statistic; None when the metric was not measured.
        baseline_statistics: How each accepted run of the same fingerprint formed its number; empty without a baseline.
        other_fingerprints: Baselines exist, only for other fingerprints.
        step: Smallest step between two values, in the metric's unit; 0 where there is none.
        simulated: The number is a stand-in's.
        unlike_units: The run and what it would be compared with differ in unit or direction.
    """

    run_valid: bool
    current: RunStatistic | None
    baseline_statistics: Sequence[Statistic] = ()
    other_fingerprints: bool = False
    step: float = 0.0
    simulated: bool = False
    unlike_units: bool = False


def row_reason(row: RowFacts, limits: Limits = DEFAULT_LIMITS) -> RowReason | None:
    """Return why a row is not compared, the first that holds; None when it is.

    A metric that is in the baseline and not in the run is `not-measured`; one that the run names a reason for keeps
    that reason. A number that its step makes coarse is `resolution`: a change of one step would look like a finding.
    """
    if not row.run_valid:
        return RowReason.RUN_INVALID
    if row.current is None:
        return RowReason.NOT_MEASURED
    if row.other_fingerprints and not row.baseline_statistics:
        return RowReason.FINGERPRINT_MISMATCH
    if row.unlike_units:
        return RowReason.UNIT_MISMATCH
    if row.current.value is None:
        return row.current.reason
    conditions = (
        (RowReason.SIMULATED, row.simulated),
        (RowReason.RESOLUTION, row.step > 0 and row.current.value / row.step < limits.steps),
        (RowReason.NO_BASELINE, not row.baseline_statistics),
        (RowReason.STATISTIC_MISMATCH, any(kind is not row.current.statistic for kind in row.baseline_statistics)),
    )
    return next((reason for reason, holds in conditions if holds), None)


def is_offered(offered_rate: float, target_rate: float, limits: Limits = DEFAULT_LIMITS) -> bool:
    """Say whether a phase offers enough for its rate to show the service and not the pace."""
    return offered_rate >= limits.offered * target_rate


MOST_MORE = 0.10
"""Share of the machine's processor time by which other work may exceed what the busiest accepted run saw."""
_LEAST_LEFT = 0.01
"""Where other work took everything, any slow-down can be its doing."""


@dataclass(frozen=True, slots=True)
class OtherWork:
    """Other work beside a scenario's runs.

    Attributes:
        before: Share of the machine that it took beside the accepted run with most of it, 0 to 1.
        now: The same of the current runs, their median.
        may_be_the_stack: The stack runs on the same machine and its processes are not told from others. The work may
            then be the service's own, more of which is what a slower service looks like, and no excuse for it.
    """

    before: float
    now: float
    may_be_the_stack: bool = False

    @property
    def is_more(self) -> bool:
        """Whether it is so much more than before that it may be what is slow."""
        return self.now > self.before + MOST_MORE

    @property
    def factor(self) -> float:
        """By which whatever shares the machine may be slower: the processor time left to it then, by that left now."""
        return (1 - self.before) / max(_LEAST_LEFT, 1 - self.now)

    def judged(self, decision: RowDecision) -> RowDecision:
        """Return what is left of a decision: a regression that other work can explain is none that can be told.

        What is no slower in spite of it needs no excuse, and failures have none.
        """
        if self.may_be_the_stack or decision.verdict is not RowVerdict.REGRESSION:
            return decision
        if decision.reason is RowReason.MORE_ERRORS:
            return decision
        if decision.change is not None and decision.change.low > math.log(self.factor):
            return decision
        return replace(decision, verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)
