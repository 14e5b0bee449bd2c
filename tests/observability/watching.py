"""A real Prometheus on a free port, commands as a user runs them, and what a program that is not there costs a test."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
import yaml
from command_line import command
from made_targets import target

from chamiperf_ci.adapters.prometheus import Access, Prometheus
from chamiperf_ci.errors import OutsideServiceError
from chamiperf_ci.models.target import StackState

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "observability" / "prometheus"
IN_CI = bool(os.environ.get("CI"))
"""Read before the environment is cleaned for each test."""
LOOK_S = 20.0
"""A rate is of so many seconds here, where rules and dashboards say a minute."""


def require(program: str, remedy: str) -> str:
    """Where a program is; without it, a failure in CI and a skip elsewhere: the only one in these tests."""
    found = shutil.which(program)
    if found is None:
        text = f"{program} is not installed: {remedy}"
        if IN_CI:
            pytest.fail(text)
        pytest.skip(text)
    return found


@contextmanager
def running_prometheus(program: str, folder: Path, port: int, scraped: list[dict]) -> Iterator[Prometheus]:
    """A Prometheus with this repository's recording rules, evaluated every second."""
    folder.mkdir(parents=True, exist_ok=True)
    recording = (RULES / "recording.yml").read_text(encoding="utf-8").replace("[1m]", f"[{LOOK_S:.0f}s]")
    (folder / "recording.yml").write_text(recording, encoding="utf-8")
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = {"global": every, "rule_files": ["recording.yml"], "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    arguments = [
        f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    client = Prometheus(f"http://127.0.0.1:{port}", target(), Access())
    try:
        until(lambda: client.query("vector(1)"))
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=20)


def until(found, patience_s: float = 30.0):
    """Ask again and again, and return the first answer that is something."""
    end = time.monotonic() + patience_s
    while True:
        try:
            answer = found()
        except OutsideServiceError:
            answer = None
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.25)


def scrape_jobs(stack: StackState) -> list[dict]:
    """One job a service, named as it is."""
    return [
        {"job_name": each.name, "static_configs": [{"targets": [f"127.0.0.1:{each.port}"]}]} for each in stack.services
    ]


def chamiperf(state_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, against the stack of this state folder."""
    # A session's fixture comes before the environment is cleaned.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("K6_", "CHAMI"))}
    ours = {"CHAMIPERF_STATE_DIR": str(state_dir), **environment}
    with mock.patch.dict(os.environ, inherited, clear=True):
        return command(*arguments, cwd=state_dir.parent, **ours)


@dataclass(frozen=True)
class Filled:
    """A Prometheus that a real run has filled.

    Attributes:
        prometheus: The Prometheus.
        out: The run's folder.
        start: When the load began, Unix seconds.
        end: When the last of it had been written.
    """

    prometheus: Prometheus
    out: Path
    start: float
    end: float

    @property
    def run(self) -> dict:
        """The run's file."""
        return json.loads((self.out / "runs" / "mixed_boot_path.json").read_text(encoding="utf-8"))
