"""Measurements paired with their baseline and targets, and the rows they become."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models import verdict as model
from chamiperf_ci.models.baselines import AcceptedRow, Baselines, EnvironmentBaseline, Policy
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Fact, RowKey
from chamiperf_ci.models.vocabulary import Direction, FactWord, RowKind, RowReason, RowVerdict, Statistic
from chamiperf_ci.steps.compare.measure import (
    ACHIEVED,
    CONNECTIONS,
    ERRORS,
    STALLED,
    Measurement,
    measure,
    requests_of,
)
from chamiperf_ci.steps.compare.scenarios import PastNight, PastNights, ScenarioRuns, alike, dates, series
from chamiperf_ci.verdict import row as row_input
from chamiperf_ci.verdict.change import MOST_HISTORY, Estimate, smallest_found
from chamiperf_ci.verdict.counts import (
    BASELINE_RUNS_NEEDED,
    Failures,
    fewer_requests,
    share_interval,
    waits_for_connections,
)
from chamiperf_ci.verdict.row import RowDecision, RowInput
from chamiperf_ci.verdict.statistic import as_shown, as_worse, centre, is_quantity, slow_quarter_stands_out
from chamiperf_ci.verdict.target import (
    RowFacts,
    row_reason,
)

Measured = Mapping[RowKey, Measurement]


@dataclass(frozen=True, slots=True)
class Pairing:
    """One row before it is judged.

    Attributes:
        key: Names the row.
        policy: What baselines.json demands of it.
        measurement: What the night's run measured; None for a metric that vanished.
        unit: Unit of its values.
        direction: Which way is good.
        first: What the first look judges, of pairs alone the pairs; None for a row that is shown and not compared.
        again: What the decision after repeats judges; None where the scenario was not measured again.
        everything: All measurements of each current run (`ScenarioRuns.current`), the night's first.
        before: What each old run measured, of pairs that stand alone.
        accepted_at: When each accepted run that measured it began, oldest first.
        nights: The nights before.
    """

    key: RowKey
    policy: Policy
    measurement: Measurement | None
    unit: str
    direction: Direction
    first: RowInput | None
    again: RowInput | None
    everything: tuple[Measured, ...]
    before: tuple[Measurement, ...] = ()
    accepted_at: tuple[datetime, ...] = ()
    nights: tuple[PastNight, ...] = ()

    def in_phase(self, phase: str) -> tuple[Measurement, ...]:
        """The same endpoint's metric in a phase, in each current run that measured it."""
        key = self.key.model_copy(update={"phase": phase})
        return tuple(run[key] for run in self.everything if key in run)

    @property
    def phases(self) -> tuple[Measurement, ...]:
        """The same endpoint's metric in every phase of the night's run."""
        mine = (self.key.endpoint, self.key.metric)
        return tuple(found for key, found in self.everything[0].items() if (key.endpoint, key.metric) == mine)


def pair_rows(scenario_runs: ScenarioRuns, baselines: Baselines, past: PastNights) -> tuple[Pairing, ...]:
    """Return a scenario's rows: everything measured, in the run's order, then what vanished."""
    return tuple(_pairings(scenario_runs, baselines, past))


def _pairings(scenario_runs: ScenarioRuns, baselines: Baselines, past: PastNights) -> Iterator[Pairing]:
    night = scenario_runs.night
    pairer = _Pairer(
        scenario_runs=scenario_runs,
        baselines=baselines,
        # The old side of pairs that stand alone is the baseline, and the only one.
        accepted=None if scenario_runs.only_pairs else baselines.accepted(night.fingerprint),
        nights=past.alike(night.fingerprint, night.started_at),
        measured=_by_key(night),
        repeats=tuple(map(_by_key, scenario_runs.repeats)),
        pairs=tuple((_by_key(old), _by_key(new)) for old, new in scenario_runs.pairs),
    )
    for key in pairer.measured:
        yield pairer.row(key)
    if scenario_runs.only_pairs and pairer.pairs:
        yield from (pairer.row(key) for key in pairer.pairs[0][0] if key not in pairer.measured)
    if pairer.accepted is not None:
        for endpoint, metric, phase in pairer.accepted.row_keys:
            key = RowKey(scenario=scenario_runs.scenario, endpoint=endpoint, metric=metric, phase=phase)
            if key not in pairer.measured:
                yield pairer.row(key)
    for key in unused_rules(scenario_runs, baselines, compared=True) if night.valid else ():
        yield pairer.row(key)


