"""What was judged becomes a row that people read; decides nothing."""

import math
from collections.abc import Sequence

from chamiperf_ci.models import verdict as model
from chamiperf_ci.models.vocabulary import Direction, RowKind, RowReason, RowVerdict, Statistic
from chamiperf_ci.render.sentences import row_sentence, target_sentence
from chamiperf_ci.steps.compare.measurements import Measurement
from chamiperf_ci.steps.compare.pairing import Pairing
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.centre import centre
from chamiperf_ci.verdict.change import MOST_HISTORY, Change
from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.metric_class import as_worse, is_quantity
from chamiperf_ci.verdict.row_input import RowInput
from chamiperf_ci.verdict.wilson import share_interval


def row(
    pairing: Pairing, decision: RowDecision | None, target: model.TargetResult, sitting: Sitting, *, detail: str = ""
) -> model.Row:
    """Return a row of the verdict.

    Args:
        pairing: The row's numbers.
        decision: What was decided; None for a row that is shown and not compared.
        target: What its target says.
        sitting: The scenario's runs.
        detail: What goes with the reason, when the decision does not know it.
    """
    judged = pairing.again if decision is not None and decision.repeated and pairing.again else pairing.first
    now = pairing.measurement
    current = _current(judged) or ((now.shown,) if now and now.shown is not None else ())
    baseline = _baseline(judged, pairing.before)
    change = decision.change if decision else None
    unjudged = model.Row(
        key=pairing.key,
        unit=pairing.unit,
        direction=pairing.direction,
        statistic=now.formed.statistic if now else Statistic.VALUE,
        verdict=decision.verdict if decision else RowVerdict.UNAVAILABLE,
        reason=decision.reason if decision else RowReason.NOT_COMPARED,
        sentence="",
        baseline=_middle(baseline, judged),
        baseline_runs=len(baseline),
        current=_middle(current, judged),
        current_values=current,
        change=change_of(change) if change else None,
        tolerance=pairing.policy.tolerance,
        target=target.model_copy(update={"sentence": target_sentence(target)}),
        suspect=decision.suspect if decision else False,
        by_pairs=bool(change and change.by_pairs) or (sitting.only_pairs and bool(sitting.pairs)),
        history_nights=change.history_steps + 1 if change and change.history_steps else 0,
        notes=_notes(pairing, decision, sitting),
        simulated=now.simulated if now else False,
        above_tolerance_unconfirmed=decision.above_tolerance if decision else False,
        compared=decision is not None,
        offered=now.offered if now else None,
        baseline_values=baseline,
        history_values=judged.history[-MOST_HISTORY:] if judged else (),
        detail=detail or (decision.detail if decision else ""),
        far_above=decision is not None and decision.is_far_above,
    )
    return unjudged.model_copy(update={"sentence": row_sentence(unjudged)})


def _current(judged: RowInput | None) -> tuple[float, ...]:
    if judged is None:
        return ()
    if judged.kind is RowKind.STALLED_WINDOWS:
        return tuple(map(float, judged.current_stalled))
    if judged.kind is RowKind.ERRORS:
        return tuple(share_interval(run).share for run in judged.current_failures)
    return tuple(new for _, new in judged.pairs) or judged.current


def _baseline(judged: RowInput | None, before: Sequence[Measurement]) -> tuple[float, ...]:
    if judged is None:
        return ()
    if judged.kind is RowKind.STALLED_WINDOWS:
        return tuple(map(float, judged.baseline_stalled))
    if judged.kind is RowKind.ERRORS:
        # Old runs are judged by their windows, and shown as the runs they are.
        runs = [one.failures for one in before] or [(run,) for run in judged.baseline_failures]
        return tuple(share_interval(run).share for run in runs)
    return tuple(old for old, _ in judged.pairs) or judged.baseline


def _middle(values: Sequence[float], judged: RowInput | None) -> float | None:
    """The centre as section 4 forms it, on logs for a quantity."""
    if not values:
        return None
    if judged is None or judged.kind is not RowKind.QUANTITY or not all(map(is_quantity, values)):
        return centre(values)
    return math.exp(centre(as_worse(values, Direction.LOWER)))


def change_of(change: Change) -> model.Change:
    """Return a change as a verdict's file holds it."""
    low, high = change.shown_interval
    return model.Change(
        ratio=change.shown,
        low=low,
        high=high,
        d=change.d,
        se=change.se,
        nu=change.nu,
        sigma=change.sigma,
        p_worse=change.p_worse,
        p_better=change.p_better,
        detectable=change.minimal_detectable,
    )


def _notes(pairing: Pairing, decision: RowDecision | None, sitting: Sitting) -> tuple[str, ...]:
    found = list(pairing.measurement.notes) if pairing.measurement else []
    if decision is not None and decision.change is not None and decision.change.by_pairs:
        found.append("baseline: the old build, measured side by side")
        if decision.verdict is RowVerdict.REGRESSION:
            found.append("new here: the old build, under the same conditions, is not as slow")
        elif decision.verdict is RowVerdict.PASS:
            found.append("not new here: old and new are alike, so what the first look saw was there before, or luck")
    elif decision is not None and decision.repeated and sitting.same_sitting:
        found.append("same sitting: the repeats share the luck of the first run")
    if pairing.policy.exempt:
        found.append(f"exempt from a baseline: {pairing.policy.exempt}")
    return tuple(found)
