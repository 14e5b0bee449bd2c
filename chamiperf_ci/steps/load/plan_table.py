"""The plan as a table for people, before anything runs; pure."""

from collections.abc import Sequence

from tabulate import tabulate

from chamiperf_ci.steps.load.catalogue import iterations_per_s, sent_per_s
from chamiperf_ci.steps.load.job import Assignment

_STEADY = ("sustained", "spike")
_UNPACED = "unpaced"
_HEADERS = (
    "scenario", "model", "VUs", "iterations/s", "requests/s per service", "created", "left", "duration", "memory",
)  # fmt: skip


def plan_table(assignments: Sequence[Assignment]) -> str:
    """One row a scenario, at the level of its sustained phase; levels of the spike after an arrow."""
    return tabulate(
        [_row(each) for each in assignments], headers=_HEADERS, tablefmt="simple", disable_numparse=True,
        colalign=("left", "left", *["right"] * 2, "left", *["right"] * 4),
    )  # fmt: skip


def duration(seconds: float) -> str:
    """A duration for people, such as `8.5 s`, `2 min 50 s` or `5 h 30 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _row(assignment: Assignment) -> tuple[str, ...]:
    load, volume, work = assignment.load, assignment.volume, assignment.work
    steady = [phase for phase in load.phases if phase.name in _STEADY or phase.iterations]
    rates = [sent_per_s(load, phase, work) for phase in steady]
    return (
        assignment.scenario,
        load.model,
        _levels([phase.to_vus for phase in steady if phase.to_vus]) or "-",
        _levels([iterations_per_s(load, phase) for phase in steady]) or _UNPACED,
        ", ".join(
            f"{service} {_levels([each.get(service, 0) for each in rates]) or _UNPACED}" for service in work.services
        ),
        _number(volume.creates),
        _number(volume.leaves),
        duration(load.duration_s),
        f"{volume.memory_mb:,.0f} MB" + (f" in {assignment.segments} processes" if assignment.segments > 1 else ""),
    )


def _levels(values: Sequence[float]) -> str:
    """The levels in order, each once; empty where nothing fixes them."""
    return " -> ".join(_number(value) for value in dict.fromkeys(values) if value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"  # noqa: PLR2004 - enough digits
