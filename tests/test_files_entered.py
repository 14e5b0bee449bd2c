"""How many files of the package a command enters: who changes one has to read them, so their number is kept.

A command that enters one more than it may wants two chapters that are one, or does something that is another's task;
the limit is not raised for it. `tools/files-entered --list COMMAND...` shows which files those are.
"""

import json
import os
import subprocess
from pathlib import Path

import github_standin
import pytest
from command_line import environment

from tools import files_entered

CASE = Path(__file__).parent / "cases" / "verdict" / "half-run-x1.9"
JUDGED = ("--runs", str(CASE / "runs"), "--baselines", str(CASE / "baselines.json"))
COMMIT = "c" * 40
LIMITS = {"load": 40, "compare": 32, "seed": 24, "smoke": 18, "comment": 20}
SHAPE = ("--vus", "2", "--spike-vus", "3", "--ramp-up", "500ms", "--sustained", "2s", "--spike", "500ms")


def entered(folder, command, *arguments, codes=(0,), **variables):
    """Run a command; the names of the files that it entered."""
    code, own, _ = files_entered.run(
        [command, *map(str, arguments)], variables, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert code in codes
    return sorted(str(path.relative_to(files_entered.ROOT)) for path in files_entered.files_of("chamiperf_ci", own))


def hold(command, files):
    """Fail with the files' names where they are too many, or where nothing was seen."""
    assert "chamiperf_ci/cli.py" in files
    assert len(files) <= LIMITS[command], files


def test_comparing_enters_no_more_files_than_it_may(tmp_path):
    hold("compare", entered(tmp_path, "compare", *JUDGED, "--out", tmp_path, **os.environ))


def test_commenting_enters_no_more_files_than_it_may(tmp_path):
    entered(tmp_path, "compare", *JUDGED, "--out", tmp_path, **os.environ)
    head = {"ref": "topic", "sha": COMMIT, "repo": {"full_name": "octo/stack"}}
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": head}}))
    with github_standin.serve(github_standin.StandIn()) as hub:
        hub.add_pull(7, commit=COMMIT)
        job = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "octo/stack",
            "GITHUB_API_URL": hub.base_url,
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
            "GITHUB_TOKEN": "ghs_0123456789",
        }
        files = entered(tmp_path, "comment", "--verdict", tmp_path / "verdict.json", **os.environ | job)
        assert hub.comments
    hold("comment", files)


@pytest.mark.e2e
def test_seed_smoke_and_load_enter_no_more_files_than_they_may(tmp_path, make_stack):
    variables = environment(make_stack(), cwd=tmp_path)
    seeded = entered(tmp_path, "seed", "--nodes", 12, **variables)
    smoke = entered(tmp_path, "smoke", **variables)
    # A busy machine makes the measurement invalid, and enters the same.
    load = entered(tmp_path, "load", "--profile", "demo", *SHAPE, "--cooldown", "500ms", codes=(0, 3), **variables)
    for command, files in (("seed", seeded), ("smoke", smoke), ("load", load)):
        hold(command, files)
