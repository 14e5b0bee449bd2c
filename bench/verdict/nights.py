"""Whole nights of 192 rows: 64 series of common sessions, p50, p90 and p99 of each, so that rows err together.

A night has 8 scenarios of 8 series. In nights with a slowdown one scenario is slower in all its 24 rows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.verdict.fast import Judged, judge
from bench.verdict.series import Floats, residuals, web_sessions
from bench.verdict.simulated import windows_of_runs
from bench.verdict.trials import BASELINE, CURRENT, HISTORY, LEVEL
from bench.verdict.usual_rules import TOLERANCE
from chamiperf_ci.models.vocabulary import MetricClass, RowVerdict
from chamiperf_ci.verdict.change import LARGEST_P
from chamiperf_ci.verdict.night import MOST_SCENARIOS, Night, confirm_night, judge_night, survivors
from chamiperf_ci.verdict.row import RowInput, RowName
from chamiperf_ci.verdict.statistic import PRIOR_SD, tails

SERIES = 64
SCENARIOS = 8
Called = tuple[Judged, NDArray[np.bool_]]
"""Rows of one kind, and which of them are regressions when alone."""
FRAMEWORKS = 41
"""The frameworks with most sessions; they have 155 in common."""
CLASSES = {"p50_us": MetricClass.P50, "p90_us": MetricClass.P90, "p99_us": MetricClass.P99}


@dataclass(frozen=True)
class Count:
    """What one night said, in rows; a row is false when it is called a regression and was not slowed.

    Attributes:
        slowed: Rows that were slowed.
        found_repeated: Slowed rows found when every row has three runs.
        false_repeated: False rows when every row has three runs.
        found: Slowed rows found by the whole procedure, two scenarios repeated.
        false: False rows of the whole procedure.
        inconclusive: Rows that the procedure leaves inconclusive.
        suspects: Scenarios with a suspect row at the first look.
        far_first: Rows that one run saw so far above that the night is not decided, before anything is repeated.
        far_left: The same when two scenarios were repeated.
        false_plain: False rows of the rule "one run > 20 % over one run".
        false_adr: False rows of the ADR's letter, one run against the median of five.
    """

    slowed: int
    found_repeated: int
    false_repeated: int
    found: int
    false: int
    inconclusive: int
    suspects: int
    far_first: int
    far_left: int
    false_plain: int
    false_adr: int


def common_residuals() -> tuple[Floats, ...]:
    """Return for each metric class the residuals of all series over their common sessions (sessions x series)."""
    frameworks = {
        name: {time: columns for time, columns in sessions.items() if len(columns) == 3}
        for name, sessions in web_sessions().items()
    }
    chosen = sorted(frameworks.values(), key=len, reverse=True)[:FRAMEWORKS]
    times = sorted(set.intersection(*(set(sessions) for sessions in chosen)))
    found = []
    for metric in CLASSES:
        columns = [
            residuals(np.log([sessions[time][connections][metric] for time in times]))
            for sessions in chosen
            for connections in ("64", "256", "512")
        ]
        group = np.column_stack(columns)
        found.append(group[~np.isnan(group).any(axis=1)])
    return tuple(found)


def _night(random: np.random.Generator, noise: tuple[Floats, ...]) -> Iterator[tuple[RowName, MetricClass, Floats]]:
    """Yield each row's drawn runs, baseline first, then history, then current."""
    sessions, columns = noise[0].shape
    order = random.permutation(sessions)[: BASELINE + HISTORY + CURRENT]
    series = random.choice(columns, SERIES, replace=False)
    for place, column in enumerate(series):
        for (metric, metric_class), group in zip(CLASSES.items(), noise, strict=True):
            key = RowName(f"scenario {place % SCENARIOS}", f"endpoint {place // SCENARIOS}", metric)
            yield key, metric_class, group[order, column]


