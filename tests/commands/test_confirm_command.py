"""`chamiperf confirm` against the real embedded stack, with real k6."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import command
from made_runs import shipped_baselines
from said import facts_said

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.models.run import Run
from chamiperf_ci.models.target import StackOptions
from chamiperf_ci.models.verdict import Verdict

pytestmark = pytest.mark.e2e

LIGHT = ("--vus", "10", "--spike", "0", "--sustained", "4s", "--windows", "4", "--settle", "0", "--ramp-up", "500ms")
"""A load that leaves a busy machine alone: what is repeated matters here, not how fast it is."""


@dataclass(frozen=True)
class Confirmed:
    """A night and its confirmation, in their folder."""

    folder: Path

    def run(self, name: str) -> Run:
        """A run's file."""
        return Run.model_validate(json.loads((self.folder / "out" / "runs" / f"{name}.json").read_text("utf-8")))

    @property
    def night(self) -> Run:
        """What was repeated."""
        return self.run("boot_storm")

    @property
    def repeats(self) -> list[Run]:
        """The repeats, of which there is at least one."""
        found = sorted((self.folder / "out" / "runs").glob("boot_storm.repeat-*.json"))
        assert found
        return [self.run(path.stem) for path in found]

    @property
    def verdict_bytes(self) -> bytes:
        """The verdict's file."""
        return (self.folder / "out" / "verdict.json").read_bytes()


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confirmed")
    write_document(folder / "baselines.json", shipped_baselines())
    stack = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder / "state")
    there = {"cwd": folder, "state": stack}
    target = ("--target", "embedded")
    try:
        assert command("seed", *target, "--nodes", "200", **there).returncode == 0
        command("load", *target, "--scenario", "boot_storm", "--profile", "demo", *LIGHT, **there)
        command("compare", **there)
        done = command("confirm", *target, "--scenario", "boot_storm", "--min-gap", "0", **there)
        assert done.returncode in (0, 1, 3), done.stderr
        yield Confirmed(folder)
    finally:
        lifecycle.down(folder / "state")


def test_repeats_are_made_as_the_night_was(confirmed):
    assert [repeat.fingerprint.differences(confirmed.night.fingerprint) for repeat in confirmed.repeats] == [
        () for _ in confirmed.repeats
    ]


def test_a_repeat_that_the_machine_spoilt_is_set_aside_by_name_and_one_that_was_measured_is_judged(confirmed):
    (scenario,) = Verdict.model_validate(json.loads(confirmed.verdict_bytes)).scenarios
    known = " ".join((*scenario.runs, *facts_said(scenario.warnings)))
    assert all(repeat.run_id in known for repeat in confirmed.repeats)


def test_the_services_are_asked_for_the_same_figures_as_during_the_night(confirmed):
    def asked(run):
        found = {}
        for figure in run.server:
            found.setdefault(figure.service, set()).add(figure.name)
        return found

    night = asked(confirmed.night)
    assert "db_query_p99" in night["bss"]
    for run in confirmed.repeats:
        repeat = asked(run)
        # A service that so light a load hardly asks has figures in one run and none in another.
        both = night.keys() & repeat.keys()
        assert "bss" in both
        assert {name: repeat[name] for name in both} == {name: night[name] for name in both}
        assert any(figure.service == "bss" and figure.value is not None for figure in run.server)


def test_the_same_files_give_the_same_bytes(confirmed):
    before = confirmed.verdict_bytes
    command("compare", cwd=confirmed.folder)
    assert confirmed.verdict_bytes == before