def unused_rules(scenario_runs: ScenarioRuns, baselines: Baselines, *, compared: bool) -> tuple[RowKey, ...]:
    """Return what rules speak of that was neither measured nor accepted; `compared`: those that ask to compare it."""
    accepted = baselines.accepted(scenario_runs.night.fingerprint)
    rows = {
        (found.key.endpoint, found.key.metric, found.key.phase)
        for run in scenario_runs.judged
        for found in measure(run)
    }
    rows |= set(accepted.row_keys) if accepted else set()
    return tuple(
        RowKey(scenario=scenario_runs.scenario, endpoint=endpoint, metric=metric, phase=phase)
        for endpoint, metric, phase, rule in baselines.unmatched(scenario_runs.scenario, rows)
        if bool(rule.compared) is compared
    )


def _by_key(run: Run) -> dict[RowKey, Measurement]:
    return {found.key: found for found in measure(run)}


@dataclass(frozen=True, slots=True)
class _Pairer:
    """A scenario's numbers, from which its rows are taken one by one."""

    scenario_runs: ScenarioRuns
    baselines: Baselines
    accepted: EnvironmentBaseline | None
    nights: tuple[PastNight, ...]
    measured: Measured
    repeats: tuple[Measured, ...]
    pairs: tuple[tuple[Measured, Measured], ...]

    def row(self, key: RowKey) -> Pairing:
        now = self.measured.get(key)
        stack_kind = self.scenario_runs.night.fingerprint.stack_kind
        policy = self.baselines.policy(key.scenario, key.endpoint, key.metric, key.phase, stack_kind=stack_kind)
        known = self._known(key)
        before = self._before(key)
        unit = now.unit if now else before[0].unit if before else _unit(key, known)
        direction = now.direction if now else (Direction.HIGHER if unit.endswith("/s") else Direction.LOWER)
        # What is baselined and marked uncompared now was not measured as it was: its gate is gone, and that is news.
        if now is not None and policy.asked and not now.comparable:
            now = _as_asked(now)
        first = None
        # What the plan gives no windows for, accepted runs of before may hold: it is judged while its windows suffice.
        off_plan = now is not None and now.off_plan and now.formed.value is None
        if policy.compared and (now is None or now.comparable or known) and not off_plan:
            later = now is not None and now.came_later and not known and not self.scenario_runs.only_pairs
            first = (
                self._later(key, policy, now, direction)
                if now is not None and later
                else self._first(key, policy, now, known, direction)
            )
        if first is not None and self.scenario_runs.only_pairs:
            first = self._by_pairs(key, first)
        return Pairing(
            key=key,
            policy=policy,
            measurement=now,
            unit=unit,
            direction=direction,
            first=first,
            again=self._again(key, first) if first is not None and self._is_repeated else None,
            everything=self._everything,
            before=before,
            accepted_at=self._accepted_at(key),
            nights=self.nights,
        )

    @property
    def _everything(self) -> tuple[Measured, ...]:
        """The measurements of `ScenarioRuns.current`, run by run."""
        if self.scenario_runs.only_pairs and self.pairs:
            return tuple(new for _, new in self.pairs)
        return (self.measured, *self.repeats)

    @property
    def _is_repeated(self) -> bool:
        return self.scenario_runs.again and not self.scenario_runs.only_pairs

    @property
    def _lacks_old_side(self) -> bool:
        """Whether pairs stand alone and none of them could be used, so that no row has a baseline."""
        return self.scenario_runs.only_pairs and not self.pairs

    @property
    def _mismatch(self) -> tuple[str, ...]:
        """How what there is to compare with differs from these runs; empty where it is alike, or there is nothing."""
        if self.scenario_runs.only_pairs:
            return () if self.pairs else self.scenario_runs.unlike
        other = None if self.accepted else self.baselines.nearest(self.scenario_runs.night.fingerprint)
        return tuple(other.differences) if other else ()

    def _before(self, key: RowKey) -> tuple[Measurement, ...]:
        """The old side's measurements of pairs that stand alone."""
        return tuple(old[key] for old, _ in self.pairs if key in old) if self.scenario_runs.only_pairs else ()

    def _known(self, key: RowKey) -> tuple[AcceptedRow, ...]:
        return self.accepted.rows(key.endpoint, key.metric, key.phase) if self.accepted else ()

    def _accepted_at(self, key: RowKey) -> tuple[datetime, ...]:
        if self.accepted is None or self.scenario_runs.only_pairs:
            return ()
        own = (key.endpoint, key.metric, key.phase)
        return tuple(run.started_at for run in self.accepted.runs if run.find(*own) is not None)

    def _first(
        self,
        key: RowKey,
        policy: Policy,
        now: Measurement | None,
        known: Sequence[AcceptedRow],
        direction: Direction,
    ) -> RowInput:
        kind = now.kind if now else _kind(key)
        if now is not None:
            now, known = self._in_common_form(key, now, known)
        statistic = now.formed.statistic if now else Statistic.VALUE
        mismatch = self._mismatch
        unlike = self._unit_mismatch(key, now, known) if now and kind is RowKind.QUANTITY else ()
        statistics = [*(row.statistic for row in known), *(one.formed.statistic for one in self._before(key))]
        reason = row_reason(
            RowFacts(
                run_valid=self.scenario_runs.night.valid and not (self._lacks_old_side and not mismatch),
                current=now.formed if now and (now.comparable or now.off_plan or now.formed.reason) else None,
                # Counts are formed in one way only.
                baseline_statistics=[one if kind is RowKind.QUANTITY else statistic for one in statistics],
                other_fingerprints=bool(mismatch),
                # A difference of milliseconds does not hang on the step, and is often from nothing.
                step=now.resolution if now and kind is RowKind.QUANTITY else 0.0,
                simulated=now.simulated if now else False,
                unlike_units=bool(unlike),
            )
        )
        details = {RowReason.FINGERPRINT_MISMATCH: mismatch, RowReason.UNIT_MISMATCH: unlike}
        blank = RowInput(
            key=row_input.RowName(key.scenario, key.endpoint, key.metric, key.phase),
            kind=kind,
            metric_class=policy.metric_class,
            statistic=statistic,
            direction=direction,
            tolerance=policy.tolerance,
            reason=reason,
            detail="; ".join(details.get(reason, ())) if reason else "",
        )
        if kind is RowKind.STALLED_WINDOWS:
            filled = replace(blank, baseline_stalled=tuple(int(row.value) for row in known))
        elif kind is RowKind.ERRORS:
            failures = (Failures(round(row.value), row.count) for row in known)
            filled = replace(blank, baseline_failures=tuple(failures))
        elif kind is RowKind.RATE:
            filled = replace(blank, baseline=tuple(row.value for row in known))
            return self._with_rates(filled, (self.scenario_runs.night,)) if now else filled
        elif kind is RowKind.CONNECTION:
            filled = replace(blank, baseline=tuple(row.value for row in known))
        else:
            nights = series(self.nights, key, statistic, now.unit if now else "")
            filled = replace(blank, baseline=tuple(row.value for row in known), history=nights)
        return _with_current(filled, [now] if now else [])

    def _in_common_form(
        self, key: RowKey, now: Measurement, known: Sequence[AcceptedRow]
    ) -> tuple[Measurement, Sequence[AcceptedRow]]:
        """Take a quantile of all sides as the plan has it, or as all have it: a few requests less are no mismatch.

        Pooled goes before the windows, whose number depends on the requests. Entries of before the pooled quantile was
        stored beside the median of windows have that alone.
        """
        mine = [run[key] for run in (self.measured, *self.repeats) if key in run]
        for statistic in dict.fromkeys((now.formed.statistic, Statistic.POOLED, Statistic.MEDIAN_OF_WINDOWS)):
            values = [row.value if row.statistic is statistic else _other_form(row, statistic) for row in known]
            if None in values or any(run.formed_as(statistic) is None for run in mine if run.formed.value is not None):
                continue
            alike = [
                row.model_copy(update={"value": value, "statistic": statistic})
                for row, value in zip(known, values, strict=True)
            ]
            formed = replace(now.formed, value=now.formed_as(statistic), statistic=statistic)
            return replace(now, formed=formed), alike
        return now, known

    def _later(self, key: RowKey, policy: Policy, now: Measurement, direction: Direction) -> RowInput | None:
        """A row that the accepted runs lack, since it was not measured then: judged by what else is known, or named.

        None where it is only shown: nothing says what it was before, and it does not stand out.
        """
        if self.accepted is None or not self.scenario_runs.night.valid or now.formed.value is None:
            return None
        blank = RowInput(
            key=row_input.RowName(key.scenario, key.endpoint, key.metric, key.phase),
            kind=now.kind,
            metric_class=policy.metric_class,
            direction=direction,
            tolerance=policy.tolerance,
        )
        if now.kind is RowKind.RATE:
            return self._with_rates(
                replace(blank, baseline=(1.0,) * len(self.accepted.runs)), (self.scenario_runs.night,)
            )
        if now.kind is RowKind.CONNECTION:
            return self._later_connection(key, blank, now, now.formed.value)
        return self._later_part(key, blank, now, now.formed.value)

    def _later_connection(self, key: RowKey, blank: RowInput, now: Measurement, waited_ms: float) -> RowInput | None:
        nights = series(self.nights, key, now.formed.statistic, now.unit)
        if len(nights) >= BASELINE_RUNS_NEEDED:
            return _with_current(replace(blank, baseline=nights), [now])
        own = self.measured.get(key.model_copy(update={"metric": "p95"}))
        if not waits_for_connections(waited_ms, own.pooled if own else None):
            return None
        return replace(blank, current=(waited_ms,), reason=RowReason.NO_EARLIER_FIGURE)

    def _later_part(self, key: RowKey, blank: RowInput, now: Measurement, reached: float) -> RowInput | None:
        whole = key.whole
        own = self.measured.get(whole)
        known = [row for row in self._known(whole) if row.statistic is Statistic.MEDIAN_OF_WINDOWS]
        accepted = tuple(row.value for row in known if alike(row.unit, now.unit) and is_quantity(row.value))
        if own is None or own.formed.value is None or not accepted or now.direction is Direction.HIGHER:
            return None
        if not slow_quarter_stands_out([reached], [own.formed.value], accepted):
            return None
        return replace(blank, baseline=accepted, current=(reached,), reason=RowReason.PART_OF_RUN)

    def _with_rates(self, row: RowInput, runs: Sequence[Run]) -> RowInput:
        """Fill in the share of the planned rate of each run: what it says itself, and what its requests say.

        A run whose phase claims the planned rate and whose windows hold fewer requests than those of every accepted
        run has achieved less.
        """
        known = self._known(row_key(row.key))
        counts = {
            endpoint: [accepted.count for accepted in self._known(_p50_of(row.key.scenario, endpoint))]
            for endpoint in requests_of(self.scenario_runs.night)
        }
        shares = []
        for run in runs:
            own = _by_key(run).get(row_key(row.key))
            said = own.formed.value if own is not None and known else None
            asked = requests_of(run)
            fewer = min((fewer_requests(counts[one], asked.get(one, 0)) for one in counts), default=1.0)
            found = [fewer * min(row.baseline, default=1.0)] if fewer < 1 else []
            shares.append(min(found if said is None else [said, *found], default=1.0))
        return replace(row, current=tuple(shares))

    def _unit_mismatch(self, key: RowKey, now: Measurement, known: Sequence[AcceptedRow]) -> tuple[str, ...]:
        """How the units or directions of what is compared differ: no ratio of minutes and seconds means anything."""
        others = [("in the baseline", row.unit, row.good) for row in known]
        others += [("in a repeat", run[key].unit, run[key].direction) for run in self.repeats if key in run]
        for old, new in self.pairs:
            others += [("on the old side", old[key].unit, old[key].direction)] if key in old else []
            others += [("in another pair", new[key].unit, new[key].direction)] if key in new else []
        return tuple(
            dict.fromkeys(
                f"{_source_label(now.unit, now.direction)} now, {_source_label(unit, direction)} {where}"
                for where, unit, direction in others
                if not (alike(unit, now.unit) and direction in (None, now.direction))
            )
        )

    def _by_pairs(self, key: RowKey, blank: RowInput) -> RowInput:
        """The row as pairs alone judge it: the old side gives the baseline of counts, too."""
        filled = self._again(key, blank) if self.pairs else blank
        before = self._before(key)
        if blank.kind is RowKind.STALLED_WINDOWS:
            counts = (one.formed.value for one in before)
            return replace(filled, baseline_stalled=tuple(int(count) for count in counts if count is not None))
        if blank.kind is RowKind.ERRORS:
            return replace(filled, baseline_failures=tuple(failures for one in before for failures in one.failures))
        if blank.kind in (RowKind.CONNECTION, RowKind.RATE):
            levels = (one.formed.value for one in before)
            return replace(filled, baseline=tuple(level for level in levels if level is not None))
        return filled

    def _again(self, key: RowKey, first: RowInput) -> RowInput:
        if first.kind is RowKind.RATE and not self.pairs:
            return self._with_rates(first, (self.scenario_runs.night, *self.scenario_runs.repeats))
        if not self.pairs:
            return _with_current(first, [run[key] for run in (self.measured, *self.repeats) if key in run])
        both = [(old[key], new[key]) for old, new in self.pairs if key in old and key in new]
        values = [
            (old.formed.value, new.formed.value)
            for old, new in both
            if old.formed.statistic is new.formed.statistic and old.formed.reason is None and new.formed.reason is None
        ]
        judged = _with_current(first, [new for _, new in both])
        if first.kind is not RowKind.QUANTITY:
            return judged
        return replace(judged, pairs=tuple((old, new) for old, new in values if old is not None and new is not None))


