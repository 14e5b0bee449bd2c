"""Drift night after night: what it costs, how often it alarms for nothing, how soon it finds a change."""

import math
import time
from dataclasses import dataclass

import numpy as np

from bench.verdict.series import Floats, Source
from bench.verdict.trials import BASELINE, HISTORY, LEVEL
from chamiperf_ci.models.vocabulary import DRIFT_NIGHTS, MetricClass
from chamiperf_ci.verdict.drift import change_points, find_drift
from chamiperf_ci.verdict.statistic import PRIOR_SD

ROWS, NIGHTS = 200, 700
SPREAD = 0.07
SLOWED_ROWS = 50
STEP_NIGHTS, CREEP_NIGHTS = 14, 60
STEP, CREEP = math.log(1.20), math.log(1.15)


@dataclass(frozen=True)
class Cost:
    """Processor seconds for drift on every night of every row, and for the change points of every whole series."""

    drift_s: float
    change_points_s: float
    located: int


@dataclass(frozen=True)
class DriftFound:
    """New alarms per 100 unchanged nights and row; shares of trials in which a step and a creep were found in time."""

    false_per_100: float
    step: float
    creep: float


def cost() -> Cost:
    """Time 700 nights of 200 rows, a quarter of which slow down by 10 % in night 350."""
    random = np.random.default_rng(1)
    logs = random.normal(0, SPREAD, (ROWS, NIGHTS))
    logs[:SLOWED_ROWS, NIGHTS // 2 :] += math.log(1.10)
    rows = [tuple((LEVEL * np.exp(row)).tolist()) for row in logs]
    started = time.process_time()
    for row in rows:
        for night in range(BASELINE + DRIFT_NIGHTS, NIGHTS + 1):
            find_drift(row[:BASELINE], row[BASELINE:night], prior_sd=PRIOR_SD[MetricClass.P99], since=night)
    halfway = time.process_time()
    located = sum(len(change_points(row.tolist())) for row in logs)
    return Cost(halfway - started, time.process_time() - halfway, located)


def replay(source: Source, *, trials: int, seed: int) -> DriftFound:
    """Draw nights of one column without replacement as far as they reach, and follow them night by night."""
    random = np.random.default_rng(seed)
    alarms = unchanged = steps = creeps = 0
    for _ in range(trials):
        group = source.groups[random.integers(len(source.groups))]
        length = BASELINE + HISTORY + CREEP_NIGHTS
        runs = group[random.choice(len(group), length, replace=len(group) < length), random.integers(group.shape[1])]
        baseline, nights = runs[:BASELINE], runs[BASELINE:]
        flat = _alarms(source, baseline, nights)
        alarms += sum(now and not before for before, now in zip([False, *flat], flat, strict=False))
        unchanged += len(flat)
        after = np.arange(len(nights)) >= HISTORY
        steps += any(_alarms(source, baseline, (nights + STEP * after)[: HISTORY + STEP_NIGHTS]))
        ramp = np.clip((np.arange(len(nights)) - HISTORY + 1) / CREEP_NIGHTS, 0, 1)
        creeps += any(_alarms(source, baseline, nights + CREEP * ramp))
    return DriftFound(100 * alarms / unchanged, steps / trials, creeps / trials)


def _alarms(source: Source, baseline: Floats, nights: Floats) -> list[bool]:
    """Say for each night from the end of the first 30 on whether it alarms."""
    values = tuple((LEVEL * np.exp(nights)).tolist())
    accepted = tuple((LEVEL * np.exp(baseline)).tolist())
    prior = PRIOR_SD[source.metric_class]
    return [
        find_drift(accepted, values[:night], prior_sd=prior, since=night).alarm
        for night in range(HISTORY, len(values) + 1)
    ]
