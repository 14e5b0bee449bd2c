"""The first sentence of a verdict, and how rows are grouped below it."""

import functools
from collections.abc import Callable, Iterable, Sequence

from chamiperf_ci.models.verdict import Change, Row, RowKey, ScenarioOutcome, Word
from chamiperf_ci.models.vocabulary import DRIFT_NIGHTS, RowReason, RowVerdict, Statistic, TargetVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.render.sentences import RUNS_WANTED, accept_command, row_sentence, there_since


def has_regressed(row: Row) -> bool:
    """A regression that nobody has acknowledged."""
    return row.verdict is RowVerdict.REGRESSION and row.acknowledged is None


def misses_target(row: Row) -> bool:
    """A missed target that nobody has acknowledged."""
    return row.target.verdict is TargetVerdict.MISSED and row.target.acknowledged is None


def has_vanished(row: Row) -> bool:
    """In the baseline and not in the run."""
    return row.compared and row.reason is RowReason.NOT_MEASURED


def is_acknowledged(row: Row) -> bool:
    """Known, and covered by an entry of baselines.json."""
    return row.acknowledged is not None or row.target.acknowledged is not None


def is_drifting(row: Row) -> bool:
    """Creeping for days."""
    return row.reason is RowReason.DRIFT


def is_not_judged(row: Row) -> bool:
    """Compared, and without an answer; or a target without one because its run or value is invalid."""
    unanswered = row.verdict in (RowVerdict.INVALID, RowVerdict.UNAVAILABLE)
    return (row.compared and unanswered) or row.target.verdict is TargetVerdict.INVALID


def is_inconclusive(row: Row) -> bool:
    """Neither cleared nor condemned."""
    return row.compared and row.verdict is RowVerdict.INCONCLUSIVE


def is_improved(row: Row) -> bool:
    """Better."""
    return row.verdict is RowVerdict.IMPROVEMENT


