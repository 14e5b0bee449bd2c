"""The composite actions, their commands and their page say the same."""

import re

import click
import pytest
import yaml

from chamiperf_ci.__main__ import main
from chamiperf_ci.options import Duration
from tools import write_actions
from tools.actions import ACTIONS
from tools.write_actions import ROOT

BY_NAME = {action.name: action for action in ACTIONS}
FILES = [ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml"))]
AT_MOST = 12
"""Inputs that a person can keep in view."""
GENERATED = dict(write_actions.files())


def read(name):
    """An action.yml."""
    return yaml.safe_load((ROOT / "actions" / name / "action.yml").read_text())


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_current(path):
    assert path.read_text() == GENERATED[path], "run `make docs`"


@pytest.mark.parametrize("name", BY_NAME)
def test_each_input_reaches_an_option_of_the_command(name):
    action = BY_NAME[name]
    known = {option.name: option for option in write_actions.command_of(action).params}
    words = [action.name, *([action.subcommand] if action.subcommand else [])]
    prefix = "_".join(["CHAMIPERF_IN", *words]).upper().replace("-", "_") + "_"
    explicit = {option.envvar for option in known.values() if isinstance(option, click.Option)}
    (step,) = read(name)["runs"]["steps"]
    for variable in step["env"]:
        if variable.startswith(prefix):
            assert variable.removeprefix(prefix).lower() in known
        else:
            assert variable in explicit | set(write_actions.ORIGIN) | {"CHAMIPERF_ACTION_ARGS", "GITHUB_TOKEN"}


def test_no_other_input_than_the_token_carries_a_secret():
    secret = [
        (path.parent.name, name)
        for path in FILES
        for name in yaml.safe_load(path.read_text())["inputs"]
        if re.search("token|secret|password|key$", name) and not name.endswith("-file")
    ]
    # A comment's key tells comments apart.
    assert secret == [(ROOT.name, "token"), ("alert", "token"), ("comment", "comment-key"), ("comment", "token"),
                      ("update-baseline", "token")]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_an_action_has_at_most_a_dozen_inputs_and_takes_every_other_option_by_args(path):
    inputs = yaml.safe_load(path.read_text())["inputs"]
    assert len(inputs) <= AT_MOST
    assert "args" in inputs or path.parent.name == "setup"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_an_action_has_a_face_in_the_marketplace(path):
    action = yaml.safe_load(path.read_text())
    assert action["branding"] == {"icon": "activity", "color": "blue"}
    assert action["author"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_no_description_speaks_the_command_lines_language(path):
    action = yaml.safe_load(path.read_text())
    for about in [*action["inputs"].values(), *action["outputs"].values()]:
        # A command that is quoted stays a command.
        text = re.sub(r"`[^`]* [^`]*`", "", about["description"])
        assert not re.search(r"x[<>]=?|[<>]=x|(^|\s)--\w|\[[A-Z_]+\]|repeatable", text), about


@pytest.mark.parametrize("name", BY_NAME)
def test_a_default_is_the_commands_own(name):
    inputs = read(name)["inputs"]
    for option in write_actions.options_of(BY_NAME[name]):
        about = inputs[write_actions.input_name(option)]
        default = option.get_default(click.Context(click.Command("none")))
        if isinstance(default, (str, int, float, bool)) and not option.required:
            assert about["default"] == (str(default).lower() if isinstance(default, bool) else str(default))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_each_input_is_in_kebab_case_and_described(path):
    for name, about in yaml.safe_load(path.read_text())["inputs"].items():
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
        assert about["description"].endswith(".")


@pytest.mark.parametrize("name", BY_NAME)
def test_what_an_empty_input_means_is_said_where_the_help_says_it(name):
    inputs = read(name)["inputs"]
    for option in write_actions.options_of(BY_NAME[name]):
        about = inputs[write_actions.input_name(option)]
        if "  [default:" in (option.help or "") and not about.get("default"):
            assert "Empty: " in about["description"]


@pytest.mark.parametrize("name", BY_NAME)
def test_each_duration_says_its_unit(name):
    inputs = read(name)["inputs"]
    for option in write_actions.options_of(BY_NAME[name]):
        about = inputs[write_actions.input_name(option)]
        if isinstance(option.type, Duration) and not re.fullmatch(r"(\d+[smh])+", about["default"]):
            assert "such as" in about["description"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_each_input_is_used(path):
    text = path.read_text()
    for name in yaml.safe_load(text)["inputs"]:
        assert re.search(rf"inputs\.{name}\b", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_each_run_is_one_exec_without_an_expression(path):
    for step in yaml.safe_load(path.read_text())["runs"]["steps"]:
        if "run" in step:
            assert step["run"].startswith("exec ")
            assert "\n" not in step["run"].strip()
            assert "${{" not in step["run"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_each_action_gives_its_exit_code(path):
    assert "exit-code" in yaml.safe_load(path.read_text())["outputs"]


def workflows():
    """Every workflow of ours, and those that are copied."""
    return [*sorted((ROOT / ".github/workflows").glob("*.yml")), *sorted((ROOT / "workflows").glob("*.yml"))]


def test_the_self_test_uses_every_action():
    steps = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["self-test"]["steps"]
    used = {step.get("uses", "").removeprefix("./actions/") for step in steps}
    assert {path.parent.name for path in FILES[1:]} <= used


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_workflow_gives_an_action_only_inputs_that_it_has(path):
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job.get("steps", []):
            if match := re.search(r"/actions/([a-z-]+)(@|$)", step.get("uses", "")):
                assert set(step.get("with", {})) <= set(read(match[1])["inputs"])


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_workflow_gives_the_pipeline_only_inputs_that_it_has(path):
    pipeline = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())[True]["workflow_call"]
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        if "pipeline.yml" in job.get("uses", ""):
            assert set(job.get("with", {})) <= set(pipeline["inputs"])
            assert set(job.get("secrets", {})) <= set(pipeline["secrets"])


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_job_has_a_time_out_and_says_what_it_may_do(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "permissions" in job
        assert "uses" in job or "timeout-minutes" in job


def test_no_two_jobs_open_alerts_at_once_and_none_throws_a_waiting_one_out():
    one = {"group": "chamiperf-alert", "cancel-in-progress": False, "queue": "max"}
    found = []
    for path in workflows():
        workflow = yaml.safe_load(path.read_text())
        for job in workflow["jobs"].values():
            alerts = [step for step in job.get("steps", []) if "/actions/alert" in step.get("uses", "")]
            if any(not step["with"].get("dry-run") for step in alerts):
                found.append(path.name)
                assert job.get("concurrency", workflow.get("concurrency")) == one
    assert set(found) == {"pipeline.yml", "watch.yml", "comment.yml"}


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_whoever_may_open_an_alert_tells_the_chat(path):
    # The next look takes the issue for told.
    workflow = yaml.safe_load(path.read_text())
    hook = {"CHAMIPERF_ALERT_WEBHOOK": "${{ secrets.CHAMIPERF_ALERT_WEBHOOK }}"}
    for job in workflow["jobs"].values():
        steps = [step for step in job.get("steps", []) if "/actions/alert" in step.get("uses", "")]
        if "nightly-workflow" in job.get("with", {}):
            assert hook.items() <= job["secrets"].items()
            called = (workflow[True].get("workflow_call") or {"secrets": hook})["secrets"]
            assert hook.keys() <= called.keys()
        elif any(not step["with"].get("dry-run") for step in steps):
            assert hook.items() <= job["env"].items()


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_alert_reads_the_nights_from_a_folder_that_a_failed_checkout_leaves_empty(path):
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job.get("steps", []):
            if "/actions/alert" in step.get("uses", "") and not step["with"].get("dry-run"):
                assert "history-branch" in step["with"]
                assert "history" not in step["with"]


def test_only_jobs_that_see_no_stack_may_write():
    jobs = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())["jobs"]
    for job in jobs.values():
        text = yaml.safe_dump(job)
        if "write" in job["permissions"].values():
            # Where alerts go is a secret, but none of the stack's.
            assert set(re.findall(r"secrets\.(\w+)", text)) <= {"CHAMIPERF_ALERT_WEBHOOK", "CHAMIPERF_HEARTBEAT_URL"}
            assert "vars." not in text
        else:
            assert job["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", [*workflows(), *FILES], ids=lambda path: str(path.relative_to(ROOT)))
def test_each_action_of_others_is_pinned_by_commit_with_its_tag(path):
    for line in path.read_text().splitlines():
        match = re.search(r"uses: (\S+)(.*)", line)
        if match and not match[1].startswith((".", "OWNER/")):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", match[1])
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", match[2])


@pytest.mark.parametrize("word", ["yes", "1", "on", "TRUE", "t", "0", "no", "maybe"])
@pytest.mark.parametrize(
    ("words", "variable"),
    [(["load"], "CHAMIPERF_IN_LOAD_DRY_RUN"), (["stack", "up"], "CHAMIPERF_IN_STACK_UP_TLS")],
    ids=["a command", "a subcommand"],
)
def test_a_flag_that_is_neither_true_nor_false_is_refused(words, variable, word, monkeypatch, capsys):
    monkeypatch.setenv(variable, word)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f"'{word}' is neither true nor false." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (["load"], "CHAMIPERF_IN_LOAD_SCENARIOS"),
        (["compare"], "CHAMIPERF_IN_COMPARE_FAIL_ON"),
        (["drill"], "CHAMIPERF_IN_DRILL_EFFECTS"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_of_blanks_is_refused(words, variable, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "  ")
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "it is blank. Leave it out, or give a value." in capsys.readouterr().err


@pytest.mark.parametrize(("option", "noun"), [("--vus", "a whole number"), ("--rate", "a number")])
def test_a_word_in_place_of_a_number_is_told_in_the_readers_language(option, noun, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["load", option, "many"])
    assert ended.value.code == 2
    assert f"Invalid value for '{option}': 'many' is not {noun}." in capsys.readouterr().err


@pytest.mark.parametrize(("word", "lines"), [("true", 5), ("false", 0), ("", 0)])
def test_a_flag_is_what_it_says(word, lines, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMIPERF_IN_LOAD_DRY_RUN", word)
    with pytest.raises(SystemExit) as ended:
        main(["load"])
    assert (ended.value.code, len(capsys.readouterr().out.splitlines())) == (0 if lines else 2, lines)


@pytest.mark.parametrize("path", workflows(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_job_that_may_write_restores_no_cache(path):
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        if "write" not in job.get("permissions", {}).values():
            continue
        for step in job.get("steps", []):
            assert "actions/cache" not in step.get("uses", "")
            if "/actions/setup" in step.get("uses", ""):
                assert step["with"]["cache"] == "false"


PIPELINE = yaml.safe_load((ROOT / ".github/workflows/pipeline.yml").read_text())["jobs"]
CALLERS_CODE = {"deploy", "deploy-old", "teardown", "teardown-old"}


def test_a_secret_of_the_stack_is_at_the_steps_that_need_it_and_nowhere_else():
    job = PIPELINE["measure"]
    assert "secrets." not in yaml.safe_dump(job["env"])
    for step in job["steps"]:
        seen = set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(step)))
        if step.get("id") in CALLERS_CODE:
            # What is deployed is told its own token, and no credential of anybody's.
            assert seen == {"CHAMICORE_INTERNAL_TOKEN"}
        elif seen:
            words = step.get("uses", step.get("run", ""))
            assert re.search("actions/(wait|smoke|seed|load|drill|confirm)|chamiperf (lock|seed)", words), step["name"]


def test_code_under_review_is_given_no_secret_of_the_nightly():
    job = yaml.safe_load((ROOT / "workflows/pull-request.yml").read_text())["jobs"]["measure"]
    assert "secrets" not in job
    assert job["with"]["environment"] == "chamiperf-pull-request"
    assert job["with"]["own-token"] is True


def test_what_is_proposed_is_made_in_a_job_that_runs_nothing_of_the_callers():
    job = PIPELINE["propose"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["exec chamiperf baselines propose-first"]
    assert all(
        step["with"]["persist-credentials"] is False for step in job["steps"] if "checkout" in step.get("uses", "")
    )


def test_two_comments_of_one_pull_request_are_made_one_after_the_other():
    group = PIPELINE["comment"]["concurrency"]
    assert group["group"] == "chamiperf-comment-${{ inputs.pull-request }}-${{ inputs.comment-key }}"
    assert group["cancel-in-progress"] is False


def test_two_targets_or_two_callers_of_the_smoke_test_do_not_cancel_each_other():
    group = yaml.safe_load((ROOT / "workflows/smoke.yml").read_text())["concurrency"]["group"]
    assert "inputs.target" in group
    assert "github.workflow " in group


def test_a_dead_runners_lock_can_be_broken_from_the_workflow():
    (step,) = [step for step in PIPELINE["measure"]["steps"] if step.get("id") == "lock"]
    assert step["env"]["CHAMIPERF_IN_LOCK_ACQUIRE_BREAK_LOCK"] == "${{ inputs.break-lock }}"


def test_the_pipeline_plans_the_load_that_it_drives_before_it_writes_anything():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "pipeline.yml").read_text())["jobs"]
    for planning, driving in (("prepare", "shard"), ("measure", "measure")):
        names = [step["name"] for step in jobs[planning]["steps"]]
        assert names.index("Plan the load") < names.index("Lock the stack")
        plan, load = (
            dict(next(step for step in jobs[job]["steps"] if step["name"] == name)["with"])
            for job, name in ((planning, "Plan the load"), (driving, "Load"))
        )
        assert plan.pop("dry-run") is True
        load.pop("against-seed-file", None)  # of nodes that are not there yet
        assert plan.pop("args") == load.pop("args").replace("${{ matrix.shard }}", "1")
        assert plan == load
