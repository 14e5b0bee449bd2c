"""The sentence of a row: what was found, how sure it is, and what could not have been seen."""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from chamiperf_ci.models.verdict import Change, Row, ScenarioOutcome, StatementChange, TargetResult, Verdict
from chamiperf_ci.models.vocabulary import (
    DEFAULT_FAIL_ON,
    DRIFT_NIGHTS,
    RUNS_WANTED,
    FactWord,
    FailOn,
    RowKind,
    RowReason,
    RowVerdict,
    Statistic,
    TargetVerdict,
)
from chamiperf_ci.render import numbers
from chamiperf_ci.render.facts import fact_sentence
from chamiperf_ci.render.text import data


def fails(verdict: Verdict, kind: FailOn) -> bool:
    """Whether what is of this kind turns the exit code; nothing did in a night that ended in 0."""
    return verdict.outcome.exit_code != 0 and kind in (verdict.fail_on or DEFAULT_FAIL_ON)


_NIGHTS = "--history-branch chamiperf-data --environment NAME"
"""The branch of the workflows to copy; a comparison is given its content as a folder, and not its name."""
BEGIN = f"chamiperf baselines init {_NIGHTS} --link URL"
ADD = f"chamiperf update-baseline propose --reason TEXT {_NIGHTS}"
BESIDE = f"{ADD} --overrule fingerprint"
NEWEST = f"{ADD} --replace --scenario SCENARIO"
"""The newest nights in the place of the accepted ones."""
REPLACE = f"{NEWEST} --since DAY"
"""A range replaces whatever it holds, so that it is narrowed to what changed."""
FIRST_DAY = "DAY is the first night after the change"
"""Tonight in its place would leave a baseline of one run."""
WHAT_CHANGED = f"`--scenario` names what changed, {FIRST_DAY}"
APPLY = "chamiperf update-baseline apply"
_USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def accept_command(scenario: ScenarioOutcome) -> str:
    """Return the command for one scenario's nights, with the environment's own name."""
    return filled_in(_command(scenario), environment=scenario.fingerprint.environment, scenario=scenario.scenario)


def filled_in(text: str, *, environment: str, scenario: str = "") -> str:
    """Put names into the commands of a text; what is not known or could be no such name is left as it is."""
    for option, value in (("--environment NAME", environment), ("--scenario SCENARIO", scenario)):
        if _USABLE.fullmatch(value):
            text = text.replace(option, f"{option.split()[0]} {value}")
    return text


def _command(scenario: ScenarioOutcome) -> str:
    if not scenario.environment_accepted:
        return BEGIN
    if scenario.accepted_otherwise:
        return BESIDE
    if scenario.baseline_runs >= RUNS_WANTED:
        return NEWEST
    return ADD


def statement_sentence(change: StatementChange, *, with_scenario: bool = False) -> str:
    """Return what became of a database statement: its factor, what it takes, and the statement itself, as data."""
    where = f" in {data(change.scenario)}" if with_scenario else ""
    before, now = numbers.quantities((change.before_ms, change.now_ms), "ms")
    factor, old = numbers.significant(change.factor), before.rpartition(" ")[0]
    said = f"Statement {factor} times as long ({old} → {now}){where}, {data(change.role)}"
    return f"{said}: {data(change.text, longest=_LONGEST_STATEMENT)}"


_LONGEST_STATEMENT = 200


def row_sentence(row: Row) -> str:
    """Return a row's sentence.

    Raises:
        KeyError: The reason has no sentence; a test holds that each has one.
    """
    sentence = _SENTENCES[row.reason](row)
    if row.above_tolerance_unconfirmed and row.verdict is RowVerdict.INCONCLUSIVE:
        sentence += f" Above {numbers.tolerance(row)}, not confirmed."
    return sentence


def target_sentence(target: TargetResult) -> str:
    """Return what a target says: `123 ms, the target is below 100 ms (ADR-012).`; empty without a target."""
    if target.verdict is TargetVerdict.NONE or target.limit is None:
        return ""
    source = f" ({_source(target.source)})" if target.source else ""
    wanted = f"the target is {target.bound} {amount(target.limit, target.unit)}{source}"
    if target.value is None:
        return f"Not judged: {wanted}. {target_reason(target)}".rstrip()
    seen = amount(target.value, target.unit)
    if target.low is not None and target.high is not None:
        seen += f" (95 %: {numbers.share(target.low)} to {numbers.share(target.high)})"
    if target.verdict is TargetVerdict.AT_THE_LIMIT:
        return f"{seen}, {wanted}: too near to tell, counted as met."
    if target.verdict in (TargetVerdict.MET, TargetVerdict.MISSED):
        return f"{seen}, {wanted}."
    return f"{seen}, {wanted}; not judged. {target_reason(target)}".rstrip()


