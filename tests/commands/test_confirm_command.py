"""`chamiperf confirm` against the real embedded stack, with real k6."""

import json

import pytest
from command_line import command
from made_runs import shipped_baselines

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.verdict import Verdict

pytestmark = pytest.mark.e2e

LIGHT = ("--vus", "10", "--spike", "0", "--sustained", "4s", "--windows", "4", "--settle", "0", "--ramp-up", "500ms")
"""A load that leaves a busy machine alone: what is repeated matters here, not how fast it is."""


def read(model, path):
    return model.model_validate(json.loads(path.read_text(encoding="utf-8")))


def test_a_confirmation_repeats_the_run_as_it_was_and_the_same_files_give_the_same_bytes(make_stack, tmp_path):
    write_document(tmp_path / "baselines.json", shipped_baselines())
    there = {"cwd": tmp_path, "state": make_stack()}
    target = ("--target", "embedded")
    assert command("seed", *target, "--nodes", "200", **there).returncode == 0
    command("load", *target, "--scenario", "boot_storm", "--profile", "demo", *LIGHT, **there)
    command("compare", **there)
    done = command("confirm", *target, "--scenario", "boot_storm", "--min-gap", "0", **there)
    assert done.returncode in (0, 1, 3), done.stderr
    runs = tmp_path / "out" / "runs"
    night = read(Run, runs / "boot_storm.json")
    repeats = sorted(runs.glob("boot_storm.repeat-*.json"))
    assert repeats
    assert [read(Run, path).fingerprint.differences(night.fingerprint) for path in repeats] == [()] * len(repeats)
    verdict = read(Verdict, tmp_path / "out" / "verdict.json")
    # A repeat that the machine spoilt is set aside by name; one that was measured is judged.
    known = " ".join((*verdict.scenarios[0].runs, *verdict.scenarios[0].warnings))
    assert all(read(Run, path).run_id in known for path in repeats)
    before = (tmp_path / "out" / "verdict.json").read_bytes()
    command("compare", **there)
    assert (tmp_path / "out" / "verdict.json").read_bytes() == before
