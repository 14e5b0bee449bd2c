"""Judging a drill: how often unchanged code was called slower, and slowed code was found."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import click

from chamiperf_ci.adapters import console, files
from chamiperf_ci.adapters.files import default_baselines
from chamiperf_ci.adapters.k6 import StopRequest
from chamiperf_ci.errors import ConfigurationError, ExitCode, Interrupted
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.drill import Drill, DrillEffect, DrillRow, Word
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.target import Target
from chamiperf_ci.models.vocabulary import RowKind, RowVerdict
from chamiperf_ci.render.tables import drill_sentence, drill_table
from chamiperf_ci.render.text import as_markdown, as_text
from chamiperf_ci.steps.baselines.candidates import Override, from_run
from chamiperf_ci.steps.baselines.propose import Intent, propose, sealed
from chamiperf_ci.steps.compare.judge import NightInput, judge
from chamiperf_ci.steps.compare.rows import pair_rows, row_key
from chamiperf_ci.steps.compare.scenarios import PastNights, ScenarioRuns
from chamiperf_ci.steps.drill import measure
from chamiperf_ci.steps.drill.measure import CutOff, Drilling, DrillOver, Drives, Injection
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
_OVERRULE = frozenset({Override.KIND, Override.MISSED_TARGET, Override.FAILING})


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


def compare(baselines: Baselines, runs: Sequence[Run], place: Injection | str, effect: float = 0.0) -> DrillEffect:
    """Judge a night's run and its repeats, as `compare` and `confirm` do.

    Repeats that no row needed change nothing: only what was suspect is decided anew. A slow-down that only made errors
    was not seen as one; on unchanged code every regression is a false alarm.

    Args:
        baselines: What `accept` returned.
        runs: The night's run first.
        place: Where they were slowed down.
        effect: By how much.
    """
    repeats = (run.model_copy(update={"run_kind": RunKind.REPEAT}) for run in runs[1:])
    verdict = judge(NightInput(runs=(runs[0], *repeats), baselines=baselines)).verdict
    # A repeat is made only of what was suspect, which would flatter the small effects.
    first = verdict.first_look or verdict
    called = [row for row in verdict.rows if row.verdict is RowVerdict.REGRESSION]
    caught = any(row.change is not None for row in called) if effect else bool(called)
    injection = place if isinstance(place, Injection) else None
    route = (injection.route, "p50") if injection else None
    changes = [row.change for row in first.rows if (row.key.endpoint, row.key.metric) == route and row.compared]
    return DrillEffect(
        effect=effect,
        injected_ms=injection.milliseconds(effect) if injection else None,
        comparisons=1,
        suspected=any(row.suspect and row.change is not None for row in first.rows),
        caught=caught,
        missed=bool(effect) and not caught,
        measured=next((change.ratio for change in changes if change is not None), None),
    )


def noise(baselines: Baselines, runs: Sequence[Run]) -> tuple[RowInput, ...]:
    """Return the compared quantities that every run measured in the same way, all runs in `current`."""
    scenario_runs = ScenarioRuns(night=runs[0], repeats=tuple(runs[1:]))
    rows = (pairing.again for pairing in pair_rows(scenario_runs, baselines, PastNights()))
    return tuple(
        row
        for row in rows
        if row is not None
        and row.reason is None
        and row.kind is RowKind.QUANTITY
        and len(row.current) == len(runs)
        and all(map(is_quantity, row.current))
    )


def conclusion(drilling: Drilling) -> dict[str, object]:
    """Return the fields of a drill that ends now."""
    effects = tuple(effect.effect for effect in drilling.drill.effects)
    power = _power(drilling, effects)
    unchanged = _total(drilling, 0.0)
    if isinstance(drilling.place, Injection):
        totals = tuple(_total(drilling, effect) for effect in effects)
    else:
        totals = tuple(_computed(power, place, effect) for place, effect in enumerate(effects))
    word, exit_code = conclude(unchanged, totals)
    return {
        "ended_at": datetime.now(UTC),
        "word": word,
        "exit_code": exit_code,
        "unchanged": unchanged,
        "effects": totals,
        "rows": tuple(
            DrillRow(
                key=row_key(row.key),
                spread=row.spread,
                smallest_suspected=row.smallest_suspected,
                smallest_confirmed=row.smallest_confirmed,
            )
            for row in (power.rows if power else ())
        ),
        "unchanged_runs": len(drilling.unchanged),
        "trials": power.trials if power else 0,
        "false_alarms_a_month": power.false_alarms_a_month if power else None,
        "false_alarms_a_month_at_most": power.false_alarms_a_month_at_most if power else None,
    }


def _power(drilling: Drilling, effects: Sequence[float]) -> GatePower | None:
    """What the runs of unchanged code say; None where they are too few, or nothing in them can be compared."""
    if drilling.baselines is None or len(drilling.unchanged) < measure.FEWEST_RUNS:
        return None
    rows = noise(drilling.baselines, drilling.unchanged)
    return gate_power(rows, effects) if rows else None


def _total(drilling: Drilling, effect: float) -> DrillEffect:
    """Add up the comparisons of an effect."""
    each = drilling.comparisons.get(effect, [])
    changes = [one.measured for one in each if one.measured is not None]
    return DrillEffect(
        effect=effect,
        injected_ms=drilling.place.milliseconds(effect) if isinstance(drilling.place, Injection) else None,
        comparisons=len(each),
        suspected=sum(one.suspected for one in each),
        caught=sum(one.caught for one in each),
        missed=sum(one.missed for one in each),
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


Finds = Callable[[Target, str], Injection | str]


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
    injects = isinstance(place, Injection)
    seconds = seconds_of(assign(profile, scenario, LoadOptions(), dialect_of(options.load.target)))
    effects = sorted(set(options.effects))
    parts = measure.schedule(options.runs, options.comparisons if injects else 0, effects)
    most = sum(part.runs for part in parts)
    options.say(
        f"at most {most} valid runs of {seconds:.0f} s, within {options.most_s:.0f} s; "
        + ("slow-downs are injected" if injects else f"slow-downs are computed, not injected: {place}")
    )
    now = datetime.now(UTC)
    begun = Drill(
        producer=files.PRODUCER,
        started_at=now,
        ended_at=now,
        scenario=scenario,
        profile=profile.name,
        fingerprint=None,
        self_test=injects,
        method="injected" if injects else "computed",
        method_reason="" if injects else str(place),
        word="too few runs",
        exit_code=ExitCode.INVALID,
        runs=(),
        unchanged=_nothing_compared(0.0),
        effects=tuple(map(_nothing_compared, effects)),
        rows=(),
        unchanged_runs=0,
    )
    drilling = Drilling(begun, place, options.load, drives, seconds, options.most_s, options.say, most)
    path, cut_off = out / "drill.json", False
    with StopRequest() as stop:
        try:
            for part in parts:
                _measure(part, drilling, rules, stop)
        except DrillOver as over:
            drilling.fill(ended_early=str(over))
            cut_off = isinstance(over, CutOff)
        drilling.fill(**conclusion(drilling))
        ended = drilling.drill
        files.write_document(path, ended)
    options.document(ended)
    if not options.brief:
        click.echo(console.quoted(as_text(drill_table(ended))))
    console.append_summary(published(as_markdown(drill_table(ended))))
    click.echo(console.harmless(drill_sentence(ended)), err=not options.brief)
    console.publish({"drill": ended.word, "drill-path": str(path)})
    if cut_off:
        raise Interrupted(
            f"the drill was cut off: {ended.ended_early}", where=str(path), remedy="Run `chamiperf drill` again."
        )
    return ExitCode(ended.exit_code)


def _only(scenarios: tuple[str, ...]) -> str:
    if len(scenarios) > 1:
        raise ConfigurationError(
            f"{len(scenarios)} scenarios are named, and a drill repeats one", where="--scenario", remedy="Name one."
        )
    return scenarios[0]


def _nothing_compared(effect: float) -> DrillEffect:
    return DrillEffect(effect=effect, comparisons=0, suspected=0, caught=0, missed=0)


def _measure(part: measure.Part, drilling: Drilling, rules: Baselines, stop: StopRequest) -> None:
    """Make a part's runs and judge them; a slowed part is repeated only where its first run is suspect, as a night.

    Raises:
        CutOff: Asked to stop between two loads; also what a run raises.
    """
    runs: list[Run] = []
    place = drilling.place

    def judged(made: Sequence[Run]) -> DrillEffect:
        if drilling.baselines is None:
            message = "nothing is compared before the baseline is there"
            raise RuntimeError(message)
        return compare(drilling.baselines, made, place, part.effect)

    with place.slowed(part.effect) if isinstance(place, Injection) else nullcontext():
        for _ in range(part.runs):
            if stop.requested:
                raise CutOff(f"interrupted by {stop.by}")
            runs.append(drilling.run(part.purpose, part.effect))
            if part.purpose != "slowed":
                drilling.unchanged.append(runs[-1])
            elif not judged(runs[:1]).suspected:
                break
    if part.purpose == "baseline":
        drilling.baselines = accept(rules, runs, drilling.drill.started_at.date())
    elif part.purpose != "noise":
        drilling.comparisons.setdefault(part.effect, []).append(judged(runs))
