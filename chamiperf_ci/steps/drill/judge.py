"""Judging a drill: how often unchanged code was called slower, and slowed code was found."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import click

from chamiperf_ci.adapters import console, files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill, DrillEffect, DrillRow, DrillRun, Method, Word
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.target import Target
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import RowKind, RowVerdict
from chamiperf_ci.render.tables import drill_sentence, drill_table
from chamiperf_ci.render.text import as_markdown, as_text
from chamiperf_ci.steps.baselines.candidates import Overrule, from_run
from chamiperf_ci.steps.baselines.propose import Intent, propose, sealed
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.rows import pair_rows, row_key
from chamiperf_ci.steps.compare.scenarios import Past, ScenarioRuns
from chamiperf_ci.steps.drill import measure
from chamiperf_ci.steps.drill.measure import CutOff, Drives, Injection, Measuring, Over
from chamiperf_ci.steps.load.drive import drive
from chamiperf_ci.steps.load.plan import assign, seconds_of
from chamiperf_ci.steps.load.request import LoadOptions, choose_scenarios, read_profile
from chamiperf_ci.steps.published import published
from chamiperf_ci.steps.targets import dialect_of, resolve
from chamiperf_ci.verdict.change import WANTED_POWER
from chamiperf_ci.verdict.power import GatePower, gate_power
from chamiperf_ci.verdict.row import RowInput
from chamiperf_ci.verdict.statistic import is_quantity


def conclude(unchanged: DrillEffect, effects: Sequence[DrillEffect]) -> tuple[Word, ExitCode]:
    """Say how a drill ends.

    The largest effect counts as caught when at least 80 of 100 of its comparisons were called, as power is asked for.

    Args:
        unchanged: Comparisons of unchanged code.
        effects: The slow-downs, smallest first, at least one.
    """
    largest = effects[-1]
    if unchanged.comparisons == 0 or largest.comparisons == 0:
        return "too few runs", ExitCode.INVALID
    if largest.caught >= math.ceil(WANTED_POWER * largest.comparisons) and unchanged.caught == 0:
        return "proved", ExitCode.OK
    return "not proved", ExitCode.VERDICT_NO


# A drill's run is not a candidate for anybody else's baseline, and may miss a target: here it is compared with itself.
_OVERRULE = frozenset({Overrule.KIND, Overrule.MISSED_TARGET, Overrule.FAILING})


@dataclass(frozen=True, slots=True)
class EffectJudged:
    """What the gate said of one comparison.

    Attributes:
        suspected: Whether the first run alone was suspect: it would have been repeated.
        regressions: Names of the rows that are regressions in the end; on unchanged code each is a false alarm.
        caught: Whether one of them is a quantity: a slow-down that only made errors was not seen as one.
        change: Change of the slowed endpoint's p50, None where it was not compared.
    """

    suspected: bool
    regressions: tuple[str, ...]
    caught: bool
    change: float | None = None


def accept(rules: Baselines, runs: Sequence[Run], today: date) -> Baselines:
    """Return the rules with these runs, and no others, accepted; what is acknowledged is forgotten, it could hide.

    Args:
        rules: Targets and tolerances.
        runs: Valid runs of one fingerprint, at most five.
        today: The day of the drill.
    """
    blank = sealed(rules.model_copy(update={"accepted_runs": {}, "acknowledgements": ()}))
    wanted = Intent("init", "chamiperf drill", "the drill's own baseline", today, _OVERRULE)
    return propose(blank, [from_run(run, blank) for run in runs], wanted).baselines


def compare(baselines: Baselines, runs: Sequence[Run], endpoint: str = "") -> EffectJudged:
    """Judge a night's run and its repeats, as `compare` and `confirm` do.

    Repeats that no row needed change nothing: only what was suspect is decided anew.

    Args:
        baselines: What `accept` returned.
        runs: The night's run first.
        endpoint: The slowed endpoint.
    """
    repeats = (run.model_copy(update={"run_kind": RunKind.REPEAT}) for run in runs[1:])
    verdict = judge(NightInput(runs=(runs[0], *repeats), baselines=baselines)).verdict
    first = verdict.first_look or verdict
    called = [row for row in verdict.rows if row.verdict is RowVerdict.REGRESSION]
    return EffectJudged(
        suspected=any(row.suspect and row.change is not None for row in first.rows),
        regressions=tuple(row.key.text for row in called),
        caught=any(row.change is not None for row in called),
        change=_change(verdict, endpoint),
    )


def _change(verdict: Verdict, endpoint: str) -> float | None:
    """Of the first look: a repeat is made only of what was suspect, which would flatter the small effects."""
    rows = (verdict.first_look or verdict).rows
    found = [row for row in rows if (row.key.endpoint, row.key.metric) == (endpoint, "p50") and row.compared]
    return next((row.change.ratio for row in found if row.change is not None), None)


def noise(baselines: Baselines, runs: Sequence[Run]) -> tuple[RowInput, ...]:
    """Return the compared quantities that every run measured in the same way, all runs in `current`."""
    scenario_runs = ScenarioRuns(night=runs[0], repeats=tuple(runs[1:]))
    rows = (pairing.again for pairing in pair_rows(scenario_runs, baselines, Past()))
    return tuple(
        row
        for row in rows
        if row is not None
        and row.reason is None
        and row.kind is RowKind.QUANTITY
        and len(row.current) == len(runs)
        and all(map(is_quantity, row.current))
    )


@dataclass
class Found:
    """What has been measured and judged so far.

    Args:
        scenario: What is driven.
        profile: How.
        place: Where slow-downs are injected, or why they are computed.
        effects: The slow-downs, smallest first.
        made: Every run that was made.
    """

    scenario: str
    profile: str
    place: Injection | str
    effects: Sequence[float]
    made: list[DrillRun]
    baselines: Baselines | None = None
    """The drill's own, once its first five runs are there."""
    unchanged: list[Run] = field(default_factory=list)
    """Valid runs of unchanged code."""
    judged: dict[float, list[EffectJudged]] = field(default_factory=dict)
    """By effect; 0 for unchanged code."""
    ended_early: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def document(found: Found) -> Drill:
    """Return what is stored and shown of a drill that ends now."""
    power = _power(found)
    rows = () if power is None else _rows(power)
    unchanged = _injected(found, 0.0)
    method: Method = "injected" if isinstance(found.place, Injection) else "computed"
    if method == "injected":
        effects = tuple(_injected(found, effect) for effect in found.effects)
    else:
        effects = tuple(_computed(power, place, effect) for place, effect in enumerate(found.effects))
    known = found.unchanged[0] if found.unchanged else None
    word, exit_code = conclude(unchanged, effects)
    return Drill(
        producer=files.PRODUCER,
        started_at=found.started_at,
        ended_at=datetime.now(UTC),
        scenario=found.scenario,
        profile=found.profile,
        fingerprint=known.fingerprint if known else None,
        identities=known.identities if known else (),
        self_test=known.self_test if known else method == "injected",
        method=method,
        method_reason=found.place if isinstance(found.place, str) else "",
        word=word,
        exit_code=exit_code,
        ended_early=found.ended_early,
        runs=tuple(found.made),
        unchanged=unchanged,
        effects=effects,
        rows=rows,
        unchanged_runs=len(found.unchanged),
        trials=power.trials if power else 0,
        false_alarms_a_month=power.false_alarms_a_month if power else None,
        false_alarms_a_month_at_most=power.false_alarms_a_month_at_most if power else None,
    )


