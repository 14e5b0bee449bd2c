"""The argument list and the environment of a k6 process: what is asked of it, and what it must not inherit.

Secrets are in the environment only, never in the arguments, which every user of the machine can read.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# k6 takes dozens of settings from K6_*; since 1.5 two of them change what handleSummary receives. A load script needs
# none of what surrounds it either (a runner's tokens are there), so only what the process itself needs is passed on.
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "XDG_CONFIG_HOME", "GOMAXPROCS", "GOGC", "GOMEMLIMIT",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
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

    def arguments(self) -> list[str]:
        """The options of `k6 run` for this share; none for the whole load."""
        if self.of == 1:
            return []
        bounds = ["0", *(f"{i}/{self.of}" for i in range(1, self.of)), "1"]
        # Paused until all segments have made their VUs, so that they start together.
        return [
            "--execution-segment", f"{bounds[self.index]}:{bounds[self.index + 1]}",
            "--execution-segment-sequence", ",".join(bounds),
            "--paused",
        ]  # fmt: skip


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
    expected_s: float = 0.0
    """How long the script should run, for the progress; 0 if that cannot be known."""
    timeout_s: float = 3600.0
    """After this many seconds k6 is stopped gracefully."""
    outputs: tuple[str, ...] = ()
    """Values of `--out`, such as `experimental-prometheus-rw`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Put on every sample that an output gets."""
    ca_file: Path | None = None
    insecure: bool = False
    segment: Segment = Segment()

    @property
    def log(self) -> Path:
        """What k6 said on standard error, one JSON object a line."""
        return self.folder / "k6.log"

    @property
    def summary(self) -> Path:
        """Where the script's handleSummary writes; no JSON name, because it is not written whole or not at all."""
        return self.folder / "summary.partial"

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
        *(["--insecure-skip-tls-verify"] if run.insecure else []),
        *(f"--out={output}" for output in run.outputs),
        *([f"--tag={name}={value}" for name, value in run.tags.items()] if run.outputs else []),
        str(run.script),
    ]  # fmt: skip


def environment(run: K6Run) -> dict[str, str]:
    """The whole environment of the process."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    ours = {"CHAMIPERF_SUMMARY": str(run.summary)}
    if run.plan is not None:
        ours["CHAMIPERF_PLAN"] = str(run.plan)
    if run.ca_file is not None:
        ours["SSL_CERT_FILE"] = str(run.ca_file)
    return {**passed_on, **_ALWAYS, **run.environment, **ours}