def _source(source: str) -> str:
    return source if source == "ADR-012" else data(source)


def target_reason(target: TargetResult) -> str:
    """Return why a target was not judged, empty when it was."""
    return _TARGET_REASONS.get(target.reason, "") if target.reason else ""


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, shares as percent."""
    return numbers.share(value) if unit == "share" else numbers.quantity(value, unit)


def amounts(values: Sequence[float], unit: str) -> tuple[str, ...]:
    """Return values with their unit in one common scale, shares as percent."""
    return tuple(amount(value, unit) for value in values) if unit == "share" else numbers.quantities(values, unit)


_TARGET_REASONS = MappingProxyType(
    {
        RowReason.NOT_OFFERED: "The plan offers too little to show it: the pace would be measured, not the service.",
        RowReason.SIMULATED: "The figure is simulated.",
        RowReason.NOT_MEASURED: "It was not measured.",
        RowReason.RUN_INVALID: "The run cannot be judged.",
        RowReason.TOO_FEW_REQUESTS: "Too few requests lie beyond the quantile.",
        RowReason.NOT_A_QUANTITY: "The value is not a positive number.",
        RowReason.TOO_SHORT: "The time observed is too short.",
        RowReason.RESTARTED: "The service restarted while it was observed.",
        RowReason.MACHINE_BUSY: "The generator's machine was busy with other work.",
    }
)


def _of_change(say: Callable[[Row, Change], str]) -> Callable[[Row], str]:
    """A sentence about a change; a row of stalled windows or errors has none, and says its counts."""
    return lambda row: _counts(row) if row.change is None else say(row, row.change)


def _regression(row: Row, change: Change) -> str:
    runs = f"seen in all {len(row.current_values)} runs"
    if row.already_there:
        return f"{_certainty(row, change)}, {runs}; already there {present_since(row)}, so not new tonight."
    return f"{_certainty(row, change)}, {runs}; {_limit(row, change)}."


def _limit(row: Row, change: Change) -> str:
    """Whether the change exceeds what is allowed, or may; red below it, the most that is possible says why."""
    lowest, highest = sorted((abs(change.low), abs(change.high)))
    if lowest > row.tolerance and change.low * change.high > 0:
        return f"exceeds the {numbers.tolerance(row)} limit"
    if abs(change.ratio) >= row.tolerance:
        return f"may exceed the {numbers.tolerance(row)} limit"
    return possible(row, highest)


def possible(row: Row, highest: float) -> str:
    """Why a row is red whose estimate lies below the limit: it is certainly worse, and more than that is possible."""
    worse = numbers.words_for(row.unit, row.direction).worse
    most = numbers.percent(highest, tenths=True, compared_to=row.tolerance)
    return f"certainly {worse}, and up to {most} % is possible where {numbers.tolerance(row)} is allowed"


def present_since(row: Row) -> str:
    """Since when a regression has been there, as far as the nights before tell."""
    return f"since {data(row.already_there_since)}" if row.already_there_since else "for at least seven nights"


def _by_pairs(row: Row, change: Change) -> str:
    pairs = list(zip(row.baseline_values, row.current_values, strict=False))
    worse = sum(numbers.is_worse(new - old, row.direction) for old, new in pairs)
    seen = f"in {worse} of {len(pairs)} pairs measured side by side"
    return f"{_certainty(row, change)}, seen {seen}; {_limit(row, change)}."


def _thin_regression(row: Row, change: Change) -> str:
    twice = row.statistic is Statistic.POOLED and row.key.metric.rpartition(" ")[2].startswith("p99")
    least = "twice" if twice else "half again"
    runs = f"each of {len(row.current_values)} runs at least {least} as bad as the accepted"
    return f"{_certainty(row, change)}, {runs} {'run' if row.baseline_runs == 1 else 'runs'}."


def _improvement(row: Row, change: Change) -> str:
    runs = "in one run" if len(row.current_values) == 1 else f"in all {len(row.current_values)} runs"
    return f"{_certainty(row, change)}, {runs}."


def _pass(row: Row, change: Change) -> str:
    return f"{_plain(row, change)}: within {numbers.tolerance(row)}."


def _slower_within(row: Row, change: Change) -> str:
    worse = numbers.words_for(row.unit, row.direction).worse
    return f"{_certainty(row, change)}: {worse}, within tolerance ({numbers.tolerance(row)})."


def _within_over_nights(row: Row, change: Change) -> str:
    worse = numbers.words_for(row.unit, row.direction).worse
    return f"{_plain(row, change)}: {worse}, within {numbers.tolerance(row)} over {DRIFT_NIGHTS + 1} nights."


def _not_repeated(row: Row) -> str:
    if row.change is None:
        return f"{_counts(row)} {'Three pairs are needed to decide' if row.by_pairs else 'Not repeated'}."
    runs = len(row.current_values)
    if row.by_pairs:
        seen, again = f"in {numbers.counted(runs, 'pair')}", "five are needed to decide"
    elif runs == 1:
        seen, again = "in one run", "not repeated"
    else:
        seen, again = f"in {runs} runs", "three are needed to decide"
    change = f"{numbers.estimate(row, row.change)} {seen} ({numbers.interval(row, row.change)})"
    return f"{change}; {again}. {_noise(row.change)}"


def _few_pairs(row: Row, change: Change) -> str:
    pairs = numbers.counted(len(row.current_values), "pair")
    return f"{_plain(row, change)} in {pairs}: five are needed to decide."


def _disagree(row: Row, change: Change) -> str:
    what = "pairs" if row.by_pairs else "runs"
    return f"{_plain(row, change)}: not in every one of {len(row.current_values)} {what}, so chance is not excluded."


def _noisy(row: Row, change: Change) -> str:
    return f"{_plain(row, change)}: noise hides whether that is within {numbers.tolerance(row)}. {_noise(change)}"


def _thin(row: Row) -> str:
    accepted = numbers.counted(row.baseline_runs, "accepted run")
    shows = "shows" if row.baseline_runs == 1 else "show"
    start = _counts(row).rstrip(".") if row.change is None else _plain(row, row.change)
    return f"{start}: {accepted} {shows} too little; {RUNS_WANTED} from {RUNS_WANTED} nights would narrow it."


def _above_tolerance(row: Row, change: Change) -> str:
    return f"{numbers.estimate(row, change)} in one run; the ADR's rule allows {numbers.tolerance(row)}."


def _drift(row: Row) -> str:
    began = "".join(f" {fact_sentence(note)}" for note in row.notes if note.word is FactWord.DRIFT_BEGAN)
    if row.change is None:
        return began.strip()
    slowly = f"{numbers.estimate(row, row.change)} over the last 7 nights"
    return f"{slowly} ({numbers.interval(row, row.change)}): a slow drift.{began}"


def _counts(row: Row) -> str:
    """What a row that is judged by no ratio says: the numbers of both sides."""
    now = f"{_range(row.current_values, row)} now"
    if not row.baseline_values:
        return f"{now}."
    before = numbers.counted(len(row.baseline_values), "old run" if row.by_pairs else "accepted run")
    return f"{now}, {_range(row.baseline_values, row)} in {before}."


def _range(values: Sequence[float], row: Row) -> str:
    """The least and the most: `2 to 4 stalled windows`, `0.1 % of requests failed`, `0.09 to 0.12 ms`."""
    ends = tuple(dict.fromkeys((min(values, default=0.0), max(values, default=0.0))))
    if row.kind is RowKind.CONNECTION:
        return " to ".join(amount(end, row.unit) for end in ends)
    if row.unit == "share":
        what = "of the planned rate" if row.kind is RowKind.RATE else "of requests failed"
    else:
        what = f"stalled window{'' if ends == (1.0,) else 's'}"
    said = (numbers.share(end) if row.unit == "share" else f"{end:g}" for end in ends)
    return f"{' to '.join(said)} {what}"


def _part_of_run(row: Row) -> str:
    """A quarter of the windows far above the accepted runs' median window; their own quarters are not known."""
    if row.current is None or not row.baseline:
        return "A quarter of the windows is far slower than the others."
    more = numbers.percent(row.current / row.baseline - 1)
    return (
        f"In a quarter of the windows {amount(row.current, row.unit)} or more, {more} % above the accepted runs' "
        f"median window ({amount(row.baseline, row.unit)}). No accepted run says how its windows differed, so this is "
        "named and not judged."
    )


