"""A drill's runs judged as a night's are: five are the baseline, others are compared with it; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowKind, RowVerdict
from chamiperf_ci.steps.baselines.candidates import Overrule, from_run
from chamiperf_ci.steps.baselines.patch import sealed
from chamiperf_ci.steps.baselines.proposal import Intent, propose
from chamiperf_ci.steps.compare.judge import Question, judge
from chamiperf_ci.steps.compare.pairing import pair_rows
from chamiperf_ci.steps.compare.past import Past
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict.metric_class import is_quantity
from chamiperf_ci.verdict.row_input import RowInput

# A drill's run is no candidate for anybody else's baseline, and may miss a target: here it is compared with itself.
_OVERRULE = frozenset({Overrule.KIND, Overrule.MISSED_TARGET, Overrule.FAILING})


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate said of one comparison.

    Attributes:
        suspected: Whether the first run alone was suspect: it would have been repeated.
        regressions: Names of the rows that are regressions in the end; on unchanged code each is a false alarm.
        caught: Whether one of them is a quantity: a slow-down that only made errors was not seen as one.
        change: Change of the slowed endpoint's p50, None where it was not compared.
    """

    suspected: bool
    regressions: tuple[str, ...]
    caught: bool
    change: float | None = None


def accept(rules: Baselines, runs: Sequence[Run], today: date) -> Baselines:
    """Return the rules with these runs, and no others, accepted; what is acknowledged is forgotten, it could hide.

    Args:
        rules: Targets and tolerances.
        runs: Valid runs of one fingerprint, at most five.
        today: The day of the drill.
    """
    blank = sealed(rules.model_copy(update={"accepted_runs": {}, "acknowledgements": ()}))
    wanted = Intent("init", "chamiperf drill", "the drill's own baseline", today, _OVERRULE)
    return propose(blank, [from_run(run, blank) for run in runs], wanted).baselines


def compare(baselines: Baselines, runs: Sequence[Run], endpoint: str = "") -> Judged:
    """Judge a night's run and its repeats, as `compare` and `confirm` do.

    Repeats that no row needed change nothing: only what was suspect is decided anew.

    Args:
        baselines: What `accept` returned.
        runs: The night's run first.
        endpoint: The slowed endpoint.
    """
    repeats = (run.model_copy(update={"run_kind": RunKind.REPEAT}) for run in runs[1:])
    verdict = judge(Question(runs=(runs[0], *repeats), baselines=baselines)).verdict
    first = verdict.first_look or verdict
    called = [row for row in verdict.rows if row.verdict is RowVerdict.REGRESSION]
    return Judged(
        suspected=any(row.suspect and row.change is not None for row in first.rows),
        regressions=tuple(row.key.text for row in called),
        caught=any(row.change is not None for row in called),
        change=_change(verdict, endpoint),
    )


def _change(verdict: Verdict, endpoint: str) -> float | None:
    """Of the first look: a repeat is made only of what was suspect, which would flatter the small effects."""
    rows = (verdict.first_look or verdict).rows
    found = [row for row in rows if (row.key.endpoint, row.key.metric) == (endpoint, "p50") and row.compared]
    return next((row.change.ratio for row in found if row.change is not None), None)


def noise(baselines: Baselines, runs: Sequence[Run]) -> tuple[RowInput, ...]:
    """Return the compared quantities that every run measured in the same way, all runs in `current`."""
    sitting = Sitting(night=runs[0], repeats=tuple(runs[1:]))
    rows = (pairing.again for pairing in pair_rows(sitting, baselines, Past()))
    return tuple(
        row
        for row in rows
        if row is not None
        and row.reason is None
        and row.kind is RowKind.QUANTITY
        and len(row.current) == len(runs)
        and all(map(is_quantity, row.current))
    )
