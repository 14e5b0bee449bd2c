"""Runs a command of ours as a user does, in a folder of its own."""

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import psutil
import pytest

from chamicore_standin import lifecycle
from chamiperf_ci.__main__ import main
from chamiperf_ci.adapters.files import read_document, write_document
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.vocabulary import RunReason

_NODE = "CHAMIPERF_STATE_DIR"


def process(name, *arguments, cwd, state=None, timeout=120, **variables):
    """Run `python -m chamiperf_ci.commands.NAME`, for what a process alone has: signals, limits, a death of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"chamiperf_ci.commands.{name}", *map(str, arguments)],
        cwd=cwd,
        env=environment(state, cwd=cwd, **variables),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def command(name, *arguments, cwd, state=None, **variables):
    """Run `chamiperf NAME` here, which spares a second of imports; with a stack's state, its variables are set."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    wanted = [name.replace("_", "-"), *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, environment(state, cwd=cwd, **variables)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(wanted)
    printed = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(wanted, ended.value.code, *printed)


GENERATOR = {RunReason.GENERATOR_SATURATED, RunReason.LOAD_NOT_REACHED}
"""What a busy machine does to a load."""


def only_the_machine(folder):
    """Whether nothing but a busy machine spoilt the runs in a folder; they are then written as if it had not."""
    paths = list((folder / "out" / "runs").glob("*.json"))
    for path in paths:
        run = read_document(path, Run)
        if not run.complete or {problem.reason for problem in run.problems} - GENERATOR:
            return False
        write_document(path, run.model_copy(update={"problems": ()}))
    return bool(paths)


def environment(state=None, *, cwd, **variables):
    """The variables of a command: those of the stack, and a state folder that holds no other."""
    ours = {_NODE: str(Path(cwd) / "no-stack")}
    if state is not None:
        ours = {_NODE: state.state_dir, **lifecycle.environment(state)}
    return {**os.environ, **ours, **variables}


def k6_of(process):
    """The k6 that a process of ours started, once the load runs."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        for child in psutil.Process(process.pid).children():
            # Its version is asked for before it is run, and it tries the road.
            with contextlib.suppress(psutil.Error, IndexError):
                line = child.cmdline()
                if child.name() == "k6" and line[1] == "run" and not any(each.endswith("probe.js") for each in line):
                    return child
        time.sleep(0.05)
    raise AssertionError(f"k6 was not started: {process.communicate(timeout=10)}")
