"""`make bench`: runs every measurement, one after the other; each prints ratios measured within its own run.

Exit code: the largest of theirs, so that a figure that is not reached is seen.
"""

import subprocess
import sys

MEASUREMENTS = (
    "bench.compare",
    "bench.history",
    "bench.k6_cost",
    "bench.memory_plan",
    "bench.remote_write",
    "bench.shards",
)


def main() -> int:
    """Run them all, each in a process of its own."""
    worst = 0
    for name in MEASUREMENTS:
        print(f"== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", name], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
