"""What a drill found: which slow-downs the gate catches on one set-up, and how often it would cry wolf.

Written by `chamiperf drill` as `drill.json`. Effects, changes and spreads are fractions (0.2 is 20 %).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from chamiperf_ci.models.document import Document, Value
from chamiperf_ci.models.target import Fingerprint, Identity
from chamiperf_ci.models.verdict import RowKey, ScenarioOutcome, Sensitivity

Method = Literal["injected", "computed"]
"""Injected: slow-downs were made on the stack, measured and judged. Computed: recorded runs were scaled."""
Purpose = Literal["baseline", "unchanged", "slowed", "noise"]
"""What a run was made for; all but the slowed ones are runs of unchanged code."""
Word = Literal["proved", "not proved", "too few runs"]


class DrillRun(Value):
    """One run that was made, valid or not."""

    run_id: str
    purpose: Purpose
    effect: float
    """0 for unchanged code."""
    file: str
    """Its name in the folder of the drill's runs."""
    problems: tuple[str, ...] = ()
    """Why it says nothing; empty for a valid run."""


class DrillEffect(Value):
    """What became of one slow-down; of effect 0, caught is a false alarm."""

    effect: float
    injected_ms: float | None = None
    """Latency added to each request of the slowed route; None where nothing was injected."""
    comparisons: int
    """Comparisons made, or drawn where the power is computed."""
    suspected: int
    """Of these, how many were suspect after one run: what one night sees."""
    caught: int
    """How many were called a regression after confirmation."""
    missed: int
    measured: float | None = None
    """Median change of the slowed endpoint's p50 against the baseline; None where it was not measured."""


class DrillRow(Value):
    """What the gate can see of one row, computed from the runs of unchanged code."""

    key: RowKey
    spread: float
    """Standard deviation between runs, on logs."""
    smallest_suspected: float
    """Smallest slow-down suspected after one run in 80 of 100 comparisons."""
    smallest_confirmed: float
    """Smallest slow-down called a regression after confirmation in 80 of 100 comparisons."""


class Drill(Document):
    """The facts of a drill; what they mean in a sentence is written where it is shown."""

    KIND: ClassVar[str] = "drill"
    SCHEMA_VERSION: ClassVar[int] = 2

    kind: Literal["drill"] = "drill"
    schema_version: int = 2
    started_at: datetime
    ended_at: datetime
    scenario: str
    profile: str
    fingerprint: Fingerprint | None
    """Of all its valid runs; None where there is none."""
    identities: tuple[Identity, ...] = ()
    self_test: bool
    """True when the stack was the embedded one: no product was measured."""
    method: Method
    method_reason: str = ""
    """Why the power was computed and nothing injected."""
    word: Word
    exit_code: int
    ended_early: str = ""
    """Why not everything that was planned was measured."""
    runs: tuple[DrillRun, ...]
    unchanged: DrillEffect
    """Comparisons of unchanged code with unchanged code."""
    effects: tuple[DrillEffect, ...]
    """Smallest first."""
    rows: tuple[DrillRow, ...]
    """Empty with fewer than eight valid runs of unchanged code."""
    unchanged_runs: int
    """Valid runs of unchanged code behind `rows` and the false alarms."""
    trials: int = 0
    """Comparisons drawn from those runs; they share them, so they are not independent evidence."""
    false_alarms_a_month: float | None = None
    """Nights of a month with a false regression, computed from those trials; None where there are none."""
    false_alarms_a_month_at_most: float | None = None
    """The upper end of its 95 % interval."""

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any] | None:
        """Return version 1 without its sentence; None for any other version."""
        if version != 1:
            return None
        return {name: value for name, value in data.items() if name != "sentence"} | {"schema_version": 2}


STALE_AFTER = timedelta(days=90)
"""Age at the night from which a drill is named stale."""

MOST_SEEN = 10.0
"""A smallest change of more than this is beyond what a gate can be said to detect."""


def sensitivity(scenarios: Iterable[ScenarioOutcome], drills: Iterable[Drill]) -> tuple[Sensitivity, ...]:
    """Return what drills have shown of each scenario that one was made of; of several the newest that fits counts.

    Args:
        scenarios: A night's scenarios.
        drills: In any order; those of other scenarios say nothing here.
    """
    newest_first = sorted(drills, key=lambda drill: (drill.started_at, drill.profile), reverse=True)
    found = []
    for scenario in scenarios:
        mine = [drill for drill in newest_first if drill.scenario == scenario.scenario]
        alike = [drill for drill in mine if drill.fingerprint == scenario.fingerprint]
        if mine:
            found.append(_of_drill(scenario, (alike or mine)[0], fits=bool(alike)))
    return tuple(found)


def _of_drill(scenario: ScenarioOutcome, drill: Drill, *, fits: bool) -> Sensitivity:
    age = scenario.started_at - drill.started_at
    seen = min(drill.rows, key=lambda row: row.smallest_confirmed, default=None)
    known = seen if drill.word == "proved" and seen is not None and seen.smallest_confirmed <= MOST_SEEN else None
    there = drill.fingerprint
    return Sensitivity(
        scenario=scenario.scenario,
        measured_on=f"{drill.started_at:%Y-%m-%d}",
        word=_word(drill, fits=fits, known=known is not None),
        endpoint=known.key.endpoint if known else "",
        metric=known.key.metric if known else "",
        smallest=known.smallest_confirmed if known else None,
        method=drill.method,
        effect=drill.effects[-1].effect if drill.effects else 0.0,
        caught=drill.effects[-1].caught if drill.effects else 0,
        comparisons=drill.effects[-1].comparisons if drill.effects else 0,
        false_alarms=drill.unchanged.caught,
        unchanged_comparisons=drill.unchanged.comparisons,
        differences=() if fits or there is None else scenario.fingerprint.differences(there),
        stale_days=age.days if fits and age > STALE_AFTER else None,
    )


def _word(
    drill: Drill, *, fits: bool, known: bool
) -> Literal["proved", "not proved", "too few runs", "unknown", "other circumstances"]:
    if not fits:
        return "other circumstances"
    return "unknown" if drill.word == "proved" and not known else drill.word
