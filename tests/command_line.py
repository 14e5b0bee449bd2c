"""Runs a command of ours as a user does: a process of its own, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from chamiperf_ci.stack import lifecycle

_NODE = "CHAMIPERF_STATE_DIR"


def command(name, *arguments, cwd, state=None, timeout=120, **variables):
    """Run `python -m chamiperf_ci.commands.NAME`; with a stack's state, its variables are set."""
    return subprocess.run(
        [sys.executable, "-m", f"chamiperf_ci.commands.{name}", *map(str, arguments)],
        cwd=cwd,
        env=environment(state, cwd=cwd, **variables),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def environment(state=None, *, cwd, **variables):
    """The variables of a command: those of the stack, and a state folder that holds no other."""
    ours = {_NODE: str(Path(cwd) / "no-stack")}
    if state is not None:
        ours = {_NODE: state.state_dir, **lifecycle.environment(state)}
    return {**os.environ, **ours, **variables}