def _no_earlier_figure(row: Row) -> str:
    waited = "" if row.current is None else f"{amount(row.current, row.unit)} (p95) until there is a connection. "
    return f"{waited}No accepted run says what it was before, so this is named and not judged."


def _vanished(row: Row) -> str:
    if not row.baseline_runs:
        return "A rule of baselines.json asks to compare it, and the run has no such figure."
    was = f" ({amount(row.baseline, row.unit)})" if row.baseline is not None else ""
    return f"In the baseline{was}, and not measured now."


def _shown(row: Row) -> str:
    now = "not measured" if row.current is None else f"{amount(row.current, row.unit)} now"
    if row.offered is not None:
        now = f"achieved {now.removesuffix(' now')} of {amount(row.offered, row.unit)} offered"
    return f"{now[:1].upper()}{now[1:]}; shown, not compared{_reason_clause(row)}."


def _unjudged(because: str) -> Callable[[Row], str]:
    def sentence(row: Row) -> str:
        now = f" {amount(row.current, row.unit)} now." if row.current is not None else ""
        return f"Not judged: {because}{_reason_clause(row)}.{now}"

    return sentence


def _reason_clause(row: Row) -> str:
    return f": {data(row.detail, longest=160)}" if row.detail else ""


def _certainty(row: Row, change: Change) -> str:
    return f"{numbers.estimate(row, change)} (95 %: {numbers.interval(row, change)})"


