"""Installs chamiperf-ci from the checkout that this action lies in, and starts it.

Standard library only. `actions/run` calls it: `install.py plan` checks the runner and names the cache, `install.py
install` installs, and `install.py run COMMAND...` installs where no step of this job has, then becomes that command.

Each job gets an environment of its own below RUNNER_TEMP, made from packages that pip checks against the hashes of the
lock files. What a runner keeps from job to job is the packages alone: nobody's earlier job can leave code behind that
runs. pip's own variables (PIP_INDEX_URL, PIP_FIND_LINKS, ...) reach pip untouched: docs/runner.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import resource
import secrets
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path
from typing import NoReturn

TOOLKIT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements/runtime.txt", "requirements/build.txt")
PACKAGED = ("chamiperf_ci", "chamicore_standin", "k6", "workflows")
"""Folders of this toolkit that its package is made of."""
OLDEST_RUNNER = (2, 327, 1)
"""The pinned actions run on node24, which this version of the runner brought."""
OPEN_FILES = 25_000
LOCAL_PORTS = 25_000
"""Enough for the spike of 20,000 connections of profile `full`, and some."""
K6 = "1.1.0"
"""The version whose numbers were checked; another one is another fingerprint."""
K6_ANSWER_S = 30
K6_RELEASE = "https://github.com/grafana/k6/releases/download/v{version}/k6-v{version}-{system}.tar.gz"
K6_SHA256 = {
    "x86_64": ("linux-amd64", "7d92e0cbf625b5fde10653a67a0a2eeeab2de75f7f9f562a3b6cafd2a5d847e5"),
    "aarch64": ("linux-arm64", "8734b1c4b16d336aac8ffae5ff69caa7bef975ad480e5377e52d6fab7524d4a8"),
}
"""Machine to the name and the SHA-256 of Grafana's archive of `K6`; docs/runner.md says where the hashes come from."""
K6_ARCHIVE_BYTES = 100_000_000
K6_SILENCE_S = 5
"""The longest wait for GitHub to answer, or to send the next part."""
K6_DOWNLOAD_S = 120
FREE_BYTES = 1_000_000_000
"""An environment, pip's downloads and a night's files."""
GUIDE = "https://github.com/{repository}/blob/{ref}/docs/runner.md"


def main() -> None:
    """Run one of the steps."""
    {"plan": plan, "install": install, "run": run_command}[sys.argv[1]]()


def plan() -> None:
    """Check the runner and say what the cache is called."""
    cache = os.environ.get("CHAMIPERF_SETUP_CACHE", "")
    if cache not in ("true", "false"):
        fail(f"cache is neither true nor false: {cache!r}", "Write `cache: true` or `cache: false`.", "inputs")
    check_open_files()
    check_ports()
    check_runner()
    check_k6()
    check_disk()
    output("cache", "false" if installed() or packages().is_dir() else cache)
    output("cache-key", f"chamiperf-packages-{packages().name}")
    output("cache-path", str(packages()))


def install() -> None:
    """Make the environment, unless a step of this job has, and put `chamiperf` on the path.

    Only `chamiperf` is: a k6 that the job has on its path stays the one that is used, and the caller's Python is left
    alone.
    """
    version = ready()["version"]
    output("version", version)
    append("GITHUB_STEP_SUMMARY", f"Installed chamiperf {version}.\n\n")
    print(f"chamiperf {version}", flush=True)


def run_command() -> None:
    """Become the command that follows `run`, with the words of the input `args` behind it."""
    given = os.environ.pop("CHAMIPERF_ACTION_ARGS", "")
    try:
        words = shlex.split(given)
    except ValueError as error:
        fail(f"the input args cannot be split into words: {error}", "Close each quotation mark.", "inputs")
    if "\0" in given:
        fail("the input args holds a NUL", "Take it out.", "inputs")
    command = str(Path(ready()["place"]) / "path" / "chamiperf")
    os.execv(command, [command, *sys.argv[2:], *words])  # noqa: S606 - a list of arguments, which no shell reads


