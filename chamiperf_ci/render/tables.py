"""Tables of single steps: drill, time split, targets; and how a terminal shows them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tabulate import tabulate

from chamiperf_ci.models.baselines import Baselines, Bound, Level, Rule, TargetRule
from chamiperf_ci.models.drill import MOST_SEEN, Drill, DrillEffect
from chamiperf_ci.render import numbers
from chamiperf_ci.render.numbers import percent, share
from chamiperf_ci.render.sentences import amounts
from chamiperf_ci.render.text import Block, Bullets, Heading, Paragraph, Table, data, markdown

_HEADERS = ("slow-down", "injected", "p50 measured", "comparisons", "suspect in one night", "caught", "missed")


def drill_table(drill: Drill) -> list[Block]:
    """Return the drill as blocks: the effects, the rows, the false alarms, and what was left out."""
    blocks: list[Block] = [
        Heading(f"Drill of {drill.scenario}, profile {drill.profile}: {_method(drill)}"),
        Table(_HEADERS, [_effect(each) for each in (drill.unchanged, *drill.effects)]),
    ]
    if drill.rows:
        rows = [
            (
                row.key.text,
                f"{numbers.percent(row.spread, tenths=True)} %",
                _smallest(row.smallest_suspected),
                _smallest(row.smallest_confirmed),
            )
            for row in drill.rows
        ]
        blocks.append(Table(("row", "spread between runs", "seen in one night", "seen with confirmation"), rows))
    return [*blocks, Bullets(_lines(drill)), Paragraph(drill_sentence(drill), strong=True)]


def drill_sentence(drill: Drill) -> str:
    """Return what a drill has shown: the smallest slow-down seen, those caught, and the false alarms."""
    largest, unchanged = drill.effects[-1], drill.unchanged
    if unchanged.comparisons == 0 or largest.comparisons == 0:
        which = "unchanged code" if unchanged.comparisons == 0 else f"+{percent(largest.effect)} %"
        return f"Too few valid runs: there is no comparison of {which}, so nothing is proved."
    verb = "injected slow-downs" if drill.method == "injected" else "computed slow-downs (none was injected)"
    return (
        f"{_smallest_seen(drill)} Of {largest.comparisons} {verb} of {percent(largest.effect)} % it caught "
        f"{largest.caught}. In {numbers.counted(unchanged.comparisons, 'comparison')} of unchanged code it called "
        f"{numbers.counted(unchanged.caught, 'regression')}."
    )


def _smallest_seen(drill: Drill) -> str:
    when = f"measured on {drill.started_at:%Y-%m-%d}" + (
        f" in {drill.fingerprint.environment}" if drill.fingerprint else ""
    )
    best = min(drill.rows, key=lambda row: row.smallest_confirmed, default=None)
    if best is None:
        return f"The smallest slow-down that this gate detects cannot be computed, {when}."
    size = percent(best.smallest_confirmed)
    return f"This gate detects slow-downs from {size} % on {best.key.endpoint} {best.key.metric}, {when}."


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


TITLE = "Where the time went"
TIME_HEADERS = ("endpoint", "seen", "database", "service", "in front", "generator")
EXPLAINED = (
    "Means over the sustained phase, which add up: what was seen is the database, the rest of the service, and what "
    "lies in front of it (network, queue, gateway). The database's share is that of all requests of the service. "
    "What a request waited in the generator for a connection is on top of what was seen."
)


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """One endpoint's mean time in ms, in parts; None for a part that was not measured.

    Attributes:
        scenario: Of the run.
        endpoint: As the client calls it.
        seen: What the client saw.
        database: Spent in statements, for each request of the service.
        service: Spent in the service, apart from the database where that is known.
        front: Between client and service: network, queue, gateway. Below 0 where two clocks disagree by that little.
        generator: Waiting for a free connection, which is not part of what was seen.
    """

    scenario: str
    endpoint: str
    seen: float | None
    database: float | None
    service: float | None
    front: float | None
    generator: float | None

    @property
    def parts(self) -> tuple[float | None, ...]:
        """In the order of `TIME_HEADERS`."""
        return self.seen, self.database, self.service, self.front, self.generator


def time_split(splits: Sequence[TimeSplit], before: Sequence[TimeSplit] = ()) -> Table:
    """Return the parts of each endpoint's time as a table; where both sides are known, `before → now`."""
    earlier = {(split.scenario, split.endpoint): split.parts for split in usual(before)}
    rows = []
    for split in usual(splits):
        was = earlier.get((split.scenario, split.endpoint), (None,) * len(split.parts))
        parts = [_part(*sides) for sides in zip(was, split.parts, strict=True)]
        rows.append((data(f"{split.scenario} / {split.endpoint}"), *parts))
    return Table(TIME_HEADERS, rows)


def usual(splits: Sequence[TimeSplit]) -> list[TimeSplit]:
    """Return one split an endpoint: the median of each part over the runs that know it."""
    found: dict[tuple[str, str], list[TimeSplit]] = {}
    for split in splits:
        found.setdefault((split.scenario, split.endpoint), []).append(split)
    return [
        TimeSplit(*key, *(_median(parts) for parts in zip(*(each.parts for each in many), strict=True)))
        for key, many in found.items()
    ]


