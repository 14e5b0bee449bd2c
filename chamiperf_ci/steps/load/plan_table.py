"""The plan as a table for people, before anything runs; pure."""

from collections.abc import Mapping, Sequence

from tabulate import tabulate

from chamiperf_ci.steps.load.catalogue import iterations_per_s, sent_per_s
from chamiperf_ci.steps.load.job import Assignment

_STEADY = ("sustained", "spike")
_UNPACED = "unpaced"
HEADERS = ("model", "VUs", "iterations/s", "requests/s per service", "created", "left", "duration")
_ALIGN = ("left", *["right"] * 2, "left", *["right"] * 3)
_WIDEST = 62


def plan_table(assignments: Sequence[Assignment]) -> str:
    """One row a scenario, at the level of its sustained phase; levels of the spike after an arrow."""
    return tabulate(
        [(each.scenario, *cells(each), _memory(each)) for each in assignments],
        headers=("scenario", *HEADERS, "memory"),
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", *_ALIGN, "right"),
    )


def cells(assignment: Assignment) -> tuple[str, ...]:
    """What stands below the headers for one load."""
    load, volume, work = assignment.load, assignment.volume, assignment.work
    steady = [phase for phase in load.phases if phase.name in _STEADY or phase.iterations]
    rates = [sent_per_s(load, phase, work) for phase in steady]
    return (
        load.model,
        _levels([phase.to_vus for phase in steady if phase.to_vus]) or "-",
        _levels([iterations_per_s(load, phase) for phase in steady]) or _UNPACED,
        _by_service({service: _levels([each.get(service, 0) for each in rates]) for service in work.services}),
        _number(volume.creates),
        _number(volume.leaves),
        duration(assignment.longest_s),
    )


def duration(seconds: float) -> str:
    """A duration for people, such as `8.5 s`, `2 min 50 s` or `5 h 30 min`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (0 if hours else rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _by_service(levels: Mapping[str, str]) -> str:
    """Services with equal rates stand together; a line that would be too long is broken between two rates."""
    together: dict[str, list[str]] = {}
    for service, level in levels.items():
        together.setdefault(level or _UNPACED, []).append(service)
    lines = [""]
    for level, services in together.items():
        rate = f"{'/'.join(services)} {level}"
        if not lines[-1] or len(lines[-1]) + len(rate) < _WIDEST:
            lines[-1] += f", {rate}" if lines[-1] else rate
        else:
            lines[-1] += ","
            lines.append(rate)
    return "\n".join(lines)


def _memory(assignment: Assignment) -> str:
    processes = f" in {assignment.segments} processes" if assignment.segments > 1 else ""
    return f"{assignment.volume.memory_mb:,.0f} MB{processes}"


def _levels(values: Sequence[float]) -> str:
    """The levels in order, each once; empty where nothing fixes them."""
    return " -> ".join(_number(value) for value in dict.fromkeys(values) if value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"  # noqa: PLR2004 - enough digits
