"""From what a drill measured to its document; judges nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median

from chamiperf_ci.adapters import files
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill, DrillEffect, DrillRow, DrillRun, Method
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.steps.drill import judging, plan
from chamiperf_ci.steps.drill.conclusion import conclude
from chamiperf_ci.steps.drill.judging import Judged
from chamiperf_ci.steps.drill.slowing import Injection
from chamiperf_ci.verdict.power import GatePower, gate_power


@dataclass
class Found:
    """What has been measured and judged so far.

    Args:
        scenario: What is driven.
        profile: How.
        place: Where slow-downs are injected, or why they are computed.
        effects: The slow-downs, smallest first.
        made: Every run that was made.
    """

    scenario: str
    profile: str
    place: Injection | str
    effects: Sequence[float]
    made: list[DrillRun]
    baselines: Baselines | None = None
    """The drill's own, once its first five runs are there."""
    unchanged: list[Run] = field(default_factory=list)
    """Valid runs of unchanged code."""
    judged: dict[float, list[Judged]] = field(default_factory=dict)
    """By effect; 0 for unchanged code."""
    ended_early: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def document(found: Found) -> Drill:
    """Return what is stored and shown of a drill that ends now."""
    power = _power(found)
    rows = () if power is None else _rows(power)
    unchanged = _injected(found, 0.0)
    method: Method = "injected" if isinstance(found.place, Injection) else "computed"
    if method == "injected":
        effects = tuple(_injected(found, effect) for effect in found.effects)
    else:
        effects = tuple(_computed(power, place, effect) for place, effect in enumerate(found.effects))
    known = found.unchanged[0] if found.unchanged else None
    where = f" in {known.fingerprint.environment}" if known else ""
    ended = conclude(method, unchanged, effects, rows, when=f"measured on {found.started_at:%Y-%m-%d}{where}")
    return Drill(
        producer=files.PRODUCER,
        started_at=found.started_at,
        ended_at=datetime.now(UTC),
        scenario=found.scenario,
        profile=found.profile,
        fingerprint=known.fingerprint if known else None,
        identities=known.identities if known else (),
        self_test=known.self_test if known else method == "injected",
        method=method,
        method_reason=found.place if isinstance(found.place, str) else "",
        word=ended.word,
        exit_code=ended.exit_code,
        sentence=ended.sentence,
        ended_early=found.ended_early,
        runs=tuple(found.made),
        unchanged=unchanged,
        effects=effects,
        rows=rows,
        unchanged_runs=len(found.unchanged),
        trials=power.trials if power else 0,
        false_alarms_a_month=power.false_alarms_a_month if power else None,
        false_alarms_a_month_at_most=power.false_alarms_a_month_at_most if power else None,
    )


def _power(found: Found) -> GatePower | None:
    """What the runs of unchanged code say; None where they are too few, or nothing in them can be compared."""
    if found.baselines is None or len(found.unchanged) < plan.FEWEST_RUNS:
        return None
    rows = judging.noise(found.baselines, found.unchanged)
    return gate_power(rows, found.effects) if rows else None


def _rows(power: GatePower) -> tuple[DrillRow, ...]:
    return tuple(
        DrillRow(
            key=RowKey(scenario=key.scenario, endpoint=key.endpoint, metric=key.metric, phase=key.phase),
            spread=row.spread,
            smallest_suspected=row.smallest_suspected,
            smallest_confirmed=row.smallest_confirmed,
        )
        for row in power.rows
        for key in (row.key,)
    )


def _injected(found: Found, effect: float) -> DrillEffect:
    """What the gate said of measured comparisons; of unchanged code any regression is a false alarm."""
    judged = found.judged.get(effect, [])
    caught = sum(each.caught if effect else bool(each.regressions) for each in judged)
    changes = [each.change for each in judged if each.change is not None]
    return DrillEffect(
        effect=effect,
        injected_ms=found.place.milliseconds(effect) if isinstance(found.place, Injection) else None,
        comparisons=len(judged),
        suspected=sum(each.suspected for each in judged),
        caught=caught,
        missed=len(judged) - caught if effect else 0,
        measured=median(changes) if changes else None,
    )


def _computed(power: GatePower | None, place: int, effect: float) -> DrillEffect:
    """What the drawn comparisons say, of the row that sees the effect best; the night sees no less."""
    trials = power.trials if power else 0
    seen = [row.effects[place] for row in power.rows] if power else []
    caught = round(trials * max((each.confirmed for each in seen), default=0.0))
    return DrillEffect(
        effect=effect,
        comparisons=trials,
        suspected=round(trials * max((each.suspected for each in seen), default=0.0)),
        caught=caught,
        missed=trials - caught,
    )