def _power(found: Found) -> GatePower | None:
    """What the runs of unchanged code say; None where they are too few, or nothing in them can be compared."""
    if found.baselines is None or len(found.unchanged) < measure.FEWEST_RUNS:
        return None
    rows = noise(found.baselines, found.unchanged)
    return gate_power(rows, found.effects) if rows else None


def _rows(power: GatePower) -> tuple[DrillRow, ...]:
    return tuple(
        DrillRow(
            key=row_key(row.key),
            spread=row.spread,
            smallest_suspected=row.smallest_suspected,
            smallest_confirmed=row.smallest_confirmed,
        )
        for row in power.rows
    )


def _injected(found: Found, effect: float) -> DrillEffect:
    """What the gate said of measured comparisons; of unchanged code any regression is a false alarm."""
    judged = found.judged.get(effect, [])
    caught = sum(each.caught if effect else bool(each.regressions) for each in judged)
    changes = [each.change for each in judged if each.change is not None]
    return DrillEffect(
        effect=effect,
        injected_ms=found.place.milliseconds(effect) if isinstance(found.place, Injection) else None,
        comparisons=len(judged),
        suspected=sum(each.suspected for each in judged),
        caught=caught,
        missed=len(judged) - caught if effect else 0,
        measured=median(changes) if changes else None,
    )


def _computed(power: GatePower | None, place: int, effect: float) -> DrillEffect:
    """What the drawn comparisons say, of the row that sees the effect best; the night sees no less."""
    trials = power.trials if power else 0
    seen = [row.effects[place] for row in power.rows] if power else []
    caught = round(trials * max((each.confirmed for each in seen), default=0.0))
    return DrillEffect(
        effect=effect,
        comparisons=trials,
        suspected=round(trials * max((each.suspected for each in seen), default=0.0)),
        caught=caught,
        missed=trials - caught,
    )


