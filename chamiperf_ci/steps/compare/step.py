"""`compare`: reads runs and baselines, judges, explains, writes the verdict."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from chamiperf_ci.adapters import console, files
from chamiperf_ci.adapters.history import FolderHistory, KeptDrills, newest_drills
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Fact, RowKey, Verdict
from chamiperf_ci.models.vocabulary import FactWord, FailOn, RowVerdict
from chamiperf_ci.render import numbers
from chamiperf_ci.render.headline import night_sentence
from chamiperf_ci.render.terminal import Form, shown
from chamiperf_ci.render.text import Heading, Table, as_text, sentence_in_markdown, sentence_in_plain_text
from chamiperf_ci.steps import history as nights_before
from chamiperf_ci.steps import published as verdict_metrics
from chamiperf_ci.steps.compare.judge import Gate, Judgement, NightInput, judge
from chamiperf_ci.steps.compare.scenarios import environment_of, read_runs
from chamiperf_ci.steps.published import published
from chamiperf_ci.verdict.explain import Step, explain
from chamiperf_ci.verdict.night import FALSE_DISCOVERY_RATE
from chamiperf_ci.verdict.row import RowDecision, RowInput


def explanation(judgement: Judgement, wanted: str) -> str:
    """Return the computation of each compared row whose name holds `wanted`.

    Args:
        judgement: The night.
        wanted: A metric (`p99`), or any part of `scenario / endpoint metric`, with or without blanks.

    Raises:
        ConfigurationError: No row has such a name; the rows there are are named.
    """
    squeezed = _squeezed(wanted)
    found = [key for key in judgement.decisions if key.metric == wanted] or [
        key for key in judgement.decisions if squeezed in _squeezed(key.text)
    ]
    if not found:
        some = ", ".join(key.text for key in list(judgement.decisions)[:8])
        raise ConfigurationError(
            f"no compared row is named {wanted!r}", where="--explain", remedy=f"Name one of: {some}."
        )
    return "\n".join(_row(judgement, key) for key in found)


def _squeezed(text: str) -> str:
    return "".join(text.split()).replace("/", "").lower()


def _row(judgement: Judgement, key: RowKey) -> str:
    decision, pairing = judgement.decisions[key], judgement.pairings[key]
    judged = pairing.again if decision.repeated and pairing.again is not None else pairing.first
    *computed, concluded = explain(decision)
    steps = [*(_inputs(judged) if judged else ()), *computed, *_family(judgement, decision), concluded]
    table = Table(("step", "formula", "value"), [(step.name, step.formula, _value(step.value)) for step in steps])
    return as_text([Heading(key.text), table])


def _inputs(judged: RowInput) -> Sequence[Step]:
    quantities = (
        ("baseline", "statistic of each accepted run", judged.baseline),
        ("history", "of the nights before, oldest first", judged.history),
        ("current", "of each current run", judged.current),
    )
    steps = [Step(name, what, values) for name, what, values in quantities if values]
    steps += [Step(f"pair {place}", "old, new", pair) for place, pair in enumerate(judged.pairs, start=1)]
    return steps


def _family(judgement: Judgement, decision: RowDecision) -> Sequence[Step]:
    """What Benjamini and Hochberg's procedure had to do with it."""
    if not decision.in_family or decision.change is None:
        return ()
    family = [other.change.p_worse for other in judgement.decisions.values() if other.in_family and other.change]
    rank = 1 + sum(p < decision.change.p_worse for p in family)
    return (
        Step("rank", f"of p_worse among {len(family)} rows of the night", float(rank)),
        Step(
            "threshold",
            f"{FALSE_DISCOVERY_RATE:g} rank / rows (BH), and p_worse < 0.01",
            FALSE_DISCOVERY_RATE * rank / len(family),
        ),
    )


