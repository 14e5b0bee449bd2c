"""Runs bad input through the command line, in this process or in one of its own, and says how it ended."""

import collections
import contextlib
import io
import re
import resource
import subprocess
import sys
import time

from bad_values import bad_command, drawn

from chamiperf_ci.cli import cli, run

GOOD = {0, 1, 2, 3, 4}
MOST_MB = 500
LONGEST_S = 10.0
"""Of processor time."""
HANGS_S = 60.0
"""Wide, because tests share their machine; what hangs, hangs for ever."""


def in_process(numbers, folder, monkeypatch):
    """Cases that ended in something else than a message and a code, as texts; prints the sums."""
    monkeypatch.chdir(folder)
    # Nobody waits between two tries.
    monkeypatch.setattr("chamiperf_ci.adapters.bounds.random.uniform", lambda *_: 0.0)
    found, codes, longest_s = [], collections.Counter(), 0.0
    for number in numbers:
        arguments = bad_command(drawn(number), folder)
        out, err = io.StringIO(), io.StringIO()
        began, worked = time.monotonic(), time.process_time()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run(cli, arguments, prog_name="chamiperf")
            except SystemExit as ended:
                code = ended.code
        took, worked = time.monotonic() - began, time.process_time() - worked
        codes[code], longest_s = codes[code] + 1, max(longest_s, took)
        if code not in GOOD or "Traceback" in err.getvalue() or took > HANGS_S or worked > LONGEST_S:
            found.append(f"{number}: {code} after {took:.1f} s: {arguments!r}: {err.getvalue()[-600:]!r}")
    _sums(codes, longest_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return found


_TELLING_ITS_MEMORY = """
import atexit, pathlib, runpy, sys
told = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: told.write_bytes(pathlib.Path("/proc/self/status").read_bytes()))
runpy.run_module("chamiperf_ci", run_name="__main__", alter_sys=True)
"""
"""What the kernel tells a parent counts from before the program was loaded, with the parent's own memory."""


def as_processes(numbers, folder):
    """The same, each in a process of its own; its memory counts as well."""
    found, codes, longest_s, most_kb = [], collections.Counter(), 0.0, 0
    told = folder.with_name(f"{folder.name}-memory")
    for number in numbers:
        arguments = bad_command(drawn(number), folder)
        # A process gets bytes: half a character of UTF-16 has none.
        encoded = [
            argument.encode("utf-8", "surrogateescape" if "\ud800" not in argument else "replace")
            for argument in arguments
        ]
        began, worked = time.monotonic(), _worked_s()
        try:
            done = subprocess.run(
                [sys.executable, "-c", _TELLING_ITS_MEMORY, str(told), *encoded],
                cwd=folder, capture_output=True, timeout=HANGS_S, check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            found.append(f"{number}: hangs: {arguments!r}")
            continue
        longest_s = max(longest_s, time.monotonic() - began)
        codes[done.returncode] += 1
        # One that a signal has ended tells nothing, and is found by its code.
        if told.exists():
            most_kb = max(most_kb, int(re.search(rb"VmHWM:\s*(\d+) kB", told.read_bytes())[1]))
            told.unlink()
        if done.returncode not in GOOD or b"Traceback" in done.stderr or _worked_s() - worked > LONGEST_S:
            found.append(f"{number}: {done.returncode}: {arguments!r}: {done.stderr[-600:]!r}")
    assert most_kb
    _sums(codes, longest_s, most_kb)
    return found + ([f"a process took {most_kb / 1000:.0f} MB"] if most_kb / 1000 > MOST_MB else [])


def _worked_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sums(codes, longest_s, most_kb):
    by_code = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items(), key=str))
    sys.stdout.write(
        f"\n{codes.total()} inputs: {by_code}; the longest took {longest_s:.1f} s, the most {most_kb / 1000:.0f} MB\n"
    )
