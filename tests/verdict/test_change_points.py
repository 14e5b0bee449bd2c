"""E-divisive: the statistic against its definition, and where it says a series changed."""

import math

import numpy as np
import pytest

from chamiperf_ci.verdict import drift
from chamiperf_ci.verdict.drift import change_points

NOISE = np.random.default_rng(7).normal(0, 0.07, 120)


def step(at, size, length=120):
    series = NOISE[:length].copy()
    series[at:] += size
    return series


def energy(left, right):
    """The definition: n m / (n + m) times twice the mean distance between, less both mean distances within."""
    n, m = len(left), len(right)
    between = np.abs(left[:, None] - right).mean()
    within = [np.abs(side[:, None] - side).sum() / (len(side) * (len(side) - 1)) for side in (left, right)]
    return n * m / (n + m) * (2 * between - sum(within))


def test_the_statistic_is_the_energy_distance_of_every_split():
    series = step(30, 0.1, length=70)
    order = np.argsort(np.argsort(series))
    found = drift._energy(np.sort(series), order[None, :], 5)[0]  # noqa: SLF001 - the fast form of the definition
    assert found == pytest.approx([energy(series[:at], series[at:]) for at in range(5, 66)])


def test_a_step_is_located():
    assert [point.place for point in change_points(step(70, 0.3))] == [70]


def test_two_steps_are_both_located():
    series = step(40, 0.4)
    series[80:] += 0.4
    assert [point.place for point in change_points(series)] == [40, 80]


def test_a_located_change_is_rare_by_chance():
    (point,) = change_points(step(70, 0.3))
    assert point.p <= 0.01


def test_noise_has_no_change():
    assert change_points(NOISE) == ()


def test_constant_data_has_no_change():
    assert change_points([4.6] * 50) == ()


@pytest.mark.parametrize("level", [math.log(5.0), math.log(0.103), -7.3, 0.1])
def test_equal_nights_have_no_change_whatever_their_energy_is_rounded_to(level):
    assert change_points([level] * 180) == ()


@pytest.mark.parametrize("length", [0, 1, 9])
def test_a_series_too_short_for_two_segments_has_no_change(length):
    assert change_points([0.0] * (length // 2) + [1.0] * (length - length // 2)) == ()


def test_no_change_lies_nearer_than_five_to_an_edge():
    # The last three values are far off: a split is allowed five from the end, not three.
    assert [point.place for point in change_points(step(117, 3.0))] == [115]


def test_the_same_series_gives_the_same_answer():
    assert change_points(step(70, 0.15)) == change_points(step(70, 0.15))
