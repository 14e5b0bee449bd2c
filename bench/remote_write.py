"""What writing to Prometheus costs the generator: its processor time for the same paced load, without over with.

That ratio is the throughput that it keeps where its processor is the limit; throughput itself would be the stack's
here, which shares the machine. Alternating runs on one embedded stack. Needs `prometheus` on PATH.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

PAIRS = 3
MOST_LOST = 0.1
"""Share of the throughput that remote-write may cost."""
_LOAD = ("--scenario", "boot_storm", "--profile", "demo", "--vus", "100", "--spike", "0", "--target", "embedded")


def main() -> int:
    """Measure, print, and say whether it stays below the limit."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("prometheus is not installed: apt-get install prometheus")
        return 1
    with tempfile.TemporaryDirectory() as name, _running(prometheus, Path(name)) as url:
        folder = Path(name)
        environment = {
            **os.environ,
            "CHAMIPERF_STATE_DIR": str(folder / "state"),
            "K6_PROMETHEUS_RW_SERVER_URL": f"{url}/api/v1/write",
        }
        _command(environment, "stack", "up", "--ports", "ephemeral")
        try:
            _command(environment, "seed", "--nodes", "200", "--target", "embedded", "--out", str(folder))
            ratios = []
            for pair in range(PAIRS):
                # The order turns, so that a machine that warms up or slows down favours neither.
                order = ((), ("--remote-write",))[:: (-1) ** pair]
                used = {more: _processor(environment, folder, more) for more in order}
                ratios.append(used[()] / used["--remote-write",])
                print(
                    f"pair {pair + 1}: {used[()]:.1f} % of a core without, {ratios[-1]:.3f} of the throughput with it"
                )
        finally:
            _command(environment, "stack", "down")
    print(f"remote-write keeps {median(ratios):.3f} of the throughput; {1 - MOST_LOST:.2f} are demanded")
    return 0 if median(ratios) >= 1 - MOST_LOST else 1


def _processor(environment: dict[str, str], folder: Path, more: tuple[str, ...]) -> float:
    """Percent of a core that k6 used; the run need not be valid."""
    _command(environment, "load", *_LOAD, "--out", str(folder), *more, check=False)
    run = json.loads((folder / "runs" / "boot_storm.json").read_text(encoding="utf-8"))
    return float(run["generator"]["cpu_percent_p95"])


def _command(environment: dict[str, str], *arguments: str, check: bool = True) -> None:
    command = [sys.executable, "-m", "chamiperf_ci", *arguments]
    subprocess.run(command, env=environment, check=check, capture_output=True, timeout=200)


@contextmanager
def _running(program: str, folder: Path) -> Iterator[str]:
    """A Prometheus that takes remote-write and scrapes nothing, on a port that it picks."""
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    files = (f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}")
    arguments = (*files, "--web.listen-address=127.0.0.1:0")
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = psutil.Popen([program, *arguments, "--web.enable-remote-write-receiver"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not (ports := [each.laddr.port for each in process.net_connections() if each.status == "LISTEN"]):
            if time.monotonic() > end:
                message = "prometheus did not start"
                raise TimeoutError(message)
            time.sleep(0.2)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.terminate()
        process.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
