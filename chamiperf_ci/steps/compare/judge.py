"""Runs, baselines and the nights before in, a verdict out: the whole comparison, without a file or a clock.

The first look judges each scenario's one run. Where repeats or pairs lie beside it, the rows that were suspect are
decided anew, once, on all of them; where there are only pairs, they decide every row at once. So the same files give
the same verdict whoever asks: `confirm` measures and then asks again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.adapters.files import PRODUCER
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Row, RowKey, Verdict
from chamiperf_ci.models.vocabulary import UNKNOWN_BASELINE, FailOn, RowReason, RowVerdict
from chamiperf_ci.render import changes, numbers
from chamiperf_ci.render.accepting import FIRST_DAY, REPLACE, filled_in
from chamiperf_ci.render.gate_sight import gate_sight
from chamiperf_ci.render.measured import FALSE_NIGHTS_OF_THE_ADR
from chamiperf_ci.steps.compare.drifts import drift_rows
from chamiperf_ci.steps.compare.known import acknowledge, no_longer_applying
from chamiperf_ci.steps.compare.neighbours import described, excused, more_work_beside
from chamiperf_ci.steps.compare.objectives import target_of
from chamiperf_ci.steps.compare.pairing import Pairing, pair_rows
from chamiperf_ci.steps.compare.past import Past
from chamiperf_ci.steps.compare.rows import row
from chamiperf_ci.steps.compare.scenarios import scenario_outcome
from chamiperf_ci.steps.compare.sittings import Sitting, sittings
from chamiperf_ci.steps.compare.tally import Gate, conclude, tally
from chamiperf_ci.verdict.adr_gate import adr_gate
from chamiperf_ci.verdict.baseline_health import stale_baseline
from chamiperf_ci.verdict.decision import RowDecision
from chamiperf_ci.verdict.metric_class import as_shown
from chamiperf_ci.verdict.night import Night, confirm_night, judge_night
from chamiperf_ci.verdict.other_work import OtherWork
from chamiperf_ci.verdict.outcome import DEFAULT_FAIL_ON, LEARNING_NIGHTS
from chamiperf_ci.verdict.row_input import VERDICT_WITHOUT_JUDGEMENT, RowInput

ADR_FALSE_NIGHTS = (
    "Gate `adr` is on: one run against the median of the accepted, by the tolerance alone. On unchanged code it turns "
    f"{FALSE_NIGHTS_OF_THE_ADR} of 100 nights of 192 rows red (measured, docs/verdict.md section 12)."
)
UNCOUNTED = (
    "No history is given, so of the learning runs only this one is counted: keep runs with "
    "`chamiperf history add`, and give them with `chamiperf compare --history DIR`."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged, and how strictly.

    Attributes:
        runs: The runs of one night, with repeats and pairs if there are any.
        baselines: What is demanded and accepted.
        past: The nights before; None when no history was given.
        fail_on: What may turn the exit code.
        gate: `verdict`, or `adr` for the ADR's letter.
        warnings: What was found out while these were read.
        drills: What was shown of this gate, newest of each scenario and profile.
    """

    runs: Sequence[Run]
    baselines: Baselines
    past: Past | None = None
    fail_on: Collection[FailOn] = DEFAULT_FAIL_ON
    gate: Gate = "verdict"
    warnings: tuple[str, ...] = ()
    drills: tuple[Drill, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with the numbers and decisions behind it for `--explain`."""

    verdict: Verdict
    night: Night
    pairings: dict[RowKey, Pairing]
    decisions: dict[RowKey, RowDecision]


def judge(question: Question) -> Judgement:
    """Judge a night.

    Raises:
        ConfigurationError: The runs do not belong together, or a target's unit is not its metric's.
    """
    found = sittings(question.runs)
    again = any(sitting.again and not sitting.only_pairs for sitting in found) and question.gate == "verdict"
    alone = [sitting if sitting.only_pairs else replace(sitting, repeats=(), pairs=()) for sitting in found]
    pairings = _paired(question, alone)
    first = judge_night([pairing.first for pairing in pairings if pairing.first is not None])
    first = _without_suspects(first, {sitting.scenario for sitting in found if sitting.only_pairs})
    look = _judgement(question, alone, pairings, first)
    if not again:
        return look
    pairings = _paired(question, found)
    final = confirm_night(first, [pairing.again for pairing in pairings if pairing.again is not None])
    return _judgement(question, found, pairings, final, first_look=look.verdict)


def _without_suspects(night: Night, scenarios: Collection[str]) -> Night:
    """The night with nothing of these scenarios left to repeat, as after `confirm_night`."""
    return Night(
        tuple(
            replace(decision, suspect=decision.suspect and decision.key.scenario not in scenarios)
            for decision in night.decisions
        ),
        tuple(suspect for suspect in night.suspects if suspect.scenario not in scenarios),
    )


def _paired(question: Question, found: Sequence[Sitting]) -> list[Pairing]:
    past = question.past or Past()
    return [pairing for sitting in found for pairing in pair_rows(sitting, question.baselines, past)]


def _judgement(
    question: Question,
    found: Sequence[Sitting],
    pairings: Sequence[Pairing],
    night: Night,
    *,
    first_look: Verdict | None = None,
) -> Judgement:
    keyed = {pairing.key: pairing for pairing in pairings}
    compared = [pairing for pairing in pairings if pairing.first is not None]
    beside = {sitting.scenario: more_work_beside(sitting, question.baselines) for sitting in found}
    decisions = {
        pairing.key: _believed(question.gate, pairing, decision, beside[pairing.key.scenario])
        for pairing, decision in zip(compared, night.decisions, strict=True)
    }
    nights = environment_nights(question, found)
    is_learning = nights is not None and nights <= LEARNING_NIGHTS
    scenarios = tuple(
        scenario_outcome(
            sitting,
            question.baselines,
            nights_alike=len((question.past or Past()).alike(sitting.night.fingerprint, sitting.night.started_at)),
            is_learning=is_learning and _lacks_baseline(sitting, decisions),
        )
        for sitting in found
    )
    problems = {scenario.scenario: "; ".join(text.rstrip(".") for text in scenario.problems) for scenario in scenarios}
    rows = tuple(
        row
        for sitting in found
        for name in (sitting.scenario,)
        for row in _rows(question, sitting, pairings, decisions, problem=problems[name], beside=beside[name])
    )
    self_test = any(sitting.night.self_test for sitting in found)
    verdict = Verdict(
        producer=PRODUCER,
        environment=found[0].night.fingerprint.environment,
        self_test=self_test,
        stage="confirmed" if first_look else "first look",
        gate=question.gate,
        outcome=conclude(
            rows,
            decisions,
            scenarios,
            exempt={pairing.key for pairing in pairings if pairing.policy.exempt},
            environment_nights=nights,
            fail_on=question.fail_on,
            self_test=self_test,
        ),
        counts=tally(rows),
        scenarios=scenarios,
        rows=rows,
        suspects=tuple(row.key for row in rows if row.suspect and not first_look),
        suspect_scenarios=tuple(suspect.scenario for suspect in night.suspects) if question.gate == "verdict" else (),
        confirmed_by=_confirmed_by(found) if first_look or any(sitting.only_pairs for sitting in found) else "",
        baselines_digest=question.baselines.digest(),
        fail_on=tuple(sorted(question.fail_on)),
        warnings=_warnings(
            question,
            found,
            rows,
            decisions,
            is_learning=any(scenario.learning_runs is not None for scenario in scenarios),
        ),
        gate_sight=gate_sight(scenarios, question.drills),
        first_look=first_look,
    )
    return Judgement(verdict, night, keyed, decisions)


def environment_nights(question: Question, found: Sequence[Sitting]) -> int | None:
    """Count the environment's nights with tonight: in the history if there is one, else from the first one noted.

    None where they cannot be counted, and where pairs stand alone: those never become a baseline, however many nights
    go by, so there is nothing to be learnt that a row could be forgiven for.
    """
    if any(sitting.only_pairs for sitting in found):
        return None
    night = found[0].night
    if question.past is not None:
        return question.past.count_environment(night.fingerprint, night.started_at) + 1
    note = question.baselines.environments.get(night.fingerprint.environment)
    return (night.started_at.date() - note.first_night).days + 1 if note else None


def _rows(
    question: Question,
    sitting: Sitting,
    pairings: Sequence[Pairing],
    decisions: dict[RowKey, RowDecision],
    *,
    problem: str,
    beside: OtherWork | None,
) -> list[Row]:
    mine = [pairing for pairing in pairings if pairing.key.scenario == sitting.scenario]
    night = sitting.night
    rows = []
    for pairing in mine:
        decision = decisions.get(pairing.key)
        target = target_of(pairing, decision, run_valid=night.valid)
        detail = {RowReason.RUN_INVALID: problem, RowReason.MACHINE_BUSY: described(beside) if beside else ""}
        made = row(
            pairing,
            decision,
            excused(target, beside) if beside else target,
            sitting,
            detail=detail.get(decision.reason, "") if decision is not None else "",
        )
        rows.append(
            acknowledge(
                made,
                question.baselines.acknowledgements,
                environment=night.fingerprint.environment,
                night=night.started_at.date(),
            )
        )
    return [*rows, *drift_rows(sitting, mine, rows, question.baselines, question.past or Past())]


def _believed(gate: Gate, pairing: Pairing, decision: RowDecision, beside: OtherWork | None) -> RowDecision:
    if gate == "adr":
        return _by_the_letter(pairing.first, decision)
    return beside.judged(decision) if beside else decision


def _by_the_letter(judged: RowInput | None, decision: RowDecision) -> RowDecision:
    """The ADR's rule in place of ours, for a row that both could judge."""
    if judged is None or judged.pairs or decision.change is None or decision.reason in VERDICT_WITHOUT_JUDGEMENT:
        return decision
    said = adr_gate(judged.baseline, judged.current[0], tolerance=judged.tolerance, direction=judged.direction)
    verdict, reason = (
        (RowVerdict.REGRESSION, RowReason.ABOVE_TOLERANCE)
        if said.exceeds
        else (RowVerdict.PASS, RowReason.WITHIN_TOLERANCE)
    )
    return replace(decision, verdict=verdict, reason=reason, suspect=False, above_tolerance=False)


def _lacks_baseline(sitting: Sitting, decisions: dict[RowKey, RowDecision]) -> bool:
    return any(
        key.scenario == sitting.scenario and decision.reason in UNKNOWN_BASELINE for key, decision in decisions.items()
    )


def _confirmed_by(found: Sequence[Sitting]) -> str:
    return "pairs" if any(sitting.pairs or sitting.only_pairs for sitting in found) else "repeats"


def _warnings(
    question: Question,
    found: Sequence[Sitting],
    rows: Sequence[Row],
    decisions: dict[RowKey, RowDecision],
    *,
    is_learning: bool,
) -> tuple[str, ...]:
    edited = question.baselines.edited_by_hand()
    over = no_longer_applying(
        rows,
        question.baselines.acknowledgements,
        environment=found[0].night.fingerprint.environment,
        scenarios=[sitting.scenario for sitting in found],
    )
    adr = (ADR_FALSE_NIGHTS,) if question.gate == "adr" else ()
    uncounted = (UNCOUNTED,) if is_learning and question.past is None else ()
    return (*adr, *uncounted, *question.warnings, *edited, *over, *_stale(rows, decisions, found[0].night))


def _stale(rows: Sequence[Row], decisions: dict[RowKey, RowDecision], night: Run) -> tuple[str, ...]:
    """Say which rows are so much better than their baseline that a slow-down of the whole tolerance would go unseen."""
    found = []
    for each in rows:
        decision = decisions.get(each.key)
        stale = stale_baseline(decision.change, decision.theta) if decision and decision.change else None
        if decision is None or decision.change is None or stale is None or decision.change.by_pairs:
            continue  # the baseline of pairs is the old build, measured just now
        better = changes.words_for(each.unit, each.direction).better
        accept = filled_in(REPLACE, environment=night.fingerprint.environment, scenario=each.key.scenario)
        ratio = abs(as_shown(decision.change.d, each.direction))
        found.append(
            f"The baseline of {changes.title(each.key, with_scenario=True)} is stale: it is {numbers.percent(ratio)} % "
            f"{better} by now, so +{numbers.percent(stale.unseen)} % would go unseen until these runs are accepted "
            f"(`{accept}`; {FIRST_DAY})."
        )
    return tuple(found)
