"""Standard output and error may be closed, full, or read by nobody: a command's own code and its files stay."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases" / "verdict"
VERDICTS = {
    "lucky-baseline-30-nights-at-present-level": 1,
    "ten-percent-detectable-claim": 0,
    "unit-s-to-min-scalar-doubled": 3,
}
WAYS = {
    "as usual": "",
    "output closed": ">&-",
    "error closed": "2>&-",
    "both closed": ">&- 2>&-",
    "all three closed": "<&- >&- 2>&-",
    "output full": ">/dev/full",
    "error full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
    "output full, error closed": ">/dev/full 2>&-",
    "output closed, error full": ">&- 2>/dev/full",
    "output read by head": "| head -n 1",
    "output read by nobody": "| true",
    "error read by nobody": "2>&1 >/dev/null | true",
    "both read by nobody": "2>&1 | true",
    "output open for reading only": "1</dev/null",
    "error open for reading only": "2</dev/null",
}


def ended(arguments, way="", *, cwd):
    """The exit code, and what arrived at either stream."""
    command = shlex.join([sys.executable, "-m", "chamiperf_ci", *map(str, arguments)])
    script = f"{command} {way}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=False, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_verdict_keeps_its_code_and_its_file_whatever_becomes_of_the_streams(way, tmp_path):
    # One of them, so that all this takes no minute: what became of a stream knows nothing of a verdict.
    for case, code in list(VERDICTS.items())[(list(WAYS).index(way) + 2) % 3 :][:1]:
        folder = CASES / case
        arguments = ["compare", "--runs", folder / "runs", "--baselines", folder / "baselines.json", "--all"]
        assert ended([*arguments, "--out", case], WAYS[way], cwd=tmp_path)[0] == code, case
        written = json.loads((tmp_path / case / "verdict.json").read_text(encoding="utf-8"))
        assert written["outcome"]["exit_code"] == code


@pytest.mark.parametrize("way", ["output full", "both full", "both closed", "error full", "error read by nobody"])
def test_so_do_commands_that_are_refused_or_reach_nobody(way, tmp_path):
    nobody = ["--gateway", "http://127.0.0.1:9", "--environment", "e"]
    (tmp_path / "token").write_text("t", encoding="utf-8")
    for arguments, code in ((["load", "--vus", "x"], 2), (["smoke", *nobody, "--token-file", "token"], 1)):
        assert ended(arguments, WAYS[way], cwd=tmp_path)[0] == code, arguments


@pytest.mark.parametrize("arguments", [["--help"], ["load", "--help"], ["load", "--dry-run"], ["--version"]])
def test_what_is_nothing_but_its_output_fails_where_that_is_lost(arguments, tmp_path):
    assert ended(arguments, cwd=tmp_path)[0] == 0
    lost, _, said = ended(arguments, ">/dev/full", cwd=tmp_path)
    assert (lost, said.count("\n")) == (2, 1), said
    assert "standard output cannot be written whole: No space left on device" in said


PRINTS_MUCH = (
    "import click; from chamiperf_ci.cli import run; run(click.command()(lambda: click.echo('x' * 1_000_000)), [])"
)


def test_a_slow_reader_of_a_pipe_that_does_not_wait_gets_everything():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-c", PRINTS_MUCH], stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        # The pipe is full long before anybody reads.
        time.sleep(0.5)
        with os.fdopen(reader, "rb") as file:
            read = file.read()
        said = process.stderr.read()
    assert (process.returncode, len(read)) == (0, 1_000_001), said
