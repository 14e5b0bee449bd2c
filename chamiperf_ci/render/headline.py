"""The first sentence of a verdict, and how rows are grouped below it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from chamiperf_ci.models.verdict import Row, ScenarioOutcome, Verdict
from chamiperf_ci.models.vocabulary import (
    LEARNING_NIGHTS,
    RUNS_WANTED,
    FactWord,
    RowReason,
    RowVerdict,
    Statistic,
    TargetVerdict,
    Word,
)
from chamiperf_ci.render import numbers
from chamiperf_ci.render.cards import CARDS, plain_text
from chamiperf_ci.render.facts import fact_sentence, reason_words, why_invalid
from chamiperf_ci.render.numbers import signed, signed_interval
from chamiperf_ci.render.sentences import (
    accept_command,
    amounts,
    possible,
    present_since,
    row_sentence,
    target_sentence,
)
from chamiperf_ci.render.text import data


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


CONFIRM = "chamiperf confirm"
SELF_TEST = "Self-test: no product was measured."


@dataclass(frozen=True, slots=True)
class Headline:
    """A night's finding, in sentences of ours; data in them is marked.

    Attributes:
        icon: A coloured sign; never alone.
        title: What happened, in a few words.
        lead: The finding itself, for places that can set words in bold.
        rest: The rest of that sentence, and what follows from it; begins with what parts it from the lead.
        more: How much else is like it; for places without a table of the rows.
        do: The one thing to do; empty where nothing is to be done.
    """

    icon: str
    title: str
    lead: str
    rest: str = ""
    more: str = ""
    do: str = ""

    @property
    def sentence(self) -> str:
        """Everything, for places that have nothing beside it."""
        return " ".join(part for part in (f"{self.lead}{self.rest}", self.more, self.do) if part)


def headline(verdict: Verdict) -> Headline:
    """Return a verdict's finding."""
    outcome = verdict.outcome
    rows, scenarios = verdict.rows, verdict.scenarios
    several = len(scenarios) > 1
    by_word: dict[Word, Callable[[], Headline]] = {
        "regression": lambda: _regressed(rows, scenarios, several),
        "target missed": lambda: _missed(rows, several),
        "invalid": lambda: (
            _nothing_judged(rows, scenarios) if outcome.nothing_judged else _not_judged(verdict, several)
        ),
        "not decided": lambda: _far_above(rows, several),
        "learning": lambda: _learning(rows, scenarios),
        "drift": lambda: _drifting(rows, several),
        "inconclusive": lambda: _undecided(rows, several),
        "targets only": lambda: _targets_only(rows, scenarios),
        "pass": lambda: _no_slow_down(rows),
    }
    return by_word[outcome.word]() if _rows_support(verdict) else _contradicted(outcome.word)


def _rows_support(verdict: Verdict) -> bool:
    """Whether the rows hold what the word says; a file that `compare` has written always does."""
    rows, scenarios, word = verdict.rows, verdict.scenarios, verdict.outcome.word
    held: dict[Word, bool] = {
        "regression": any(map(has_regressed, rows)),
        "target missed": any(map(misses_target, rows)),
        "invalid": verdict.outcome.nothing_judged or _has_invalid(rows, scenarios),
        "not decided": any(row.far_above for row in rows),
        "drift": any(map(is_drifting, rows)),
    }
    return held.get(word, True)