def gravity(row: Row) -> float:
    """How much worse a row got, in units of what is tolerated; 0 where nothing was compared."""
    return row.change.d / row.tolerance if row.change and row.tolerance > 0 else 0.0


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Order rows by gravity; the name decides between equals."""
    return sorted(rows, key=lambda row: (-gravity(row), row.key.text))


LEARNING_NIGHTS = 21
CONFIRM = "chamiperf confirm"
SELF_TEST = "Self-test: no product was measured."


def headline(
    word: Word,
    rows: Sequence[Row],
    scenarios: Sequence[ScenarioOutcome],
    *,
    self_test: bool,
    nights: int | None = None,
    nothing_judged: bool = False,
) -> str:
    """Return the verdict in one sentence, behind the words that no product was measured where that is so.

    Args:
        word: The gravest thing seen.
        rows: All rows.
        scenarios: Each scenario's outcome.
        self_test: The stack was the embedded one.
        nights: Nights of the environment with tonight; None where they cannot be counted.
        nothing_judged: No row was compared and no target judged, and no run was invalid.
    """
    several = len(scenarios) > 1
    by_word: dict[str, Callable[[Sequence[Row], Sequence[ScenarioOutcome], bool], str]] = {
        "regression": _regressed,
        "target missed": _missed,
        "invalid": _nothing_judged if nothing_judged else functools.partial(_not_judged, nights=nights),
        "not decided": _far_above,
        "learning": _learning,
        "drift": _drifting,
        "inconclusive": _undecided,
    }
    sentence = by_word[word](rows, scenarios, several) if word in by_word else _nothing(rows, scenarios)
    return f"{SELF_TEST} {sentence}" if self_test else sentence


def targets_only(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome], *, self_test: bool) -> str:
    """Return the sentence of a quick run that has no accepted runs of its own profile."""
    profiles = ", ".join(sorted({scenario.fingerprint.profile for scenario in scenarios}))
    sentence = f"Targets only: no run of profile {profiles} is accepted, so nothing was compared. {_targets_met(rows)}"
    return f"{SELF_TEST} {sentence}" if self_test else sentence


def blind_spots(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> tuple[str, ...]:
    """Return what this run could not have seen, with numbers."""
    return (
        *(_runner(found) for found in [_of_p99(rows)] if found),
        *_undetectable([row for row in rows if not row.by_pairs and not is_drifting(row)], "three runs"),
        *_undetectable([row for row in rows if row.by_pairs], "these pairs"),
        *(thin for scenario in scenarios if (thin := _thin(scenario, rows))),
        *(
            f"A slow drift of {scenario.scenario} shows in {DRIFT_NIGHTS} nights; "
            f"{scenario.drift_nights} of them {'is' if scenario.drift_nights == 1 else 'are'} known."
            for scenario in scenarios
            if scenario.drift_nights is not None and scenario.drift_nights < DRIFT_NIGHTS
        ),
        *(
            f"{scenario.scenario}: both sides are the same build (A/A), so a difference is noise."
            for scenario in scenarios
            if scenario.same_build and not _is_doubtful(scenario, rows)
        ),
    )


def _is_doubtful(scenario: ScenarioOutcome, rows: Sequence[Row]) -> bool:
    """Whether a row of the scenario is suspect or drifts: something may have changed that is not the build."""
    return any(
        row.suspect or is_drifting(row) or has_regressed(row) for row in rows if row.key.scenario == scenario.scenario
    )


def _regressed(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome], several: bool) -> str:
    regressed = [row for row in rows if has_regressed(row)]
    found = [row for row in regressed if not _said_by_the_whole(row, regressed)]
    first = worst_first(found)[0]
    name = numbers.title(first.key, with_scenario=several)
    if first.change is None:
        sentence = f"{name}: {row_sentence(first)}"
    else:
        rose = numbers.words_for(first.unit, first.direction).worsened
        size = numbers.percent(first.change.ratio, beside=first.tolerance)
        between = _between(first, first.change)
        allowed = f"{numbers.tolerance(first)} is allowed"
        if abs(first.change.ratio) < first.tolerance and first.verdict is RowVerdict.REGRESSION:
            # Red below the tolerance: certainly worse, and the interval does not exclude more than is tolerated.
            allowed = f"it may exceed the {numbers.tolerance(first)} that are allowed"
        sentence = f"{name} {rose} {size} % ({between}), {_seen(first)}; {allowed}.{_old_news(first)}"
    return f"{sentence}{_more(len(found) - 1, 'row regressed', 'rows regressed')}{_also_missed(rows)}"


def _old_news(row: Row) -> str:
    if not row.already_there:
        return ""
    return (
        f" It was already there {there_since(row)}: mend it, acknowledge it in baselines.json, or accept runs as they "
        "are now."
    )


def _said_by_the_whole(row: Row, rows: Sequence[Row]) -> bool:
    """Whether the row is of a part of the run, and that of the whole run has the same verdict: one fact, said once."""
    if row.statistic is not Statistic.SLOW_QUARTER:
        return False
    return any(other.key == row.key.whole and other.verdict is row.verdict for other in rows)


def _between(row: Row, change: Change) -> str:
    ends = sorted((abs(change.low), abs(change.high)))
    if change.low < 0 < change.high:
        return numbers.interval(row, change)
    low, high = (numbers.percent(end, beside=row.tolerance) for end in ends)
    return f"between {low} and {high} %"


def _seen(row: Row) -> str:
    if row.reason is RowReason.ABOVE_TOLERANCE:
        return "by one run alone (gate: adr)"
    return f"seen by {len(row.current_values)} pairs" if row.by_pairs else f"seen in all {len(row.current_values)} runs"


def _missed(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome], several: bool) -> str:
    found = [row for row in rows if misses_target(row)]
    first = min(found, key=lambda row: row.key.text)
    more = _more(len(found) - 1, "target is missed", "targets are missed")
    return f"{numbers.title(first.key, with_scenario=several)} misses its target: {first.target.sentence}{more}"


def _nothing_judged(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome], _several: bool) -> str:
    names = ", ".join(scenario.scenario for scenario in scenarios)
    why = "no metric has an accepted run" if any(row.current is not None for row in rows) else "nothing was measured"
    return f"Nothing was judged: of {names} no row was compared and no target judged ({why})."


def _far_above(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome], several: bool) -> str:
    """One run far above its baseline: neither good news nor proof, so what to do stands beside the size."""
    found = [row for row in rows if row.far_above]
    return f"Not decided: {_one_run(found, several)}"


def _one_run(found: Sequence[Row], several: bool) -> str:
    first = worst_first(found)[0]
    change = first.change
    if change is None:
        return ""
    rose = numbers.words_for(first.unit, first.direction).worsened
    size = numbers.percent(change.ratio, beside=first.tolerance)
    name = numbers.title(first.key, with_scenario=several)
    return (
        f"{name} {rose} {size} % ({_between(first, change)}) in one run. One run proves nothing: measure again with "
        f"`{CONFIRM}`.{_more_rows(len(found) - 1)}"
    )


def _not_judged(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome], several: bool, *, nights: int | None) -> str:
    broken = [scenario for scenario in scenarios if not scenario.valid]
    if broken:
        first = broken[0]
        more = _more(len(broken) - 1, "scenario was not judged", "scenarios were not judged")
        return f"Not judged: {first.scenario}: {first.problems[0].rstrip('.')}.{more}"
    undecided = [scenario for scenario in scenarios if scenario.repeat_reasons]
    if undecided:
        first = undecided[0]
        more = _more(len(undecided) - 1, "scenario was not decided", "scenarios were not decided")
        why = ", ".join(dict.fromkeys(map(str, first.repeat_reasons)))
        return f"Not decided: {first.scenario} has several runs, and not each of them can be judged ({why}).{more}"
    order = (RowReason.NOT_MEASURED, RowReason.FINGERPRINT_MISMATCH, RowReason.NO_BASELINE)
    counted = [row for row in rows if row.compared]
    for reason in order:
        found = [row for row in counted if row.reason is reason]
        if found:
            name = numbers.title(found[0].key, with_scenario=several)
            news = f"{_ROW_NEWS[reason].format(name=name, detail=found[0].detail)}{_more_rows(len(found) - 1)}"
            return news if reason is RowReason.NOT_MEASURED else _learnt(news, found[0], scenarios, nights)
    found = [row for row in counted if row.verdict is RowVerdict.INVALID] or [
        row for row in rows if row.target.verdict is TargetVerdict.INVALID
    ]
    first_row = found[0]
    said = first_row.sentence if first_row.verdict is RowVerdict.INVALID else first_row.target.sentence
    return f"{numbers.title(first_row.key, with_scenario=several)}: {said}{_more_rows(len(found) - 1)}"


def _learnt(news: str, row: Row, scenarios: Sequence[ScenarioOutcome], nights: int | None) -> str:
    """Say that the nights of grace are over, and how runs are accepted, where nights are counted."""
    mine = next((scenario for scenario in scenarios if scenario.scenario == row.key.scenario), None)
    if mine is None or nights is None or nights <= LEARNING_NIGHTS:
        return news
    cure = "Run as the baseline was made, or accept runs as now" if mine.accepted_otherwise else "Accept runs"
    return f"The {LEARNING_NIGHTS} learning nights are over: {news} {cure}, in a clone: `{accept_command(mine)}`."


_ROW_NEWS = {
    RowReason.NOT_MEASURED: "{name} is in the baseline and was not measured.",
    RowReason.FINGERPRINT_MISMATCH: "{name} has a baseline only for other circumstances ({detail}).",
    RowReason.NO_BASELINE: "{name} was measured and has no accepted run to compare with.",
}


def _learning(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome], _several: bool) -> str:
    """How many runs a first baseline could be made of; accepting them is a person's act, so that is said apart."""
    learning = [each for each in scenarios if each.learning_runs is not None]
    runs = min(each.learning_runs or 0 for each in learning)
    accepted = min(each.baseline_runs for each in learning)
    changed = next((each for each in learning if each.accepted_otherwise), None)
    how = f" (`{accept_command(changed or learning[0])}`)" if runs >= RUNS_WANTED else ""
    if changed is not None:
        otherwise = "; ".join(changed.accepted_otherwise)
        return (
            f"Learning for changed circumstances ({runs} of {RUNS_WANTED} runs): the accepted runs were made otherwise "
            f"({otherwise}), so slow-downs cannot be seen{how}. {_targets_met(rows)}"
        )
    measured_runs = numbers.counted(runs, "valid run is measured", "valid runs are measured")
    if accepted:
        unseen = "some metrics have no accepted run yet, so their slow-downs cannot be seen"
    elif runs < RUNS_WANTED:
        unseen = f"{measured_runs} and none is accepted yet, so slow-downs cannot be seen"
    else:
        unseen = f"there are enough for a baseline and none is accepted yet, so slow-downs cannot be seen{how}"
    return f"Learning ({runs} of {RUNS_WANTED} runs): {unseen}. {_targets_met(rows)}"


