"""Real programs that are busy beside a real load: what they can have moved is never passed in silence."""

import os
import subprocess
from contextlib import contextmanager
from datetime import timedelta

import pytest
from command_line import command
from made_runs import FIRST_NIGHT, accepting, shipped_baselines

from chamiperf_ci.adapters import files
from chamiperf_ci.models.baselines import Rules, ScenarioRules
from chamiperf_ci.models.run import Run, RunKind
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.models.vocabulary import FactWord, RunReason

pytestmark = pytest.mark.e2e
LIGHT = ("--profile", "demo", "--vus", 10, "--spike", 0, "--sustained", "4s", "--settle", "0.2s", "--windows", 5)


@contextmanager
def busy():
    """A program on each core that never rests, and cannot be moved to another; tests beside this one hardly feel it."""
    cores = sorted(os.sched_getaffinity(0))
    loop = ["timeout", "120", "sh", "-c", "while :; do :; done"]
    programs = [subprocess.Popen(["nice", "-n", "19", "taskset", "--cpu-list", str(core), *loop]) for core in cores]
    try:
        yield
    finally:
        for each in programs:
            each.terminate()
            each.wait()


def faster(run, number, factor):
    """The run as it may have been on a quiet machine in an earlier night."""
    started = FIRST_NIGHT + timedelta(days=number)
    level = factor * (1 + 0.01 * (number - 2))

    def scaled(quantiles):
        return {name: value / level for name, value in quantiles.items()}

    series = tuple(
        each.model_copy(
            update={
                "phases": {
                    name: phase.model_copy(update={"quantiles": scaled(phase.quantiles)})
                    for name, phase in each.phases.items()
                },
                "windows": tuple(w.model_copy(update={"quantiles": scaled(w.quantiles)}) for w in each.windows),
            }
        )
        for each in run.series
    )
    quiet = {"foreign_cpu_percent": 1.0, "foreign_cpu_percent_busiest_quarter": 2.0}
    return run.model_copy(
        update={
            "run_id": f"accepted{number}",
            "run_kind": RunKind.NIGHT,
            "started_at": started,
            "ended_at": started + timedelta(seconds=10),
            "series": series,
            "machine": run.machine.model_copy(update=quiet),
        }
    )


def test_other_work_that_can_move_a_row_by_half_its_tolerance_is_named(make_stack, tmp_path):
    state = make_stack(without=("discovery", "power", "mcp", "kea", "kea-sync"), sync_interval_s=3600)
    assert command("seed", "--target", "embedded", "--nodes", 20, cwd=tmp_path, state=state).returncode == 0
    with busy():
        load = command("load", "--target", "embedded", *LIGHT, cwd=tmp_path, state=state)
    assert load.returncode in (0, 3), load.stderr
    run = files.read_document(tmp_path / "out" / "runs" / "boot_storm.json", Run)
    if not run.valid:
        # Too late itself, so that nothing is judged: then the run says what else there was.
        late = [problem for problem in run.problems if problem.reason is RunReason.GENERATOR_SATURATED]
        assert all("other_percent" in problem.measured for problem in late)
        return
    for tolerance in (0.05, 0.08, 0.1, 0.2):
        rules = Rules(scenarios={"boot_storm": ScenarioRules(tolerance=tolerance)})
        accepted = [faster(run, number, 1 + 0.6 * tolerance) for number in range(5)]
        baselines = accepting(shipped_baselines(), accepted).model_copy(update={"rules": rules})
        files.write_document(tmp_path / "baselines.json", baselines)
        compare = command("compare", cwd=tmp_path)
        # How fast this machine is says whether targets are met.
        assert compare.returncode in (0, 1, 3), compare.stderr
        verdict = files.read_document(tmp_path / "out" / "verdict.json", Verdict)
        facts = [*verdict.scenarios[0].warnings, *(note for row in verdict.rows for note in row.notes)]
        assert FactWord.OTHER_WORK in {fact.word for fact in facts}, (tolerance, run.machine)
