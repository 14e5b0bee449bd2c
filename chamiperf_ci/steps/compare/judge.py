"""Judging a night: rows, targets, drifts, and the outcome they add up to."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from chamiperf_ci.adapters.files import PRODUCER, catalogue
from chamiperf_ci.models import verdict as model
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill, sensitivity
from chamiperf_ci.models.run import Run, RunKind, is_to_come
from chamiperf_ci.models.verdict import (
    Counts,
    Fact,
    Outcome,
    Row,
    RowKey,
    ScenarioOutcome,
    TargetResult,
    Verdict,
)
from chamiperf_ci.models.vocabulary import (
    DEFAULT_FAIL_ON,
    LEARNING_NIGHTS,
    UNKNOWN_BASELINE,
    FactWord,
    FailOn,
    RowKind,
    RowReason,
    RowVerdict,
    RunReason,
    TargetVerdict,
)
from chamiperf_ci.render.numbers import FALSE_NIGHTS_OF_THE_ADR
from chamiperf_ci.render.sentences import REPLACE, filled_in
from chamiperf_ci.steps.compare.outcome import (
    NO_TARGET,
    described,
    excused,
    other_work_of,
    scenario_outcome,
    slower_statements,
    target_of,
)
from chamiperf_ci.steps.compare.rows import Pairing, change_of, pair_rows, row, row_key, unused_rules
from chamiperf_ci.steps.compare.scenarios import PastNight, PastNights, ScenarioRuns, runs_by_scenario
from chamiperf_ci.verdict.drift import Drift, find_drift, locate
from chamiperf_ci.verdict.night import Night, confirm_night, judge_night, night_outcome, stale_baseline
from chamiperf_ci.verdict.row import VERDICT_WITHOUT_JUDGEMENT, RowDecision, RowInput, adr_gate
from chamiperf_ci.verdict.statistic import as_shown, is_quantity, log_tolerance, prior_sd
from chamiperf_ci.verdict.target import OtherWork, acknowledge, no_longer_applying

Gate = Literal["verdict", "adr"]


def tally(rows: Sequence[Row]) -> Counts:
    """Count the rows that are compared; rows that are only shown are in no count but that of targets."""
    compared = [row for row in rows if row.compared]
    verdicts = Counter(row.verdict for row in compared)
    targets = Counter(row.target.verdict for row in rows)
    return Counts(
        by_verdict={verdict: verdicts[verdict] for verdict in RowVerdict},
        targets_missed=targets[TargetVerdict.MISSED],
        targets_met=targets[TargetVerdict.MET] + targets[TargetVerdict.AT_THE_LIMIT],
        not_measured=sum(row.reason is RowReason.NOT_MEASURED for row in compared),
        acknowledged=sum((row.acknowledged is not None) + (row.target.acknowledged is not None) for row in rows),
    )


def conclude(
    rows: Sequence[Row],
    decisions: Mapping[RowKey, RowDecision],
    scenarios: Sequence[ScenarioOutcome],
    *,
    exempt: Collection[RowKey],
    environment_nights: int | None,
    fail_on: Collection[FailOn],
) -> tuple[Outcome, frozenset[RowKey]]:
    """Say how the night ends, and which rows are forgiven that they have no baseline.

    Args:
        rows: All rows.
        decisions: Of the compared rows.
        scenarios: Each scenario's outcome.
        exempt: Rows that need no baseline.
        environment_nights: Nights of the environment with tonight; None when they cannot be counted: then there is
            no grace for a missing baseline.
        fail_on: What may fail the night.
    """
    unbased = {scenario.scenario for scenario in scenarios if scenario.judged_targets_only}
    unknown = {key for key, decision in decisions.items() if decision.reason in UNKNOWN_BASELINE}
    forgiven = {key for key in unknown if key in exempt or key.scenario in unbased}
    counted = [decision for key, decision in decisions.items() if key not in forgiven]
    known = {row.key for row in rows if row.acknowledged is not None}
    ended = night_outcome(
        [decision for decision in counted if row_key(decision.key) not in known],
        targets=[row.target.verdict for row in rows if row.target.acknowledged is None],
        run_reasons=_run_reasons(scenarios),
        drifts=sum(row.reason is RowReason.DRIFT for row in rows),
        environment_nights=environment_nights,
        acknowledged=sum((row.acknowledged is not None) + (row.target.acknowledged is not None) for row in rows),
        fail_on=fail_on,
    )
    outcome = Outcome(
        exit_code=ended.exit_code,
        word="targets only" if ended.word == "pass" and unbased else ended.word,
        nothing_judged=ended.nothing_judged and not ended.invalid,
        environment_nights=environment_nights,
    )
    return outcome, frozenset(unknown if ended.learning else forgiven)


def _run_reasons(scenarios: Sequence[ScenarioOutcome]) -> list[RunReason]:
    """Why runs were invalid; what a stack cannot do at all, and never could, is said and costs nothing."""
    return [
        reason
        for scenario in scenarios
        if not scenario.never_possible
        for reason in (*scenario.reasons, *scenario.repeat_reasons)
    ]


def drift_rows(
    scenario_runs: ScenarioRuns,
    pairings: Sequence[Pairing],
    rows: Sequence[model.Row],
    baselines: Baselines,
    past: PastNights,
    *,
    now: datetime | None = None,
) -> tuple[model.Row, ...]:
    """Return a row for each metric that creeps; only a valid night looks back, and only where nights are known.

    Args:
        scenario_runs: The scenario's runs.
        pairings: Its rows' numbers.
        rows: Its rows, in the same order.
        baselines: What was accepted.
        past: The nights before.
        now: A night that is stamped later is never the newest, so that nothing drifts towards it.
    """
    night = scenario_runs.night
    accepted = baselines.accepted(night.fingerprint)
    newest = accepted.newest_before(night.started_at) if accepted else None
    if night.run_kind is not RunKind.NIGHT or not night.valid or newest is None or is_to_come(night.started_at, now):
        return ()
    before = past.alike(night.fingerprint, night.started_at)
    if not before:
        return ()
    found = []
    for pairing, drifting in zip(pairings, rows, strict=True):
        judged = pairing.first
        is_part = pairing.key != pairing.key.whole
        if judged is None or judged.reason is not None or judged.kind is not RowKind.QUANTITY or is_part:
            continue
        if judged.statistic is not drifting.statistic:  # the nights before are of the other kind
            continue
        alike = [n for n in before if _value(n, drifting) is not None]
        values = [value for n in alike if (value := _value(n, drifting)) is not None]
        drift = find_drift(
            judged.baseline,
            [*values, *judged.current[:1]],
            prior_sd=prior_sd(judged.metric_class, judged.statistic),
            direction=judged.direction,
            since=sum(n.started_at <= newest for n in alike),
        )
        if drift.alarm:
            commits = ", ".join(f"{identity.service} {identity.build}" for identity in night.identities)
            found.append(_row(drifting, drift, alike, night.started_at.date().isoformat(), commits))
    return tuple(found)


def _value(night: PastNight, row: model.Row) -> float | None:
    found = night.values.get(row.key)
    return found.value if found and found.statistic is row.statistic and is_quantity(found.value) else None


def _row(row: model.Row, drift: Drift, nights: Sequence[PastNight], tonight: str, commits: str) -> model.Row:
    change = drift.change
    if change is None:  # an alarm has one
        return row
    return row.model_copy(
        update={
            "key": row.key.model_copy(update={"metric": f"{row.key.metric} drift"}),
            "verdict": RowVerdict.INCONCLUSIVE,
            "reason": RowReason.DRIFT,
            "change": change_of(change, log_tolerance(row.tolerance, row.direction)),
            "target": NO_TARGET,
            "suspect": False,
            "compared": False,
            "above_tolerance_unconfirmed": False,
            "notes": (_began(drift, nights, tonight, commits),),
            "detail": "",
        }
    )


def _began(drift: Drift, nights: Sequence[PastNight], tonight: str, commits: str) -> Fact:
    """Where the drift began, with the builds on both sides, as far as that can be located."""
    if drift.began is None:
        return Fact(word=FactWord.DRIFT_BEGAN, values={"located": 0})
    place = drift.began.place
    before = nights[place - 1] if 0 < place <= len(nights) else None
    day = nights[place].started_at.date().isoformat() if place < len(nights) else tonight
    after = ", ".join(nights[place].commits) if place < len(nights) else commits
    if before is None or not before.commits or not after:
        return Fact(word=FactWord.DRIFT_BEGAN, values={"night": day, "builds_known": 0})
    return Fact(word=FactWord.DRIFT_BEGAN, values={"night": day, "before": ", ".join(before.commits), "after": after})


@dataclass(frozen=True, slots=True)
class NightInput:
    """What is to be judged, and how strictly.

    Attributes:
        runs: The runs of one night, with repeats and pairs if there are any.
        baselines: What is demanded and accepted.
        past: The nights before; None when no history was given.
        fail_on: What may turn the exit code.
        gate: `verdict`, or `adr` for the ADR's letter.
        warnings: What was found out while these were read.
        drills: What was shown of this gate, newest of each scenario and profile.
        now: By which stamps are still to come; None where nobody asks.
    """

    runs: Sequence[Run]
    baselines: Baselines
    past: PastNights | None = None
    fail_on: Collection[FailOn] = DEFAULT_FAIL_ON
    gate: Gate = "verdict"
    warnings: tuple[Fact, ...] = ()
    drills: tuple[Drill, ...] = ()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, with the numbers and decisions behind it for `--explain`."""

    verdict: Verdict
    night: Night
    pairings: dict[RowKey, Pairing]
    decisions: dict[RowKey, RowDecision]


