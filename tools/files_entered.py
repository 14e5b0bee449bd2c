"""Counts the files and lines of the package that a command of `chamiperf` really enters.

A file is entered when a function that it defines is called. The bodies of modules and classes do not count: an import
alone shows no dependence of behavior. The command runs as it is, in the current folder, and ends with its exit code;
the count goes to standard error. Python processes that it starts, and that end before it, are counted apart.

Usage: tools/files-entered [--list] COMMAND [ARGUMENT...]
"""

import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_FEW = 8
"""Functions of a file that are named."""
PACKAGES = ("chamiperf_ci", "chamicore_standin")
"""The toolkit, and the embedded stack where it is a package of its own."""

_RECORDER = """
import atexit, os, sys, threading
entered = set()
def watch(frame, event, argument):
    if event == "call":
        entered.add(frame.f_code)
def write():
    sys.setprofile(None)
    import json
    # Only what is a function: the bodies of modules and classes have no fast locals (CO_OPTIMIZED, CO_NEWLOCALS), and a
    # comprehension of a module's body belongs to it.
    found = [
        (code.co_filename, code.co_qualname, code.co_firstlineno,
         max((line for *_, line in code.co_lines() if line), default=code.co_firstlineno))
        for code in entered.copy() if code.co_flags & 3 == 3 and not code.co_qualname.startswith("<")
    ]
    try:
        with open(os.path.join(os.environ["FILES_ENTERED"], str(os.getpid())), "w") as file:
            json.dump(found, file)
    except OSError:
        pass
atexit.register(write)
threading.setprofile(watch)
sys.setprofile(watch)
"""
"""Runs before anything else in every Python process that inherits the environment."""

Entered = dict[Path, dict[tuple[int, int], str]]
"""By file: first and last line of each function that was called, with its name."""


def main(arguments: list[str]) -> int:
    """Run the command and print the count; its exit code."""
    listed = arguments[:1] == ["--list"]
    arguments = arguments[listed:]
    if not arguments or arguments[0].startswith("-"):
        print(inspect.getdoc(sys.modules[__name__]), file=sys.stderr)
        return 2
    code, own, children = run(arguments, os.environ)
    for package in PACKAGES:
        _print(arguments[0], package, own, listed=listed)
        _print(f"{arguments[0]}, child processes", package, children, listed=listed)
    if not own:
        print("nothing was recorded: the command was killed before it could write", file=sys.stderr)
    return code


def run(arguments: Sequence[str], variables: Mapping[str, str], **how: Any) -> tuple[int, Entered, Entered]:  # noqa: ANN401 - as subprocess takes it
    """Run a command of `chamiperf`; its exit code, what it entered, and what processes that it started did."""
    with tempfile.TemporaryDirectory(prefix="files-entered-") as folder:
        (Path(folder) / "sitecustomize.py").write_text(_RECORDER, encoding="utf-8")
        paths = [folder, str(ROOT), *filter(None, [variables.get("PYTHONPATH")])]
        environment = {**variables, "PYTHONPATH": os.pathsep.join(paths), "FILES_ENTERED": folder}
        process = subprocess.Popen([sys.executable, "-m", "chamiperf_ci", *arguments], env=environment, **how)
        code = process.wait()
        return code, *read(Path(folder), process.pid)


def files_of(package: str, entered: Entered) -> dict[Path, dict[tuple[int, int], str]]:
    """The files of a package among those entered, with the functions that were called."""
    return {path: functions for path, functions in entered.items() if path.is_relative_to(ROOT / package)}


def read(folder: Path, pid: int) -> tuple[Entered, Entered]:
    """What the process with this pid entered, and what all others did."""
    own: Entered = defaultdict(dict)
    children: Entered = defaultdict(dict)
    for record in folder.iterdir():
        if record.name.isdigit():
            entered = own if record.name == str(pid) else children
            for file, name, first, last in json.loads(record.read_text(encoding="utf-8")):
                entered[Path(file)][first, last] = name
    return own, children


def _print(what: str, package: str, entered: Entered, *, listed: bool) -> None:
    files = files_of(package, entered)
    if not files:
        return
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    called = sum(len(_lines(functions)) for functions in files.values())
    functions = sum(map(len, files.values()))
    print(
        f"{what}: {len(files)} files of {package} with {lines:,} lines; "
        f"{functions} functions called, {called:,} lines in them",
        file=sys.stderr,
    )
    if listed:
        for path, entries in sorted(files.items()):
            names = f": {', '.join(sorted(set(entries.values())))}" if len(entries) <= _FEW else ""
            print(f"  {path.relative_to(ROOT)}  {len(entries)} functions{names}", file=sys.stderr)


def _lines(functions: dict[tuple[int, int], str]) -> set[int]:
    """The lines of functions, those of nested ones once."""
    return {line for first, last in functions for line in range(first, last + 1)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
