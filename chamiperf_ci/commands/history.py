"""`chamiperf history`: every run kept as one small file, in a folder or on a branch; no server."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chamiperf_ci.adapters.history import HistoryStore
from chamiperf_ci.cli import run
from chamiperf_ci.errors import ConfigurationError, ExitCode
from chamiperf_ci.models.run import RunKind
from chamiperf_ci.options import PERIOD, Command, Printed, history_options, json_option, range_options

if TYPE_CHECKING:
    from chamiperf_ci.steps.history import EntryFilter
    from chamiperf_ci.steps.trend import TrendOptions


def _filter_options(command: Command) -> Command:
    return range_options(
        click.option(
            "--kind", "kinds", type=click.Choice([kind.value for kind in RunKind]), multiple=True, help="Repeatable."
        )(command)
    )


def _drawn_options(command: Command) -> Command:
    """What a drawing of all nights stands on; the command gets it as `drawn`, a TrendOptions."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        from chamiperf_ci.steps.trend import TrendOptions  # noqa: PLC0415 - keeps `chamiperf --help` fast

        mine = (values.pop(name) for name in ("history", "which", "baselines", "period"))
        return command(drawn=TrendOptions(*mine), **values)

    decorated = click.option(
        "--period", type=PERIOD, default="24h", show_default=True, help="Time from one night to the next."
    )(range_options(history_options(collect, required=True)))
    return click.option(
        "--baselines",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Rules and accepted runs.  [default: baselines.json if it is there, else what ships]",
    )(decorated)


def _written_as(*forms: str, what: str) -> Callable[[Command], Command]:
    """`--format`, the first form being the default, and `--output`: what is written, and where to."""

    def decorate(command: Command) -> Command:
        decorated = click.option(
            "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write; default: standard output."
        )(command)
        return click.option(
            "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help=what
        )(decorated)

    return decorate


@click.group()
def history() -> None:
    """Keep every run, and read what was kept.

    Only nights count for drift and as candidates for a baseline. Exit codes: 0 done; 2 usage, or a file of a newer
    version; 4 the remote does not answer.
    """


@history.command()
@click.option("--runs", type=click.Path(path_type=Path), multiple=True, help="Run file or folder; repeatable.")
@click.option("--drill", type=click.Path(path_type=Path, dir_okay=False), help="A drill.json, for later reports.")
@click.option("--verdict", type=click.Path(path_type=Path, dir_okay=False), help="Their verdict.")
@click.option("--link", default="", metavar="URL", help="URL of the workflow run that made them.")
@click.option("--report", default="", metavar="URL", help="URL of the night's report, such as its artifact.")
@functools.partial(history_options, required=True)
@json_option(what="the names of what is new as JSON")
def add(
    *,
    runs: tuple[Path, ...],
    drill: Path | None,
    verdict: Path | None,
    link: str,
    report: str,
    history: HistoryStore,
    printed: Printed,
) -> ExitCode:
    """Add runs, or a drill's result; existing entries stay unchanged."""
    from chamiperf_ci.steps import history as kept_runs  # noqa: PLC0415 - keeps `chamiperf --help` fast

    if not runs and drill is None:
        raise ConfigurationError("nothing is named", where="--runs, --drill", remedy="Give runs, a drill, or both.")
    new: list[str] = []
    if runs:
        new += kept_runs.add_files(history, runs, verdict, link=link, report=report)
    if drill is not None:
        new += kept_runs.add_drill(history, drill)
    printed.hand_over(new)
    for name in new:
        click.echo(name)
    return ExitCode.OK


@history.command("list")
@_filter_options
@functools.partial(history_options, required=True)
@json_option()
def list_runs(*, which: "EntryFilter", history: HistoryStore, printed: Printed) -> ExitCode:
    """List runs, one a line, the oldest first; only names are read."""
    from chamiperf_ci.steps import history as kept_runs  # noqa: PLC0415 - keeps `chamiperf --help` fast

    names = kept_runs.names(history, which)
    printed.hand_over(names)
    for name in names:
        click.echo(
            f"{name.started_at:%Y-%m-%d %H:%M}  {name.environment}  {name.scenario}  {name.run_kind}  {name.run_id}"
        )
    click.echo(f"{len(names)} runs.", err=True)
    return ExitCode.OK


@history.command()
@click.option("--run", "run_id", required=True, metavar="ID", help="Its run id, as `list` prints it.")
@functools.partial(history_options, required=True)
@json_option(what="one JSON array with an object for each scenario")
def show(*, run_id: str, history: HistoryStore, printed: Printed) -> ExitCode:
    """Show a run of the history."""
    from chamiperf_ci.steps import history as kept_runs  # noqa: PLC0415 - keeps `chamiperf --help` fast

    kept = kept_runs.content(history, run_id)
    printed.hand_over([json.loads(entry) for entry in kept])
    click.echo("".join(kept), nl=False)
    return ExitCode.OK


@history.command()
@_written_as("csv", "jsonl", "json", what="One line a metric, or one JSON array.")
@_filter_options
@functools.partial(history_options, required=True)
def export(*, form: str, output: Path | None, which: "EntryFilter", history: HistoryStore) -> ExitCode:
    """Export metrics as CSV or JSON lines, for a spreadsheet or a notebook."""
    from chamiperf_ci.steps import history as kept_runs  # noqa: PLC0415 - keeps `chamiperf --help` fast

    kept_runs.export(history, which, form=form, output=output)
    return ExitCode.OK


@history.command()
@_written_as("html", "markdown", "json", what="What to write.")
@_drawn_options
def trend(*, form: str, output: Path | None, drawn: "TrendOptions") -> ExitCode:
    """Draw all nights: a chart for each compared metric, on one self-contained page.

    Shows what was accepted, where a drift began, nights that are missing or could not be judged, and the newest value
    against the baseline. The same history and baselines give the same bytes.
    """
    from chamiperf_ci.steps.trend import show_trend  # noqa: PLC0415 - keeps `chamiperf --help` fast

    show_trend(drawn, form=form, output=output)
    return ExitCode.OK


@history.command()
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write the site into."
)
@_drawn_options
@json_option(what="the paths of the pages as JSON")
def site(*, output: Path, drawn: "TrendOptions", printed: Printed) -> ExitCode:
    """Write all nights as a static site, for GitHub Pages or any web server: an index, and a page for each metric.

    What changed most comes first; a metric's page shows every night with its run, what was accepted, tolerated and
    required, and the builds on both sides of a step. The same history and baselines give the same bytes.
    """
    from chamiperf_ci.steps.trend import write_site  # noqa: PLC0415 - keeps `chamiperf --help` fast

    printed.hand_over(write_site(drawn, output))
    return ExitCode.OK


if __name__ == "__main__":
    run(history)
