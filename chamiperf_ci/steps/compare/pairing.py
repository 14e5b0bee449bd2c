"""Each row's numbers side by side: now, accepted, the nights before; what `verdict` judges, and nothing judged yet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chamiperf_ci.models.baselines import AcceptedRow, Baselines, EnvironmentBaseline, Policy
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import RowKey
from chamiperf_ci.models.vocabulary import Direction, RowKind, RowReason, Statistic
from chamiperf_ci.steps.compare.measurements import ERRORS, STALLED, Measurement, measure
from chamiperf_ci.steps.compare.past import Past, PastNight, alike, series
from chamiperf_ci.steps.compare.sittings import Sitting
from chamiperf_ci.verdict import row_input
from chamiperf_ci.verdict.row_input import RowInput
from chamiperf_ci.verdict.validity import RowFacts, row_reason
from chamiperf_ci.verdict.wilson import Failures

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
        everything: All measurements of each current run (`Sitting.current`), the night's first.
        before: What each old run measured, of pairs that stand alone.
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

    def in_phase(self, phase: str) -> tuple[Measurement, ...]:
        """The same endpoint's metric in a phase, in each current run that measured it."""
        key = self.key.model_copy(update={"phase": phase})
        return tuple(run[key] for run in self.everything if key in run)

    @property
    def phases(self) -> tuple[Measurement, ...]:
        """The same endpoint's metric in every phase of the night's run."""
        mine = (self.key.endpoint, self.key.metric)
        return tuple(found for key, found in self.everything[0].items() if (key.endpoint, key.metric) == mine)


def pair_rows(sitting: Sitting, baselines: Baselines, past: Past) -> tuple[Pairing, ...]:
    """Return a scenario's rows: everything measured, in the run's order, then what vanished."""
    return tuple(_pairings(sitting, baselines, past))


def _pairings(sitting: Sitting, baselines: Baselines, past: Past) -> Iterator[Pairing]:
    night = sitting.night
    pairer = _Pairer(
        sitting=sitting,
        baselines=baselines,
        # The old side of pairs that stand alone is the baseline, and the only one.
        accepted=None if sitting.only_pairs else baselines.accepted(night.fingerprint),
        nights=past.alike(night.fingerprint, night.started_at),
        measured=_by_key(night),
        repeats=tuple(map(_by_key, sitting.repeats)),
        pairs=tuple((_by_key(old), _by_key(new)) for old, new in sitting.pairs),
    )
    for key in pairer.measured:
        yield pairer.row(key)
    if sitting.only_pairs and pairer.pairs:
        yield from (pairer.row(key) for key in pairer.pairs[0][0] if key not in pairer.measured)
    if pairer.accepted is not None:
        for endpoint, metric, phase in pairer.accepted.row_keys:
            key = RowKey(scenario=sitting.scenario, endpoint=endpoint, metric=metric, phase=phase)
            if key not in pairer.measured:
                yield pairer.row(key)


def _by_key(run: Run) -> dict[RowKey, Measurement]:
    return {found.key: found for found in measure(run)}