def _as_asked(now: Measurement) -> Measurement:
    """The measurement as comparable, which a rule asks for.

    Raises:
        ConfigurationError: It cannot be; what a series is marked as, or too few requests, is not the rule's fault.
    """
    if now.by_rule:
        return replace(now, comparable=True)
    if now.formed.reason is not None or now.formed.statistic is not Statistic.VALUE or now.kind is not RowKind.QUANTITY:
        return now
    raise ConfigurationError(
        f"a rule asks to compare {now.key.text}, which is shown only",
        where=f"baselines.json, rules, {now.key.metric}",
        remedy="Remove `compared` from that rule; of server metrics cpu_per_request and db_time_per_request can be "
        "compared, of a paced load the achieved-rate is.",
    )


def _other_form(row: AcceptedRow, statistic: Statistic) -> float | None:
    return row.pooled if statistic is Statistic.POOLED else None


def _source_label(unit: str, direction: Direction | None) -> str:
    return f"{unit or 'no unit'}{f', {direction} is good' if direction else ''}"


def _unit(key: RowKey, known: Sequence[AcceptedRow]) -> str:
    """The unit of a row that was not measured; errors are stored as counts and judged as shares."""
    return "share" if key.metric == ERRORS else next((row.unit for row in known), "")


def _kind(key: RowKey) -> RowKind:
    """How a row that was not measured is judged, by its name."""
    kinds = {STALLED: RowKind.STALLED_WINDOWS, ERRORS: RowKind.ERRORS, ACHIEVED: RowKind.RATE}
    return kinds.get(key.metric, RowKind.CONNECTION if key.metric in CONNECTIONS else RowKind.QUANTITY)


