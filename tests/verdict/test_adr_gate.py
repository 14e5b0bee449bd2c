"""The ADR's letter: one run against the median of the accepted, by the tolerance alone."""

import pytest
from verdict_numbers import B

from chamiperf_ci.models.vocabulary import Direction
from chamiperf_ci.verdict.row import adr_gate


@pytest.mark.parametrize(("current", "exceeds"), [(98.3, False), (98.5, True)])
def test_it_fails_just_above_the_tolerance_over_the_median(current, exceeds):
    # The median of B is 82; 82 * 1.2 = 98.4.
    assert adr_gate(B, current, tolerance=0.2, direction=Direction.LOWER).exceeds is exceeds


@pytest.mark.parametrize(("current", "exceeds"), [(80.1, False), (79.9, True)])
def test_a_rate_fails_when_it_loses_more_than_the_tolerance(current, exceeds):
    assert adr_gate([100.0], current, tolerance=0.2, direction=Direction.HIGHER).exceeds is exceeds


def test_it_shows_the_change():
    assert adr_gate([100.0], 80.0, tolerance=0.2, direction=Direction.HIGHER).shown == pytest.approx(-0.2)


def test_it_needs_an_accepted_run():
    with pytest.raises(ValueError, match="needs an accepted run"):
        adr_gate([], 80.0, tolerance=0.2, direction=Direction.LOWER)