def judge(inputs: NightInput) -> Judgement:
    """Judge a night.

    Raises:
        ConfigurationError: The runs do not belong together, or a target's unit is not its metric's.
    """
    found = runs_by_scenario(inputs.runs)
    again = (
        any(scenario_runs.again and not scenario_runs.only_pairs for scenario_runs in found)
        and inputs.gate == "verdict"
    )
    alone = [
        scenario_runs if scenario_runs.only_pairs else replace(scenario_runs, repeats=(), pairs=())
        for scenario_runs in found
    ]
    pairings = _paired(inputs, alone)
    first = judge_night([pairing.first for pairing in pairings if pairing.first is not None])
    first = _without_suspects(first, {scenario_runs.scenario for scenario_runs in found if scenario_runs.only_pairs})
    look = _judgement(inputs, alone, pairings, first)
    if not again:
        return look
    pairings = _paired(inputs, found)
    final = confirm_night(first, [pairing.again for pairing in pairings if pairing.again is not None])
    return _judgement(inputs, found, pairings, final, first_look=look.verdict)


def _without_suspects(night: Night, scenarios: Collection[str]) -> Night:
    """The night with nothing of these scenarios left to repeat, as after `confirm_night`."""
    return Night(
        tuple(
            replace(decision, suspect=decision.suspect and decision.key.scenario not in scenarios)
            for decision in night.decisions
        ),
        tuple(suspect for suspect in night.suspects if suspect.scenario not in scenarios),
    )


