"""The figures that reports quote are those that docs/verdict.md states."""

import re
from pathlib import Path

import pytest

from chamiperf_ci.render.numbers import FALSE_NIGHTS_OF_THE_ADR, POWER

PAGE = (Path(__file__).parent.parent.parent / "docs" / "verdict.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("power", POWER, ids=lambda power: f"{power.spread:g}")
def test_the_power_by_repeats_and_by_pairs_is_that_of_the_table(power):
    found = re.search(rf"simulated, sd {100 * power.spread:g} % +[\d.]+/([\d.]+) +[\d.]+/([\d.]+) ", PAGE)
    assert (power.by_repeats, power.by_pairs) == tuple(round(float(one)) for one in found.groups())


def test_every_simulated_spread_of_the_table_is_quoted():
    spreads = dict.fromkeys(re.findall(r"(?m)^ +simulated, sd ([\d.]+) %", PAGE))
    assert list(spreads) == [f"{100 * power.spread:g}" for power in POWER]


def test_the_false_nights_of_the_adrs_letter_are_those_of_the_page():
    [stated] = re.findall(r"the plain rule [\d.]+, the ADR's letter ([\d.]+);", PAGE)
    assert round(float(stated)) == FALSE_NIGHTS_OF_THE_ADR
