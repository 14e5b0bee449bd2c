"""`chamiperf update-baseline`: a person changes the accepted runs, on purpose, with a reason, in two steps."""

from datetime import UTC, datetime
from pathlib import Path

import click

from chamiperf_ci.__main__ import run
from chamiperf_ci.errors import ExitCode

_FILE = click.Path(path_type=Path, dir_okay=False)


def _baselines_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--baselines", type=_FILE, default=Path("baselines.json"), show_default=True, help="The file to change."
    )(command)


def _patch_option(command: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--patch", type=_FILE, default=Path("out/baseline.patch.json"), show_default=True, help="The RFC 6902 patch."
    )(command)


@click.group("update-baseline")
def update_baseline() -> None:
    """Propose, apply or publish a change of the accepted runs.

    Baselines are changed by people only. Exit codes: 0 done; 2 refused, with the reason; nothing is written then.
    """


@update_baseline.command()
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="Run file, or folder of run files, to accept; repeatable.",
)
@_baselines_option
@_patch_option
@click.option("--reason", required=True, help="Why the runs are accepted; stands in the file.")
@click.option("--who", envvar="GITHUB_ACTOR", help="Who accepts them; default: the user's name. [GITHUB_ACTOR]")
@click.option(
    "--replace", is_flag=True, help="Put the runs in the place of the present ones; default: add them, up to five."
)
@click.option(
    "--overrule",
    type=click.Choice(["invalid", "incomplete", "kind", "fault", "fingerprint", "missed-target"]),
    multiple=True,
    help="Accept a run in spite of this; recorded in the file; repeatable.",
)
def propose(
    *,
    runs: tuple[Path, ...],
    baselines: Path,
    patch: Path,
    reason: str,
    who: str | None,
    replace: bool,
    overrule: tuple[str, ...],
) -> ExitCode:
    """Show what accepting runs would change, and write it as a patch; the file stays as it is."""
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

    update.propose_runs(
        runs,
        baselines,
        patch,
        update.intent(replace=replace, who=who, reason=reason, today=datetime.now(UTC).date(), overrule=overrule),
    )
    return ExitCode.OK


@update_baseline.command()
@_baselines_option
@_patch_option
def apply(baselines: Path, patch: Path) -> ExitCode:
    """Show a proposed patch and apply it; refused when the file has changed since it was proposed."""
    from chamiperf_ci.steps.baselines import update  # noqa: PLC0415 - keeps `chamiperf --help` fast

    update.apply_file(baselines, patch)
    return ExitCode.OK


if __name__ == "__main__":
    run(update_baseline)
