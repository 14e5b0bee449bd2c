"""A drill as people read it: what was caught, what can be seen, how often it would cry wolf."""

from chamiperf_ci.models.drill import Drill, DrillEffect
from chamiperf_ci.render import numbers
from chamiperf_ci.render.gate_sight import MOST_SEEN
from chamiperf_ci.render.surface import Surface

_HEADERS = ("slow-down", "injected", "p50 measured", "comparisons", "suspect in one night", "caught", "missed")


def drill_table(drill: Drill, on: Surface) -> str:
    """Return the drill as text: the effects, the rows, the false alarms, and what was left out."""
    parts = [
        on.heading(f"Drill of {drill.scenario}, profile {drill.profile}: {_method(drill)}"),
        on.table(_HEADERS, [[on.text(cell) for cell in _effect(each)] for each in (drill.unchanged, *drill.effects)]),
    ]
    if drill.rows:
        parts.append(
            on.table(
                ("row", "spread between runs", "seen in one night", "seen with confirmation"),
                [
                    [
                        on.text(row.key.text),
                        on.text(f"{numbers.percent(row.spread, tenths=True)} %"),
                        on.text(_smallest(row.smallest_suspected)),
                        on.text(_smallest(row.smallest_confirmed)),
                    ]
                    for row in drill.rows
                ],
            )
        )
    parts.append(on.bullets([on.text(line) for line in _lines(drill)]))
    parts.append(on.paragraph(on.strong(drill.sentence)))
    return "\n".join(parts)


def _method(drill: Drill) -> str:
    return "injected" if drill.method == "injected" else "computed, not injected"


def _effect(effect: DrillEffect) -> tuple[str, ...]:
    injected = effect.injected_ms
    measured = effect.measured
    return (
        f"+{numbers.percent(effect.effect)} %" if effect.effect else "none",
        "-" if not injected else numbers.quantity(injected, "ms"),
        "-" if measured is None else f"{'+' if measured >= 0 else '-'}{numbers.percent(measured, tenths=True)} %",
        str(effect.comparisons),
        str(effect.suspected),
        str(effect.caught) if effect.effect else f"{effect.caught} (false)",
        str(effect.missed) if effect.effect else "-",
    )


def _smallest(size: float) -> str:
    return f"{numbers.percent(size)} %" if size <= MOST_SEEN else "nothing"


def _lines(drill: Drill) -> list[str]:
    runs = numbers.counted(drill.unchanged_runs, "run")
    lines = []
    if drill.false_alarms_a_month is not None and drill.false_alarms_a_month_at_most is not None:
        lines.append(
            f"False alarms expected a month: {numbers.significant(drill.false_alarms_a_month)}, at most "
            f"{numbers.significant(drill.false_alarms_a_month_at_most)} (computed from {drill.trials:,} comparisons "
            f"drawn from the same {runs} of unchanged code, for this scenario's rows alone)."
        )
    else:
        lines.append(f"False alarms cannot be computed: there are {runs} of unchanged code, and eight are needed.")
    invalid = sum(bool(run.problems) for run in drill.runs)
    if invalid:
        made = numbers.counted(len(drill.runs), "run")
        lines.append(f"{invalid} of {made} were invalid; they say nothing, and are in no figure above.")
    if drill.ended_early:
        lines.append(f"It ended early: {drill.ended_early}.")
    if drill.method_reason:
        lines.append(f"Computed, not injected: {drill.method_reason}. The recorded runs were scaled.")
    if drill.self_test:
        lines.append("Self-test on the embedded stack: no product was measured.")
    return lines
