"""A pipe in the place of a file: one that somebody writes to is read, one that nobody does is not waited for."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chamiperf_ci.adapters import bounds, console
from chamiperf_ci.cli import cli, run
from chamiperf_ci.errors import ConfigurationError

CASE = Path(__file__).parents[1] / "cases" / "verdict" / "ten-percent-detectable-claim"


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    """A named pipe without a writer or a reader; nobody waits long for one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bounds, "_PIPE_WAITS_S", 0.2)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


READING = {
    "runs": ["compare", "--runs", "pipe"],
    "baselines": ["compare", "--runs", CASE / "runs", "--baselines", "pipe"],
    "a verdict": ["report", "--verdict", "pipe"],
    "a secret": ["load", "--gateway", "http://127.0.0.1:9", "--environment", "e", "--token-file", "pipe"],
    "targets": ["load", "--config", "pipe", "--target", "t"],
    "a verdict to alert of": ["alert", "--verdict", "pipe", "--dry-run", "--repository", "o/r"],
}


@pytest.mark.usefixtures("pipe")
@pytest.mark.parametrize("what", READING)
def test_nobody_waits_for_a_pipe_into_which_nobody_writes(what, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_TOKEN", "token")
    with pytest.raises(SystemExit) as ended:
        run(cli, list(map(str, READING[what])), prog_name="chamiperf")
    assert ended.value.code == 2
    assert "nobody writes to this pipe" in capsys.readouterr().err


WRITING = {
    "GITHUB_OUTPUT": lambda: console.publish({"a": 1}),
    "GITHUB_STEP_SUMMARY": lambda: console.append_summary("text"),
    "CHAMIPERF_STEP_LINES": lambda: console.step_went_well("text"),
}


@pytest.mark.parametrize("variable", WRITING)
def test_nor_for_one_that_nobody_reads(variable, pipe, monkeypatch):
    monkeypatch.setenv(variable, str(pipe))
    with pytest.raises(ConfigurationError, match=variable):
        WRITING[variable]()


def test_an_event_that_never_comes_is_an_error(pipe):
    with pytest.raises(ConfigurationError, match="nobody writes to this pipe"):
        console.read_event({"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(pipe)})


def test_what_a_command_writes_into_a_pipe_piece_by_piece_is_read_whole(pipe):
    def write():
        with pipe.open("wb", buffering=0) as file:
            for _ in range(50):
                file.write(b"x" * 10_000)

    writer = threading.Thread(target=write)
    writer.start()
    assert bounds.read(pipe) == "x" * 500_000
    writer.join()


def test_a_pipe_that_never_ends_is_too_much():
    with pytest.raises(bounds.LimitExceededError):
        bounds.read(Path("/dev/zero"), most=1_000_000)


def test_a_secret_may_come_from_a_command(tmp_path):
    script = f"{sys.executable} -m chamiperf_ci load --gateway http://127.0.0.1:9 --token-file <(echo 'a b')"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "the secret holds blanks" in done.stderr