def ready() -> dict[str, str]:
    """What is installed in this job, after installing it if need be.

    `chamiperf` on the path means nothing: whoever put it there. Ours is known by the note that this script left in the
    job's own folder.
    """
    base = job_folder()
    base.mkdir(parents=True, exist_ok=True)
    # Two jobs of a machine without RUNNER_TEMP may come here at once.
    with (base / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = installed()
        # Outside a job nobody empties the folder.
        if note is None or (note["source"] != own_digest() and "RUNNER_TEMP" not in os.environ):
            note = build(base / own_digest()[:24])
            (base / "installed.json").write_text(json.dumps(note), encoding="utf-8")
            append("GITHUB_PATH", f"{Path(note['place']) / 'path'}\n")
    if note["source"] != own_digest():
        fail(
            f"this action is of {origin()}, and the job has installed chamiperf from {note['origin']}",
            "Give the same version behind the @ of every chamiperf action of the job.",
            "inputs",
        )
    return note


def installed() -> dict[str, str] | None:
    """The note on what this job has installed; None before the first action."""
    try:
        note: dict[str, str] = json.loads((job_folder() / "installed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if (Path(note["place"]) / "path" / "chamiperf").exists() else None


def build(place: Path) -> dict[str, str]:
    """Install the locked packages, hash by hash, then the toolkit itself without resolving anything."""
    run([sys.executable, "-m", "venv", "--clear", str(place)], "make an environment", "venv")
    python = str(place / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    requirements = [argument for lock in LOCKS for argument in ("-r", str(TOOLKIT / lock))]
    hashed = ["--require-hashes", "--only-binary", ":all:", *requirements]
    # Lazily compiled: most modules are never imported by the few commands of a job.
    offline = [*pip, "install", "--no-compile", "--no-index", "--find-links", str(packages()), *hashed]
    if not packages().is_dir() or subprocess.run(offline, check=False, capture_output=True).returncode != 0:
        fetch(pip, hashed)
        run(offline, "install the locked packages", "packages")
    toolkit = [*pip, "install", "--no-compile", "--no-deps", "--no-index", "--no-build-isolation", str(TOOLKIT)]
    run(toolkit, "install chamiperf", "packages", environment={**os.environ, "CHAMIPERF_RELEASE": release()})
    take_grafanas_k6(place)
    (place / "path").mkdir()
    command = place / "path" / "chamiperf"
    # Isolated, so that no PYTHONPATH of the job puts other packages in front of the locked ones.
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -I -m chamiperf_ci "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    said = subprocess.run([str(command), "--version"], capture_output=True, text=True, check=False)
    if said.returncode != 0:
        fail(f"what was installed does not run: {said.stderr.strip()[-300:]}", "Report it with this log.", "packages")
    return {"source": own_digest(), "place": str(place), "origin": origin(), "version": said.stdout.split()[-1]}


def take_grafanas_k6(place: Path) -> None:
    """Put Grafana's own release in the place of the k6 of the index, which names no author.

    The one of the index stays where the release cannot be reached, or is not what the table says.
    """
    named = K6_SHA256.get(os.uname().machine)
    # A k6 on the path is the one that is used; and a machine without an index is not asked for another host.
    if sys.platform != "linux" or named is None or shutil.which("k6") or os.environ.get("PIP_NO_INDEX"):
        return
    system, expected = named
    # Among the packages, which the cache keeps; without an archive's ending, so that pip takes it for none.
    kept = packages() / f"grafana-k6-{K6}-{system}"
    try:
        archive = kept.read_bytes()
    except OSError:
        archive = b""
    if digest(archive) != expected:
        url = K6_RELEASE.format(version=K6, system=system)
        try:
            archive = download(url)
        except (OSError, ValueError) as error:
            print(f"k6 comes from the package index, since {url} cannot be fetched: {error}", flush=True)
            return
        if digest(archive) != expected:
            warn(
                f"{url} has the SHA-256 {digest(archive)}, and {expected} is expected: it is not used",
                "The k6 of the package index is used instead, which is checked by its hash as well. Report this.",
                "k6",
            )
            return
        kept.write_bytes(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        binary = files.extractfile(f"k6-v{K6}-{system}/k6")
        if binary is None:
            return
        aside = place / "bin" / ".k6"
        aside.write_bytes(binary.read())
    aside.chmod(0o755)
    aside.replace(place / "bin" / "k6")
    print(f"k6 {K6} comes from Grafana's release.", flush=True)


def download(url: str) -> bytes:
    """What lies there.

    Raises:
        OSError: It cannot be reached, or does not come in time.
        ValueError: It is larger than any release is.
    """
    until = time.monotonic() + K6_DOWNLOAD_S
    parts: list[bytes] = []
    with urllib.request.urlopen(url, timeout=K6_SILENCE_S) as answer:  # noqa: S310 - the address is this file's own
        while part := answer.read1(1 << 20):
            parts.append(part)
            if sum(map(len, parts)) > K6_ARCHIVE_BYTES:
                raise ValueError(f"more than {K6_ARCHIVE_BYTES:,} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"not there after {K6_DOWNLOAD_S} s")
    return b"".join(parts)


def fetch(pip: list[str], hashed: list[str]) -> None:
    """Download the locked packages to where the runner keeps them; what lay there is not what the lock files say."""
    aside = packages().with_name(f".{packages().name}-{secrets.token_hex(4)}")
    aside.mkdir(parents=True)
    try:
        # A name without a wheel for this machine is a failure here, with pip's own words.
        run([*pip, "download", "--dest", str(aside), *hashed], "download the locked packages", "packages")
        shutil.rmtree(packages(), ignore_errors=True)
        aside.replace(packages())
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def job_folder() -> Path:
    """Where this job's environment lies; the runner empties RUNNER_TEMP before each job."""
    return Path(os.environ.get("RUNNER_TEMP") or tool_cache()) / "chamiperf-ci"


def tool_cache() -> Path:
    """What the runner keeps from job to job."""
    return Path(os.environ.get("RUNNER_TOOL_CACHE") or Path.home() / ".cache")


def packages() -> Path:
    """The downloaded packages: a folder for each machine, Python and state of the lock files."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name = f"{sys.platform}-{os.uname().machine}-{python}-{digest(locks())[:16]}"
    return tool_cache() / "chamiperf-ci" / "packages" / name


def own_digest() -> str:
    """What this action would install: two commits are two environments, also of one version."""
    return digest(locks(), source())


def origin() -> str:
    """Where this action comes from, for people."""
    repository, ref = os.environ.get("CHAMIPERF_SETUP_REPOSITORY"), os.environ.get("CHAMIPERF_SETUP_REF")
    return f"{repository}@{ref}" if repository and ref else str(TOOLKIT)


def release() -> str:
    """Where this action comes from, for the package to record; empty unless a commit says it in full."""
    return origin() if re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}", origin()) else ""


def locks() -> bytes:
    """The lock files' content."""
    return b"".join((TOOLKIT / lock).read_bytes() for lock in LOCKS)


def source() -> bytes:
    """The toolkit's own files: two commits of one version are two environments."""
    files = sorted(
        path
        for folder in PACKAGED
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
    folder = next(path for path in (job_folder(), *job_folder().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        warn(
            f"{free // 1_000_000:,} MB are free in {folder}: too few for an installation and a night's files",
            "Remove files of old jobs there, or give the runner a larger disk.",
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


def run(command: list[str], what: str, anchor: str, *, environment: dict[str, str] | None = None) -> None:
    """Run a program; its own output is the explanation when it fails."""
    if subprocess.run(command, check=False, env=environment).returncode != 0:
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
