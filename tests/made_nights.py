"""Nights as the history keeps them, made of runs made by arithmetic."""

from typing import Any

from made_runs import made_run

from chamiperf_ci.models.history import HistoryEntry
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.history import entry_of

SATURATED = (RunProblem(reason=RunReason.GENERATOR_SATURATED, text="CPU 97 % on stack.example"),)


def made_night(number: int = 0, **changes: Any) -> HistoryEntry:
    """Night `number`, as `made_run` makes it."""
    return entry_of(made_run(number, **changes))[1]