def _median(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return median(known) if known else None


def _part(before: float | None, now: float | None) -> str:
    shown = [max(0.0, part) for part in (before, now) if part is not None]
    if len(shown) < 2:  # noqa: PLR2004 - the two sides
        return "".join(amounts(shown, "ms"))
    first, last = amounts(shown, "ms")
    return f"{first.removesuffix(' ' + last.split()[-1])} → {last}"


@dataclass(frozen=True, slots=True)
class Stated:
    """A target where the file states it."""

    scenario: str
    """Empty: everywhere."""
    endpoint: str
    """Empty: all of the scenario's."""
    metric: str
    target: TargetRule


def targets_page(baselines: Baselines) -> str:
    """Return the page, in markdown."""
    stated = tuple(_stated(baselines))
    differing = sorted({one.target.note for one in stated if one.target.note})
    rules = baselines.rules.defaults
    return "\n".join(
        (
            "# Targets",
            "",
            "<!-- Written from baselines.json by `make docs`; do not edit. -->",
            "",
            "You look up what a stack must reach on every run, and who says so. Targets and tolerances are changed in",
            "[`baselines.json`](baselines.md) alone. A metric can meet its target and still regress.",
            "",
            _table(("where", "targets", "phase", "source"), _grouped(stated)),
            "",
            "Container memory (`memory_growth`) must be stable over 30 minutes by ADR-012, which gives no number: it",
            "is judged by slope and interval ([section 9](verdict.md)). A target is held against all requests of its",
            "phase. A rate is judged only if at least the stated multiple of it is offered; else it is `unavailable`.",
            "",
            "## Where sources differ",
            "",
            *(f"- {markdown(note)}" for note in differing),
            "",
            "## Tolerances",
            "",
            f"A metric may get {percent(rules.tolerance or 0)} % worse than its baseline ({rules.tolerance_source}).",
            *(_tolerances(baselines) or ("No scenario, endpoint or metric has its own tolerance.",)),
            "",
            "[Baselines](baselines.md) says how to change one.",
            "",
        )
    )


def _grouped(stated: Sequence[Stated]) -> list[tuple[str, ...]]:
    """One line for all places with the same targets."""
    by_place: dict[tuple[str, str], list[Stated]] = {}
    for one in stated:
        by_place.setdefault((one.scenario, one.endpoint), []).append(one)
    groups: dict[tuple[tuple[str, str, str], ...], list[Stated]] = {}
    for ones in by_place.values():
        groups.setdefault(tuple(map(_line, ones)), []).append(ones[0])
    return [
        (_places(places), *(", ".join(dict.fromkeys(column)) for column in zip(*lines, strict=True)))
        for lines, places in groups.items()
    ]


def _line(one: Stated) -> tuple[str, str, str]:
    """Target, phase and source."""
    target = one.target
    limits = [_limit(target, target.limit)]
    sources = [target.source]
    for kind, own in sorted(target.by_stack.items()):
        limits.append(f"{_limit(target, own.limit)} on the {kind} stack")
        sources.append(own.source)
    phase = f"offered {target.offered_factor:g} x" if target.offered_factor else target.phase
    return f"`{one.metric}` {' or '.join(limits)}", phase, "; ".join(map(markdown, sources))


def _places(ones: Sequence[Stated]) -> str:
    """Scenarios with their endpoints: `boot_storm; cloud_init_storm: meta-data, user-data`."""
    scenarios: dict[str, list[str]] = {}
    for one in ones:
        endpoints = scenarios.setdefault(one.scenario or "everywhere", [])
        if one.endpoint and one.endpoint not in endpoints:
            endpoints.append(one.endpoint)
    return "; ".join(f"{name}: {', '.join(found)}" if found else name for name, found in scenarios.items())


def _limit(target: TargetRule, limit: float) -> str:
    sign = "&lt;" if target.bound is Bound.AT_MOST else "&gt;"
    return f"{sign} {share(limit)}" if target.unit == "share" else f"{sign} {limit:,g} {target.unit}"


def _stated(baselines: Baselines) -> Iterator[Stated]:
    for scenario, endpoint, level in _levels(baselines):
        for metric, rule in [("all", level), *sorted(level.metrics.items())]:
            if isinstance(rule.target, TargetRule):
                yield Stated(scenario, endpoint, metric, rule.target)


def _tolerances(baselines: Baselines) -> tuple[str, ...]:
    """Every tolerance but that of the file's defaults."""
    return tuple(
        f"- {' / '.join(part for part in (scenario, endpoint) if part) or 'everywhere'}, `{metric}`: {_tolerance(rule)}"
        for scenario, endpoint, level in _levels(baselines)
        for metric, rule in [("all", level), *sorted(level.metrics.items())]
        if rule.tolerance is not None and rule is not baselines.rules.defaults
    )


def _tolerance(rule: Rule) -> str:
    source = f" ({markdown(rule.tolerance_source)})" if rule.tolerance_source else ""
    return f"{percent(rule.tolerance or 0)} %{source}"


def _levels(baselines: Baselines) -> Iterator[tuple[str, str, Level]]:
    yield "", "", baselines.rules.defaults
    for scenario, of_scenario in sorted(baselines.rules.scenarios.items()):
        yield scenario, "", of_scenario
        for endpoint, level in sorted(of_scenario.endpoints.items()):
            yield scenario, endpoint, level


def _table(headers: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    return tabulate(lines, headers=headers, tablefmt="pipe", disable_numparse=True)
