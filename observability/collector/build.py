"""Builds the OpenTelemetry Collector from its Go modules into `.cache/collector`, once for each manifest.

    python observability/collector/build.py

Prints where it is. Needs go; takes some minutes the first time.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MANIFEST = HERE / "manifest.yaml"
CACHE = HERE.parents[1] / ".cache" / "collector"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.149.0"


def built() -> Path:
    """Where the Collector of this manifest is or will be."""
    key = hashlib.sha256(MANIFEST.read_bytes() + BUILDER.encode()).hexdigest()[:16]
    return CACHE / key / "otelcol-chamicore"


def main() -> int:
    """Build it unless it is there; the exit code of whatever failed."""
    binary = built()
    if not binary.exists():
        go = shutil.which("go")
        if go is None:
            print("go is not installed; the Collector is built from its Go modules", file=sys.stderr)
            return 2
        aside = binary.parent.with_suffix(".partial")
        aside.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(aside / "bin"), "CGO_ENABLED": "0"}
        compile_it = [str(aside / "bin" / "builder"), f"--config={MANIFEST}"]
        for command in ([go, "install", BUILDER], compile_it):
            done = subprocess.run(command, cwd=aside, env=environment, check=False)
            if done.returncode:
                return done.returncode
        # Whole or not at all: the next call takes what is there.
        (aside / "out").rename(binary.parent)
        shutil.rmtree(aside)
    print(binary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