def row_key(key: row_input.RowName) -> RowKey:
    """A row's name as a verdict's file holds it."""
    return RowKey(scenario=key.scenario, endpoint=key.endpoint, metric=key.metric, phase=key.phase)


def _p50_of(scenario: str, endpoint: str) -> RowKey:
    """The row whose count says how often an endpoint was asked."""
    return RowKey(scenario=scenario, endpoint=endpoint, metric="p50")


def _with_current(row: RowInput, runs: Sequence[Measurement]) -> RowInput:
    """Fill in the current runs; of a quantity, those that formed a number in the same way as the night's run."""
    if row.kind is RowKind.STALLED_WINDOWS:
        counts = (run.formed.value for run in runs)
        return replace(row, current_stalled=tuple(int(count) for count in counts if count is not None))
    if row.kind is RowKind.ERRORS:
        return replace(row, current_failures=tuple(run.failures for run in runs if run.formed.reason is None))
    values = (run.formed_as(row.statistic) if row.kind is RowKind.QUANTITY else run.formed.value for run in runs)
    return replace(row, current=tuple(value for value in values if value is not None))


def row(
    pairing: Pairing,
    decision: RowDecision | None,
    target: model.TargetResult,
    scenario_runs: ScenarioRuns,
    *,
    notes: Sequence[Fact] = (),
) -> model.Row:
    """Return a row of the verdict.

    Args:
        pairing: The row's numbers.
        decision: What was decided; None for a row that is shown and not compared.
        target: What its target says.
        scenario_runs: The scenario's runs.
        notes: What goes with the reason, where the decision does not know it.
    """
    judged = pairing.again if decision is not None and decision.repeated and pairing.again else pairing.first
    now = pairing.measurement
    current = _current(judged) or ((now.shown,) if now and now.shown is not None else ())
    baseline = _baseline(judged, pairing.before)
    change = decision.change if decision else None
    history = judged.history[-MOST_HISTORY:] if judged else ()
    return model.Row(
        key=pairing.key,
        kind=now.kind if now else _kind(pairing.key),
        unit=pairing.unit,
        direction=pairing.direction,
        statistic=judged.statistic if judged else now.formed.statistic if now else Statistic.VALUE,
        verdict=decision.verdict if decision else RowVerdict.UNAVAILABLE,
        reason=decision.reason if decision else RowReason.NOT_COMPARED,
        baseline=_middle(baseline, judged),
        baseline_runs=len(baseline),
        current=_middle(current, judged),
        current_values=current,
        change=change_of(change, decision.theta) if decision and change else None,
        tolerance=pairing.policy.tolerance,
        target=target,
        suspect=decision.suspect if decision else False,
        by_pairs=bool(change and change.by_pairs) or (scenario_runs.only_pairs and bool(scenario_runs.pairs)),
        history_nights=change.history_steps + 1 if change and change.history_steps else 0,
        notes=(*_notes(pairing, decision, scenario_runs), *notes),
        simulated=now.simulated if now else False,
        above_tolerance_unconfirmed=decision.above_tolerance if decision else False,
        compared=decision is not None,
        offered=now.offered if now else None,
        baseline_values=baseline,
        history_values=history,
        baseline_at=_one_each(pairing.accepted_at, baseline),
        history_at=_one_each(dates(pairing.nights, pairing.key, judged.statistic, pairing.unit), history)
        if judged
        else (),
        detail=decision.detail if decision else "",
        far_above=decision is not None and decision.is_far_above,
        already_there=decision is not None and decision.already_there,
    )


