"""What facts say in words: warnings and notes of a verdict, why a run is not judged, what drills have shown.

Text inside a fact is data: it is marked, and every surface shows it as such, never as a sentence. A verdict may come
from a fork, so a value that is missing or of the wrong type is a question mark and nothing worse.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.verdict import Fact, ScenarioOutcome, Sensitivity
from chamiperf_ci.models.vocabulary import FactWord, RunReason
from chamiperf_ci.render import numbers
from chamiperf_ci.render.text import LONGEST_DATA, data

MOST_DIFFERENCES = 3
_LONGEST_TEXT = 160
_LONGEST_COMMAND = 240


class _Values:
    """A fact's values, each as it is asked for."""

    def __init__(self, values: Mapping[str, float | str]) -> None:
        self._values = values

    def text(self, name: str, *, longest: int = LONGEST_DATA) -> str:
        """Data."""
        return data(str(self._values.get(name, "?")), longest=longest)

    def number(self, name: str) -> float | None:
        """A number, if it is one."""
        found = self._values.get(name)
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None

    def count(self, name: str) -> str:
        """A whole number."""
        found = self.number(name)
        return "?" if found is None else f"{found:,.0f}"

    def percent(self, name: str, *, tenths: bool = False) -> str:
        """A fraction as percent, with its sign."""
        found = self.number(name)
        return "? %" if found is None else f"{numbers.percent(found, tenths=tenths)} %"


def fact_sentence(fact: Fact) -> str:
    """Return what a fact says, as one sentence or two.

    Raises:
        KeyError: The word has no sentence; a test holds that each has one.
    """
    return _SENTENCES[fact.word](_Values(fact.values))


def _significant(value: float | None, digits: int = 3) -> str:
    return "?" if value is None else numbers.significant(value, digits)


def _other_work(values: _Values) -> str:
    now, before = values.percent("now"), values.percent("before")
    if values.number("may_be_the_stack"):
        return (
            f"Other processes used {now} of the machine, at most {before} beside the accepted runs; the stack runs on "
            "this machine, so they may be the service itself. To tell, compare the services' own processor time, or "
            "measure again on an otherwise idle machine."
        )
    return f"Other work took {now} of the generator's machine, at most {before} in the accepted runs."


def _in_windows(values: _Values) -> str:
    return f" in {values.count('windows')} of {values.count('planned')} windows" if values.number("windows") else ""


def _drift_began(values: _Values) -> str:
    night = values.text("night")
    if values.number("located") == 0:
        return "Where it began cannot be located."
    if values.number("builds_known") == 0:
        return f"It began about the night of {night}."
    before, after = values.text("before", longest=_LONGEST_TEXT), values.text("after", longest=_LONGEST_TEXT)
    if before == after:
        return f"It began about the night of {night}, with the same build before and after ({after})."
    return f"It began about the night of {night}, between {before} and {after}."


def _late(values: _Values) -> str:
    """What made the generator the bottleneck, as far as it was measured; a value above a limit never reads as it."""
    late, tolerated = values.number("late_ms"), values.number("tolerated_ms")
    other, said = values.number("other_percent"), []
    if late is not None and tolerated is not None:
        digits = next((n for n in (2, 3, 4) if numbers.significant(late, n) != numbers.significant(tolerated, n)), 5)
        shown = [numbers.significant(each, digits if late > tolerated else 2) for each in (late, tolerated)]
        said.append(f"k6 was {shown[0]} ms late; limit {shown[1]} ms")
    if other is not None:
        said.append(f"other processes took {numbers.significant(other, 2)} % of the machine")
    return f" ({'; '.join(said)})" if said else ""


