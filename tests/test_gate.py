"""The last step of a job: the night's exit code from how the steps ended."""

import subprocess
from pathlib import Path

import pytest

from chamiperf_ci.commands.compare import compare

GATE = Path(__file__).resolve().parents[1] / ".github" / "scripts" / "gate.sh"
BUDGET = GATE.with_name("budget.sh")


def gate(steps, tmp_path, **more):
    """Run the gate; return its exit code and its summary."""
    summary, output = tmp_path / "summary", tmp_path / "output"
    environment = {"PATH": "/usr/bin:/bin", "STEPS": steps, "STARTED": "0", "GITHUB_STEP_SUMMARY": str(summary),
                   "GITHUB_OUTPUT": str(output), **more}  # fmt: skip
    ran = subprocess.run([str(GATE)], env=environment, check=False, capture_output=True, text=True)
    assert output.read_text() == f"exit-code={ran.returncode}\n"
    return ran.returncode, summary.read_text()


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param("wait success 0\nload success 0\ncompare success 0\nconfirm skipped", 0, id="a good night"),
        pytest.param("load success 0\ncompare failure 1\nconfirm skipped", 1, id="a regression"),
        pytest.param("compare failure 1\nconfirm success 0", 0, id="confirmed away"),
        pytest.param("compare success 0\nconfirm failure 1", 1, id="confirmed"),
        pytest.param("load failure 3\ncompare failure 3", 3, id="an invalid run"),
        pytest.param("load failure 3\ncompare failure 1", 1, id="the verdict outranks the load"),
        pytest.param("load failure 3\ncompare success 0", 3, id="a failed load is never a pass"),
        pytest.param("smoke failure 1\nload skipped", 1, id="a red smoke test"),
        pytest.param("wait failure 2\nsmoke skipped", 2, id="no stack"),
        pytest.param("deploy failure\nwait skipped", 3, id="a script of the caller's that failed says no code"),
        pytest.param("compare success 0\nteardown-old failure", 3, id="what was deployed may still be there"),
        pytest.param("compare success 0\nupload failure", 4, id="GitHub did not take the files"),
        pytest.param("compare failure", 3, id="a command that was killed"),
        pytest.param("load failure\ncompare failure 70", 70, id="a bug says so itself"),
        pytest.param("compare success 0\nunseed failure 1", 1, id="nodes stayed in the stack"),
        pytest.param("compare failure 1\nunseed failure 3", 1, id="tidying up does not hide a regression"),
        pytest.param("load cancelled\ncompare skipped", 3, id="cancelled"),
        pytest.param("seed cancelled\nload skipped\nunseed failure 1", 3, id="cancelled, and nodes stayed"),
        pytest.param("load skipped\ndrill success 0\ncompare skipped", 0, id="a drill that proved the gate"),
        pytest.param("load skipped\ndrill failure 1\ncompare skipped", 1, id="a drill that did not"),
        pytest.param("drill failure 1\nunseed failure 3", 1, id="tidying up does not hide a drill"),
        pytest.param("compare success 0\ncheck failure 1", 1, id="a metric lost its gate"),
        pytest.param("lock failure 3\nseed skipped", 3, id="somebody else has the stack"),
        pytest.param("", 70, id="nothing was said"),
        pytest.param("wait skipped\nload skipped\ncompare skipped", 70, id="nothing ran"),
    ],
)
def test_the_nights_code_follows_from_its_steps(steps, expected, tmp_path):
    assert gate(steps, tmp_path)[0] == expected


def test_the_summary_says_what_stopped_the_load(tmp_path):
    _, summary = gate("wait success 0\nsmoke failure 1\nload skipped\ncompare skipped\nconfirm skipped", tmp_path)
    assert "- **smoke** ended with 1\n- not run because of smoke: load, compare\n- 🟢 wait\n" in summary


def test_steps_after_the_gate_write_their_own_lines_again(tmp_path):
    gate("wait success 0", tmp_path, CHAMIPERF_STEP_LINES=str(tmp_path / "lines"), GITHUB_ENV=str(tmp_path / "env"))
    assert (tmp_path / "env").read_text() == "CHAMIPERF_STEP_LINES=\n"


def test_the_summary_folds_what_went_well_into_one_line(tmp_path):
    _, summary = gate("wait success 0\nsmoke success 0\nload success 0\ncompare success 0\nconfirm skipped", tmp_path)
    assert summary.startswith("### Steps\n\n- 🟢 wait, smoke, load, compare\n\nExit code 0. ")


def test_what_steps_said_of_themselves_stands_behind_their_names(tmp_path):
    (tmp_path / "lines").write_text("smoke 22/22\nseed 2,000 nodes\nseed taken away\n")
    steps = "smoke success 0\nseed success 0\ncompare success 0\nunseed success 0"
    _, summary = gate(steps, tmp_path, CHAMIPERF_STEP_LINES=str(tmp_path / "lines"))
    assert summary.startswith("### Steps\n\n- 🟢 smoke 22/22, seed 2,000 nodes, compare, unseed\n\nExit code 0. ")


def test_the_summary_sends_to_the_log_of_a_step_that_said_no_code(tmp_path):
    _, summary = gate("deploy failure\nwait skipped\ncompare skipped", tmp_path)
    assert (
        "- **deploy** ended with an error of its own: its log says which\n- not run because of deploy: wait" in summary
    )