Finds = Callable[[Target, str], measure.Injection | str]


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What is asked of `drill`.

    Attributes:
        load: The load of each run: target, one scenario, profile; its folder is the drill's.
        baselines: File with the rules to judge by, None for those that ship; its accepted runs are not used.
        runs: Valid runs of unchanged code, at least eight.
        comparisons: How often each slow-down is judged.
        effects: Slow-downs as fractions, at least one, above 0.
        most_s: Seconds for everything.
        say: Where progress goes.
        brief: Whether standard output gets the sentence alone, not the tables.
        document: Gets the drill.
    """

    load: LoadOptions
    baselines: Path | None
    runs: int
    comparisons: int
    effects: tuple[float, ...]
    most_s: float
    say: Callable[[str], None]
    brief: bool = False
    document: Callable[[Drill], None] = lambda _: None


def drill(options: DrillOptions, out: Path, drives: Drives = drive, finds: Finds = measure.find_injection) -> ExitCode:
    """Drill the gate, write `drill.json` into `out`, show the table, and return the exit code.

    Args:
        options: The options.
        out: Folder of `drill.json`.
        drives: Drives a load; tests hand in another.
        finds: Says where a slow-down can be injected.

    Raises:
        ConfigurationError: The target, the scenario or the stack cannot be used.
        InvalidMeasurement: Nothing could be measured at all.
        Interrupted: Asked to stop; what was measured is in `drill.json`.
    """
    profile = read_profile(options.load.profile)
    scenario = _only(choose_scenarios(options.load.scenarios, profile))
    rules = files.read_document(options.baselines or default_baselines(), Baselines)
    place = finds(resolve(options.load.target), scenario)
    injects = isinstance(place, measure.Injection)
    seconds = seconds_of(assign(profile, scenario, LoadOptions(), dialect_of(options.load.target)))
    effects = sorted(set(options.effects))
    parts = measure.schedule(options.runs, options.comparisons if injects else 0, effects)
    most = sum(part.runs for part in parts)
    options.say(
        f"at most {most} valid runs of {seconds:.0f} s, within {options.most_s:.0f} s; "
        + ("slow-downs are injected" if injects else f"slow-downs are computed, not injected: {place}")
    )
    measuring = Measuring(options.load, drives, seconds, options.most_s, options.say, most)
    found = Found(scenario, profile.name, place, effects, measuring.made)
    path, cut_off = out / "drill.json", False
    with StopRequest() as stop:
        try:
            for part in parts:
                _measure(part, measuring, rules, found, stop)
        except Over as over:
            found.ended_early, cut_off = str(over), isinstance(over, CutOff)
        ended = document(found)
        files.write_document(path, ended)
    options.document(ended)
    if not options.brief:
        click.echo(console.quoted(as_text(drill_table(ended))))
    console.append_summary(published(as_markdown(drill_table(ended))))
    click.echo(console.harmless(drill_sentence(ended)), err=not options.brief)
    console.publish({"drill": ended.word, "drill-path": str(path)})
    if cut_off:
        raise Interrupted(
            f"the drill was cut off: {found.ended_early}", where=str(path), remedy="Run `chamiperf drill` again."
        )
    return ExitCode(ended.exit_code)


def _only(scenarios: tuple[str, ...]) -> str:
    if len(scenarios) > 1:
        raise ConfigurationError(
            f"{len(scenarios)} scenarios are named, and a drill repeats one", where="--scenario", remedy="Name one."
        )
    return scenarios[0]


def _check(stop: StopRequest) -> None:
    """End a drill that was asked to stop between two loads."""
    if stop.requested:
        raise CutOff(f"interrupted by {stop.by}")


def _measure(part: measure.Part, measuring: Measuring, rules: Baselines, found: Found, stop: StopRequest) -> None:
    """Make a part's runs and judge them; a slowed part is repeated only where its first run is suspect, as a night."""
    runs: list[Run] = []
    endpoint = found.place.route if isinstance(found.place, measure.Injection) else ""
    with _slowed(found.place, part.effect):
        for _ in range(part.runs):
            _check(stop)
            runs.append(measuring.run(part.purpose, part.effect))
            if part.purpose != "slowed":
                found.unchanged.append(runs[-1])
            elif not compare(_accepted(found), runs[:1]).suspected:
                break
    if part.purpose == "baseline":
        found.baselines = accept(rules, runs, found.started_at.date())
    elif part.purpose != "noise":
        found.judged.setdefault(part.effect, []).append(compare(_accepted(found), runs, endpoint))


def _slowed(place: measure.Injection | str, effect: float) -> AbstractContextManager[None]:
    return place.slowed(effect) if isinstance(place, measure.Injection) else nullcontext()


def _accepted(found: Found) -> Baselines:
    """The drill's own baseline, which its first part makes."""
    if found.baselines is None:
        message = "nothing is compared before the baseline is there"
        raise RuntimeError(message)
    return found.baselines