def _value(value: float | tuple[float, ...] | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(_number(each) for each in value)
    return _number(value)


def _number(value: float) -> str:
    """Four significant digits, or more than can be told apart from zero in exponent form."""
    if value != 0 and abs(value) < 1e-3:  # noqa: PLR2004 - below this, leading zeros are hard to count
        return f"{value:.3e}"
    return numbers.significant(value, 4)


NIGHTS_READ = 180
"""Nights of a scenario that are looked at, as many as those among which the trend looks for steps: before them, the
baseline has drifted apart three times over."""
RESTORE = (
    "Restore the file from version control, or start one with `chamiperf baselines init --runs out/runs --link URL`."
)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How to judge, as the command line says it.

    Attributes:
        baselines: The file with targets, tolerances and accepted runs.
        history: Folder with the nights before; None: none is given.
        gate: `verdict`, or `adr`.
        fail_on: What may fail the night.
    """

    baselines: Path
    history: Path | None = None
    gate: Gate = "verdict"
    fail_on: Sequence[str] = ("regression", "target", "invalid")


def compare(
    places: Sequence[Path], rules: CompareOptions, *, out: Path, explain: str | None = None, form: Form = "all"
) -> ExitCode:
    """Judge the runs in `places`, write `verdict.json` into `out`, show it, and return its exit code.

    Raises:
        ConfigurationError: A file is missing or wrong, or `explain` names no row.
        InvalidMeasurement: There is no run at all.
    """
    judgement = judge(read_input(read_runs(places), rules))
    told = explanation(judgement, explain) if explain else ""
    path = out / "verdict.json"
    files.write_document(path, judgement.verdict)
    return show(judgement.verdict, path, told=told, form=form)


def read_input(runs: Sequence[Run], rules: CompareOptions) -> NightInput:
    """Read what runs are judged by.

    Raises:
        ConfigurationError: A file is missing or wrong.
    """
    reading = _nights(rules.history, runs)
    kept = KeptDrills() if rules.history is None else newest_drills(rules.history, environment_of(runs))
    problems = (*_absent(rules.history), *(reading.problems if reading else ()), *kept.problems)
    return NightInput(
        runs=runs,
        baselines=files.read_document(rules.baselines, Baselines, remedy=RESTORE),
        past=None if reading is None else nights_before.past_of(reading.entries, reading.unread),
        drills=kept.drills,
        warnings=tuple(Fact(word=FactWord.HISTORY, values={"text": problem}) for problem in problems),
        fail_on=frozenset(map(FailOn, rules.fail_on)),
        gate=rules.gate,
        now=datetime.now(UTC),
    )


def echo(verdict: Verdict, form: Form, *, told: str = "") -> None:
    """Print a verdict to standard output, and before its text what an explanation told."""
    if form == "json":
        click.echo(json.dumps(verdict.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    parts = (shown(verdict, form), told) if form in ("all", "verbose") else (told, shown(verdict, form))
    # Colors are there only where they are wanted, which click would decide otherwise for FORCE_COLOR in a pipe.
    click.echo(console.quoted("\n".join(part for part in parts if part)), color=True)


def show(verdict: Verdict, path: Path, *, told: str = "", form: Form = "all") -> ExitCode:
    """Print a verdict, publish it as outputs of the workflow's step and as metrics, and return its exit code."""
    echo(verdict, form, told=told)
    sentence = night_sentence(verdict)
    if form == "json":
        # The other forms end in it.
        click.echo(console.harmless(sentence_in_plain_text(sentence)), err=True)
    console.publish(
        {
            "verdict": verdict.outcome.word,
            "verdict-path": str(path),
            "regressions": verdict.counts.by_verdict.get(RowVerdict.REGRESSION, 0),
            "targets-missed": verdict.counts.targets_missed,
            "suspect-scenarios": " ".join(verdict.suspect_scenarios),
        }
    )
    verdict_metrics.publish(verdict, os.environ, lambda text: click.echo(console.harmless(text), err=True))
    # Last: a summary that cannot be written ends the command, and the verdict is out by then.
    console.verdict_known(sentence_in_markdown(published(sentence, environment=verdict.environment)))
    return ExitCode(verdict.outcome.exit_code)


def _absent(folder: Path | None) -> tuple[str, ...]:
    """A folder need not exist on the first night; a misspelt one looks the same, so it is said."""
    if folder is None or folder.exists():
        return ()
    return (f"{folder} does not exist, so no earlier night is known",)


def _nights(folder: Path | None, runs: Sequence[Run]) -> nights_before.Reading | None:
    if folder is None:
        return None
    wanted = nights_before.EntryFilter(
        environment=environment_of(runs),
        kinds=(RunKind.NIGHT,),
        until=max(run.started_at for run in runs),
        newest=NIGHTS_READ,
    )
    return nights_before.read(FolderHistory(folder), wanted)
