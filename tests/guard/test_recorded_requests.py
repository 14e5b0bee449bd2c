"""What seed, smoke and each scenario ask a stack for, as it was recorded: real k6 against the real embedded stack.

Method, path, header names, body keys, and what k6 says of phases and tags. Ids, addresses, tokens and times are
replaced by their kinds. How often is recorded where it follows from what was asked for (`seed`, `smoke`), and not where
it follows from the machine's speed. `UPDATE_GOLDEN=1` writes the recording anew.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import golden
import pytest
from recording_proxy import Recorder, between

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).parent / "golden" / "requests"
NODES = 12
SHAPE = ("--ramp-up", "500ms", "--sustained", "2s", "--spike", "500ms", "--cooldown", "500ms")
EQUAL_PARTS = [f"--set={part}=20" for part in ("get", "list", "put", "patch", "churn")]
SCENARIOS = {
    "boot_storm": (*SHAPE, "--vus", "2", "--spike-vus", "3"),
    # A pace above the ramp would leave the ramp without a request now and then.
    "cloud_init_storm": (*SHAPE, "--vus", "2", "--spike-vus", "3", "--pace", "100ms"),
    "inventory_scale": (*SHAPE, "--vus", "3", "--spike-vus", "4", "--pace", "20ms", *EQUAL_PARTS),
    "database_stress": (*SHAPE, "--vus", "2", "--spike-vus", "3", "--pace", "100ms"),
    "auth_under_load": ("--ramp-up", "500ms", "--sustained", "2s", "--cooldown", "500ms", "--vus", "2"),
    "mixed_boot_path": SHAPE,
    "bulk_registration": ("--iterations", "8", "--vus", "2"),
    "dhcp_sync_burst": ("--set", "changes=4", "--set", "sync_interval_s=1"),
}


OFTEN = ("boot_storm",)
"""One, beside seeding and smoke, which write; `make test-thorough` compares the others."""


@dataclass(frozen=True)
class Watched:
    """A stack behind a proxy, and how to run a command against it."""

    folder: Path
    recorder: Recorder
    variables: dict[str, str]

    def run(self, *arguments: str) -> list[str]:
        """Run a command to its end; what it asked for, in order."""
        done = chamiperf(*arguments, folder=self.folder, **self.variables)
        # A busy machine makes a measurement invalid, and asks for the same.
        assert done.returncode in (0, 3), done.stderr
        return self.recorder.take()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A whole stack with some nodes, seen through a proxy."""
    folder = tmp_path_factory.mktemp("watched")
    place = {"CHAMIPERF_STATE_DIR": str(folder / "state")}
    options = ("--ports", "ephemeral", "--sync-interval", "1", "--password-cost", "6", "--bulk", "--format", "json")
    up = chamiperf("stack", "up", *options, folder=folder, **place)
    assert up.returncode == 0, up.stderr
    try:
        variables = json.loads(up.stdout)["environment"]
        urls = {name: value for name, value in variables.items() if name.endswith("_URL")}
        recorder = Recorder()
        with between(urls, recorder) as proxies:
            yield Watched(folder, recorder, {**variables, **proxies, "CHAMIPERF_STATE_DIR": str(folder / "none")})
    finally:
        chamiperf("stack", "down", folder=folder, **place)


@pytest.fixture(scope="module")
def seeding(watched):
    """What seeding asked for; its nodes are there from now on."""
    return watched.run("seed", "--nodes", str(NODES), "--allow-dhcp")


def chamiperf(*arguments, folder, **variables):
    """Run `chamiperf` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "chamiperf_ci", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_seeding_asks_what_it_asked(seeding):
    golden.check(RECORDED / "seed.txt", counted(seeding))


@pytest.mark.usefixtures("seeding")
def test_removing_asks_what_it_asked(watched):
    watched.run("seed", "--nodes", "5", "--allow-dhcp", "--shared-stack", "--out", "other")
    removing = watched.run("seed", "--remove", "--out", "other")
    golden.check(RECORDED / "seed-remove.txt", counted(removing))


@pytest.mark.usefixtures("seeding")
def test_the_smoke_test_asks_what_it_asked(watched):
    golden.check(RECORDED / "smoke.txt", counted(watched.run("smoke")))


@pytest.mark.usefixtures("seeding")
@pytest.mark.parametrize(
    "scenario", [pytest.param(name, marks=() if name in OFTEN else pytest.mark.thorough) for name in SCENARIOS]
)
def test_a_scenario_asks_what_it_asked(scenario, watched):
    samples = watched.folder / f"{scenario}.json"
    options = ("--scenario", scenario, "--profile", "demo", "--settle", "200ms", "--k6-output", f"json={samples}")
    asked = watched.run("load", *options, *SCENARIOS[scenario])
    golden.check(RECORDED / f"{scenario}.txt", "\n".join([*sorted(set(asked)), "", *tagged(samples), ""]))


def counted(requests):
    """Each request once, with how often it was made."""
    return "".join(f"{count} x {request}\n" for request, count in sorted(Counter(requests).items()))


def tagged(samples):
    """How k6 tags each endpoint's samples, and the phases that it went through."""
    tags_of, phases = {}, set()
    for line in samples.read_text(encoding="utf-8").splitlines():
        if '"metric":"http_req_duration"' in line and '"type":"Point"' in line:
            tags = json.loads(line)["data"]["tags"]
            where = f"in {tags['scenario']}" if "phase" in tags else "before or after"
            tags_of.setdefault(f"k6 {tags['name']} {where}", set()).update(tags)
            phases.add(tags.get("phase", "none"))
    return [*(f"{name}: {' '.join(sorted(tags))}" for name, tags in sorted(tags_of.items())), *sorted(phases)]