def _drifting(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome], several: bool) -> str:
    found = [row for row in rows if is_drifting(row)]
    first = worst_first(found)[0]
    more = _more(len(found) - 1, "row drifts", "rows drift")
    return f"Nothing regressed tonight, but {numbers.title(first.key, with_scenario=several)}: {first.sentence}{more}"


_NAMED = frozenset({RowReason.PART_OF_RUN, RowReason.NO_EARLIER_FIGURE})


def _undecided(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome], several: bool) -> str:
    if beyond := [row for row in rows if row.surely_beyond]:
        return f"Not confirmed: {_one_run(beyond, several)} {_targets_met(rows)}"
    compared = [row for row in rows if row.compared]
    if named := [row for row in compared if row.reason in _NAMED]:
        first = max(named, key=lambda row: ((row.current or 0.0) / (row.baseline or 1.0), row.key.text))
        more = _more(len(named) - 1, "row like it", "rows like it")
        return f"{numbers.title(first.key, with_scenario=several)}: {first.sentence}{more} {_targets_met(rows)}"
    open_rows = [row for row in compared if row.verdict is RowVerdict.INCONCLUSIVE]
    suspects = sum(row.suspect for row in open_rows)
    again = f" {numbers.counted(suspects, 'row is', 'rows are')} worth measuring again." if suspects else ""
    return (
        f"Nothing is shown to have regressed; {len(open_rows)} of {numbers.counted(len(compared), 'row')} could not be "
        f"decided.{again} {_targets_met(rows)}"
    )


