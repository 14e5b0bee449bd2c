"""Which invalid runs the demo makes again: those that a busy machine spoilt, and no others."""

import signal
import subprocess
import sys
import time

import pytest
from made_runs import made_run
from made_verdicts import everything, made_row

from chamicore_standin import lifecycle
from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ExitCode, InvalidMeasurement, ToolkitError
from chamiperf_ci.models.run import RunProblem
from chamiperf_ci.models.vocabulary import RowReason, RowVerdict, RunReason
from chamiperf_ci.steps.demo import ATTEMPTS, SCENARIO, Demo


class Scripted(Demo):
    """A demo whose loads all end as one reason says."""

    def __init__(self, out, reason):
        super().__init__(out=out, nodes=200, slow_down_ms=6.0, slowed_leg="slowed")
        self.reason = reason
        self.made = 0

    def _command(self, name, *arguments, allow=None, **_):
        assert name == "load"
        self.made += 1
        folder = arguments[arguments.index("--out") + 1]
        problem = RunProblem(reason=self.reason, text="TypeError: items is not iterable")
        files.write_document(self.out / folder / "runs" / f"{SCENARIO}.json", made_run(problems=(problem,)))
        if ExitCode.INVALID not in allow:
            raise InvalidMeasurement("the step `load` ended with exit code 3", where="load", remedy="See above.")
        return ExitCode.INVALID


def _attempts(tmp_path, reason):
    demo = Scripted(tmp_path, reason)
    with pytest.raises(InvalidMeasurement) as ended:
        demo.valid_run(tmp_path / "leg")
    return demo.made, str(ended.value)


def test_a_run_that_a_busy_machine_spoilt_is_made_again(tmp_path):
    assert _attempts(tmp_path, RunReason.GENERATOR_SATURATED)[0] == ATTEMPTS


def test_a_script_that_threw_is_told_at_once_and_in_its_own_words(tmp_path):
    made, says = _attempts(tmp_path, RunReason.SCRIPT_FAILED)
    assert made == 1
    assert "script-failed: TypeError: items is not iterable" in says


class Busier(Demo):
    """A demo whose decision is about the machine each time."""

    def _command(self, name, *arguments, **_):
        if name == "confirm":
            row = made_row(verdict=RowVerdict.INVALID, reason=RowReason.MACHINE_BUSY)
            files.write_document(self.out / "leg" / "verdict.json", everything().model_copy(update={"rows": (row,)}))
        elif name == "load":
            folder = arguments[arguments.index("--out") + 1]
            files.write_document(self.out / folder / "runs" / f"{SCENARIO}.json", made_run())
        return ExitCode.OK


def test_a_leg_that_a_busy_machine_spoils_again_and_again_is_no_verdict(tmp_path):
    demo = Busier(out=tmp_path, nodes=200, slow_down_ms=6.0, slowed_leg="slowed")
    with pytest.raises(InvalidMeasurement, match=f"too busy to measure this leg, {ATTEMPTS} times"):
        demo.decide(tmp_path / "leg")


@pytest.mark.parametrize("code", [ExitCode.CONFIGURATION, ExitCode.INVALID, ExitCode.INTERNAL])
def test_a_demo_whose_step_failed_ends_with_the_code_of_that_step(code, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, code))
    demo = Demo(out=tmp_path, nodes=200, slow_down_ms=6.0, slowed_leg="slowed")
    with pytest.raises(ToolkitError) as ended:
        demo.valid_run(tmp_path / "leg")
    assert ended.value.exit_code == code


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)])
def test_a_demo_that_is_stopped_takes_its_stack_down(number, tmp_path):
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "chamiperf_ci.commands.demo", "--out", str(out), "--nodes", "200"]
    # As a shell starts what it runs in the background: such a child inherits that SIGINT is ignored.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        while not (out / "seed.json").exists():
            assert demo.poll() is None
            time.sleep(0.05)
        supervisor = lifecycle.find(out / "stack").supervisor
        demo.send_signal(number)
        _, said = demo.communicate(timeout=100)
        assert (demo.returncode, "Traceback" in said) == (ExitCode.INVALID, False)
        assert not (out / "stack").exists()
        assert not supervisor.is_running()
    finally:
        demo.kill()
        demo.communicate()
        # Where the demo did not: a stack that nobody takes down would run on for ever.
        lifecycle.down(out / "stack")