def _one_each(found: tuple[datetime, ...], values: Sequence[float]) -> tuple[datetime, ...]:
    """The dates, if there is one for each value: values of another metric, or of pairs, have none."""
    return found if len(found) == len(values) else ()


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


def change_of(change: Estimate, theta: float) -> model.Change:
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
        detectable=abs(as_shown(smallest_found(change, theta), change.direction)),
    )


def _notes(pairing: Pairing, decision: RowDecision | None, scenario_runs: ScenarioRuns) -> tuple[Fact, ...]:
    found = list(pairing.measurement.notes) if pairing.measurement else []
    if decision is not None and decision.change is not None and decision.change.by_pairs:
        found.append(Fact(word=FactWord.OLD_BUILD_BESIDE))
        if decision.verdict is RowVerdict.REGRESSION:
            found.append(Fact(word=FactWord.NEW_HERE))
        elif decision.verdict is RowVerdict.PASS:
            found.append(Fact(word=FactWord.NOT_NEW_HERE))
    elif decision is not None and decision.repeated and scenario_runs.back_to_back:
        found.append(Fact(word=FactWord.BACK_TO_BACK))
    if pairing.policy.exempt:
        found.append(Fact(word=FactWord.EXEMPT, values={"reason": pairing.policy.exempt}))
    return tuple(found)
