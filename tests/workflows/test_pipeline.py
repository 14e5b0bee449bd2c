"""What the pipeline's text must keep, whatever is added to it: tidying up, and that no failure goes unseen."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
JOBS = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())["jobs"]
MEASURE = JOBS["measure"]
STEPS = {step["id"]: step for step in MEASURE["steps"] if "id" in step}
PREPARING = {"toolkit", "given", "setup", "token", "baselines"}
"""Steps that end the job when they fail."""


@pytest.mark.parametrize(
    "name", ["unseed", "unseed-old", "unlock", "teardown-old", "teardown", "down", "budget", "keep", "gate"]
)
def test_what_tidies_up_runs_also_after_a_failure_and_after_a_cancellation(name):
    assert re.match(r"always\(\) && ", STEPS[name]["if"])


@pytest.mark.parametrize(
    ("name", "made_by"),
    [("unseed", "seed"), ("unseed-old", "seed-old"), ("unlock", "lock"), ("teardown", "deploy"), ("down", "stack")],
)
def test_what_a_cancelled_step_has_made_is_taken_away(name, made_by):
    # A step that was cancelled ended neither well nor badly; only one that never began has made nothing.
    assert f"steps.{made_by}.outcome != 'skipped'" in STEPS[name]["if"]


def test_each_step_that_may_fail_is_told_to_the_gate():
    told = set(re.findall(r"steps\.([a-z-]+)\.outcome", STEPS["gate"]["env"]["STEPS"]))
    # The nights before are looked for, and need not be there.
    assert {name for name, step in STEPS.items() if step.get("continue-on-error")} - {"history"} == told


def test_each_step_that_may_fail_lets_the_gate_decide():
    rest = {name for name, step in STEPS.items() if not step.get("continue-on-error")}
    assert rest == PREPARING | {"gate"}


def test_the_gate_is_the_last_step():
    assert MEASURE["steps"][-1]["id"] == "gate"


@pytest.mark.parametrize(("repository", "code"), [("", 2), ("octo/chamiperf-ci", 0)])
def test_a_server_that_does_not_say_where_the_workflow_lies_is_told_in_the_summary(repository, code, tmp_path):
    summary, output = tmp_path / "summary", tmp_path / "output"
    summary.touch()
    variables = {"REPOSITORY": repository, "REF": repository and "v1", "PATH": "/usr/bin:/bin",
                 "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary),
                 "GITHUB_ENV": str(tmp_path / "env"), "RUNNER_TEMP": str(tmp_path)}  # fmt: skip
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS["toolkit"]["run"]]
    assert subprocess.run(script, env=variables, check=False, capture_output=True).returncode == code
    assert ("Give toolkit-repository and toolkit-ref under with:" in summary.read_text()) is (code == 2)


def test_what_was_concluded_of_too_much_is_kept_under_another_name():
    assert STEPS["keep-report"]["if"] == "always() && steps.budget.outcome == 'failure'"
    assert "out/runs" not in STEPS["keep-report"]["with"]["path"]


def named(job, name):
    """The step of a job that has this name."""
    return next(step for step in JOBS[job]["steps"] if step["name"] == name)


def test_the_comment_points_at_what_was_kept_of_a_night():
    first, other = (STEPS[name]["with"]["name"].partition("-${{")[0] for name in ("keep", "keep-report"))
    assert MEASURE["outputs"]["kept"] == f"${{{{ steps.budget.outcome == 'failure' && '{other}' || '{first}' }}}}"
    assert re.findall(r"steps\.([a-z-]+)\.outputs", MEASURE["outputs"]["report-url"]) == ["keep", "keep-report"]
    behind = (
        STEPS["keep"]["with"]["name"].removeprefix(first).replace("github.run_attempt", "needs.measure.outputs.attempt")
    )
    assert named("comment", "Comment")["with"]["artifact"] == "${{ needs.measure.outputs.kept }}" + behind


@pytest.mark.parametrize(("job", "name"), [("comment", "Comment"), ("alert", "Alert")])
def test_a_verdict_that_does_not_arrive_is_told_of(job, name):
    assert named(job, "Fetch the verdict")["continue-on-error"] is True
    assert "steps.fetch.outcome != 'success'" in named(job, name)["with"]["without-verdict"]


def test_only_a_night_looks_at_the_environment_of_its_own_run():
    assert named("alert", "Alert")["with"]["environment"].startswith("${{ inputs.kind == 'night' && (")


def test_without_a_history_the_alert_is_given_none():
    given = named("alert", "Alert")["with"]
    assert (given["history-branch"], given.get("history")) == ("${{ inputs.history-branch }}", None)
    assert named("alert", "Check out the caller, to reach the nights before")["if"] == "inputs.history-branch != ''"


def test_no_night_goes_untold_because_the_nights_before_are_out_of_reach():
    assert named("alert", "Check out the caller, to reach the nights before")["continue-on-error"] is True


def test_a_job_that_is_run_again_alone_finds_what_the_measuring_one_left():
    fetched = [
        step["with"].get("name") or step["with"]["pattern"]
        for job in JOBS.values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/download-artifact@")
    ]
    assert len(fetched) == 6
    made_by = re.compile(r"-\$\{\{ needs\.(measure|prepare)\.outputs\.attempt \}\}(-\*)?$")
    assert all(made_by.search(name) for name in fetched)
    assert all(JOBS[job]["outputs"]["attempt"] == "${{ github.run_attempt }}" for job in ("measure", "prepare"))


def test_without_shards_the_measuring_job_is_the_only_one():
    assert JOBS["prepare"]["if"] == "inputs.shards > 1"
    # Skipped with the job that it needs.
    assert (JOBS["shard"]["needs"], "if" in JOBS["shard"]) == ("prepare", False)
    assert MEASURE["if"].startswith("always() && ")


def test_all_jobs_that_touch_the_stack_reach_it_alike():
    own = {"CHAMIPERF_LOCK_RUN", "CHAMIPERF_TREND_URL"}
    told = [{k: v for k, v in JOBS[job]["env"].items() if k not in own} for job in ("prepare", "shard", "measure")]
    assert told[0] == told[1] == told[2]
    locks = [JOBS[job]["env"]["CHAMIPERF_LOCK_RUN"] for job in ("prepare", "shard", "measure")]
    assert all(lock.startswith("${{ inputs.shards > 1 && format('{0}-{1}-shards', github.run_id, ") for lock in locks)


GIVEN = {"KIND": "night", "CONFIRM": "repeats", "RETENTION": "30", "SCENARIOS": "boot_storm", "OWN_TOKEN": "false"} | (
    dict.fromkeys(("STACK", "TARGET", "AGAINST", "PAIRS", "DEPLOY", "REDEPLOY", "TEARDOWN"), "")
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SHARDS": "0"}, ""),
        ({"SHARDS": "1"}, ""),
        ({"SHARDS": "3"}, "shards=[1,2,3]"),
        ({"SHARDS": "256"}, ",255,256]"),
        ({"SHARDS": "257"}, "shards: 257 is out of range. Give 2 to 256"),
        ({"SHARDS": "-1"}, "shards: -1 is out of range"),
        ({"SHARDS": "2.5"}, "shards: 2.5 is out of range"),
        ({"SHARDS": "3", "STACK": "embedded"}, "cannot have an embedded stack"),
        ({"SHARDS": "3", "KIND": "drill"}, "a drill measures on one machine"),
        ({"SHARDS": "3", "CONFIRM": "pairs", "AGAINST": "embedded"}, "pairs are measured by one machine"),
        ({"SHARDS": "3", "OWN_TOKEN": "true"}, "own-token makes a token that other jobs cannot get"),
        ({"SHARDS": "3", "SCENARIOS": "all"}, "has no dhcp_sync_burst"),
    ],
)
def test_what_machines_cannot_share_is_refused_before_anything_is_deployed(given, said, tmp_path):
    output = tmp_path / "output"
    variables = {**GIVEN, **given, "PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(output)}
    variables["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary")
    ran = subprocess.run(
        [ROOT / ".github/scripts/given.sh"], env=variables, cwd=tmp_path, check=False, capture_output=True, text=True
    )
    told = output.read_text() if output.exists() else ""
    fine = not said or said.endswith("]")
    assert (ran.returncode, said in told + ran.stdout) == (0 if fine else 2, True), ran.stdout


def test_the_page_of_all_nights_is_drawn_when_tonight_is_in_the_history():
    commands = [step.get("run", "").removeprefix("exec ") for step in JOBS["history"]["steps"]]
    assert commands.index("chamiperf history add") < commands.index("chamiperf history trend")


def test_no_two_artifacts_of_a_run_have_one_name():
    names = [
        step["with"]["name"]
        for job in JOBS.values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]
    assert names
    assert len(names) == len(set(names))
    # Two callers in one workflow, and a run that is started again.
    assert all("${{ inputs.comment-key }}" in name and "${{ github.run_attempt }}" in name for name in names)


def test_the_lock_is_held_from_before_the_first_node_until_after_the_last():
    order = list(STEPS)
    assert order.index("lock") < order.index("sweep") < order.index("seed")
    assert order.index("unseed") < order.index("unlock") < order.index("teardown")


@pytest.mark.e2e
def test_a_night_begins_under_act_and_names_a_word_that_is_none(adopter):
    """The cheapest run of the whole file: an expression that cannot be read would end it before its first job."""
    adopter.copy("nightly.yml", edit={
        "kind: night": "kind: nigth",
        "propose-first-baseline: true": "propose-first-baseline: false",
        "      history-branch: chamiperf-data\n": "",
        "      nightly-workflow: chamiperf-nightly.yml": "      # no alerts",
    })  # fmt: skip
    ran = adopter.run("nightly.yml")
    assert ran.jobs == {"measure": "failure"}, ran.log
    assert "kind: 'nigth' is not one of: night, quick, drill." in ran.summaries["measure"]