def _nothing(rows: Sequence[Row], _scenarios: Sequence[ScenarioOutcome]) -> str:
    compared = [row for row in rows if row.compared and row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT)]
    tolerances = sorted({row.tolerance for row in compared})
    if not compared:
        return f"Nothing was compared. {_targets_met(rows)}"
    most = f"{100 * tolerances[-1]:g} %" if len(tolerances) == 1 else "its tolerance"
    known = sum(row.acknowledged is not None for row in rows)
    acknowledged = (
        f" {numbers.counted(known, 'known regression is', 'known regressions are')} acknowledged." if known else ""
    )
    none = f"None of {len(compared)} rows got worse by {most} or more."
    if len(compared) == 1:
        none = f"The one row compared did not get worse by {most} or more."
    return f"{none}{acknowledged} {_targets_met(rows)}"


def _targets_met(rows: Sequence[Row]) -> str:
    met = sum(row.target.verdict in (TargetVerdict.MET, TargetVerdict.AT_THE_LIMIT) for row in rows)
    missed = sum(row.target.verdict is TargetVerdict.MISSED for row in rows)
    if missed:
        return f"{numbers.counted(missed, 'target is', 'targets are')} missed."
    if met == 1:
        return "The one target judged is met."
    return f"All {met} targets judged are met." if met else "No target was judged."


def _also_missed(rows: Sequence[Row]) -> str:
    missed = sum(map(misses_target, rows))
    return f" {numbers.counted(missed, 'target is', 'targets are')} missed." if missed else ""


def _more(count: int, one: str, many: str) -> str:
    return f" {count} more {one if count == 1 else many}." if count else ""


def _more_rows(count: int) -> str:
    return f" {count} more {'row' if count == 1 else 'rows'} like it." if count else ""


def _of_p99(rows: Sequence[Row]) -> list[float]:
    return sorted(
        row.change.sigma for row in rows if row.change is not None and row.key.metric == "p99" and not row.by_pairs
    )


def _runner(sigmas: Sequence[float]) -> str:
    sigma = sigmas[len(sigmas) // 2]
    found = next((power for power in numbers.POWER if sigma <= power.spread), None)
    often = (
        f"about {found.by_repeats} % of cases by repeats, {found.by_pairs} % by pairs"
        if found
        else f"under {numbers.POWER[-1].by_repeats} % of cases by repeats; pairs find more"
    )
    return (
        f"Runs of the same build differ by about {numbers.percent(sigma, tenths=True)} % in p99 (sigma): a slow-down "
        f"of 20 % is found in {often} ({numbers.SOURCE})."
    )


def _thin(scenario: ScenarioOutcome, rows: Sequence[Row]) -> str:
    """Too few runs on the other side; of pairs that stand alone that side was never accepted."""
    runs = scenario.baseline_runs
    compared = [row for row in rows if row.compared and row.key.scenario == scenario.scenario]
    if compared and all(row.by_pairs for row in compared):
        few = 0 < runs < 5  # noqa: PLR2004 - the pairs that decide, by verdict.md
        return (
            f"{scenario.scenario} was measured by {numbers.counted(runs, 'pair')}; five are needed to decide."
            if few
            else ""
        )
    if not 0 < runs < 3:  # noqa: PLR2004 - what verdict.md calls a thin baseline
        return ""
    return (
        f"{scenario.scenario} is compared with {numbers.counted(runs, 'accepted run')}; "
        f"{RUNS_WANTED} from {RUNS_WANTED} nights would narrow every interval."
    )


def _undetectable(rows: Sequence[Row], judges: str) -> list[str]:
    found = [(row.change.detectable, row.key) for row in rows if row.change is not None]
    if not found:
        return []
    least, most = min(found, key=_size), max(found, key=_size)
    ends = (f"{numbers.percent(size, tenths=True)} % ({numbers.title(key)})" for size, key in (least, most))
    place = f"is {next(ends)}" if least == most else f"lies between {' and '.join(ends)}"
    alone = "" if len(found) == 1 else ", each row by itself; of few slow rows among many, fewer are found"
    return [f"The smallest slow-down that {judges} find in 80 % of cases {place}{alone}."]


def _size(found: tuple[float, RowKey]) -> tuple[float, str]:
    return found[0], found[1].text