def _paired(inputs: NightInput, found: Sequence[ScenarioRuns]) -> list[Pairing]:
    past = inputs.past or PastNights()
    return [pairing for scenario_runs in found for pairing in pair_rows(scenario_runs, inputs.baselines, past)]


def _judgement(
    inputs: NightInput,
    found: Sequence[ScenarioRuns],
    pairings: Sequence[Pairing],
    night: Night,
    *,
    first_look: Verdict | None = None,
) -> Judgement:
    keyed = {pairing.key: pairing for pairing in pairings}
    compared = [pairing for pairing in pairings if pairing.first is not None]
    other_work = {scenario_runs.scenario: other_work_of(scenario_runs, inputs.baselines) for scenario_runs in found}
    decisions = {
        pairing.key: _under_gate(inputs.gate, pairing, decision, other_work[pairing.key.scenario])
        for pairing, decision in zip(compared, night.decisions, strict=True)
    }
    decisions = {key: decision for key, decision in decisions.items() if not _echoes(key, decisions)}
    other_work = {
        scenario: work
        for scenario, work in other_work.items()
        if work
        and any(
            work.in_reach_of(key).moves(row.tolerance) for key, row in decisions.items() if key.scenario == scenario
        )
    }
    nights = environment_nights(inputs, found)
    is_learning = nights is not None and nights <= LEARNING_NIGHTS
    scenarios = tuple(
        scenario_outcome(
            scenario_runs,
            inputs.baselines,
            nights_alike=len(
                (inputs.past or PastNights()).alike(scenario_runs.night.fingerprint, scenario_runs.night.started_at)
            ),
            is_learning=is_learning and _lacks_baseline(scenario_runs, decisions),
            other_work=_notable_other_work(other_work.get(scenario_runs.scenario), scenario_runs.scenario, decisions),
            now=inputs.now,
        )
        for scenario_runs in found
    )
    rows = tuple(
        row
        for scenario_runs in found
        for row in _rows(inputs, scenario_runs, pairings, decisions, other_work=other_work.get(scenario_runs.scenario))
    )
    outcome, forgiven = conclude(
        rows,
        decisions,
        scenarios,
        exempt={pairing.key for pairing in pairings if pairing.policy.exempt},
        environment_nights=nights,
        fail_on=inputs.fail_on,
    )
    rows = tuple(row.model_copy(update={"forgiven": True}) if row.key in forgiven else row for row in rows)
    verdict = Verdict(
        producer=PRODUCER,
        environment=found[0].night.fingerprint.environment,
        self_test=any(scenario_runs.night.self_test for scenario_runs in found),
        stage="confirmed" if first_look else "first look",
        gate=inputs.gate,
        outcome=outcome,
        counts=tally(rows),
        scenarios=scenarios,
        rows=rows,
        statements=tuple(
            change for scenario_runs in found for change in slower_statements(scenario_runs, inputs.baselines)
        ),
        suspects=tuple(row.key for row in rows if row.suspect and not first_look),
        suspect_scenarios=tuple(suspect.scenario for suspect in night.suspects) if inputs.gate == "verdict" else (),
        confirmed_by=_confirmed_by(found)
        if first_look or any(scenario_runs.only_pairs for scenario_runs in found)
        else "",
        baselines_digest=inputs.baselines.digest(),
        fail_on=tuple(sorted(inputs.fail_on)),
        warnings=_warnings(
            inputs,
            found,
            rows,
            decisions,
            is_learning=any(scenario.learning_runs is not None for scenario in scenarios),
        ),
        sensitivity=sensitivity(scenarios, inputs.drills) if inputs.drills else (),
        first_look=first_look,
    )
    return Judgement(verdict, night, keyed, decisions)


