"""One trial: sessions drawn from a series, a slowdown of known size, and what each rule says of it.

A trial draws 5 baseline, 30 history and 3 current sessions of one column, and 5 more as pairs of two columns, all
without replacement. A series shorter than 45 sessions draws baseline and current that way and the rest with
replacement. The slowdown is added to the current runs and to the new side of the pairs.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bench.verdict.series import Floats, Source
from chamiperf_ci.models.vocabulary import RowVerdict
from chamiperf_ci.verdict.row import RowDecision, RowInput, RowName, decide_row

LEVEL = 100.0
BASELINE, HISTORY, CURRENT, PAIRS = 5, 30, 3, 5
SHORT_SERIES = 45
PASSES = (RowVerdict.PASS, RowVerdict.IMPROVEMENT)
KEY = RowName("bench", "series", "value")


@dataclass(frozen=True)
class Trial:
    """Logs of the runs drawn, before any slowdown; up is worse."""

    baseline: Floats
    history: Floats
    current: Floats
    old: Floats
    new: Floats


def draw(source: Source, trials: int, seed: int) -> Iterator[Trial]:
    """Yield trials of one source, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    for _ in range(trials):
        group = source.groups[random.integers(len(source.groups))]
        sessions, columns = group.shape
        column, other = random.choice(columns, 2, replace=False) if columns > 1 else (0, 0)
        order = random.permutation(sessions)
        if sessions < SHORT_SERIES:
            rest = random.integers(sessions, size=HISTORY + PAIRS)
            order = np.concatenate(
                (order[:BASELINE], rest[:HISTORY], order[BASELINE : BASELINE + CURRENT], rest[HISTORY:])
            )
        ends = np.cumsum((BASELINE, HISTORY, CURRENT, PAIRS))
        baseline, history, current, pairs = np.split(order, ends)[:4]
        yield Trial(
            group[baseline, column],
            group[history, column],
            group[current, column],
            group[pairs, column],
            group[pairs, other],
        )


def _values(logs: Floats) -> tuple[float, ...]:
    return tuple(LEVEL * math.exp(value) for value in logs.tolist())


def row_of(trial: Trial, source: Source, effect: float, *, runs: int = CURRENT, thin: bool = False) -> RowInput:
    """Return the trial as a row; `thin` keeps one baseline run and no history."""
    return RowInput(
        KEY,
        metric_class=source.metric_class,
        baseline=_values(trial.baseline[:1] if thin else trial.baseline),
        history=() if thin else _values(trial.history),
        current=_values(trial.current[:runs] + math.log1p(effect)),
    )


def pairs_of(trial: Trial, row: RowInput, effect: float) -> RowInput:
    """Return the same row measured by pairs."""
    new = _values(trial.new + math.log1p(effect))
    return replace(row, pairs=tuple(zip(_values(trial.old), new, strict=True)))


@dataclass(frozen=True)
class Found:
    """Shares of trials: regressions by each way of deciding, and what else the row said.

    Attributes:
        three_runs: Regression with three current runs.
        protocol: Regression by the whole procedure: suspect after one run, then decided on three.
        by_pairs: Suspect after one run, then decided by pairs.
        pairs_alone: Decided by pairs, whatever one run said.
        thin: Regression with one baseline run and no history.
        passed: The procedure ends in pass (or improvement).
        inconclusive: The procedure ends inconclusive.
        passed_three: Pass (or improvement) with three runs.
        covers: The 95 % interval of three runs contains the slowdown that was added.
    """

    three_runs: float
    protocol: float
    by_pairs: float
    pairs_alone: float
    thin: float
    passed: float
    inconclusive: float
    passed_three: float
    covers: float


def replay(source: Source, trials: Iterable[Trial], effect: float) -> Found:
    """Return what the shipped rules say of trials with a slowdown of `effect`."""
    has_pairs = source.has_pairs
    counted = []
    for trial in trials:
        first = decide_row(row_of(trial, source, effect, runs=1))
        full_row = row_of(trial, source, effect)
        full = decide_row(full_row)
        final = full if first.suspect else first
        pairs = decide_row(pairs_of(trial, full_row, effect)) if has_pairs else None
        thin = decide_row(row_of(trial, source, effect, thin=True))
        counted.append(
            (
                is_regression(full),
                is_regression(final),
                first.suspect and pairs is not None and is_regression(pairs),
                pairs is not None and is_regression(pairs),
                is_regression(thin),
                final.verdict in PASSES,
                final.verdict is RowVerdict.INCONCLUSIVE,
                full.verdict in PASSES,
                full.change is not None and full.change.low <= math.log1p(effect) <= full.change.high,
            ),
        )
    return Found(*np.mean(counted, axis=0).tolist())


def is_regression(decision: RowDecision) -> bool:
    """Say whether a row is called a regression."""
    return decision.verdict is RowVerdict.REGRESSION
