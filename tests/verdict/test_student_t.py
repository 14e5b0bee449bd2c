"""Student's t against values of scipy 1.16 stored here: scipy costs a second to import and is no dependency."""

import math

import pytest

from chamiperf_ci.verdict.statistic import quantile, tails

QUANTILES = [  # nu, t(0.975), t(0.99)
    (1, 12.706204736432095, 31.82051595375758),
    (2, 4.302652729696142, 6.964556734283269),
    (4, 2.7764451051977987, 3.7469473879811366),
    (8, 2.306004135204166, 2.8964594477096215),
    (12, 2.1788128296634177, 2.680997993130055),
    (16.7, 2.1127064206594293, 2.57167222326602),
    (23.4, 2.066702665217667, 2.496699509342118),
    (40, 2.0210753903062733, 2.4232567793348565),
    (100, 1.9839715184496334, 2.3642173662384813),
    (200, 1.9718962236316089, 2.345137082249075),
]

UPPER_TAILS = [  # t, nu, P(T > t)
    (0.0, 4, 0.5),
    (0.5, 4, 0.32166498159093165),
    (1.0, 16.7, 0.1657903793401742),
    (-1.0, 16.7, 0.8342096206598257),
    (2.4569, 16.7, 0.012637500892493818),
    (5.0, 8, 0.0005264128966832695),
    (12.0, 8, 1.071933373844385e-06),
    (-3.0, 4, 0.9800290159641406),
    (40.0, 16.7, 2.5275143575084896e-18),
    (0.01, 200, 0.4960156275766405),
]


@pytest.mark.parametrize(("nu", "at_975", "at_99"), QUANTILES)
def test_a_quantile_is_the_stored_one(nu, at_975, at_99):
    assert quantile(0.975, nu) == pytest.approx(at_975, rel=1e-10)
    assert quantile(0.99, nu) == pytest.approx(at_99, rel=1e-10)


@pytest.mark.parametrize(("t", "nu", "beyond"), UPPER_TAILS)
def test_a_tail_is_the_stored_one(t, nu, beyond):
    assert tails(t, nu)[0] == pytest.approx(beyond, rel=1e-12)


@pytest.mark.parametrize("t", [-2.0, 0.0, 0.7])
def test_the_two_tails_add_up_to_one(t):
    assert sum(tails(t, 5)) == 1


@pytest.mark.parametrize(("t", "beyond"), [(math.inf, 0.0), (-math.inf, 1.0)])
def test_nothing_lies_beyond_infinity(t, beyond):
    assert tails(t, 5)[0] == beyond


def test_the_lower_quantile_mirrors_the_upper():
    assert quantile(0.025, 8) == -quantile(0.975, 8)


@pytest.mark.parametrize("q", [0, 1, -0.1, math.nan])
def test_a_quantile_exists_only_between_zero_and_one(q):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        quantile(q, 5)
