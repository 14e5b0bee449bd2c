"""`chamiperf init`: write the workflows into a repository, and say what is left to do."""

from dataclasses import asdict
from pathlib import Path

import click

from chamiperf_ci.errors import ExitCode
from chamiperf_ci.options import Printed, json_option


@click.command()
@click.option(
    "--workflows",
    metavar="NAME,...",
    help="Workflows to write, such as nightly,pull-request.  [default: those that are there, else nightly]",
)
@click.option(
    "--toolkit",
    metavar="OWNER/REPO@SHA",
    help="Where the workflows get this toolkit from.  [default: where it was installed from, else as before]",
)
@click.option("--runner", metavar="LABEL,...", help="The runner's labels.  [default: as before, else ubuntu-24.04]")
@click.option(
    "--target",
    metavar="NAME",
    help="A target of chamiperf.toml, or self-test.  [default: as before, else the self-test]",
)
@click.option(
    "--branch", metavar="NAME", help="The repository's default branch.  [default: as before, else what git says]"
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a copy is missing, or older than this toolkit.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--force", is_flag=True, help="Write also over copies that were edited by hand.")
@json_option(what="the files and what happened to each as JSON")
def init(
    *,
    printed: Printed,
    workflows: str | None,
    toolkit: str | None,
    runner: str | None,
    target: str | None,
    branch: str | None,
    check: bool,
    dry_run: bool,
    force: bool,
) -> ExitCode:
    """Write .github/workflows/chamiperf-*.yml and chamiperf.toml into the repository of this folder.

    Asks nothing, and can be called again at any time: what is current stays, what is older is made anew and shown as a
    diff, and what somebody edited stays unless --force is given. Exit codes: 0 done; 1 with --check, something is older
    or missing, or a copy that was edited by hand waits for a person; 2 what was given cannot be used.
    """
    from chamiperf_ci.steps import init as step  # noqa: PLC0415 - keeps `chamiperf --help` fast

    root = step.root_of(Path.cwd())
    wanted = [name.strip() for name in workflows.split(",") if name.strip()] if workflows else []
    place = step.toolkit_named(toolkit, root)
    planned = step.copies(root, wanted, place, runner=runner, target=target, branch=branch)
    written = () if check or dry_run else step.write(root, planned, force=force)
    printed.hand_over([asdict(copy) | {"written": copy in written} for copy in planned])
    for copy in planned:
        did = (
            "written"
            if copy in written and copy.state is step.FileState.NEW
            else "updated"
            if copy in written
            else copy.state
        )
        click.echo(f"{copy.path}: {did}")
        if copy.diff and copy.state not in step.FINE:
            click.echo(copy.diff, nl=False)
    waiting = [copy for copy in planned if copy not in written and copy.state in step.WAITING]
    if check:
        stale = [copy for copy in planned if copy.state not in step.FINE and copy.path.suffix == ".yml"]
        if stale:
            click.echo("Run `chamiperf init` with the current toolkit, review the diff, and commit it.", err=True)
        return ExitCode.VERDICT_NO if stale else ExitCode.OK
    if waiting:
        click.echo("Merge the diff above by hand, or overwrite the file with --force.", err=True)
    if any(copy.state is step.FileState.NEW or ((runner or target) and copy in written) for copy in planned):
        click.echo("\nLeft to do:")
        for number, sentence in enumerate(step.manual_steps(root, planned), start=1):
            click.echo(f"{number}. {sentence}")
    return ExitCode.VERDICT_NO if waiting else ExitCode.OK
