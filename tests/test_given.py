"""What a caller of the pipeline forgot is named by its input, before anything is installed or deployed."""

import subprocess
from pathlib import Path

import pytest

from chamiperf_ci.adapters import files

GIVEN = Path(__file__).resolve().parents[1] / ".github" / "scripts" / "given.sh"
FINE = {"KIND": "quick", "CONFIRM": "repeats", "STACK": "", "TARGET": "", "AGAINST": "", "PAIRS": "", "DEPLOY": "",
        "REDEPLOY": "", "TEARDOWN": "", "RETENTION": "30"}  # fmt: skip


@pytest.fixture
def given(tmp_path):
    """Runs the check in a caller's checkout; its exit code, its log and its summary."""

    def check(**changes):
        files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        (tmp_path / "GITHUB_OUTPUT").unlink(missing_ok=True)
        environment = {**FINE, **changes, **files, "PATH": "/usr/bin:/bin"}
        ran = subprocess.run([GIVEN], env=environment, cwd=tmp_path, check=False, capture_output=True, text=True)
        if ran.returncode:
            assert (tmp_path / "GITHUB_OUTPUT").read_text() == f"exit-code={ran.returncode}\n"
        summary = tmp_path / "GITHUB_STEP_SUMMARY"
        return ran.returncode, ran.stdout + ran.stderr, summary.read_text() if summary.exists() else ""

    return check


def script(folder, name, *, executable=True):
    """Put a script there."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755 if executable else 0o644)


def test_what_is_whole_passes(given, tmp_path):
    script(tmp_path, "ci/deploy")
    assert given(STACK="embedded")[0] == 0
    assert given(DEPLOY="ci/deploy", TARGET="head", AGAINST="base", PAIRS="5", CONFIRM="none")[0] == 0


def test_a_word_to_fail_on_that_is_none_is_named(given):
    code, log, _ = given(FAIL_ON="target everything", STACK="embedded")
    assert (code, "fail-on: 'everything' is not one of: regression, target, invalid" in log) == (2, True)
    assert given(FAIL_ON="target invalid", STACK="embedded")[0] == 0


def test_a_profile_or_a_scenario_that_is_none_is_named_before_a_stack_is_deployed(given):
    catalogue = files.catalogue().scenarios
    code, log, _ = given(SCENARIOS="boot_storm boot_strom", STACK="embedded")
    assert code == 2
    assert f"scenarios: 'boot_strom' is not one of: {', '.join(catalogue)}, all. Write" in log
    code, log, _ = given(PROFILE="nonsense", STACK="embedded")
    assert (code, "profile: 'nonsense' is not one of: demo, full, quick, soak. Write" in log) == (2, True)
    assert given(PROFILE="soak", SCENARIOS=" ".join([*catalogue, "all"]), STACK="embedded")[0] == 0


@pytest.mark.parametrize("name", ["DEPLOY", "REDEPLOY", "TEARDOWN"])
def test_a_script_that_is_not_there_is_named_by_its_input(given, name):
    code, log, summary = given(**{name: "ci/script"})
    said = f"{name.lower()}-script: ci/script does not exist in the commit that is measured."
    assert (code, said in log, said in summary) == (2, True, True)


def test_a_script_that_cannot_run_is_told_the_cure(given, tmp_path):
    script(tmp_path, "ci/deploy", executable=False)
    code, log, _ = given(DEPLOY="ci/deploy")
    assert code == 2
    assert "deploy-script: ci/deploy is not executable. Run: git update-index --chmod=+x ci/deploy" in log


def test_a_script_that_would_be_looked_for_on_the_path_is_told_so(given, tmp_path):
    script(tmp_path, "deploy")
    code, log, _ = given(DEPLOY="deploy")
    assert (code, "deploy-script: deploy names no folder. Write ./deploy" in log) == (2, True)


def test_a_folder_in_place_of_a_script_is_refused(given, tmp_path):
    (tmp_path / "ci").mkdir()
    assert given(DEPLOY="./ci")[0] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"KIND": "nightly"}, "kind: 'nightly' is not one of: night, quick, drill."),
        ({"CONFIRM": "twice"}, "confirm: 'twice' is not one of: repeats, pairs, none."),
        ({"PAIRS": "5"}, "against: pairs need an old side."),
        ({"CONFIRM": "pairs"}, "against: confirm: pairs needs an old side."),
        ({"RETENTION": "0"}, "retention-days: 0 is out of range. Give 1 to 90"),
        ({"RETENTION": "91"}, "retention-days: 91 is out of range."),
        ({"STACK": "lab"}, "stack: 'lab' is not known."),
        ({"TARGET": "lab"}, "target: there is no chamiperf.toml that says where lab is."),
    ],
)
def test_what_does_not_fit_is_named(given, changes, said):
    code, log, summary = given(**changes)
    assert (code, said in log, said in summary) == (2, True, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[targets.lab]\n", 0),
        ('[targets."lab"]\n', 0),
        ("[targets.lab.services]\n", 0),
        ("  [ targets . lab ]\n", 0),
        ("targets.lab.gateway = 'http://127.0.0.1'\n", 0),
        ("[targets.lab2]\n", 2),
        ("# [targets.lab]\n", 2),
        ("", 2),
    ],
)
def test_a_target_must_stand_in_the_file_of_targets(given, tmp_path, text, code):
    (tmp_path / "chamiperf.toml").write_text(text)
    ended, log, _ = given(TARGET="lab")
    assert (ended, "target: chamiperf.toml has no [targets.lab]." in log) == (code, code == 2)


def test_a_deploy_script_may_write_the_file_of_targets(given, tmp_path):
    script(tmp_path, "ci/deploy")
    assert given(TARGET="lab", DEPLOY="ci/deploy")[0] == 0


def test_a_name_is_never_read_as_a_command_or_as_an_expression(given, tmp_path):
    (tmp_path / "chamiperf.toml").write_text("[targets.lab]\n")
    for name in ("$(touch planted)", "`touch planted`", "l.b", "..", "a\nb", "%0A::add-mask::x"):
        code, log, _ = given(TARGET=name)
        assert code == 2
        assert "\n::add-mask::" not in log
    assert not (tmp_path / "planted").exists()