_SENTENCES: Mapping[FactWord, Callable[[_Values], str]] = MappingProxyType(
    {
        FactWord.POOLED: lambda v: (
            f"Pooled over the phase: only {v.count('windows')} of {v.count('planned')} windows have enough requests."
        ),
        FactWord.WINDOWS_FAILING: lambda v: (
            f"{v.count('windows')} of {v.count('planned')} windows are left out: over 1 % of their requests failed."
        ),
        FactWord.WINDOWS_FLAWED: lambda v: (
            f"{v.count('windows')} of {v.count('planned')} windows are left out: their value is not a positive number."
        ),
        FactWord.NEVER_JUDGED: lambda _: "The plan sends too few requests for this quantile: it is never judged.",
        FactWord.NO_THICK_WINDOW: lambda v: f"No window has the {v.count('needed')} requests that show a stall.",
        FactWord.MERGED_WITHIN: lambda v: (
            f"Merged from several load generators, which leave it open by more than 1 %{_in_windows(v)}: at the widest "
            f"it lies between {_significant(v.number('low'))} and {_significant(v.number('high'))} {v.text('unit')}."
        ),
        FactWord.SERVER_NOTE: lambda v: f"The service's figure: {v.text('text', longest=_LONGEST_TEXT)}.",
        FactWord.OLD_BUILD_BESIDE: lambda _: "The baseline is the old build, measured side by side.",
        FactWord.NEW_HERE: lambda _: "New here: the old build is not as slow under the same conditions.",
        FactWord.NOT_NEW_HERE: lambda _: (
            "Not new here: old and new are alike, so what the first look saw was there before, or chance."
        ),
        FactWord.BACK_TO_BACK: lambda _: "The repeats ran back to back, so they are not independent.",
        FactWord.EXEMPT: lambda v: f"Needs no baseline: {v.text('reason', longest=_LONGEST_TEXT)}.",
        FactWord.ACKNOWLEDGEMENT_EXPIRED: lambda v: (
            f"It was acknowledged until {v.text('expires')} by {v.text('who')}; that has expired."
        ),
        FactWord.REGRESSION_GREW: lambda v: (
            f"It is acknowledged up to {v.percent('extent', tenths=True)}, and has grown to "
            f"{v.percent('now', tenths=True)}."
        ),
        FactWord.MISS_GREW: lambda v: (
            f"Its missed target is acknowledged up to {_significant(v.number('extent'))}, and it is "
            f"{_significant(v.number('now'))} now."
        ),
        FactWord.OTHER_WORK: _other_work,
        FactWord.DRIFT_BEGAN: _drift_began,
        FactWord.RUN_WARNING: lambda v: f"The load said: {v.text('text', longest=_LONGEST_TEXT)}.",
        FactWord.CHECK_FAILED: lambda v: (
            f"The check {v.text('check')} failed: {v.text('text', longest=_LONGEST_TEXT)}."
        ),
        FactWord.CHECK_UNKNOWN: lambda v: (
            f"The check {v.text('check')} could not be made: {v.text('text', longest=_LONGEST_TEXT)}."
        ),
        FactWord.NOT_MEASURED: lambda v: f"Not measured: {v.text('what')}: {v.text('text', longest=_LONGEST_TEXT)}.",
        FactWord.FAULTS_INJECTED: lambda v: (
            f"Faults were injected on purpose: {v.text('faults', longest=_LONGEST_TEXT)}."
        ),
        FactWord.UNPAIRED: lambda v: (
            f"{v.count('old')} old and {v.count('new')} new runs do not pair up; the last ones are left out."
        ),
        FactWord.OLDER_THAN_NIGHT: lambda v: (
            f"Repeat {v.text('run')} is left out: it is older than the run it should repeat."
        ),
        FactWord.INVALID_AGAIN: lambda v: (
            f"{v.text('run')} is left out, since it cannot be judged: {v.text('text', longest=_LONGEST_TEXT)}."
        ),
        FactWord.UNLIKE_AGAIN: lambda v: (
            f"{v.text('run')} is left out, since its circumstances differ: {v.text('text', longest=_LONGEST_TEXT)}."
        ),
        FactWord.BASELINE_OLD: lambda v: (
            f"The baseline is old: its newest run was {v.count('nights')} nights ago, and runs drift apart in 60. "
            f"Accept newer ones in their place: {v.text('command', longest=_LONGEST_COMMAND)}."
        ),
        FactWord.BASELINE_SMALL: lambda v: (
            f"The baseline has {v.count('runs')} of {v.count('wanted')} runs: intervals are wide."
        ),
        FactWord.INSECURE: lambda _: "Certificates were not verified (`--insecure`).",
        FactWord.BUSY_AT_START: lambda v: (
            f"The machine was busy when the run began: load average {_significant(v.number('load'), 2)}."
        ),
        FactWord.MACHINE_DIFFERS: lambda v: (
            f"{'The kernel' if v.number('kernel') else 'The CPU'} differs: {v.text('here')} here, {v.text('there')} in "
            f"the {'old side' if v.number('pairs') else 'newest accepted run'}."
        ),
        FactWord.BUILD_DIFFERS: lambda v: f"{v.text('service')}: {v.text('there')} → {v.text('here')}.",
        FactWord.BUILD_UNNAMED: lambda v: f"{v.text('service')} names no build here.",
        FactWord.STAMPED_AHEAD: lambda v: (
            f"Run {v.text('run')} says that it began {v.text('at')}, which was still to come: a clock is wrong, and it "
            "counts as the newest of nothing."
        ),
        FactWord.LOST: lambda v: f"Missing in run {v.text('run')}: {v.text('what', longest=_LONGEST_TEXT)}.",
        FactWord.TOO_COARSE: lambda v: (
            f"Not judged although accepted runs have it: {v.text('rows', longest=_LONGEST_COMMAND)}: its steps are too "
            "coarse."
        ),
        FactWord.RULES_IDLE: lambda v: (
            f"Rules of baselines.json name what was not measured: {v.text('rules', longest=_LONGEST_COMMAND)}."
        ),
        FactWord.ADR_GATE: lambda v: (
            "Gate `adr` is on: one run against the median of the accepted, by the tolerance alone. On unchanged code "
            f"it turns {v.count('nights')} of 100 nights of 192 rows red (measured, docs/verdict.md section 12)."
        ),
        FactWord.NO_HISTORY: lambda _: (
            "No history is given, so of the learning runs only this one is counted: keep runs with "
            "`chamiperf history add`, and give them with `chamiperf compare --history DIR`."
        ),
        FactWord.HISTORY: lambda v: f"History: {v.text('text', longest=_LONGEST_TEXT)}.",
        FactWord.EDITED_BY_HAND: lambda v: (
            f"The baselines were edited by hand: {v.text('text', longest=_LONGEST_TEXT)}."
        ),
        FactWord.ACKNOWLEDGEMENT_OVER: lambda v: (
            f"The acknowledged {'missed target' if v.number('target') else 'regression'} of {v.text('row')} no longer "
            "applies: remove it from baselines.json."
        ),
        FactWord.BASELINE_STALE: lambda v: (
            f"The baseline of {v.text('row')} is stale: it is {v.percent('better')} better by now, so a slow-down of "
            f"{v.percent('unseen')} would go unseen until these runs are accepted "
            f"({v.text('command', longest=_LONGEST_COMMAND)}; DAY is the first night after the change)."
        ),
    }
)

