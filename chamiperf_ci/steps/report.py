"""What `report` does: a verdict file becomes text for each place where people read."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from chamiperf_ci.adapters import console, files
from chamiperf_ci.adapters.files import dialect
from chamiperf_ci.adapters.history import read_drill
from chamiperf_ci.errors import InvalidMeasurement, ToolkitError
from chamiperf_ci.models.dialect import Dialect
from chamiperf_ci.models.drill import sensitivity
from chamiperf_ci.models.plan import SUSTAINED
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.html import Sides, page
from chamiperf_ci.render.junit import junit, notes
from chamiperf_ci.render.night import summary
from chamiperf_ci.render.numbers import Context
from chamiperf_ci.render.tables import TimeSplit
from chamiperf_ci.render.terminal import Form
from chamiperf_ci.steps.compare.scenarios import read_runs
from chamiperf_ci.steps.compare.step import echo
from chamiperf_ci.steps.published import published_verdict


def report(
    path: Path, runs: Path, *, out: Path, context: Context, drill: Path | None = None, form: Form = "brief"
) -> None:
    """Write summary.md, report.html and junit.xml, print the report, and show it in GitHub Actions.

    Args:
        path: The verdict's file.
        runs: Folder with the runs behind it, for charts of their distributions; it may be gone.
        out: Folder for the files.
        context: Where links lead.
        form: What standard output gets of the verdict.
        drill: A drill's file; None: what the verdict knows of one by its history, else `drill.json` in `out`.

    Raises:
        ConfigurationError: The verdict or a drill that was named is missing or wrong, or a file cannot be written.
    """
    verdict = files.read_document(path, Verdict, remedy="Make it with `chamiperf compare`.")
    verdict = published_verdict(_with_drill(verdict, drill, out / "drill.json"))
    text = summary(verdict, context=context)
    files.write_text(out / "summary.md", text)
    judged, before = _runs_of(verdict, runs)
    sides = Sides(judged, before, _splits(judged), _splits(before))
    files.write_text(out / "report.html", page(verdict, sides, context=context))
    files.write_text(out / "junit.xml", junit(verdict))
    echo(verdict, form)
    if not console.append_summary(text):
        click.echo("The job summary was full; the whole text is in summary.md.", err=True)
    console.annotate(
        [console.Annotation(console.AnnotationLevel(note.level), note.title, note.message) for note in notes(verdict)]
    )
    console.publish(
        {
            "summary-path": str(out / "summary.md"),
            "report-path": str(out / "report.html"),
            "junit-path": str(out / "junit.xml"),
        }
    )
    names = ", ".join(str(out / name) for name in ("summary.md", "report.html", "junit.xml"))
    click.echo(f"Written: {names}", err=True)


def _splits(runs: Sequence[Run]) -> list[TimeSplit]:
    """Where the time of the endpoints went, as far as the services told."""
    return [split for run in runs for split in time_splits(run, dialect(run.fingerprint.dialect))]


def _with_drill(verdict: Verdict, named: Path | None, default: Path) -> Verdict:
    """The verdict with what a drill's file says of its gate; one that says nothing of this night is named."""
    if named is None and (verdict.sensitivity or not default.exists()):
        return verdict
    found = read_drill(named or default)
    shown = sensitivity(verdict.scenarios, [found])
    if not shown:
        click.echo(console.harmless(f"The drill is left out: {found.scenario} is not in the verdict."), err=True)
        return verdict
    return verdict.model_copy(update={"sensitivity": shown})


def _runs_of(verdict: Verdict, folder: Path) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The runs that the verdict judged and those it compared them with, as far as they are still there.

    A chart is not a reason to fail.
    """
    judged = {run_id for scenario in verdict.scenarios for run_id in scenario.runs}
    accepted = {(row.key.scenario, at) for row in verdict.rows for at in row.baseline_at}
    try:
        found = read_runs([folder])
    except InvalidMeasurement:
        return (), ()
    except ToolkitError as error:
        click.echo(f"Charts of distributions are left out: {error}", err=True)
        return (), ()
    others = [run for run in found if run.run_id not in judged and run.valid]
    before = [run for run in others if run.run_kind is RunKind.PAIR_OLD or (run.scenario, run.started_at) in accepted]
    return tuple(run for run in found if run.run_id in judged), tuple(before)


_VERBS = {
    "create": "POST",
    "find": "GET",
    "get": "GET",
    "change": "PATCH",
    "patch": "PATCH",
    "put": "PUT",
    "delete": "DELETE",
}
_OF_ALL = ("create", "find")
"""Operations on the collection; the others are on one object."""
Route = tuple[str, str]
"""Method and path, with `{}` for whatever a part of it is called."""


def time_splits(run: Run, dialect: Dialect) -> Iterator[TimeSplit]:
    """Split the time of every endpoint whose service tells the mean of its route; others are left out."""
    routes = _routes(dialect)
    means = {
        (figure.service, figure.labels.get("method", ""), _bare(figure.labels.get("route", ""))): figure.value
        for figure in run.server
        if figure.name == "server_mean" and figure.value is not None
    }
    databases = {figure.service: figure.value for figure in run.server if figure.name == "db_time_per_request"}
    traffic = {each.endpoint: each for each in run.traffic if each.phase == SUSTAINED}
    for series in run.series:
        phase, mine = series.phases.get(SUSTAINED), traffic.get(series.endpoint)
        route = routes.get(series.endpoint)
        if series.metric != "latency" or phase is None or mine is None or route is None:
            continue
        answered = means.get((mine.service, *route))
        if answered is None:
            continue
        database = databases.get(mine.service)
        yield TimeSplit(
            scenario=run.scenario,
            endpoint=series.endpoint,
            seen=phase.mean,
            database=database,
            service=answered - (database or 0.0),
            front=phase.mean - answered,
            generator=mine.blocked_ms.mean if mine.blocked_ms else None,
        )


def _routes(dialect: Dialect) -> dict[str, Route]:
    """Every endpoint's method and path, as the load scripts name endpoints."""
    found = {name: (route.method, _bare(route.path)) for name, route in dialect.routes.items()}
    for name, shape in dialect.objects.items():
        for verb, method in _VERBS.items():
            path = shape.path if verb in _OF_ALL else f"{shape.path}/{{}}"
            found[f"{name}-{verb}"] = (method, _bare(path))
    return found


def _bare(path: str) -> str:
    return re.sub(r"\{\w*\}", "{}", path.partition("?")[0])
