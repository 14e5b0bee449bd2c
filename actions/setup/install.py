"""Installs chamiperf-ci from the checkout that this action lies in, into an environment of its own.

Standard library only, and importable by an older Python, so that the message about it is ours. Run by action.yml as
`install.py plan` (checks the runner, names the cache) and `install.py install`.

The environment lies in the runner's tool cache under a name made of everything that goes into it; a runner that keeps
its disk installs once. pip's own variables (PIP_INDEX_URL, PIP_FIND_LINKS, ...) reach pip untouched: docs/runner.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import resource
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

TOOLKIT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements/runtime.txt", "requirements/build.txt")
OLDEST_PYTHON = (3, 11)
OLDEST_RUNNER = (2, 327, 1)
"""The pinned actions run on node24, which this version of the runner brought."""
OPEN_FILES = 25_000
LOCAL_PORTS = 25_000
"""Enough for the spike of 20,000 connections of profile `full`, and some."""
K6 = "1.1.0"
"""The version whose numbers were checked; another one is another fingerprint."""
K6_ANSWER_S = 30
FREE_BYTES = 1_000_000_000
"""An environment, pip's downloads and a night's files."""
GUIDE = "https://github.com/{repository}/blob/{ref}/docs/runner.md"


def main() -> None:
    """Run one of the two steps."""
    if sys.version_info < OLDEST_PYTHON:
        fail(
            "Python %d.%d is too old for chamiperf" % sys.version_info[:2],  # noqa: UP031 - for an old Python too
            "Put `uses: actions/setup-python` with `python-version: '3.12'` before this step, or install Python "
            "3.11 or newer on the runner.",
            "python",
        )
    {"plan": plan, "install": install}[sys.argv[1]]()


def plan() -> None:
    """Check the runner and say what the cache is called."""
    cache = os.environ.get("CHAMIPERF_SETUP_CACHE", "")
    if cache not in ("true", "false"):
        fail("cache is neither true nor false: %r" % cache, "Write `cache: true` or `cache: false`.", "inputs")  # noqa: UP031
    check_open_files()
    check_ports()
    check_runner()
    check_k6()
    check_disk()
    ready = (home() / ".complete").exists()
    output("cache", "false" if ready else cache)
    output(
        "cache-key",
        f"chamiperf-pip-{sys.platform}-{os.uname().machine}-{sys.version_info[0]}.{sys.version_info[1]}-{digest(locks())[:16]}",
    )
    output("cache-path", os.environ.get("PIP_CACHE_DIR") or str(Path.home() / ".cache" / "pip"))


def install() -> None:
    """Make the environment, unless it is there, and put `chamiperf` on the path.

    Only `chamiperf` is: a k6 that the job has on its path stays the one that is used, and the caller's Python is left
    alone.
    """
    place = home()
    place.parent.mkdir(parents=True, exist_ok=True)
    # Two jobs of one machine may come here at once.
    with (place.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / ".complete").exists():
            build(place)
    append("GITHUB_PATH", f"{place / 'path'}\n")
    version = subprocess.run(
        [str(place / "path" / "chamiperf"), "--version"], capture_output=True, text=True, check=True
    )
    output("version", version.stdout.split()[-1])
    append("GITHUB_STEP_SUMMARY", f"Installed {version.stdout.strip()}.\n\n")
    print(version.stdout.strip(), flush=True)


def build(place: Path) -> None:
    """Install the locked packages, hash by hash, then the toolkit itself without resolving anything."""
    run([sys.executable, "-m", "venv", "--clear", str(place)], "make an environment", "venv")
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = [argument for lock in LOCKS for argument in ("-r", str(TOOLKIT / lock))]
    run([*pip, "--require-hashes", "--only-binary", ":all:", *requirements], "install the locked packages", "packages")
    run([*pip, "--no-deps", "--no-build-isolation", str(TOOLKIT)], "install chamiperf", "packages")
    (place / "path").mkdir()
    (place / "path" / "chamiperf").symlink_to(place / "bin" / "chamiperf")
    (place / ".complete").touch()


def home() -> Path:
    """Where the environment lies: a different place for each Python, lock file and state of the toolkit's own code."""
    base = os.environ.get("RUNNER_TOOL_CACHE") or os.environ.get("RUNNER_TEMP") or str(Path.home() / ".cache")
    name = digest(sys.version.encode(), sys.executable.encode(), locks(), source())
    return Path(base) / "chamiperf-ci" / name[:24]


def locks() -> bytes:
    """The lock files' content."""
    return b"".join((TOOLKIT / lock).read_bytes() for lock in LOCKS)


def source() -> bytes:
    """The toolkit's own files: two commits of one version are two environments."""
    files = sorted(
        path
        for folder in ("chamiperf_ci", "k6")
        for path in (TOOLKIT / folder).rglob("*")
        if path.is_file() and "node_modules" not in path.parts
    )
    parts = [
        b"%s\0%s\0" % (str(path.relative_to(TOOLKIT)).encode(), path.read_bytes())
        for path in files
        if path.suffix != ".pyc"
    ]
    return b"".join([*parts, (TOOLKIT / "pyproject.toml").read_bytes()])