def _echoes(key: RowKey, decisions: Mapping[RowKey, RowDecision]) -> bool:
    """Whether a slow quarter says what the whole run says already: one slow-down is one finding."""
    part, whole = decisions[key], decisions.get(key.whole)
    if key.whole == key or whole is None or part.change is None or whole.change is None:
        return False
    found = (RowVerdict.REGRESSION, RowVerdict.INCONCLUSIVE)
    alike = part.verdict is whole.verdict or whole.verdict is RowVerdict.REGRESSION
    return part.verdict in found and alike and part.change.d - whole.change.d < part.theta / 2


def environment_nights(inputs: NightInput, found: Sequence[ScenarioRuns]) -> int | None:
    """Count the environment's nights with tonight: in the history if there is one, else from the first one noted.

    None where they cannot be counted, and where pairs stand alone: those never become a baseline, however many nights
    go by, so there is nothing to be learnt that a row could be forgiven for.
    """
    if any(scenario_runs.only_pairs for scenario_runs in found):
        return None
    night = found[0].night
    if inputs.past is not None:
        return inputs.past.count_environment(night.fingerprint, night.started_at) + 1
    note = inputs.baselines.environments.get(night.fingerprint.environment)
    return (night.started_at.date() - note.first_night).days + 1 if note else None


def _rows(
    inputs: NightInput,
    scenario_runs: ScenarioRuns,
    pairings: Sequence[Pairing],
    decisions: dict[RowKey, RowDecision],
    *,
    other_work: OtherWork | None,
) -> list[Row]:
    mine = [pairing for pairing in pairings if pairing.key.scenario == scenario_runs.scenario]
    night = scenario_runs.night
    rows = []
    for pairing in mine:
        decision = decisions.get(pairing.key)
        target = target_of(pairing, decision, run_valid=night.valid)
        work = other_work and other_work.in_reach_of(pairing.key)
        judged = excused(target, work) if work else target
        made = row(
            pairing,
            decision,
            judged,
            scenario_runs,
            notes=(described(work),) if work and _is_moved(work, decision, judged) else (),
        )
        rows.append(
            acknowledge(
                made,
                inputs.baselines.acknowledgements,
                environment=night.fingerprint.environment,
                night=night.started_at.date(),
            )
        )
    past = inputs.past or PastNights()
    rows = [_dated(each, scenario_runs, inputs.baselines, past) if each.already_there else each for each in rows]
    return [*rows, *drift_rows(scenario_runs, mine, rows, inputs.baselines, past, now=inputs.now)]


def _dated(row: Row, scenario_runs: ScenarioRuns, baselines: Baselines, past: PastNights) -> Row:
    """The row with the night in which its regression began, where the nights since the baseline tell it."""
    accepted = baselines.accepted(scenario_runs.night.fingerprint)
    newest = accepted.newest_before(scenario_runs.night.started_at) if accepted else None
    alike = [
        n
        for n in past.alike(scenario_runs.night.fingerprint, scenario_runs.night.started_at)
        if _value(n, row) is not None
    ]
    values = [value for n in alike if (value := _value(n, row)) is not None]
    since = sum(newest is not None and n.started_at <= newest for n in alike)
    began = locate(values, since, row.direction)
    if began is None:
        return row
    return row.model_copy(update={"already_there_since": alike[began.place].started_at.date().isoformat()})


