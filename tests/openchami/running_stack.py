"""From smoke to removal on a stack that is up: `make test-openchami`. It takes the target from the usual variables."""

import json
import os
import sys

import command_line
import pytest

NODES = 50
CLOUD_INIT = "CHAMICORE_TEST_CLOUDINIT_URL"
GIVEN = {name: value for name, value in os.environ.items() if name.startswith(("CHAMICORE_", "CHAMIPERF_"))}
"""As they were when the tests began; no other test may see them."""
BRIEF = ("--profile", "demo", "--ramp-up", "0", "--spike", "0", "--cooldown", "0", "--vus", "10")
BARE = {"kind": "baselines", "schema_version": 1, "producer": "chamiperf"}


@pytest.mark.timeout(600)
def test_a_running_stack_from_smoke_to_removal(tmp_path, capsys):
    def done(name, *arguments, codes=(0,)):
        """Run a command and show what it says, whatever pytest keeps to itself."""
        ended = command_line.command(name, *arguments, cwd=tmp_path, **GIVEN)
        with capsys.disabled():
            sys.stdout.write(f"\n$ chamiperf {name} {' '.join(map(str, arguments))}\n{ended.stdout}{ended.stderr}")
        assert ended.returncode in codes, name

    done("wait")
    done("smoke")
    done("seed", "--nodes", NODES, "--shared-stack")
    try:
        runs, baselines = tmp_path / "out" / "runs", tmp_path / "baselines.json"
        done("load", *BRIEF, "--sustained", "10s")
        baselines.write_text(json.dumps(BARE))
        link = ("--link", "https://example.org/a-stack-of-ones-own")
        done("baselines", "init", "--runs", runs, *link, "--baselines", baselines)
        done("load", *BRIEF, "--sustained", "10s")
        # What one run can say of another is not this test's business; that they are compared is.
        done("compare", "--runs", runs, "--baselines", baselines, codes=(0, 1, 3))
        verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
        (p50,) = (row for row in verdict["rows"] if row["compared"] and row["key"]["metric"] == "p50")
        assert p50["baseline_runs"] == 1
        if CLOUD_INIT in GIVEN:
            done("load", "--scenario", "cloud_init_storm", *BRIEF, "--sustained", "60s")
            run = json.loads((runs / "cloud_init_storm.json").read_text())
            assert sum(each["requests"] for each in run["traffic"]) > 0
    finally:
        done("seed", "--remove")