@dataclass(frozen=True, slots=True)
class _Pairer:
    """A scenario's numbers, from which its rows are taken one by one."""

    sitting: Sitting
    baselines: Baselines
    accepted: EnvironmentBaseline | None
    nights: tuple[PastNight, ...]
    measured: Measured
    repeats: tuple[Measured, ...]
    pairs: tuple[tuple[Measured, Measured], ...]

    def row(self, key: RowKey) -> Pairing:
        now = self.measured.get(key)
        stack_kind = self.sitting.night.fingerprint.stack_kind
        policy = self.baselines.policy(key.scenario, key.endpoint, key.metric, key.phase, stack_kind=stack_kind)
        known = self._known(key)
        before = self._before(key)
        unit = now.unit if now else before[0].unit if before else _unit(key, known)
        direction = now.direction if now else (Direction.HIGHER if unit.endswith("/s") else Direction.LOWER)
        # What is baselined and marked uncompared now was not measured as it was: its gate is gone, and that is news.
        first = None
        if policy.compared and (now is None or now.comparable or known):
            first = self._first(key, policy, now, known, direction)
        if first is not None and self.sitting.only_pairs:
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
        )

    @property
    def _everything(self) -> tuple[Measured, ...]:
        """The measurements of `Sitting.current`, run by run."""
        if self.sitting.only_pairs and self.pairs:
            return tuple(new for _, new in self.pairs)
        return (self.measured, *self.repeats)

    @property
    def _is_repeated(self) -> bool:
        return self.sitting.again and not self.sitting.only_pairs

    @property
    def _lacks_old_side(self) -> bool:
        """Whether pairs stand alone and none of them could be used, so that no row has a baseline."""
        return self.sitting.only_pairs and not self.pairs

    @property
    def _mismatch(self) -> tuple[str, ...]:
        """How what there is to compare with differs from these runs; empty where it is alike, or there is nothing."""
        if self.sitting.only_pairs:
            return () if self.pairs else self.sitting.unlike
        other = None if self.accepted else self.baselines.nearest(self.sitting.night.fingerprint)
        return tuple(other.differences) if other else ()

    def _before(self, key: RowKey) -> tuple[Measurement, ...]:
        """The old side's measurements of pairs that stand alone."""
        return tuple(old[key] for old, _ in self.pairs if key in old) if self.sitting.only_pairs else ()

    def _known(self, key: RowKey) -> tuple[AcceptedRow, ...]:
        return self.accepted.rows(key.endpoint, key.metric, key.phase) if self.accepted else ()

    def _first(
        self,
        key: RowKey,
        policy: Policy,
        now: Measurement | None,
        known: Sequence[AcceptedRow],
        direction: Direction,
    ) -> RowInput:
        kind = now.kind if now else _kind(key)
        statistic = now.formed.statistic if now else Statistic.VALUE
        mismatch = self._mismatch
        unlike = self._unlike(key, now, known) if now and kind is RowKind.QUANTITY else ()
        statistics = [*(row.statistic for row in known), *(one.formed.statistic for one in self._before(key))]
        reason = row_reason(
            RowFacts(
                run_valid=self.sitting.night.valid and not (self._lacks_old_side and not mismatch),
                current=now.formed if now and (now.comparable or now.formed.reason) else None,
                # Counts are formed in one way only.
                baseline_statistics=[one if kind is RowKind.QUANTITY else statistic for one in statistics],
                other_fingerprints=bool(mismatch),
                step=now.resolution if now else 0.0,
                simulated=now.simulated if now else False,
                unlike_units=bool(unlike),
            )
        )
        details = {RowReason.FINGERPRINT_MISMATCH: mismatch, RowReason.UNIT_MISMATCH: unlike}
        if self._lacks_old_side:
            details[RowReason.RUN_INVALID] = tuple(said.rstrip(".") for said in self.sitting.set_aside)
        blank = RowInput(
            key=row_input.RowKey(key.scenario, key.endpoint, key.metric, key.phase),
            kind=kind,
            metric_class=policy.metric_class,
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
        else:
            nights = series(self.nights, key, statistic, now.unit if now else "")
            filled = replace(blank, baseline=tuple(row.value for row in known), history=nights)
        return _with_current(filled, [now] if now else [])

    def _unlike(self, key: RowKey, now: Measurement, known: Sequence[AcceptedRow]) -> tuple[str, ...]:
        """How the units or directions of what is compared differ: no ratio of minutes and seconds means anything."""
        others = [("in the baseline", row.unit, row.good) for row in known]
        others += [("in a repeat", run[key].unit, run[key].direction) for run in self.repeats if key in run]
        for old, new in self.pairs:
            others += [("on the old side", old[key].unit, old[key].direction)] if key in old else []
            others += [("in another pair", new[key].unit, new[key].direction)] if key in new else []
        return tuple(
            dict.fromkeys(
                f"{_as_said(now.unit, now.direction)} now, {_as_said(unit, direction)} {where}"
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
        return filled

    def _again(self, key: RowKey, first: RowInput) -> RowInput:
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


def _as_said(unit: str, direction: Direction | None) -> str:
    return f"{unit or 'no unit'}{f', {direction} is good' if direction else ''}"


def _unit(key: RowKey, known: Sequence[AcceptedRow]) -> str:
    """The unit of a row that was not measured; errors are stored as counts and judged as shares."""
    return "share" if key.metric == ERRORS else next((row.unit for row in known), "")


def _kind(key: RowKey) -> RowKind:
    """How a row that was not measured is judged, by its name."""
    return {STALLED: RowKind.STALLED_WINDOWS, ERRORS: RowKind.ERRORS}.get(key.metric, RowKind.QUANTITY)


def _with_current(row: RowInput, runs: Sequence[Measurement]) -> RowInput:
    """Fill in the current runs; of a quantity, those that formed a number in the same way as the night's run."""
    if row.kind is RowKind.STALLED_WINDOWS:
        counts = (run.formed.value for run in runs)
        return replace(row, current_stalled=tuple(int(count) for count in counts if count is not None))
    if row.kind is RowKind.ERRORS:
        return replace(row, current_failures=tuple(run.failures for run in runs if run.formed.reason is None))
    alike = [run.formed for run in runs if run.formed.statistic is runs[0].formed.statistic]
    return replace(row, current=tuple(formed.value for formed in alike if formed.value is not None))