def digest(*parts: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def check_open_files() -> None:
    """A connection is an open file; k6 holds one a VU."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        warn(
            f"at most {hard:,} open files: too few for profile full",
            f"Raise the limit of the runner's service to {OPEN_FILES:,} (LimitNOFILE=).",
            "open-files",
        )


def check_ports() -> None:
    """Each connection to one address needs a local port of its own."""
    try:
        low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return
    if high - low < LOCAL_PORTS:
        warn(
            f"{high - low:,} local ports: too few for profile full",
            "Set net.ipv4.ip_local_port_range to `10240 65000`.",
            "local-ports",
        )


def check_runner() -> None:
    """The runner's own version, where it runs beside us; a container or another system does not show it."""
    version = runner_version(os.getpid())
    if version is not None and version < OLDEST_RUNNER:
        warn(
            f"the runner is version {'.'.join(map(str, version))}: too old for the pinned actions",
            f"Update it to {'.'.join(map(str, OLDEST_RUNNER))} or newer.",
            "runner-version",
        )


def check_k6() -> None:
    """A k6 on the job's path is the one that is used."""
    if (k6 := shutil.which("k6")) is None:
        return
    try:
        said = subprocess.run(
            [k6, "version"], capture_output=True, text=True, errors="replace", check=False, timeout=K6_ANSWER_S
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        wrong = "the k6 on the path cannot be run: no load can be driven with it"
    else:
        version = re.search(r"\bk6(?:\.exe)? v?(\d+\.\d+\.\d+\S*)", said)
        if version is None:
            wrong = "the k6 on the path is not k6: its `version` names none, and no load can be driven with it"
        elif version[1] != K6:
            wrong = f"the k6 on the path is another than {K6}: its runs are not compared with those of {K6}"
        else:
            return
    warn(
        wrong,
        f"Give grafana/setup-k6-action `k6-version: {K6}`, or take k6 off the path: the pinned one is then used.",
        "k6",
    )


def check_disk() -> None:
    """A full disk ends a night in its middle."""
    folder = next(path for path in home().parents if path.exists())
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        warn(
            f"{free // 1_000_000:,} MB are free in {folder}: too few for an installation and a night's files",
            "Remove environments of old commits there, or give the runner a larger disk.",
            "disk",
        )


def runner_version(process: int) -> tuple[int, ...] | None:
    """The version of the Runner.Worker above this process; None if there is none to be seen."""
    while process > 1:
        try:
            executable = Path(f"/proc/{process}/exe").resolve()
            process = int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return None
        if executable.name == "Runner.Worker":
            listener = executable.with_name("Runner.Listener")
            try:
                said = subprocess.run(
                    [str(listener), "--version"], capture_output=True, text=True, check=False, timeout=30
                )
            except (OSError, subprocess.TimeoutExpired):
                return None
            match = re.match(r"(\d+)\.(\d+)\.(\d+)", said.stdout.strip())
            return tuple(map(int, match.groups())) if match else None
    return None


def run(command: list[str], what: str, anchor: str) -> None:
    """Run a program; its own output is the explanation when it fails."""
    if subprocess.run(command, check=False).returncode != 0:
        fail(f"could not {what}", "Its own message stands above.", anchor)


def output(name: str, value: str) -> None:
    """One output of the step; the delimiter is random, so that no value ends it early."""
    delimiter = f"chamiperf-{secrets.token_hex(16)}"
    append("GITHUB_OUTPUT", f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def append(variable: str, text: str) -> None:
    """Add to one of the runner's files; outside a job there is none."""
    if os.environ.get(variable):
        with Path(os.environ[variable]).open("a", encoding="utf-8") as file:
            file.write(text)


def warn(wrong: str, remedy: str, anchor: str) -> None:
    """One line that GitHub shows on the run's page."""
    print(f"::warning title=chamiperf setup::{wrong}. {remedy} See {guide(anchor)}", flush=True)


def fail(wrong: str, remedy: str, anchor: str) -> NoReturn:
    """One line, also in the job summary, and exit code 2."""
    print(f"::error title=chamiperf setup::{wrong}. {remedy} See {guide(anchor)}", flush=True)
    append("GITHUB_STEP_SUMMARY", f"### chamiperf setup: {wrong}\n\n{remedy} See [the guide]({guide(anchor)}).\n\n")
    output("exit-code", "2")
    sys.exit(2)


def guide(anchor: str) -> str:
    """The page for this version of the action; inside a checkout, its path."""
    repository, ref = os.environ.get("CHAMIPERF_SETUP_REPOSITORY"), os.environ.get("CHAMIPERF_SETUP_REF")
    base = GUIDE.format(repository=repository, ref=ref) if repository and ref else "docs/runner.md"
    return f"{base}#{anchor}"


if __name__ == "__main__":
    main()
