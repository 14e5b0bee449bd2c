"""What `compare` does: reads the files, judges, writes verdict.json, and shows it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from chamiperf_ci.adapters import actions, files
from chamiperf_ci.adapters.history import FolderHistory
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.models.baselines import Baselines
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import FailOn, RowVerdict
from chamiperf_ci.render.escaping import markdown
from chamiperf_ci.render.terminal import terminal
from chamiperf_ci.steps import history as nights_before
from chamiperf_ci.steps import verdict_metrics
from chamiperf_ci.steps.compare.explanation import explanation
from chamiperf_ci.steps.compare.judge import Question, judge
from chamiperf_ci.steps.compare.sittings import environment_of, read_runs
from chamiperf_ci.steps.compare.tally import Gate
from chamiperf_ci.steps.drill.kept import KeptDrills, newest_drills
from chamiperf_ci.steps.published import published

RESTORE = (
    "Restore the file from version control, or start one with `chamiperf baselines init --runs out/runs --link URL`."
)


@dataclass(frozen=True, slots=True)
class Rules:
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
    places: Sequence[Path], rules: Rules, *, out: Path, explain: str | None = None, as_json: bool = False
) -> ExitCode:
    """Judge the runs in `places`, write `verdict.json` into `out`, show it, and return its exit code.

    Raises:
        ConfigurationError: A file is missing or wrong, or `explain` names no row.
        InvalidMeasurement: There is no run at all.
    """
    judgement = judge(ask(read_runs(places), rules))
    told = explanation(judgement, explain) if explain else ""
    path = out / "verdict.json"
    files.write_document(path, judgement.verdict)
    return show(judgement.verdict, path, told=told, as_json=as_json)


def ask(runs: Sequence[Run], rules: Rules) -> Question:
    """Read what runs are judged by.

    Raises:
        ConfigurationError: A file is missing or wrong.
    """
    reading = _nights(rules.history, runs)
    kept = KeptDrills() if rules.history is None else newest_drills(rules.history, environment_of(runs))
    problems = (*_absent(rules.history), *(reading.problems if reading else ()), *kept.problems)
    return Question(
        runs=runs,
        baselines=files.read_document(rules.baselines, Baselines, remedy=RESTORE),
        past=None if reading is None else nights_before.past_of(reading.entries),
        drills=kept.drills,
        warnings=tuple(f"history: {problem}" for problem in problems),
        fail_on=frozenset(map(FailOn, rules.fail_on)),
        gate=rules.gate,
    )


def show(verdict: Verdict, path: Path, *, told: str = "", as_json: bool = False) -> ExitCode:
    """Print a verdict, publish it as outputs of the workflow's step and as metrics, and return its exit code."""
    if as_json:
        click.echo(json.dumps(verdict.model_dump(mode="json"), indent=2, ensure_ascii=False))
    else:
        click.echo(actions.quoted("\n".join(part for part in (terminal(verdict), told) if part)))
    click.echo(actions.harmless(verdict.outcome.sentence), err=True)
    actions.publish(
        {
            "verdict": verdict.outcome.word,
            "verdict-path": str(path),
            "regressions": verdict.counts.by_verdict.get(RowVerdict.REGRESSION, 0),
            "targets-missed": verdict.counts.targets_missed,
            "suspect-scenarios": " ".join(verdict.suspect_scenarios),
        }
    )
    verdict_metrics.publish(verdict, os.environ, lambda text: click.echo(actions.harmless(text), err=True))
    # Last: a summary that cannot be written ends the command, and the verdict is out by then.
    sentence = published(verdict.outcome.sentence, environment=verdict.environment)
    actions.append_summary(f"### Verdict\n\n{markdown(sentence)}")
    return ExitCode(verdict.outcome.exit_code)


def _absent(folder: Path | None) -> tuple[str, ...]:
    """A folder need not exist on the first night; a misspelt one looks the same, so it is said."""
    if folder is None or folder.exists():
        return ()
    return (f"{folder} is not there: no night before is known",)


def _nights(folder: Path | None, runs: Sequence[Run]) -> nights_before.Reading | None:
    if folder is None:
        return None
    wanted = nights_before.Wanted(
        environment=environment_of(runs),
        kinds=(RunKind.NIGHT,),
        until=max(run.started_at for run in runs),
    )
    return nights_before.read(FolderHistory(folder), wanted)
