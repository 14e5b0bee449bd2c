"""Where a command finds and leaves files: the pipeline's, the baselines, the history; and what makes a gate fail."""

import functools
from pathlib import Path
from typing import Any, Final

import click

from chamiperf_ci.adapters.history import BranchHistory, FolderHistory
from chamiperf_ci.models.vocabulary import FailOn
from chamiperf_ci.options.command import Command

_PATH: Final = click.Path(path_type=Path)


def out_option(command: Command) -> Command:
    """`--out`: the folder in which a command finds and leaves the pipeline's files."""
    return click.option(
        "--out",
        type=_PATH,
        default=Path("out"),
        show_default=True,
        envvar="CHAMIPERF_OUT",
        show_envvar=True,
        help="Folder for the pipeline's files.",
    )(command)


def baseline_options(command: Command) -> Command:
    """Add what a comparison stands on: `--baselines` and `--history`."""
    command = click.option(
        "--history",
        type=_PATH,
        metavar="DIR",
        help="The nights before, as `chamiperf history add` keeps them; the folder need not exist yet.",
    )(command)
    return click.option(
        "--baselines",
        type=_PATH,
        default=Path("baselines.json"),
        show_default=True,
        help="Targets, tolerances and accepted runs.",
    )(command)


def gate_options(command: Command) -> Command:
    """Add what makes a night fail: `--gate` and `--fail-on`."""
    command = click.option(
        "--fail-on",
        type=click.Choice([str(kind) for kind in FailOn]),
        multiple=True,
        default=("regression", "target", "invalid"),
        show_default=True,
        help="What makes the exit code other than 0; repeatable, and replaces the default.",
    )(command)
    return click.option(
        "--gate",
        type=click.Choice(["verdict", "adr"]),
        default="verdict",
        show_default=True,
        help="`adr`: one run against the median of the accepted, the ADR's letter; it alarms on most quiet nights.",
    )(command)


def history_options(command: Command) -> Command:
    """`--history`, `--history-branch`, `--remote`: where the history lies; the command gets them as `history`."""

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        folder, branch, remote = (values.pop(name) for name in ("history", "history_branch", "remote"))
        if folder is not None and branch is not None:
            raise click.UsageError("give --history or --history-branch, not both")
        store = BranchHistory(Path(), branch, remote) if branch else FolderHistory(folder) if folder else None
        return command(history=store, **values)

    decorated: Command = collect
    for option in (
        click.option(
            "--remote",
            default="origin",
            show_default=True,
            help="Remote of the branch: its name in this clone, or a URL.",
        ),
        click.option(
            "--history-branch",
            metavar="BRANCH",
            envvar="CHAMIPERF_HISTORY_BRANCH",
            help="The history as a branch of this clone's remote. [CHAMIPERF_HISTORY_BRANCH]",
        ),
        click.option(
            "--history", type=_PATH, envvar="CHAMIPERF_HISTORY", help="The history as a folder. [CHAMIPERF_HISTORY]"
        ),
    ):
        decorated = option(decorated)
    return decorated