def _under_gate(gate: Gate, pairing: Pairing, decision: RowDecision, other_work: OtherWork | None) -> RowDecision:
    if gate == "adr":
        return _by_the_letter(pairing.first, decision)
    return other_work.in_reach_of(pairing.key).judged(decision) if other_work else decision


def _notable_other_work(
    work: OtherWork | None, scenario: str, decisions: Mapping[RowKey, RowDecision]
) -> OtherWork | None:
    """The other work, if the scenario has to speak of it: it may be the stack, or may have moved a row that passed."""
    if work is None or work.may_be_the_stack:
        return work
    moved = any(
        key.scenario == scenario
        and decision.verdict is RowVerdict.PASS
        and decision.change is not None
        and decision.change.d >= decision.theta / 2
        and work.in_reach_of(key).moves(decision.tolerance)
        for key, decision in decisions.items()
    )
    return work if moved else None


def _is_moved(work: OtherWork, decision: RowDecision | None, target: TargetResult) -> bool:
    """Whether other work may have a part in what a row says; of the stack's own its scenario speaks."""
    if work.may_be_the_stack:
        return False
    if RowReason.MACHINE_BUSY in (decision and decision.reason, target.reason):
        return True
    slower = decision is not None and decision.verdict in (RowVerdict.REGRESSION, RowVerdict.INCONCLUSIVE)
    return decision is not None and (slower or decision.above_tolerance) and work.moves(decision.tolerance)


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


def _lacks_baseline(scenario_runs: ScenarioRuns, decisions: dict[RowKey, RowDecision]) -> bool:
    return any(
        key.scenario == scenario_runs.scenario and decision.reason in UNKNOWN_BASELINE
        for key, decision in decisions.items()
    )


def _confirmed_by(found: Sequence[ScenarioRuns]) -> str:
    return "pairs" if any(scenario_runs.pairs or scenario_runs.only_pairs for scenario_runs in found) else "repeats"


def _warnings(
    inputs: NightInput,
    found: Sequence[ScenarioRuns],
    rows: Sequence[Row],
    decisions: dict[RowKey, RowDecision],
    *,
    is_learning: bool,
) -> tuple[Fact, ...]:
    edited = (Fact(word=FactWord.EDITED_BY_HAND, values={"text": text}) for text in inputs.baselines.edited_by_hand())
    over = no_longer_applying(
        rows,
        inputs.baselines.acknowledgements,
        environment=found[0].night.fingerprint.environment,
        scenarios=[scenario_runs.scenario for scenario_runs in found],
    )
    coarse = [
        row.key.text for row in rows if row.compared and row.reason is RowReason.RESOLUTION and row.baseline_values
    ]
    blunt = Fact(word=FactWord.TOO_COARSE, values={"rows": ", ".join(coarse)})
    adr = (Fact(word=FactWord.ADR_GATE, values={"nights": FALSE_NIGHTS_OF_THE_ADR}),) if inputs.gate == "adr" else ()
    idle = [
        key.text for each in found if each.night.valid for key in unused_rules(each, inputs.baselines, compared=False)
    ]
    idle += [name for name in inputs.baselines.rules.scenarios if name not in catalogue().scenarios]
    unused = (Fact(word=FactWord.RULES_IDLE, values={"rules": ", ".join(idle)}),) if idle else ()
    uncounted = (Fact(word=FactWord.NO_HISTORY),) if is_learning and inputs.past is None else ()
    return (
        *([blunt] if coarse else ()),
        *adr,
        *unused,
        *uncounted,
        *inputs.warnings,
        *edited,
        *over,
        *_stale(rows, decisions, found[0].night),
    )


def _stale(rows: Sequence[Row], decisions: dict[RowKey, RowDecision], night: Run) -> tuple[Fact, ...]:
    """Say which rows are so much better than their baseline that a slow-down of the whole tolerance would go unseen."""
    found = []
    for each in rows:
        decision = decisions.get(each.key)
        stale = stale_baseline(decision.change, decision.theta) if decision and decision.change else None
        if decision is None or decision.change is None or stale is None or decision.change.by_pairs:
            continue  # the baseline of pairs is the old build, measured just now
        values: dict[str, float | str] = {
            "row": each.key.text,
            "better": abs(as_shown(decision.change.d, each.direction)),
            "unseen": stale.unseen,
            "command": filled_in(REPLACE, environment=night.fingerprint.environment, scenario=each.key.scenario),
        }
        found.append(Fact(word=FactWord.BASELINE_STALE, values=values))
    return tuple(found)
