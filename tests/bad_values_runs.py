"""Runs bad input through the door, in this process or in one of its own, and says how it ended."""

import contextlib
import io
import resource
import subprocess
import sys
import time

from bad_values import bad_command, drawn

from chamiperf_ci.cli import cli, run

GOOD = {0, 1, 2, 3, 4}
MOST_MB = 500
LONGEST_S = 60.0
"""Wide, because tests share their machine; what hangs, hangs for ever."""


def in_process(numbers, folder, monkeypatch):
    """Cases that ended in something else than a message and a code, as texts."""
    monkeypatch.chdir(folder)
    # Nobody waits between two tries.
    monkeypatch.setattr("chamiperf_ci.adapters.chamicore.random.uniform", lambda *_: 0.0)
    found = []
    for number in numbers:
        arguments = bad_command(drawn(number), folder)
        out, err = io.StringIO(), io.StringIO()
        began = time.monotonic()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run(cli, arguments, prog_name="chamiperf")
            except SystemExit as ended:
                code = ended.code
        took = time.monotonic() - began
        if code not in GOOD or "Traceback" in err.getvalue() or took > LONGEST_S:
            found.append(f"{number}: {code} after {took:.1f} s: {arguments!r}: {err.getvalue()[-600:]!r}")
    return found


def as_processes(numbers, folder):
    """The same, each in a process of its own; its memory counts as well."""
    found = []
    for number in numbers:
        arguments = bad_command(drawn(number), folder)
        # A process gets bytes: half a character of UTF-16 has none.
        encoded = [
            argument.encode("utf-8", "surrogateescape" if "\ud800" not in argument else "replace")
            for argument in arguments
        ]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "chamiperf_ci", *encoded],
                cwd=folder, capture_output=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            found.append(f"{number}: hangs: {arguments!r}")
            continue
        if done.returncode not in GOOD or b"Traceback" in done.stderr:
            found.append(f"{number}: {done.returncode}: {arguments!r}: {done.stderr[-600:]!r}")
    most_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return found + ([f"a process took {most_mb:.0f} MB"] if most_mb > MOST_MB else [])