def _plain(row: Row, change: Change) -> str:
    said = numbers.estimate(row, change)
    return f"{said[:1].upper()}{said[1:]} ({numbers.interval(row, change)})"


def _noise(change: Change) -> str:
    return f"Changes under {numbers.percent(change.detectable)} % cannot be told from noise here."


_SENTENCES: Mapping[RowReason, Callable[[Row], str]] = MappingProxyType(
    {
        RowReason.RUN_INVALID: _unjudged("the run cannot be judged"),
        RowReason.FINGERPRINT_MISMATCH: _unjudged("the only baseline was made under other circumstances"),
        RowReason.ERROR_BURST: _unjudged("over 1 % of the requests failed in more than a quarter of the windows"),
        RowReason.TOO_FEW_REQUESTS: _unjudged("too few requests for this quantile"),
        RowReason.STATISTIC_MISMATCH: _unjudged("one side is a median of windows, the other a pooled quantile"),
        RowReason.NOT_A_QUANTITY: _unjudged("the value is not a positive number"),
        RowReason.RESTARTED: _unjudged("the service restarted while it was observed"),
        RowReason.MACHINE_BUSY: _unjudged("other work on the machine may be what is slow"),
        RowReason.UNIT_MISMATCH: _unjudged("the unit or direction is not the one it would be compared with"),
        RowReason.RESOLUTION: _unjudged("the value is less than 20 steps of what can be told apart"),
        RowReason.NO_BASELINE: _unjudged("there is no accepted run to compare with"),
        RowReason.NOT_OFFERED: _unjudged("the plan offers too little to show it"),
        RowReason.NOT_MEASURED: _vanished,
        RowReason.SIMULATED: _unjudged("the figure is simulated"),
        RowReason.TOO_SHORT: _unjudged("the time observed is too short"),
        RowReason.NOT_COMPARED: _shown,
        RowReason.SUSPECT_NOT_REPEATED: _not_repeated,
        RowReason.RUNS_DISAGREE: _of_change(_disagree),
        RowReason.NOISY: _of_change(_noisy),
        RowReason.THIN_BASELINE: _thin,
        RowReason.TOO_FEW_PAIRS: _of_change(_few_pairs),
        RowReason.PART_OF_RUN: _part_of_run,
        RowReason.NO_EARLIER_FIGURE: _no_earlier_figure,
        RowReason.WITHIN_TOLERANCE: _of_change(_pass),
        RowReason.SLOWER_WITHIN_TOLERANCE: _of_change(_slower_within),
        RowReason.WITHIN_OVER_NIGHTS: _of_change(_within_over_nights),
        RowReason.FASTER: _of_change(_improvement),
        RowReason.ONE_RUN: _of_change(_improvement),
        RowReason.SLOWER_IN_ALL_RUNS: _of_change(_regression),
        RowReason.SLOWER_IN_PAIRS: _of_change(_by_pairs),
        RowReason.SLOWER_THAN_HALF_AGAIN: _of_change(_thin_regression),
        RowReason.MORE_STALLED_WINDOWS: _counts,
        RowReason.MORE_ERRORS: _counts,
        RowReason.SLOWER_CONNECTIONS: _counts,
        RowReason.LOWER_RATE: _counts,
        RowReason.ABOVE_TOLERANCE: _of_change(_above_tolerance),
        RowReason.DRIFT: _drift,
    }
)
