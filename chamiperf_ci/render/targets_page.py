"""`docs/targets.md`: each target of ADR-012, the rows and the phase it applies to, and its source, from the rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from chamiperf_ci.models.baselines import Baselines, Bound, Level, Rule, TargetRule
from chamiperf_ci.render.escaping import markdown
from chamiperf_ci.render.numbers import percent, share

_ADR = (
    ("Single-resource GET p50", "< 10 ms", "p50", ""),
    ("Single-resource GET p95", "< 50 ms", "p95", ""),
    ("Single-resource GET p99", "< 100 ms", "p99", ""),
    ("Full boot path p99 (register, boot script)", "< 200 ms", "boot path p99", ""),
    ("Per-service throughput", "> 10,000 req/s", "service throughput", ""),
    ("Bulk registration rate", "> 1,000/s", "registrations", ""),
    ("Error rate under sustained load", "< 0.1 %", "errors", ""),
    ("Database query p99", "< 50 ms", "db_query_p99", ""),
    ("DB connection pool utilization", "< 80 %", "pool_utilisation", ""),
    (
        "Container memory",
        "stable (no leaks over 30 min)",
        "memory_growth",
        "judged beside the samples, by the slope and its interval (verdict.md section 9): the ADR gives no number",
    ),
)
"""ADR-012's table: metric, target, the row that answers it, and why there is none in baselines.json."""


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
            "What is demanded of a stack on every run, apart from any comparison: a metric can meet its target and",
            "have regressed, and the other way round. `baselines.json` is the one place where a target or a tolerance",
            "is changed; its rules cascade from the file's defaults over scenario and endpoint to the metric.",
            "",
            "## ADR-012, target by target",
            "",
            _table(("ADR-012", "target", "row", "stated for"), [_answer(*line, stated) for line in _ADR]),
            "",
            "## All targets",
            "",
            _table(("where", "targets", "phase", "source"), _grouped(stated)),
            "",
            "A rate is judged in the phase that offers at least the stated multiple of it; where none does, its row is",
            "`unavailable`, `not-offered`, which costs nothing: the pace would be measured, not the service.",
            "A target is held against the pooled quantile of its phase, which is what users saw.",
            "",
            "## Where sources differ",
            "",
            *(f"- {markdown(note)}" for note in differing),
            "- Chamicore's quick mode has laxer limits in its Makefile (250 to 300 ms, 1 %) than its documents. The",
            "  targets here hold for every profile; a run names its profile, and profiles are never compared.",
            "- Chamicore's hand-over notes ask for more than the ADR: a list of 50,000 in 500 ms, 5,000 token",
            "  exchanges/s below 50 ms, a full DHCP sync in 60 s, 500 Kea pushes/s. They are no targets here, since",
            "  the requirement is the ADR; each is one line in `baselines.json` away.",
            "",
            "## Tolerances",
            "",
            f"Against the baseline, {percent(rules.tolerance or 0)} % is tolerated ({rules.tolerance_source}).",
            *(_tolerances(baselines) or ("No scenario, endpoint or metric has a tolerance of its own.",)),
            "",
        )
    )


def _answer(name: str, target: str, metric: str, why_not: str, stated: tuple[Stated, ...]) -> tuple[str, ...]:
    places = _places([one for one in stated if one.metric == metric])
    return name, markdown(target), f"`{metric}`", why_not or places


def _grouped(stated: Sequence[Stated]) -> list[tuple[str, ...]]:
    """One line for all places with the same targets."""
    by_place: dict[tuple[str, str], list[Stated]] = {}
    for one in stated:
        by_place.setdefault((one.scenario, one.endpoint), []).append(one)
    groups: dict[tuple[tuple[str, str, str], ...], list[Stated]] = {}
    for ones in by_place.values():
        groups.setdefault(tuple(map(_line, ones)), []).append(ones[0])
    return [
        (_places(places), *(_once(column) for column in zip(*lines, strict=True))) for lines, places in groups.items()
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


def _once(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))


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
