"""The verdict against the field's usual rules, on the same data: one table, and exit 1 where a figure is not reached.

Call `python -m bench.verdict`, or `make bench-verdict`; `--trials 400 --nights 100` for a quick look, which may miss
a figure by luck. Every number is drawn from a fixed seed. What the required figures are stands in `required`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from tabulate import tabulate

from bench.verdict import drift_replay, fresh, nights, simulated
from bench.verdict.required import (
    COST_AT_MOST_S,
    COVERED_AT_LEAST,
    EFFECTS,
    FALSE_NIGHTS_AT_MOST,
    NOT_DECIDED_AT_MOST,
    OURS,
    OURS_BY_PAIRS,
    OURS_PAIRS_ALONE,
    PASS_AT_20_AT_MOST,
    PLAIN_RULE_ON_OTEL_AT_LEAST,
    SIMULATED_AT_20,
    SLOW_QUARTERS_ADD_AT_MOST,
    THIN_FALSE_AT_MOST,
    THIN_FOUND_AT_LEAST,
    Shortfalls,
)
from bench.verdict.series import Source, sources, spread_between_runs
from bench.verdict.trials import Found, Trial, draw, replay
from bench.verdict.usual_rules import E_DIVISIVE, LARGEST_P, RULES, Rule, mann_whitney_p, welch_p
from chamiperf_ci.models.vocabulary import MetricClass

SEED = 20250218
ROCKSDB = "rocksdb ops_sec"
Cells = list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; return 0 when every figure is reached, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench.verdict", description=__doc__)
    parser.add_argument("--trials", type=int, default=4_000, help="trials a source (default %(default)s)")
    parser.add_argument("--nights", type=int, default=1_500, help="unchanged nights (default %(default)s)")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    shortfalls = Shortfalls()
    table: list[Cells] = []
    notes: list[str] = []
    known = list(sources())
    if ROCKSDB not in {source.name for source in known}:
        notes.append(f"{ROCKSDB}: left out, CHAMIPERF_VERDICT_DATA names no folder with rocksdb_aa.csv")
    for source in known:
        table += _source_rows(source, options.trials, shortfalls, notes)
    table += _simulated_rows(options.trials // 4, shortfalls)
    notes += _night_notes(options.nights, shortfalls)
    notes += _drift_notes(known, options.trials // 40, shortfalls)
    notes += fresh.notes(options.trials, shortfalls)
    header = ["source", "rule", "false", "+10", "+20", "+30", "+50", "inconclusive at 0 / +20"]
    print(tabulate(table, header, tablefmt="github", disable_numparse=True, colalign=("left", "left", *["right"] * 6)))
    print("\nAll figures in percent of trials.", *notes, sep="\n")
    print(f"\n{time.monotonic() - started:.0f} s.", file=sys.stderr)
    print("Not reached:" if shortfalls.lines else "Every required figure is reached.", *shortfalls.lines, sep="\n  ")
    return 1 if shortfalls.lines else 0


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _row(source: str, rule: str, shares: Iterable[float], inconclusive: str = "") -> Cells:
    return [source, rule, *map(_percent, shares), inconclusive]


def _source_rows(source: Source, trials: int, shortfalls: Shortfalls, notes: list[str]) -> list[Cells]:
    drawn = list(draw(source, trials, SEED))
    found = {effect: replay(source, drawn, effect) for effect in (*EFFECTS, 1.0)}
    ways: dict[str, Callable[[Found], float]] = {OURS: lambda each: each.three_runs}
    if source.has_pairs:
        ways |= {OURS_BY_PAIRS: lambda each: each.by_pairs, OURS_PAIRS_ALONE: lambda each: each.pairs_alone}
    rows = []
    for rule, share in ways.items():
        shares = {effect: share(found[effect]) for effect in EFFECTS}
        shortfalls.row(source.name, rule, {effect: 100 * each for effect, each in shares.items()})
        undecided = f"{_percent(found[0.0].inconclusive)} / {_percent(found[0.2].inconclusive)}"
        rows.append(_row(source.name, rule, shares.values(), undecided if rule == OURS else ""))
    for rule_used in (*RULES, E_DIVISIVE):
        some = drawn[: trials // 10] if rule_used is E_DIVISIVE else drawn
        shares = {effect: _share_of_alarms(rule_used, some, effect) for effect in EFFECTS}
        rows.append(_row(source.name, rule_used.name, shares.values()))
        if source.name == "otel p95" and rule_used is RULES[0]:
            shortfalls.at_least(
                "the bench has no teeth: false alarms of the plain rule on otel p95, %",
                100 * shares[0.0],
                PLAIN_RULE_ON_OTEL_AT_LEAST,
            )
    _check_the_rest(source, found, shortfalls)
    notes.append(_source_note(source, found))
    return rows


def _source_note(source: Source, found: dict[float, Found]) -> str:
    unchanged, slower = found[0.0], found[0.2]
    return (
        f"{source.name}: spread of a run {spread_between_runs(source):.3f}; three runs' interval covers no change in "
        f"{_percent(unchanged.covers)}; +20 % passes in {_percent(slower.passed_three)} with three runs, in "
        f"{_percent(slower.passed)} by the whole procedure; one baseline run and no history: false "
        f"{_percent(unchanged.thin)}, +50 found in {_percent(found[0.5].thin)}, +100 in {_percent(found[1.0].thin)}"
    )


def _share_of_alarms(rule: Rule, drawn: Sequence[Trial], effect: float) -> float:
    return float(np.mean([rule.alarms(trial, float(np.log1p(effect))) for trial in drawn]))


def _check_the_rest(source: Source, found: dict[float, Found], shortfalls: Shortfalls) -> None:
    name = source.name
    shortfalls.at_most(f"{name}: false alarms with one baseline run, %", 100 * found[0.0].thin, THIN_FALSE_AT_MOST)
    shortfalls.at_least(f"{name}: +100 % with one baseline run, %", 100 * found[1.0].thin, THIN_FOUND_AT_LEAST)
    for runs, share in (("three runs", found[0.2].passed_three), ("procedure", found[0.2].passed)):
        shortfalls.at_most(f"{name}: pass at a true +20 %, {runs}, %", 100 * share, PASS_AT_20_AT_MOST)
    shortfalls.at_least(f"{name}: no change covered, %", 100 * found[0.0].covers, COVERED_AT_LEAST)


def _simulated_rows(trials: int, shortfalls: Shortfalls) -> list[Cells]:
    rows = []
    source = Source("simulated", MetricClass.P99, ())
    for spread in simulated.SPREADS:
        drawn = list(simulated.draw(spread, trials, SEED))
        name = f"simulated, sd {100 * spread:g} %"
        runs = [trial for trial, _, _ in drawn]
        found = {effect: replay(source, runs, effect) for effect in EFFECTS}
        undecided = f"{_percent(found[0.0].inconclusive)} / {_percent(found[0.2].inconclusive)}"
        by_repeats, by_pairs = SIMULATED_AT_20[spread]
        shortfalls.at_least(f"{name}: found at +20 %, three runs, %", 100 * found[0.2].three_runs, by_repeats)
        shortfalls.at_least(f"{name}: found at +20 %, suspects by pairs, %", 100 * found[0.2].by_pairs, by_pairs)
        rows += [
            _row(name, OURS, [each.three_runs for each in found.values()], undecided),
            _row(name, OURS_BY_PAIRS, [each.by_pairs for each in found.values()]),
            *(_row(name, rule.name, [_share_of_alarms(rule, runs, effect) for effect in EFFECTS]) for rule in RULES),
        ]
        for test, p_value in (("Mann-Whitney", mann_whitney_p), ("Welch's t", welch_p)):
            shares = [
                float(np.mean([p_value(before, now + np.log1p(effect)) < LARGEST_P for _, before, now in drawn]))
                for effect in EFFECTS
            ]
            rows.append(_row(name, f"{test} on 20 windows of two runs, p < 0.05", shares))
    return rows


def _night_notes(count: int, shortfalls: Shortfalls) -> list[str]:
    noise = nights.common_residuals()
    unchanged = list(nights.simulate(noise, 0.0, nights=count, seed=SEED))

    def with_any(rows: Callable[[nights.Count], int]) -> float:
        return float(np.mean([rows(night) > 0 for night in unchanged]))

    repeated, procedure = with_any(lambda night: night.false_repeated), with_any(lambda night: night.false)
    shortfalls.at_most("nights of 192 rows with a false row, all repeated, %", 100 * repeated, FALSE_NIGHTS_AT_MOST)
    shortfalls.at_most("nights of 192 rows with a false row, %", 100 * procedure, FALSE_NIGHTS_AT_MOST)
    far_first, far_left = with_any(lambda night: night.far_first), with_any(lambda night: night.far_left)
    shortfalls.at_most("unchanged nights that end not decided, %", 100 * far_left, NOT_DECIDED_AT_MOST)
    plain, with_parts = nights.false_with_slow_quarters(count // 3, SEED)
    shortfalls.at_most("false nights that slow quarters add, points", with_parts - plain, SLOW_QUARTERS_ADD_AT_MOST)
    rows = 3 * nights.SERIES
    suspects = np.mean([night.suspects for night in unchanged])
    inconclusive = float(np.mean([night.inconclusive for night in unchanged])) / rows
    notes = [
        (
            f"{count} unchanged nights of {rows} web rows with a false row: ours {_percent(procedure)} (two scenarios "
            f"repeated of {suspects:.1f} suspect), {_percent(repeated)} were every row repeated; the plain rule "
            f"{_percent(with_any(lambda night: night.false_plain))}, the ADR's letter "
            f"{_percent(with_any(lambda night: night.false_adr))}; rows left inconclusive {_percent(inconclusive)}"
        ),
        (
            f"the same nights with one run so far above that they are not decided: {_percent(far_first)} before "
            f"anything is repeated, {_percent(far_left)} after two scenarios were"
        ),
        (
            f"simulated nights of {nights.SERIES} endpoints with a false row: {plain:.1f} by p50, p95 and p99, "
            f"{with_parts:.1f} with the slow quarters of p50 and p95"
        ),
    ]
    for effect in (0.20, 0.30, 0.50):
        slowed = list(nights.simulate(noise, effect, nights=count // 10, seed=SEED))
        total = sum(night.slowed for night in slowed)
        reported = sum(night.found + night.false for night in slowed)
        notes.append(
            f"nights with one of 8 scenarios slower by {100 * effect:.0f} %: "
            f"{_percent(sum(night.found for night in slowed) / total)} of its rows found, "
            f"{_percent(sum(night.found_repeated for night in slowed) / total)} were every row repeated; "
            f"{_percent(sum(night.false for night in slowed) / reported)} of reported rows false"
        )
    return notes


def _drift_notes(known: Sequence[Source], trials: int, shortfalls: Shortfalls) -> list[str]:
    cost = drift_replay.cost()
    total = cost.drift_s + cost.change_points_s
    shortfalls.at_most("drift and change points over 700 nights x 200 rows, s", total, COST_AT_MOST_S)
    notes = [
        (
            f"drift on each of {drift_replay.NIGHTS} nights of {drift_replay.ROWS} rows: {cost.drift_s:.1f} s; change "
            f"points of the whole series: {cost.change_points_s:.1f} s ({cost.located} found, "
            f"{drift_replay.SLOWED_ROWS} planted)"
        ),
    ]
    for source in known:
        found = drift_replay.replay(source, trials=trials, seed=SEED)
        notes.append(
            f"drift, {source.name}: {found.false_per_100:.2f} new alarms per 100 unchanged nights and row; +20 % found "
            f"within 14 nights in {_percent(found.step)}, a creep to +15 % within 60 in {_percent(found.creep)}"
        )
    return notes


if __name__ == "__main__":
    sys.exit(main())
