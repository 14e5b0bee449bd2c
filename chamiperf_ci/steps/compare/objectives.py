"""Each row's target (SLO) held against what users saw; apart from the comparison with the baseline."""

import math

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.baselines import Bound, TargetRule
from chamiperf_ci.models.verdict import TargetResult
from chamiperf_ci.models.vocabulary import Direction, RowKind, RowReason, TargetVerdict
from chamiperf_ci.steps.compare.measurements import THROUGHPUT, Measurement
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


def _judged(
    row: Pairing, rule: TargetRule, limit: float, decision: RowDecision | None
) -> tuple[TargetDecision, str, RowReason | None]:
    """The target's verdict, the phase it was judged in, and why it was not judged if it was not."""
    if row.measurement is None:
        return TargetDecision(TargetVerdict.UNAVAILABLE, None, limit), row.key.phase, RowReason.NOT_MEASURED
    if row.measurement.simulated:
        value = row.measurement.pooled
        return TargetDecision(TargetVerdict.UNAVAILABLE, value, limit), row.key.phase, RowReason.SIMULATED
    if row.measurement.formed.reason is RowReason.TOO_FEW_REQUESTS:
        value = row.measurement.pooled
        return TargetDecision(TargetVerdict.INVALID, value, limit), row.key.phase, RowReason.TOO_FEW_REQUESTS
    if row.measurement.kind is RowKind.ERRORS:
        judged = judge_error_rate([run.failures for run in row.in_phase(row.key.phase)], limit)
        return judged, row.key.phase, judged.reason
    change = decision.change if decision else None
    sigma = change.spread if change is not None else PRIOR_SD[row.policy.metric_class]
    if rule.offered_factor is not None:
        limits = Limits(offered=rule.offered_factor)
        offered, chosen = _best_offer(row, limit, limits)
        judged = judge_rate(_values(row, chosen.key.phase), limit, offered, sigma=sigma, limits=limits)
        return judged, chosen.key.phase, judged.reason
    values, direction = _values(row, row.key.phase), _direction(rule, row)
    if direction is Direction.LOWER and values and max(values) <= 0:
        # A lag, a queue or a slope may be nothing at all, which no logarithm can hold against a limit.
        return TargetDecision(TargetVerdict.MET, values[0], limit), row.key.phase, None
    judged = judge_target(values, limit, direction=direction, sigma=sigma)
    return judged, row.key.phase, judged.reason


def _stands_here(rule: TargetRule, row: Pairing) -> bool:
    """Whether this row is the one that shows the target: that of its phase; of a rate the service's, once."""
    if rule.offered_factor is None:
        return row.key.phase == rule.phase
    of_an_endpoint = row.key.metric == THROUGHPUT and row.measurement is not None and row.measurement.comparable
    return not of_an_endpoint and (not row.phases or row.key == row.phases[0].key)


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