_RUN_REASONS: Mapping[RunReason, str] = MappingProxyType(
    {
        RunReason.GENERATOR_SATURATED: "the load generator was the bottleneck",
        RunReason.DROPPED_ITERATIONS: "the load generator dropped planned iterations",
        RunReason.LOAD_NOT_REACHED: "the planned load was not reached",
        RunReason.INCOMPLETE: "the run did not come to its planned end",
        RunReason.THROTTLED: "the stack answered 429 (too many requests)",
        RunReason.AUTH_EXPIRED: "the credential did not last",
        RunReason.BRAKE_FAILURES: "the load was stopped, since too many requests failed",
        RunReason.BRAKE_READINESS: "the load was stopped, since a service was not ready",
        RunReason.MAX_DURATION: "the load took longer than allowed and was stopped",
        RunReason.OUT_OF_MEMORY: "the load generator ran out of memory",
        RunReason.GENERATOR_DIED: "the load generator died",
        RunReason.SCRIPT_FAILED: "the load script failed",
        RunReason.STACK_UNREACHABLE: "the stack could not be reached",
        RunReason.LOCK_LOST: "the stack's lock was lost, so another load may have run beside it",
        RunReason.SHARD_MISSING: "not all machines that share the load took part in it",
        RunReason.NOT_POSSIBLE: "the stack cannot do what the scenario asks",
        RunReason.NOT_RUN_BUDGET: "there was no time left to run it",
    }
)


def reason_words(reason: RunReason) -> str:
    """Return why a run is not judged, in fixed words, as the end of a sentence.

    Raises:
        KeyError: The reason has no words; a test holds that each has.
    """
    return _RUN_REASONS[reason]


def why_invalid(scenario: ScenarioOutcome) -> str:
    """Return why a scenario's run is not judged, each reason once, with what was measured."""
    known = {problem.reason: problem for problem in reversed(scenario.problems)}
    reasons = dict.fromkeys(scenario.reasons) or {RunReason.INCOMPLETE: None}
    return "; ".join(f"{reason_words(reason)}{_measured(known.get(reason))}" for reason in reasons)


def details_of(scenario: ScenarioOutcome) -> tuple[str, ...]:
    """Return what the load itself wrote about each problem: data."""
    return tuple(data(problem.text, longest=_LONGEST_TEXT) for problem in scenario.problems if problem.text)


def _measured(problem: RunProblem | None) -> str:
    return _late(_Values(problem.measured)) if problem is not None else ""


def sensitivity_sentence(found: Sensitivity) -> str:
    """Return what a drill has shown of this gate, or why it does not count."""
    drill = f"The drill of {data(found.scenario)} of {data(found.measured_on)}"
    if found.word == "too few runs":
        return f"{drill} had too few valid runs, so it proves nothing about this gate."
    if found.word == "other circumstances":
        shown = data("; ".join(found.differences[:MOST_DIFFERENCES]), longest=_LONGEST_TEXT)
        more = (
            f"; {len(found.differences) - MOST_DIFFERENCES} more" if len(found.differences) > MOST_DIFFERENCES else ""
        )
        why = f"it was made under other circumstances ({shown}{more})" if found.differences else "it has no valid run"
        return f"{drill} is not used: {why}."
    evidence = (
        f"a drill of {data(found.measured_on)} caught {found.caught} of "
        f"{numbers.counted(found.comparisons, f'{found.method} slow-down')} of {numbers.percent(found.effect)} % and "
        f"called {found.false_alarms} of {numbers.counted(found.unchanged_comparisons, 'unchanged comparison')} a "
        "regression"
    )
    stale = "" if found.stale_days is None else f" It is {found.stale_days} days old: run `chamiperf drill` again."
    if found.word == "not proved":
        return f"{drill} did not prove this gate: {evidence}.{stale}"
    if found.word == "unknown" or found.smallest is None:
        return f"Which slow-downs of {data(found.scenario)} are detected is not known ({evidence}).{stale}"
    where = data(" ".join(part for part in (found.scenario, found.endpoint, found.metric) if part))
    return f"Detects slow-downs from {numbers.percent(found.smallest)} % on {where} ({evidence}).{stale}"