def test_after_a_drill_no_step_is_said_to_be_missing(tmp_path):
    _, summary = gate("load skipped\ndrill failure 1\ncompare skipped\nhand-over skipped", tmp_path)
    assert summary.startswith("### Steps\n\n- **drill** ended with 1\n\nExit code 1. ")


def test_the_summary_ends_with_the_minutes_used(tmp_path):
    _, summary = gate("compare success 0", tmp_path)
    assert "Runner minutes used: " in summary.strip().splitlines()[-1]


def test_artifacts_within_the_budget_pass(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert subprocess.run([str(BUDGET)], env={"PATH": "/usr/bin:/bin", "FOLDER": str(tmp_path)}, check=False,
                          capture_output=True).returncode == 0  # fmt: skip


def test_artifacts_over_the_budget_are_red_and_named(tmp_path):
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    ran = subprocess.run([str(BUDGET)], env={"PATH": "/usr/bin:/bin", "FOLDER": str(tmp_path), **files}, check=False,
                         capture_output=True, text=True)  # fmt: skip
    assert ran.returncode == 2
    assert "large.json" in ran.stdout
    # Else the gate would take it for a command that was killed.
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=2\n"
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "the limit is 20971520: the report is kept, the runs are not. Drive fewer scenarios" in summary
    assert "22020096 large.json" in summary


BASELINES = GATE.with_name("baselines.sh")


def chosen(tmp_path, **given):
    """The outputs of the choice of baselines, and its log."""
    output = tmp_path / "GITHUB_OUTPUT"
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(output), "FILE": "baselines.json", **given}
    ran = subprocess.run([str(BASELINES)], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True)
    return output.read_text(), ran.stdout


def test_the_callers_own_baselines_are_used_and_nothing_is_said(tmp_path):
    (tmp_path / "baselines.json").write_text("{}")
    output, log = chosen(tmp_path, STACK="")
    assert output == "file=baselines.json\nown=true\nnext<<END-OF-NEXT\nEND-OF-NEXT\n"
    assert log == ""


def test_without_any_the_toolkits_targets_judge_and_the_way_to_a_baseline_is_said(tmp_path):
    output, log = chosen(tmp_path, STACK="", PROPOSE="true")
    assert output.startswith(f"file={BASELINES.parents[2]}/baselines.json\nown=\n")
    assert "After the fifth valid night, a pull request with the first baseline opens automatically." in output
    assert "baselines.json does not exist" in log


def test_pairs_need_no_baseline_and_are_told_of_none(tmp_path):
    output, log = chosen(tmp_path, STACK="", PAIRS="5")
    assert ("baseline opens" in output, log) == (False, "")


def test_a_self_test_says_what_to_change_for_a_stack_of_ones_own(tmp_path):
    output, _ = chosen(tmp_path, STACK="embedded", PROJECT_URL="https://example.org/blob/v1")
    assert "This was a self-test" in output
    assert "https://example.org/blob/v1/docs/your-stack.md" in output
    assert "in place of `stack: embedded` (`chamiperf init --target NAME` does) in the workflow, and store" in output


@pytest.mark.parametrize("word", ["yes", "1", "True", "", "true false"])
def test_a_flag_of_the_chain_that_is_neither_true_nor_false_is_refused(word, tmp_path):
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    environment = {"PATH": "/usr/bin:/bin", "FLAGS": f"confirm true\ncomment {word}\n", **files}
    ran = subprocess.run(
        [str(GATE.with_name("flags.sh"))], env=environment, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert f"comment: '{word}' is neither true nor false." in ran.stdout
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == "exit-code=2\n"


def test_flags_of_the_chain_that_are_true_or_false_pass():
    environment = {"PATH": "/usr/bin:/bin", "FLAGS": "confirm true\ncomment false\n"}
    assert subprocess.run([str(GATE.with_name("flags.sh"))], env=environment, check=False).returncode == 0


@pytest.mark.parametrize("words", ["*", "regression everything", "Regression", "none"])
def test_what_the_chain_can_fail_on_is_known_before_the_load(words, tmp_path):
    files = {name: str(tmp_path / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    environment = {"PATH": "/usr/bin:/bin", "FLAGS": "confirm true\n", "FAIL_ON": words, **files}
    ran = subprocess.run(
        [str(GATE.with_name("flags.sh"))], env=environment, check=False, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert f"fail-on: '{words.split()[-1]}' is not one of: regression, target, " in ran.stdout


def test_the_words_to_fail_on_are_those_of_compare():
    (option,) = [each for each in compare.params if each.name == "fail_on"]
    words = " ".join(option.type.choices)
    assert f"words='{words}'" in GATE.with_name("flags.sh").read_text()
    assert f'"{words}"' in GATE.with_name("given.sh").read_text()
    environment = {"PATH": "/usr/bin:/bin", "FLAGS": "confirm true\n", "FAIL_ON": f"{words}\n target"}
    assert subprocess.run([str(GATE.with_name("flags.sh"))], env=environment, check=False).returncode == 0


def test_no_name_means_the_usual_file(tmp_path):
    (tmp_path / "baselines.json").write_text("{}")
    outputs, log = chosen(tmp_path, FILE="")
    assert (outputs.startswith("file=baselines.json\nown=true\n"), log) == (True, "")


def test_a_folder_in_place_of_the_file_is_left_to_compare_to_name(tmp_path):
    (tmp_path / "perf").mkdir()
    outputs, log = chosen(tmp_path, FILE="perf")
    assert (outputs.startswith("file=perf\nown=true\n"), log) == (True, "")