def simulate(noise: tuple[Floats, ...], effect: float, *, nights: int, seed: int) -> Iterator[Count]:
    """Yield what each night says by the shipped procedure and by the usual rules."""
    random = np.random.default_rng(seed)
    for _ in range(nights):
        drawn = list(_night(random, noise))
        slowed = [effect > 0 and key.scenario == "scenario 0" for key, _, _ in drawn]
        rows = [_row(each, math.log1p(effect) if slow else 0.0) for each, slow in zip(drawn, slowed, strict=True)]
        every = _regressions(judge_night(rows))
        first = judge_night([replace(row, current=row.current[:1]) for row in rows])
        repeated = {suspect.scenario for suspect in first.suspects[:MOST_SCENARIOS]}
        final = confirm_night(first, [row for row in rows if row.key.scenario in repeated])
        unslowed = np.array([runs for (_, _, runs), slow in zip(drawn, slowed, strict=True) if not slow])
        now = unslowed[:, BASELINE + HISTORY]
        accepted = unslowed[:, :BASELINE]
        yield Count(
            slowed=sum(slowed),
            found_repeated=int(np.sum(every & slowed)),
            false_repeated=int(np.sum(every & ~np.array(slowed))),
            found=int(np.sum(_regressions(final) & slowed)),
            false=int(np.sum(_regressions(final) & ~np.array(slowed))),
            inconclusive=sum(decision.verdict is RowVerdict.INCONCLUSIVE for decision in final.decisions),
            suspects=len(first.suspects),
            far_first=sum(decision.is_far_above for decision in first.decisions),
            far_left=sum(decision.is_far_above for decision in final.decisions),
            false_plain=int(np.sum(now - accepted[:, 0] > TOLERANCE)),
            false_adr=int(np.sum(now - np.median(accepted, axis=1) > TOLERANCE)),
        )


def false_with_slow_quarters(nights: int, seed: int) -> tuple[float, float]:
    """Percent of unchanged nights of 64 endpoints with a false row, without and with the rows of slow quarters.

    Simulated runs with a spread of 0.055 between them; an endpoint's p50, p95 and p99 share the luck of their run.
    """
    random = np.random.default_rng(seed)
    plain = with_parts = 0
    kinds = (MetricClass.P50, MetricClass.P95, MetricClass.P99)
    for _ in range(nights):
        whole: list[Called] = []
        parts: list[Called] = []
        runs = [windows_of_runs(random, SERIES * 38, 0.055).reshape(SERIES, 38, 20) for _ in range(2)]
        for metric_class in kinds:
            shared = np.median(runs[0], axis=-1)[..., None]
            own = runs[1] - np.median(runs[1], axis=-1)[..., None]
            windows = shared + own * (1 if metric_class is MetricClass.P50 else 1.5)
            for family, level in ((whole, np.median(windows, axis=-1)), (parts, np.sort(windows, axis=-1)[..., 15])):
                if family is parts and metric_class is MetricClass.P99:
                    continue
                found = judge(level[:, :5], level[:, 35:], PRIOR_SD[metric_class], level[:, 5:35])
                family.append((found, found.regressions()))
            runs[1] = random.permuted(runs[1], axis=-1)
        plain += _any_survives(whole)
        with_parts += _any_survives(whole + parts)
    return 100 * plain / nights, 100 * with_parts / nights


def _any_survives(family: list[Called]) -> bool:
    p_values = [
        tails(float(d / se), found.nu)[0] for found, _ in family for d, se in zip(found.d, found.se, strict=True)
    ]
    kept = survivors(p_values, largest_p=LARGEST_P)
    return bool(np.any(np.array(kept) & np.concatenate([called for _, called in family])))


def _row(drawn: tuple[RowName, MetricClass, Floats], slowdown: float) -> RowInput:
    key, metric_class, logs = drawn
    baseline, history, current = np.split(logs, (BASELINE, BASELINE + HISTORY))
    return RowInput(
        key,
        metric_class=metric_class,
        baseline=tuple((LEVEL * np.exp(baseline)).tolist()),
        history=tuple((LEVEL * np.exp(history)).tolist()),
        current=tuple((LEVEL * np.exp(current + slowdown)).tolist()),
    )


def _regressions(night: Night) -> NDArray[np.bool_]:
    return np.array([decision.verdict is RowVerdict.REGRESSION for decision in night.decisions])