def _has_invalid(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> bool:
    broken = any(not scenario.valid or scenario.repeat_reasons for scenario in scenarios)
    return broken or any(
        row.target.verdict is TargetVerdict.INVALID or has_vanished(row) or (is_not_judged(row) and not row.forgiven)
        for row in rows
    )


def _contradicted(word: Word) -> Headline:
    return Headline(
        "⚪",
        "the file contradicts itself",
        f"The verdict says {word}, and none of its rows does",
        ". Nothing can be concluded from it.",
        do="Look at the run that wrote it.",
    )


def night_sentence(verdict: Verdict) -> str:
    """Return the verdict in a sentence or two, behind the words that no product was measured where that is so."""
    unbased = [scenario.scenario for scenario in verdict.scenarios if scenario.judged_targets_only]
    partly = bool(unbased) and verdict.outcome.word != "targets only"
    parts = (
        SELF_TEST if verdict.self_test else "",
        f"Targets only for {', '.join(map(data, sorted(unbased)))}." if partly else "",
        headline(verdict).sentence,
    )
    return " ".join(part for part in parts if part)


def _targets_only(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> Headline:
    profiles = ", ".join(map(data, sorted({scenario.fingerprint.profile for scenario in scenarios})))
    return Headline(
        "🟢",
        "targets met, nothing compared",
        "Targets only",
        f": no run of profile {profiles} is accepted, so nothing was compared. {_targets_met(rows)}",
    )


def _name(row: Row, several: bool) -> str:
    return numbers.title(row.key, with_scenario=several)


def _who(rows: Sequence[Row]) -> str:
    """The scenarios that rows are of: `boot_storm`, `boot_storm and 2 more`."""
    names = list(dict.fromkeys(row.key.scenario for row in rows))
    return f"{data(names[0])}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


def _worsened(rows: Sequence[Row]) -> str:
    return "slower" if all(numbers.words_for(row.unit, row.direction).worse == "slower" for row in rows) else "worse"


def _after(sentence: str) -> str:
    """A sentence that follows a name and a colon."""
    return f": {sentence[:1].lower()}{sentence[1:]}"


def _regressed(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome], several: bool) -> Headline:
    regressed = [row for row in rows if has_regressed(row)]
    found = worst_first(row for row in regressed if not _repeats_whole_run(row, regressed))
    first = found[0]
    more = f"{_more(len(found) - 1, 'row regressed', 'rows regressed')}{_also_missed(rows)}".strip()
    title = f"{_who(found)} got {_worsened(found)}"
    mine = next((scenario for scenario in scenarios if scenario.scenario == first.key.scenario), None)
    if first.change is None:
        said = " ".join([row_sentence(first), *(_possible_stack_load(mine) if mine else ())])
        return Headline("🔴", title, _name(first, several), _after(said), more)
    allowed = f"{numbers.tolerance(first)} is allowed"
    if abs(first.change.ratio) < first.tolerance and first.verdict is RowVerdict.REGRESSION:
        # Red below the tolerance: certainly worse, and the interval does not exclude more than is tolerated.
        allowed = possible(first, max(abs(first.change.low), abs(first.change.high)))
    values = from_to(first)
    rest = (
        f" ({signed_interval(first, first.change)}): {values + ', ' if values else ''}{_seen_in_runs(first)}; "
        f"{allowed}.{_since_when(first)}"
    )
    beside = [] if mine is None else [builds(mine), *_possible_stack_load(mine)]
    lead = f"{_name(first, several)} {signed(first, first.change)}"
    return Headline("🔴", title, lead, " ".join([rest, *filter(None, beside)]), more)


def _possible_stack_load(scenario: ScenarioOutcome) -> list[str]:
    """What other processes took where they may be the service: no excuse for a regression, and a way to tell."""
    return [fact_sentence(fact) for fact in scenario.warnings if fact.word is FactWord.OTHER_WORK]


def _since_when(row: Row) -> str:
    if not row.already_there:
        return ""
    return (
        f" It was already there {present_since(row)}: fix it, acknowledge it in baselines.json, or accept runs as they "
        "are now."
    )


def _repeats_whole_run(row: Row, rows: Sequence[Row]) -> bool:
    """Whether the row is of a part of the run, and that of the whole run has the same verdict: one fact, said once."""
    if row.statistic is not Statistic.SLOW_QUARTER:
        return False
    return any(other.key == row.key.whole and other.verdict is row.verdict for other in rows)


def from_to(row: Row) -> str:
    """Return both levels: `9.63 → 16.0 ms`."""
    if row.baseline is None or row.current is None:
        return ""
    before, now = amounts((row.baseline, row.current), row.unit)
    unit = now.partition(" ")[2]
    return f"{before.removesuffix(' ' + unit) if unit else before} → {now}"


def builds(scenario: ScenarioOutcome) -> str:
    """Return which builds differ from those of the newest accepted run, old and new of each."""
    before = {each.service: each for each in scenario.baseline_identities}
    known = [each for each in scenario.identities if (each.commit or each.image) and each.service in before]
    if not known:
        return ""
    changed = [each for each in known if each != before[each.service]]
    if not changed:
        return "Both sides are the same build."
    shown = ", ".join(
        f"{data(each.service)} {data(before[each.service].build)} → {data(each.build)}"
        for each in changed[:_MOST_BUILDS]
    )
    if len(changed) > _MOST_BUILDS:
        return f"{shown} and {len(changed) - _MOST_BUILDS} more services changed."
    return f"{shown}; no other service changed."


_MOST_BUILDS = 3


def _seen_in_runs(row: Row) -> str:
    if row.reason is RowReason.ABOVE_TOLERANCE:
        return "in one run alone (gate `adr`)"
    if not row.by_pairs:
        return f"in all {len(row.current_values)} runs"
    pairs = list(zip(row.baseline_values, row.current_values, strict=False))
    return f"in {sum(numbers.is_worse(new - old, row.direction) for old, new in pairs)} of {len(pairs)} pairs"


def _missed(rows: Sequence[Row], several: bool) -> Headline:
    found = sorted((row for row in rows if misses_target(row)), key=lambda row: row.key.text)
    first = found[0]
    title = "a target is missed" if len(found) == 1 else f"{len(found)} targets are missed"
    return Headline(
        "🔴",
        title,
        f"{_name(first, several)} misses its target",
        _after(target_sentence(first.target)),
        _more(len(found) - 1, "target is missed", "targets are missed").strip(),
    )


def _nothing_judged(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> Headline:
    names = ", ".join(data(scenario.scenario) for scenario in scenarios)
    why = "no metric has an accepted run" if any(row.current is not None for row in rows) else "nothing was measured"
    return Headline(
        "⚪",
        "nothing was judged",
        "Nothing was judged",
        f": of {names} no row was compared and no target judged, since {why}.",
        do=f"Accept runs, in a clone: `{accept_command(scenarios[0])}`." if scenarios else "",
    )


def _far_above(rows: Sequence[Row], several: bool) -> Headline:
    """One run far above its baseline: neither good news nor proof, so what to do stands beside the size."""
    return _one_run([row for row in rows if row.far_above], several)


def _one_run(found: Sequence[Row], several: bool, *, also: str = "") -> Headline:
    ordered = worst_first(found)
    first = ordered[0]
    change = first.change
    sure = f" {signed(first, change)}" if change else ""
    between = f" ({signed_interval(first, change)})" if change else ""
    return Headline(
        "🟠",
        f"{_who(ordered)} looks {_worsened(ordered)}, not confirmed",
        f"{_name(first, several)}{sure}",
        f"{between} {_so_far(first)}{' ' + also if also else ''}",
        _more_rows(len(found) - 1).strip(),
        f"Measure again with `{CONFIRM}`.",
    )


def _so_far(row: Row) -> str:
    """In how many runs or pairs it was seen, and why that is not enough."""
    seen = max(1, len(row.current_values))
    if row.by_pairs:
        return f"in {numbers.counted(seen, 'pair')}; five are needed to decide."
    return "in one run. One run proves nothing." if seen == 1 else f"in {seen} runs; three are needed to decide."


def _not_judged(verdict: Verdict, several: bool) -> Headline:
    rows, scenarios = verdict.rows, verdict.scenarios
    invalid = [scenario for scenario in scenarios if not scenario.valid]
    if broken := [scenario for scenario in invalid if not scenario.never_possible]:
        return _broken(broken, all_of=len(broken) == len(scenarios))
    if undecided := [scenario for scenario in scenarios if scenario.repeat_reasons]:
        first = undecided[0]
        why = "; ".join(map(reason_words, dict.fromkeys(first.repeat_reasons)))
        return Headline(
            "⚪",
            "not decided",
            f"{data(first.scenario)} is not decided",
            f": it was measured again, and not each of its runs can be judged: {why}.",
            _more(len(undecided) - 1, "scenario is not decided", "scenarios are not decided").strip(),
            "Measure again.",
        )
    counted = [row for row in rows if row.compared and not row.forgiven]
    for reason, title in _ROW_TITLES.items():
        if found := [row for row in counted if row.reason is reason]:
            return _one_sided(found, title, verdict, several)
    unsure = [row for row in counted if row.verdict is RowVerdict.INVALID] or [
        row for row in rows if row.target.verdict is TargetVerdict.INVALID
    ]
    if not unsure:
        return _broken(invalid, all_of=len(invalid) == len(scenarios)) if invalid else _contradicted("invalid")
    first_row = unsure[0]
    of_row = first_row.verdict is RowVerdict.INVALID and first_row.compared and not first_row.forgiven
    said = row_sentence(first_row) if of_row else target_sentence(first_row.target)
    return Headline("⚪", "not judged", _name(first_row, several), _after(said), _more_rows(len(unsure) - 1).strip())


def _broken(broken: Sequence[ScenarioOutcome], *, all_of: bool) -> Headline:
    """Runs that cannot be judged; what is the same of several is said once."""
    first, why = broken[0], why_invalid(broken[0])
    others = [scenario for scenario in broken[1:] if why_invalid(scenario) != why]
    names = ", ".join(data(scenario.scenario) for scenario in broken if scenario not in others)
    card = CARDS.get(first.reasons[0]) if first.reasons else None
    return Headline(
        "⚪",
        "not measured" if all_of else f"{names} not measured",
        f"{why[:1].upper()}{why[1:]}",
        f". Nothing is said about the stack{'' if all_of else f' by {names}'}.",
        _more(len(others), "scenario was not judged", "scenarios were not judged").strip(),
        f"Do this: {plain_text(card.remedy)}" if card is not None else "",
    )


_ROW_TITLES = {
    RowReason.NOT_MEASURED: "a metric vanished",
    RowReason.FINGERPRINT_MISMATCH: "the baseline is for other circumstances",
    RowReason.NO_BASELINE: "no baseline to compare with",
}


def _one_sided(found: Sequence[Row], title: str, verdict: Verdict, several: bool) -> Headline:
    """Rows that have only one of the two sides that a comparison needs."""
    first = found[0]
    name = _name(first, several)
    more = _more_rows(len(found) - 1).strip()
    if first.reason is RowReason.NOT_MEASURED:
        if not first.baseline_runs:
            title, why = (
                "a metric is missing",
                " is to be compared by a rule of baselines.json, and the run has no such figure.",
            )
        else:
            why = " is in the baseline and was not measured."
        return Headline("⚪", title, name, why, more)
    rest = " was measured and has no accepted run to compare with."
    if first.reason is RowReason.FINGERPRINT_MISMATCH:
        rest = f" has a baseline only for other circumstances ({data(first.detail, longest=160)})."
    mine = next((scenario for scenario in verdict.scenarios if scenario.scenario == first.key.scenario), None)
    nights = verdict.outcome.environment_nights
    if mine is None:
        return Headline("⚪", title, name, rest, more)
    over = f" The {LEARNING_NIGHTS} learning nights are over." if nights and nights > LEARNING_NIGHTS else ""
    cure = "Run as the baseline was made, or accept runs as now" if mine.accepted_otherwise else "Accept runs"
    return Headline("⚪", title, name, f"{rest}{over}", more, f"{cure}, in a clone: `{accept_command(mine)}`.")


def _learning(rows: Sequence[Row], scenarios: Sequence[ScenarioOutcome]) -> Headline:
    """How many runs a first baseline could be made of; accepting them is a person's act, so that is said apart."""
    learning = [each for each in scenarios if each.learning_runs is not None]
    if not learning:
        return Headline("🔵", "learning", "Learning", f": nothing was compared yet. {_targets_met(rows)}")
    runs = min(each.learning_runs or 0 for each in learning)
    changed = next((each for each in learning if each.accepted_otherwise), None)
    title = f"learning, {runs} of {RUNS_WANTED} runs"
    how = f"Accept them, in a clone: `{accept_command(changed or learning[0])}`." if runs >= RUNS_WANTED else ""
    if changed is not None:
        otherwise = data("; ".join(changed.accepted_otherwise), longest=160)
        rest = f": the accepted runs were made otherwise ({otherwise}), so slow-downs cannot be seen."
        return Headline(
            "🔵", f"{title}, changed circumstances", "Targets are checked", f"{rest} {_targets_met(rows)}", do=how
        )
    if min(each.baseline_runs for each in learning):
        rest = "; some metrics have no accepted run yet, so their slow-downs cannot be seen."
    elif runs < RUNS_WANTED:
        rest = f"; comparison starts with {RUNS_WANTED} accepted runs."
    else:
        rest = f"; there are {runs} runs to make a baseline of, and none is accepted yet."
    return Headline("🔵", title, "Targets are checked", f"{rest} {_targets_met(rows)}", do=how)


def _drifting(rows: Sequence[Row], several: bool) -> Headline:
    found = worst_first(row for row in rows if is_drifting(row))
    first = found[0]
    more = _more(len(found) - 1, "row drifts", "rows drift").strip()
    known = any(row.verdict is RowVerdict.REGRESSION for row in rows)
    said = row_sentence(first)
    return Headline(
        "🟠",
        f"{_who(found)} is slowly getting {_worsened(found)}",
        _name(first, several),
        f"{_after(said)}{'' if known else ' Nothing regressed tonight.'}",
        more,
        "Find what changed since then, or accept the new level.",
    )


_NAMED = frozenset({RowReason.PART_OF_RUN, RowReason.NO_EARLIER_FIGURE})


def _undecided(rows: Sequence[Row], several: bool) -> Headline:
    if beyond := [row for row in rows if row.surely_beyond]:
        return _one_run(beyond, several, also=_targets_met(rows))
    compared = [row for row in rows if row.compared]
    if named := [row for row in compared if row.reason in _NAMED]:
        first = max(named, key=lambda row: ((row.current or 0.0) / (row.baseline or 1.0), row.key.text))
        return Headline(
            "🟠",
            f"{_who(named)} has something to look at",
            _name(first, several),
            f"{_after(row_sentence(first))} {_targets_met(rows)}",
            _more(len(named) - 1, "row like it", "rows like it").strip(),
        )
    open_rows = [row for row in compared if row.verdict is RowVerdict.INCONCLUSIVE]
    suspects = sum(row.suspect for row in open_rows)
    again = f"{numbers.counted(suspects, 'row is', 'rows are')} worth measuring again: `{CONFIRM}`." if suspects else ""
    return Headline(
        "🟡",
        "no slow-down proved, not everything decided",
        f"{len(open_rows)} of {numbers.counted(len(compared), 'row')} could not be decided",
        f"; nothing is shown to have regressed. {_targets_met(rows)}",
        do=again,
    )


def _no_slow_down(rows: Sequence[Row]) -> Headline:
    compared = [row for row in rows if row.compared and row.verdict in (RowVerdict.PASS, RowVerdict.IMPROVEMENT)]
    if not compared:
        return Headline("🟢", "nothing to object", "Nothing was compared", f". {_targets_met(rows)}")
    known = sum(row.acknowledged is not None for row in rows)
    acknowledged = (
        f" {numbers.counted(known, 'known regression is', 'known regressions are')} acknowledged." if known else ""
    )
    tolerances = {row.tolerance for row in compared}
    limits = f"within {100 * tolerances.pop():g} %" if len(tolerances) == 1 else "within limits"
    lead = (
        f"All {len(compared)} compared figures are {limits}"
        if len(compared) > 1
        else f"The one compared figure is {limits}"
    )
    return Headline("🟢", "no slow-down found", lead, f"{_found_with(compared)}.{acknowledged} {_targets_met(rows)}")


def _found_with(compared: Sequence[Row]) -> str:
    """What a slow-down of 20 % in the p99 would have had as a chance to be found."""
    sigmas = spreads_of_p99(compared)
    power = next((one for one in numbers.POWER if sigmas and sigmas[len(sigmas) // 2] <= one.spread), None)
    if power is None:
        return ""
    return f"; a p99 that got 20 % slower would have been found in {power.by_repeats} % of cases"


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


def spreads_of_p99(rows: Sequence[Row]) -> list[float]:
    """How much runs of the same build differ in each p99 that repeats judge, on the log scale, ascending."""
    return sorted(
        row.change.sigma for row in rows if row.change is not None and row.key.metric == "p99" and not row.by_pairs
    )
