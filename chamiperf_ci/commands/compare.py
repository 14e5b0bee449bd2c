"""`chamiperf compare`: judge runs against targets and baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from chamiperf_ci.cli import run
from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import baseline_options, gate_options, out_option, shown_options

if TYPE_CHECKING:
    from chamiperf_ci.render.terminal import Form


@click.command()
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Run file, or folder of run files, of one night; repeatable.  [default: OUT/runs]",
)
@baseline_options
@gate_options
@click.option(
    "--explain",
    metavar="METRIC",
    help="Also show how rows were computed: a metric (p99), or scenario/endpoint/metric, or a part of it.",
)
@shown_options
@out_option
def compare(
    *,
    runs: tuple[Path, ...],
    baselines: Path,
    history: Path | None,
    gate: Literal["verdict", "adr"],
    fail_on: tuple[str, ...],
    explain: str | None,
    form: "Form",
    out: Path,
) -> ExitCode:
    """Judge runs against targets and baseline, and write verdict.json.

    Prints, on one screen, the figures that decide, the warnings, and the verdict's sentence last.

    Exit codes: 0 nothing failed; 1 a regression or a missed target; 2 usage or configuration; 3 the measurement is not
    valid, a metric vanished or has no baseline.
    """
    from chamiperf_ci.steps.compare import step  # noqa: PLC0415 - keeps `chamiperf --help` fast

    return step.compare(
        runs or (out / "runs",),
        step.CompareOptions(baselines=baselines, history=history, gate=gate, fail_on=fail_on),
        out=out,
        explain=explain,
        form=form,
    )


if __name__ == "__main__":
    run(compare)
