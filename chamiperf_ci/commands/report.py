"""`chamiperf report`: render a verdict for people."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import link_options, out_option, shown_options

if TYPE_CHECKING:
    from chamiperf_ci.render.numbers import Context
    from chamiperf_ci.render.terminal import Form

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--verdict", type=_PATH, help="The verdict's file.  [default: OUT/verdict.json]")
@click.option("--runs", type=_PATH, help="Folder of the runs, for charts of their distributions.  [default: OUT/runs]")
@click.option(
    "--drill",
    type=_PATH,
    help="Result of a drill of this gate.  [default: the newest of the verdict's history, else OUT/drill.json]",
)
@link_options
@click.option(
    "--run-url", envvar="CHAMIPERF_RUN_URL", show_envvar=True, default="", metavar="URL", help="The workflow run."
)
@click.option("--artifact", default="", metavar="NAME", help="Name of the artifact that will hold the files.")
@shown_options
@out_option
def report(
    *,
    verdict: Path | None,
    runs: Path | None,
    drill: Path | None,
    links: "Context",
    run_url: str,
    artifact: str,
    form: "Form",
    out: Path,
) -> ExitCode:
    """Render a verdict: to the terminal, and as summary.md, report.html and junit.xml.

    In GitHub Actions it also writes the job summary and annotations. Exits 0 whatever the verdict says: the exit code
    of the night is that of `compare` or `confirm`.
    """
    from chamiperf_ci.steps import report as step  # noqa: PLC0415 - keeps `chamiperf --help` fast

    context = replace(links, run_url=run_url, artifact=artifact)
    step.report(verdict or out / "verdict.json", runs or out / "runs", out=out, context=context, drill=drill, form=form)
    return ExitCode.OK


if __name__ == "__main__":
    run(report)
