"""Who asks for a stack's lock."""

import functools
import os
import socket
from dataclasses import dataclass
from typing import Any

import click

from chamiperf_ci.options.command import Command
from chamiperf_ci.steps.runs import new_run_id


@dataclass(frozen=True, slots=True)
class GivenClaim:
    """Who asks for a stack's lock."""

    run: str
    owner: str
    break_lock: bool


def claim_options(command: Command) -> Command:
    """Add the options of the stack's lock; the command gets them as `claim`, a GivenClaim.

    The run is by default the workflow run with its attempt, so that all its steps share one lock, and otherwise a new
    one for each command.
    """

    @functools.wraps(command)
    def collect(**values: Any) -> Any:  # noqa: ANN401 - click's own types
        lock_run, break_lock = values.pop("lock_run"), values.pop("break_lock")
        return command(claim=GivenClaim(lock_run or _own_run(), _owner(), break_lock), **values)

    decorated = click.option("--break-lock", is_flag=True, help="Take the stack's lock from whoever holds it.")(collect)
    return click.option(
        "--lock-run",
        metavar="ID",
        envvar="CHAMIPERF_LOCK_RUN",
        show_envvar=True,
        help="Commands with the same ID share the stack's lock.  [default: the workflow run]",
    )(decorated)


def _own_run() -> str:
    """The workflow run and its attempt, else something that no other command has."""
    run_id = os.environ.get("GITHUB_RUN_ID")
    return f"{run_id}-{os.environ.get('GITHUB_RUN_ATTEMPT', '1')}" if run_id else new_run_id("l")


def _owner() -> str:
    """The repository whose workflow this is, else the user and the machine."""
    user = os.environ.get("USER") or f"user {os.getuid()}"
    return os.environ.get("GITHUB_REPOSITORY") or f"{user} on {socket.gethostname()}"
