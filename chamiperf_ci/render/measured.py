"""What the verdict was measured to do: the figures that reports quote, in whole percent.

They are those of `python -m bench.verdict` as docs/verdict.md section 12 states them; a test holds the two together.
"""

from dataclasses import dataclass

SOURCE = "simulated with known truth, docs/verdict.md section 12"


@dataclass(frozen=True, slots=True)
class Power:
    """How often a slow-down of 20 % is found.

    Attributes:
        spread: Standard deviation between runs of the same build, on logs.
        by_repeats: Percent found by three runs.
        by_pairs: Percent found by pairs of what was suspect.
    """

    spread: float
    by_repeats: int
    by_pairs: int


POWER = (Power(0.03, 91, 98), Power(0.04, 84, 97), Power(0.055, 66, 92), Power(0.08, 42, 86))
"""Of simulated runs, the quietest runner first."""

FALSE_NIGHTS_OF_THE_ADR = 98
"""Percent of unchanged nights of 192 rows that one run over the median of the accepted (gate `adr`) turns red."""
