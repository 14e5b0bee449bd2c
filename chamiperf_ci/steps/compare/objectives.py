"""Each row's target (SLO) held against what users saw; apart from the comparison with the baseline."""

import math
from collections.abc import Sequence

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Bound, TargetRule
from chamiperf_ci.models.run import Judged
from chamiperf_ci.models.verdict import TargetResult
from chamiperf_ci.models.vocabulary import Direction, RowKind, RowReason, TargetVerdict
from chamiperf_ci.steps.compare.measurements import Measurement
from chamiperf_ci.steps.compare.pairing import Pairing
from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.metric_class import PRIOR_SD
from chamiperf_ci.verdict.targets import TargetDecision, judge_error_rate, judge_rate, judge_target
from chamiperf_ci.verdict.validity import Limits, is_offered

NO_TARGET = TargetResult(verdict=TargetVerdict.NONE)

# Factor from the unit of a target to the unit of a measurement.
_FACTORS = {("s", "ms"): 1e3, ("ms", "s"): 1e-3, ("%", "share"): 1e-2, ("share", "%"): 1e2, ("1/s", "/s"): 1.0}


def target_of(row: Pairing, decision: RowDecision | None, *, run_valid: bool) -> TargetResult:
    """Judge a row's target on all current runs.

    Args:
        row: The row's numbers.
        decision: What was decided about its change, whose spread says how near to the limit is `at the limit`.
        run_valid: Whether the night's run may be judged; if not, neither may its targets.

    Raises:
        ConfigurationError: The target's unit is not the metric's.
    """
    if row.measurement is not None and row.measurement.judged is not None and not row.measurement.simulated:
        return _decided(row, row.measurement, row.measurement.judged)
    rule = row.policy.target
    if rule is None or not _stands_here(rule, row):
        return NO_TARGET
    limit = rule.limit * _factor(rule, row)
    judged, phase, reason = _judged(row, rule, limit, decision)
    if not run_valid:
        judged, reason = TargetDecision(TargetVerdict.INVALID, judged.value, limit), RowReason.RUN_INVALID
    return TargetResult(
        verdict=judged.verdict,
        limit=limit,
        value=judged.value,
        unit=row.unit,
        phase=phase,
        source=rule.source,
        bound="at least" if _direction(rule, row) is Direction.HIGHER else "below",
        reason=reason,
        low=judged.interval.low if judged.interval else None,
        high=judged.interval.high if judged.interval else None,
    )


def _decided(row: Pairing, now: Measurement, judged: Judged) -> TargetResult:
    """What was decided beside the samples; it looks at more than this run, whose validity does not change it."""
    return TargetResult(
        verdict=judged.verdict,
        limit=judged.limit,
        value=now.pooled,
        unit=row.unit,
        phase=row.key.phase,
        source=judged.source,
        reason=judged.reason,
    )


def _judged(
    row: Pairing, rule: TargetRule, limit: float, decision: RowDecision | None
) -> tuple[TargetDecision, str, RowReason | None]:
    """The target's verdict, the phase it was judged in, and why it was not judged if it was not."""
    phase = row.key.phase
    now = row.measurement
    if now is None:
        return TargetDecision(TargetVerdict.UNAVAILABLE, None, limit), phase, RowReason.NOT_MEASURED
    if now.simulated:
        return TargetDecision(TargetVerdict.UNAVAILABLE, now.pooled, limit), phase, RowReason.SIMULATED
    if now.formed.reason is RowReason.TOO_FEW_REQUESTS:
        return TargetDecision(TargetVerdict.INVALID, now.pooled, limit), phase, RowReason.TOO_FEW_REQUESTS
    sigma = decision.change.spread if decision and decision.change else PRIOR_SD[row.policy.metric_class]
    if now.kind is RowKind.ERRORS:
        judged = judge_error_rate([run.failures for run in row.in_phase(phase)], limit)
    elif rule.offered_factor is not None:
        limits = Limits(offered=rule.offered_factor)
        offered, chosen = _best_offer(row, limit, limits)
        phase = chosen.key.phase
        judged = judge_rate(_values(row, phase), limit, offered, sigma=sigma, limits=limits)
    else:
        judged = _quantity(_values(row, phase), limit, _direction(rule, row), sigma)
    return judged, phase, judged.reason


def _quantity(values: Sequence[float], limit: float, direction: Direction, sigma: float) -> TargetDecision:
    if direction is Direction.LOWER and values and max(values) <= 0:
        # A lag, a queue or a slope may be nothing at all, which no logarithm can hold against a limit.
        return TargetDecision(TargetVerdict.MET, values[0], limit)
    return judge_target(values, limit, direction=direction, sigma=sigma)


def _stands_here(rule: TargetRule, row: Pairing) -> bool:
    """Whether this row is the one that shows the target: that of its phase; of a rate, the first of all phases."""
    if rule.offered_factor is None:
        return row.key.phase == rule.phase
    return not row.phases or row.key == row.phases[0].key


def _best_offer(row: Pairing, limit: float, limits: Limits) -> tuple[float, Measurement]:
    """The phase that offers enough to show the rate, the earliest such; else the one that offers most."""
    offers = [(math.inf if found.offered is None else found.offered, found) for found in row.phases]
    enough = [offer for offer in offers if is_offered(offer[0], limit, limits)]
    return enough[0] if enough else max(offers, key=lambda offer: offer[0])


def _values(row: Pairing, phase: str) -> tuple[float, ...]:
    return tuple(run.pooled for run in row.in_phase(phase) if run.pooled is not None)


def _direction(rule: TargetRule, row: Pairing) -> Direction:
    if rule.offered_factor is not None:
        return row.direction
    return Direction.LOWER if rule.bound is Bound.AT_MOST else Direction.HIGHER


def _factor(rule: TargetRule, row: Pairing) -> float:
    if not row.unit or rule.unit == row.unit:
        return 1.0
    factor = _FACTORS.get((rule.unit, row.unit))
    if factor is None:
        raise ConfigurationError(
            f"the target of {row.key.text} is in {rule.unit!r}, the metric in {row.unit!r}",
            where="baselines.json, rules",
            remedy="State the target in the metric's unit.",
        )
    return factor
